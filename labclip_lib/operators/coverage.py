"""Coverage: how many of a benchmark's hard negatives do SWAP, REPLACE and ADD make?

A pair (caption, negative) is explained when an operator turns the one into the other. SWAP has finitely many
results, which are all tried. REPLACE and ADD may use any word; for them the words that differ must be one atom,
of the same sort in both captions.
"""

import dataclasses
import difflib
import functools
from typing import NamedTuple

import joblib
import numpy as np

from labclip_lib.measures.intervals import estimate
from labclip_lib.measures.markdown import markdown_table
from labclip_lib.operators.atoms import SWAPS, swaps
from labclip_lib.operators.grammar import ARTICLES, canonical, read
from labclip_lib.operators.inflection import stem
from labclip_lib.operators.tagging import ADJECTIVE, ADVERB, AND, DETERMINER, NOUN, NUMBER, PREPOSITION, VERB

NEGATIONS = {"no", "not", "never", "without", "isn't", "aren't", "don't", "doesn't", "nobody", "nothing", "none"}


class Explanation(NamedTuple):
    """steps: names of the operators that make the negative, one or two of them; () when none were found.

    exact: equal but for case, articles and punctuation; otherwise up to inflection (dog, dogs; is, are) as well.
    bag: are the words the same, up to inflection? Without that, no SWAP and no shuffle can have made it.
    """

    steps: tuple
    exact: bool
    bag: bool


@functools.lru_cache(100_000)  # benchmarks share pairs
def explain(caption, negative, tagger=None):
    """The Explanation of a pair: the fewest operators that turn the caption into its negative.

    caption, negative: str. Of explanations with equally many steps, an exact one is preferred.
    """
    a, b = read(caption, tagger), read(negative, tagger)
    bag = sorted(map(stem, canonical(a.words))) == sorted(map(stem, canonical(b.words)))
    same = [tuple(key(word) for word in canonical(a.words)) == tuple(key(word) for word in canonical(b.words))
            for key in (str, stem)]  # fmt: skip
    if any(same):
        return Explanation((), False, bag)
    made = {} if not bag else {what: _different(a, what) for what in SWAPS}
    for exact, key in ((True, str), (False, stem)):
        steps = _one(a, b, made, key, bag)
        if steps:
            return Explanation(steps, exact, bag)
    for exact, key in ((True, str), (False, stem)):
        steps = _two(a, b, made, key, bag)
        if steps:
            return Explanation(steps, exact, bag)
    return Explanation((), False, bag)


def _different(sentence, what):
    """{canonical words: Exchange}, one entry per distinct result of SWAP."""
    return {canonical(exchange.raw): exchange for exchange in swaps(sentence, what)}


def _keys(words, key):
    return tuple(key(word) for word in canonical(words))


def _one(a, b, made, key, bag):
    target = _keys(b.words, key)
    if bag:
        for what, results in made.items():
            for raw, exchange in results.items():
                if tuple(map(key, raw)) == target or (key is str and _keys(exchange.mended, key) == target):
                    return (f"swap {what}",)
        return ()
    step = _edits(a, b, key)
    return step if step is not None and len(step) == 1 else ()


def _two(a, b, made, key, bag):
    if bag:
        # SWAP undoes itself: a swap of the caption and a swap of the negative meet half-way.
        back = {tuple(map(key, raw)): what for what in SWAPS for raw in _different(b, what)}
        for what, results in made.items():
            for raw in results:
                half = tuple(map(key, raw))
                if half in back:
                    return (f"swap {what}", f"swap {back[half]}")
        return ()
    step = _edits(a, b, key)
    if step is not None and len(step) == 2:
        return step
    # A swap, then a REPLACE or ADD: only swaps that leave one differing run of words can help.
    for what in SWAPS:
        for raw, exchange in _different(a, what).items():
            if len(_blocks(tuple(map(key, raw)), _keys(b.words, key))) == 1:
                step = _edits(dataclasses.replace(a, words=exchange.raw), b, key)
                if step is not None and len(step) == 1:
                    return (f"swap {what}", *step)
    return ()


def _blocks(first, second):
    matcher = difflib.SequenceMatcher(None, first, second, autojunk=False)
    return [block[1:] for block in matcher.get_opcodes() if block[0] != "equal"]


def _edits(a, b, key):
    """The REPLACEs and ADDs between two sentences, up to two; None when some difference is neither."""
    # Up to inflection, the "and" of a list counts as a comma, which moves when something is added; and "a man walking"
    # says the same as "a man is walking".
    drop = ARTICLES if key is str else (*ARTICLES, "and", "be")
    places = [[i for i, w in enumerate(s.words) if w.text[:1].isalnum() and key(w.key) not in drop] for s in (a, b)]
    blocks = _blocks(*([key(s.words[i].key) for i in indices] for s, indices in zip((a, b), places, strict=True)))
    if not 1 <= len(blocks) <= 2:
        return None
    steps = []
    for i, j, k, m in blocks:
        old, new = places[0][i:j], places[1][k:m]
        if not new:
            return None  # it takes a word away, which no operator does
        step = _replacement(a, b, old, new) if old else _addition(b, new)
        if step is None:
            return None
        steps.append(step)
    return tuple(sorted(steps))


def _replacement(a, b, old, new):
    sorts = _sorts(a, old) & _sorts(b, new)
    if stem(a.words[old[-1]].key) == stem(b.words[new[-1]].key):
        sorts -= {"object"}  # "1 skier" and "2 skiers" are the same object
    return next((f"replace {sort}" for sort in ("attribute", "object", "relation") if sort in sorts), None)


def _addition(sentence, new):
    words = [sentence.words[i] for i in new]
    if {word.key for word in words} <= NEGATIONS:
        return "add negation"
    if "attribute" in _sorts(sentence, new):
        return "add attribute"
    # "and a dog", "a dog and", "with a dog", "and a dog are": what joins it to the others comes along.
    core = [i for i in new if sentence.words[i].kind not in (AND, PREPOSITION) and stem(sentence.words[i].key) != "be"]
    if core and len(new) - len(core) <= 2 and "object" in _sorts(sentence, core):
        return "add object"
    return None


def _sorts(sentence, places):
    """Which sorts of atom may these words be? A set of "attribute", "object", "relation"."""
    words, kinds = [sentence.words[i] for i in places], {sentence.words[i].kind for i in places}
    phrases = sentence.noun_phrases
    heads = {p.end - 1 for p in phrases}
    modifiers = {i for p in phrases for i in range(p.inner, p.end - 1)}
    inside = modifiers | heads
    out = set()
    if all(i in modifiers or words[n].kind in (ADJECTIVE, NUMBER, ADVERB) for n, i in enumerate(places)):
        out.add("attribute")
    if places[-1] in heads and all(
        i in inside or words[n].kind in (NOUN, ADJECTIVE, NUMBER, DETERMINER, AND) for n, i in enumerate(places)
    ):
        out.add("object")
    if kinds <= {VERB, PREPOSITION, ADVERB} and kinds & {VERB, PREPOSITION}:
        out.add("relation")
    return out


# Tables


class Coverage(NamedTuple):
    """One subset: its name, its (N,) captions and negatives, and the (N,) Explanation of each pair."""

    name: str
    captions: list
    negatives: list
    explanations: list

    def share(self, holds):
        """Estimate of the share of pairs whose explanation `holds`; pairs of one caption are drawn together."""
        number = {caption: i for i, caption in enumerate(dict.fromkeys(self.captions))}
        return estimate([bool(holds(e)) for e in self.explanations], [number[c] for c in self.captions])

    def row(self):
        """The subset's row of a table: {"pairs": N, name of HOLDS: Estimate of the share} and two floats more.

        "very same words": the share of pairs with the same words letter for letter, but for case, articles and
        punctuation. "reached of these": how many of these one operator explains exactly, 0.0 where there are none.
        """
        pairs = zip(self.captions, self.negatives, strict=True)
        same = np.array([sorted(canonical(a)) == sorted(canonical(b)) for a, b in pairs])
        one = np.array([HOLDS["one operator, exactly"](e) for e in self.explanations])
        return {
            "pairs": len(self.captions),
            **{name: self.share(holds) for name, holds in HOLDS.items()},
            "very same words": float(same.mean()),
            "reached of these": float(one[same].mean()) if same.any() else 0.0,
        }

    def where(self, holds):
        """[(caption, negative, steps)] of the pairs whose explanation `holds`."""
        rows = zip(self.captions, self.negatives, self.explanations, strict=True)
        return [(caption, negative, e.steps) for caption, negative, e in rows if holds(e)]


# What the columns of a table ask of an Explanation.
HOLDS = {
    "one operator, exactly": lambda e: len(e.steps) == 1 and e.exact,
    "one operator": lambda e: len(e.steps) == 1,
    "two": lambda e: len(e.steps) == 2,
    "none": lambda e: not e.steps,
    "same words": lambda e: e.bag,
}


def cover(name, captions, negatives, tagger=None, jobs=1):
    """Explain every (caption, negative) pair of a subset; returns a Coverage.

    captions, negatives: (N,) lists of str. jobs: processes, -1 for one per core. Raises ValueError when the lists are
    empty or differ in length.
    """
    if len(captions) != len(negatives) or not len(captions):
        raise ValueError(f"cover needs as many negatives as captions, got {len(captions)} and {len(negatives)}.")
    work = (joblib.delayed(explain)(a, b, tagger) for a, b in zip(captions, negatives, strict=True))
    explanations = joblib.Parallel(jobs, batch_size=100)(work)
    return Coverage(name, list(captions), list(negatives), explanations)


def coverage_table(rows):
    """Markdown: for each subset its size, the share explained by one operator, by two, by none, with 95 % intervals.

    rows: {name: row} as of `Coverage.row`. In percent. "same words" is the most that any reordering could explain.
    """
    # In a narrow column a share and its interval stay together, by a space and a hyphen that no line breaks at, and a
    # subset's name breaks behind its project's.
    cell = "{:.0f}\N{NO-BREAK SPACE}({:.0f}\N{NON-BREAKING HYPHEN}{:.0f})"
    cells = (
        [
            name.replace("/", ": "),
            f"{row['pairs']:,}",
            *(cell.format(*(100 * share for share in row[holds])) for holds in HOLDS),
        ]
        for name, row in rows.items()
    )
    return markdown_table(["in % (95 % interval)", "pairs", *HOLDS], cells)
