"""SWAP, REPLACE and ADD: the operators that make a hard negative out of a true caption, or a scene.

Each takes a caption (str), a list of words or `Scenes`, and returns a `Negative` of the same type. The operators are
those of Chen et al. (2025); what exactly counts as an attribute, an object or a relation in a caption is this
book's rule (`atoms.py`). Where there is a choice, it is drawn at random by the seed and the caption's words.
"""

import dataclasses
import functools
import itertools

import numpy as np

from labclip_lib.operators.atoms import SWAPS, owned, spans, splice, swaps
from labclip_lib.operators.grammar import ARTICLES, Word, agree, canonical, number_of, read
from labclip_lib.operators.inflection import stem
from labclip_lib.operators.negatives import Negative, as_negative, generator_for, given_or_refused, is_same, quoted
from labclip_lib.operators.on_scenes import add_to_scenes, replace_in_scenes, shuffle_scenes, swap_scenes
from labclip_lib.operators.substitutes import WORDS, substitutes
from labclip_lib.operators.tagging import ADJECTIVE, COLORS, DETERMINER, NOUN, NUMBER
from labclip_lib.world.scenes import Scenes

# SWAP


def swap(source, what="attributes", seed=0, tagger=None):
    """SWAP: exchange two atoms of one kind. "a white cat and a black dog" -> "a black cat and a white dog".

    source: a caption, a list of words, or Scenes. what: "attributes", "objects", "phrases" (a noun with all that
    describes it), "arguments" (of a relation) or "relations". On Scenes: the first two objects exchange colours,
    shapes, or places. tagger: see `grammar.read`. Returns a Negative. Raises ValueError for another `what`.

    >>> swap("a red circle and a blue square").value
    'a blue circle and a red square'
    >>> swap("a red circle").reason
    "There are no two different attributes to exchange in 'a red circle'."
    """
    name = f"swap {what}"
    if what not in SWAPS:
        raise ValueError(f"swap exchanges {', '.join(SWAPS[:-1])} or {SWAPS[-1]}, not {what!r}.")
    if isinstance(source, Scenes):
        return given_or_refused(source, swap_scenes(source, what), name)
    sentence = read(source, tagger)
    exchanges = list(swaps(sentence, what))
    if not exchanges:
        return Negative(None, name, f"There are no two different {what} to exchange in {quoted(source)}.")
    exchanges = [exchange for exchange in exchanges if exchange.plain] or exchanges
    chosen = exchanges[generator_for(seed, sentence.words).integers(len(exchanges))]
    return as_negative(source, sentence, chosen.mended, name)


# REPLACE


def replace(source, what="object", seed=0, tagger=None, words=None):
    """REPLACE: put another atom in the place of one. "a horse on the grass" -> "a horse in the grass".

    source: a caption, a list of words, or Scenes (whose objects have a shape and a colour, and no relation).
    what: "object", "attribute" or "relation". words: candidates, such as a World's colours; left out, words of
    the same sort (a colour for a colour) from WORDS. Words that the caption already has are never chosen.
    Returns a Negative. Raises ValueError for another `what`.

    >>> replace("a red circle and a blue square", "attribute", words=["pink"]).value
    'a pink circle and a blue square'
    """
    name = f"replace {what}"
    if what not in WORDS:
        raise ValueError(f"replace changes an object, an attribute or a relation, not {what!r}.")
    if isinstance(source, Scenes):
        return given_or_refused(source, replace_in_scenes(source, what, seed), name)
    sentence = read(source, tagger)
    have = {stem(word.key) for word in sentence.words}
    sites = [
        (span, choices)
        for span in spans(sentence, f"{what}s")
        if (span.plain or what == "relation") and (choices := substitutes(sentence, span, what, words, have))
    ]
    # "on" is no relation of its own in "on top of".
    sites = [site for site in sites if not any(_within(site[0], other[0]) for other in sites)]
    if not sites:
        return Negative(None, name, f"There is no {what} to replace in {quoted(source)}.")
    rng = generator_for(seed, sentence.words)
    span, choices = sites[rng.integers(len(sites))]
    text = choices[rng.integers(len(choices))]
    old = sentence.words[span.start : span.end]
    new = [Word(part, old[-1].kind) for part in text.split()]
    result, place = splice(sentence.words, span.start, span.end, new)
    wanted = {}
    phrase = sentence.phrase_at(span.start)
    if phrase and what == "object":
        wanted[place.end - 1] = number_of(sentence.words, phrase)
    elif phrase and span.kind == "number":
        wanted[phrase.end - 1 + place.end - span.end] = "one" if text in ("one", "1") else "many"
    return as_negative(source, sentence, agree(result, wanted), name)


def _within(inner, outer):
    return outer.start <= inner.start and inner.end <= outer.end and inner != outer


# ADD


ADDITIONS = ("object", "attribute", "negation")


def add(source, what="object", seed=0, tagger=None, words=None):
    """ADD: insert an atom that was not there. "flowers" -> "red flowers", "flowers and a dog", "no flowers".

    source: a caption, a list of words, or Scenes (to which only an object can be added). what: "object",
    "attribute" or "negation". words: candidates; left out, WORDS. Returns a Negative. Raises ValueError for
    another `what`.

    >>> add("a dog on a sofa").value
    'a dog and a bicycle on a sofa'
    """
    name = f"add {what}"
    if what not in ADDITIONS:
        raise ValueError(f"add puts in an object, an attribute or a negation, not {what!r}.")
    if isinstance(source, Scenes):
        return given_or_refused(source, add_to_scenes(source, what, seed), name)
    sentence = read(source, tagger)
    rng = generator_for(seed, sentence.words)
    phrases = [phrase for phrase in sentence.noun_phrases if what != "negation" or _can_be_denied(sentence, phrase)]
    have = {stem(word.key) for word in sentence.words}
    pool = words if words is not None else WORDS["attribute"][0] if what == "attribute" else WORDS["object"]
    choices = ["no"] if what == "negation" else [w for w in pool if not {stem(part) for part in w.split()} <= have]
    if not phrases or not choices:
        lacks = "noun that could take" if not phrases else "other word to make"
        article = "a" if what == "negation" else "an"
        return Negative(None, name, f"There is no {lacks} {article} {what} in {quoted(source)}.")
    if what == "attribute":  # a white ball does not also become red, if another noun is free
        free = [p for p in phrases if not {w.key for w in sentence.words[p.inner : p.nouns]} & set(COLORS)]
        phrases = free or phrases
    phrase = phrases[rng.integers(len(phrases))]
    text, before = choices[rng.integers(len(choices))], sentence.words
    if what == "attribute":  # "a big red wooden dresser": the colour before the material
        material = [i for i in range(phrase.inner, phrase.nouns) if before[i].key in WORDS["attribute"][2]]
        start = end = material[0] if material else phrase.nouns
        new = [Word(text, ADJECTIVE)]
    elif what == "object":  # the noun's place goes to "noun and a dog", so the space after it stays
        start, end = phrase.end - 1, phrase.end
        new = [before[start], Word("and", "and"), Word("a", DETERMINER), Word(text, NOUN)]
    else:
        new, start, end = [Word("no", DETERMINER)], phrase.start, phrase.inner
    result, place = splice(before, start, end, new)
    return as_negative(source, sentence, agree(result, {place.end - 1: "one"} if what == "object" else {}), name)


def _can_be_denied(sentence, phrase):
    determiners = sentence.words[phrase.start : phrase.inner]
    numbered = any(word.kind == NUMBER for word in sentence.words[phrase.inner : phrase.nouns])
    return not numbered and not owned(sentence.words, phrase) and all(word.key in ARTICLES for word in determiners)


# Shuffles


SHUFFLES = {
    "all": lambda word: word.text[:1].isalnum(),
    "attributes": lambda word: word.kind in (ADJECTIVE, NUMBER),
    "objects": lambda word: word.kind == NOUN,
}


def shuffle_words(source, what="all", seed=0, tagger=None):
    """Shuffle words among their places, without regard to grammar.

    source: a caption, a list of words, or Scenes ("attributes" and "objects" only). what: "all", "attributes",
    "objects", or "nouns and adjectives": each sort among its own places, as NegCLIP's training negatives are made
    (Yuksekgonul et al., 2023). Unlike theirs it never returns the source. Returns a Negative. Raises ValueError
    for another `what`.

    >>> shuffle_words("a red circle and a blue square").value
    'circle square a red a and blue'
    """
    name = f"shuffle {what}"
    sorts = {"nouns and adjectives": ("attributes", "objects")}.get(what, (what,))
    if not set(sorts) <= set(SHUFFLES):
        raise ValueError(f"shuffle_words knows {', '.join(SHUFFLES)} and nouns and adjectives, not {what!r}.")
    if isinstance(source, Scenes):
        return given_or_refused(source, shuffle_scenes(source, what, generator_for(seed)), name)
    sentence = read(source, tagger)
    rng = generator_for(seed, sentence.words)
    places = [[i for i, word in enumerate(sentence.words) if SHUFFLES[sort](word)] for sort in sorts]
    if all(len(set(canonical([sentence.words[i] for i in group]))) < 2 for group in places):
        return Negative(None, name, f"There are no two different words to shuffle in {quoted(source)}.")
    out = sentence.words
    while canonical(out) == canonical(sentence.words):
        out = sentence.words
        for group in places:
            for i, j in zip(group, rng.permutation(group), strict=True):
                out, _ = splice(out, i, i + 1, [sentence.words[j]])
    return as_negative(source, sentence, out, name)


# Composition


@dataclasses.dataclass(frozen=True)
class Composed:
    """Operators applied one after another; made by `compose`."""

    operators: tuple

    def __call__(self, source, seed=0, tagger=None):
        value, names = source, []
        for k, operator in enumerate(self.operators):
            step = operator(value, seed=[*np.atleast_1d(seed), k], tagger=tagger)
            names.append(step.operator)
            if step.value is None:
                return Negative(None, ", then ".join(names), step.reason)
            value = step.value
        if is_same(source, value):
            return Negative(None, ", then ".join(names), f"It leads back to the source, {quoted(source)}.")
        return Negative(value, ", then ".join(names))


def compose(*operators):
    """One operator that applies several from left to right; step k draws by the seed and k.

    Brackets do not matter: compose(a, compose(b, c)) is compose(a, b, c). Raises ValueError for none.

    >>> compose(swap, shuffle_words)("a red circle and a blue square").value
    'red square a blue a circle and'
    """
    if not operators:
        raise ValueError("compose needs one or more operators, got none.")
    flat = (op.operators if isinstance(op, Composed) else (op,) for op in operators)
    return Composed(tuple(itertools.chain(*flat)))


OPERATORS = {
    **{f"swap {what}": functools.partial(swap, what=what) for what in SWAPS},
    **{f"replace {what}": functools.partial(replace, what=what) for what in WORDS},
    **{f"add {what}": functools.partial(add, what=what) for what in ADDITIONS},
    **{
        f"shuffle {what}": functools.partial(shuffle_words, what=what)
        for what in (*SHUFFLES, "nouns and adjectives")
    },
}  # fmt: skip
