"""The atoms of a caption: its attributes, objects, phrases, arguments and relations, and which may be exchanged.

This is the book's own grammar of Chen et al.'s (2025) "atomic concepts", over the noun phrases of `grammar.py`.
"""

import itertools
from typing import NamedTuple

from labclip_lib.operators.grammar import Sentence, agree, canonical, number_of
from labclip_lib.operators.inflection import form_of, stem
from labclip_lib.operators.tagging import ADJECTIVE, ADVERB, DETERMINER, NOUN, NUMBER, PREPOSITION, VERB


class Span(NamedTuple):
    """Words start to end of a sentence.

    plain: whether they are a whole unit; SWAP prefers these to parts of one. kind: attributes are exchanged within
    their kind, a "number" with a number, a "quality" with a quality.
    """

    start: int
    end: int
    plain: bool = True
    kind: str = ""


def spans(sentence, what):
    """The attributes, objects, phrases, arguments or relations of a `Sentence`, a list of Spans.

    attributes: runs of modifiers of a noun, and adjectives outside noun phrases. objects: runs of nouns.
    phrases: noun phrases, from any of their words to the end. arguments: whole noun phrases, also with those that
    "of", "with" or "and" joins to them. relations: runs of verbs, prepositions and adverbs between noun phrases.
    """
    words, phrases = sentence.words, sentence.noun_phrases
    if what == "attributes":
        in_phrases = [span for phrase in phrases for span in _attributes(words, phrase)]
        inside = {i for phrase in phrases for i in range(phrase.start, phrase.end)}
        return in_phrases + [Span(i, i + 1, True, "quality") for i, word in enumerate(words)
                        if word.kind == ADJECTIVE and i not in inside]  # fmt: skip
    if what == "objects":
        runs = {(p.nouns, p.end) for p in phrases}
        parts = {(i, j) for start, end in runs for i in range(start, end) for j in range(i + 1, min(i + 3, end) + 1)}
        return [Span(*part, part in runs) for part in sorted(parts | runs)]
    if what == "phrases":
        return [
            Span(i, p.end, i == p.start)
            for p in phrases
            for i in {p.start, *range(max(p.start, p.end - 6), p.end)}
            if words[i].text[:1].isalnum()
        ]
    if what == "arguments":
        return _arguments(words, phrases)
    if what == "relations":
        return _relations(words, phrases)
    raise ValueError(f"spans are attributes, objects, phrases, arguments or relations, not {what!r}.")


def attribute_pairs(sentence):
    """Which adjective stands before which noun: a set of (adjective, noun), stems of lower-case words.

    sentence: a `Sentence`. A pair is an adjective of a noun phrase, and the phrase's last noun: of "two black dogs at
    an old bus stop" they are ("black", "dog") and ("old", "stop").
    """
    words = sentence.words
    return {
        (stem(word.key), stem(words[phrase.end - 1].key))
        for phrase in sentence.noun_phrases
        for word in words[phrase.inner : phrase.nouns]
        if word.kind == ADJECTIVE
    }


def _attributes(words, phrase):
    out = []
    for start in range(phrase.inner, phrase.end - 1):
        for end in range(start + 1, min(start + 7, phrase.end)):
            if not (words[start].text[:1].isalnum() and words[end - 1].text[:1].isalnum()):
                continue
            if {words[start].key, words[end - 1].key} & {"and", "or"}:
                continue
            numbers = [word.kind == NUMBER for word in words[start:end]]
            if end - start == 1:
                out.append(Span(start, end, words[start].kind != NOUN, "number" if numbers[0] else "quality"))
            elif not any(numbers):
                out.append(Span(start, end, False, "quality"))
    # "a" is a number too: "three people guide a horse" has the twin "a person guides three horses".
    for i in range(phrase.start, phrase.inner):
        if words[i].key in ("a", "an") and not (i + 1 < len(words) and words[i + 1].kind == NUMBER):
            out.append(Span(i, i + 1, False, "number"))
    return out


def _arguments(words, phrases):
    out = []
    for first, phrase in enumerate(phrases):
        out.append(Span(phrase.start, phrase.end))
        end = phrase.end
        for other in phrases[first + 1 : first + 3]:
            between = words[end : other.start]
            if len(between) != 1 or between[0].key not in ("of", "with", "in", "on", "and", "for", "at", "from"):
                break
            end = other.end
            out.append(Span(phrase.start, end, False))
    return out


def _relations(words, phrases):
    inside = {i for phrase in phrases for i in range(phrase.start, phrase.end)}
    out = []
    for relates, run in itertools.groupby(range(len(words)), lambda i: i not in inside and words[i].kind in _RELATES):
        run = list(run)
        if relates:
            out += [Span(i, j + 1, (i, j) == (run[0], run[-1])) for i in run for j in run if i <= j < i + 7]
    return out


SWAPS = ("attributes", "objects", "phrases", "arguments", "relations")
_RELATES = (VERB, PREPOSITION, ADVERB)
_MOST = 100_000  # pairs examined: more than a caption has; it bounds the work on a page-long text


def splice(words, start, end, new):
    """Put the Words `new` in the place of words start to end: (all the Words, the Span of the new ones).

    Spaces stay in their places and do not move with the words: the space before the place stays before whatever comes
    there now. Where nothing was replaced, a plain space parts the new words from the one they push on.
    """
    out = [*words[:start], *new, *words[end:]]
    if start == end < len(words):
        out[start + len(new)] = words[end]._replace(space=" ")
    if start < min(len(words), len(out)):
        out[start] = out[start]._replace(space=words[start].space)
    return tuple(out), Span(start, start + len(new))


class Exchange(NamedTuple):
    """Two atoms of a sentence that SWAP may exchange."""

    sentence: Sentence
    what: str
    first: Span
    second: Span

    @property
    def plain(self):
        return self.first.plain and self.second.plain

    def _exchanged(self):
        """`raw`, the Span in it of the atom that took the place of the first, and of the one that took the second's."""
        words, first, second = self.sentence.words, self.first, self.second
        a, b = words[first.start : first.end], words[second.start : second.end]
        words, in_first = splice(words, first.start, first.end, b)
        moved = in_first.end - first.end
        words, in_second = splice(words, second.start + moved, second.end + moved, a)
        return words, in_first, in_second

    @property
    def raw(self):
        """The Words with the two atoms exchanged and nothing else changed: the same bag of words."""
        return self._exchanged()[0]

    @property
    def mended(self):
        """`raw` with the grammar mended: the same bag of words up to articles and inflection."""
        raw, *places = self._exchanged()
        wanted = {}
        for span, place in zip((self.first, self.second), places, strict=True):
            phrase = self.sentence.phrase_at(span.start)
            if phrase is None:
                continue
            last = place.end - 1
            if self.what == "objects" and span.end == phrase.end:  # the noun changes, the number stays
                wanted[last] = number_of(self.sentence.words, phrase)
            elif self.what == "attributes" and span.kind == "number":
                number = raw[last].key
                wanted[phrase.end - 1 + place.end - span.end] = "one" if number in ("a", "an", "one", "1") else "many"
            elif self.what in ("phrases", "arguments"):  # they keep their form; the verb after them must agree
                wanted[last] = form_of(raw[last].key)
        return agree(raw, wanted)


def swaps(sentence, what):
    """Yield every `Exchange` of two different atoms that SWAP can make in a `Sentence`; what: one of SWAPS.

    The attributes of one noun may also go to another that has none: "a red cat on a chair", "a cat on a red chair".
    """
    words = sentence.words
    candidates = spans(sentence, what) + (_bare(sentence) if what == "attributes" else [])
    pairs = itertools.combinations(sorted(candidates), 2)
    stems = [stem(word.key) if canonical([word]) else "" for word in words]
    relations = [0, *itertools.accumulate(word.kind in (VERB, PREPOSITION) for word in words)]
    for first, second in itertools.islice(pairs, _MOST):
        if first.end > second.start or first.kind != second.kind or _alike(stems, first, second):
            continue
        if not all(_whole(sentence, a) for a, b in ((first, second), (second, first)) if b.start == b.end):
            continue  # part of "big red" would stay, and no SWAP could undo that
        phrase = sentence.phrase_at(first.start)
        if what != "objects" and phrase is not None and phrase == sentence.phrase_at(second.start):
            continue  # "a green lush field" means the same; but a dog bed is no bed dog
        if what == "relations" and all(word.kind in _RELATES for word in words[first.end : second.start]):
            continue  # "is on" is one relation; "on is" is none
        if what == "arguments" and relations[first.end] == relations[second.start]:
            continue  # nothing relates them
        if any(owned(words, a) and words[b.start].kind == DETERMINER for a, b in ((first, second), (second, first))):
            continue  # "the boy's a cat"
        yield Exchange(sentence, what, first, second)


def _bare(sentence):
    """An empty Span before each noun that nothing describes."""
    return [
        Span(p.nouns, p.nouns, False, "quality")
        for p in sentence.noun_phrases
        if all(word.kind == NUMBER for word in sentence.words[p.inner : p.nouns])
    ]


def _whole(sentence, span):
    """Does the span hold all that describes a noun, apart from its number?"""
    phrase = sentence.phrase_at(span.start)
    if phrase is None or span.end != phrase.nouns:
        return False
    before = sentence.words[phrase.inner : span.start]
    return span.start < span.end and all(word.kind == NUMBER for word in before)


def _alike(stems, first, second):
    """Would the exchange give the same caption, up to articles and inflection?"""
    a, b = ([stem for stem in stems[span.start : span.end] if stem] for span in (first, second))
    if a == b or (a and b and (a[0] != b[0] or a[-1] != b[-1])):
        return a == b
    between = [stem for stem in stems[first.end : second.start] if stem]
    return a + between + b == b + between + a  # "dog" and "dog dog", side by side


def owned(words, span):
    """Does a possessor stand before a Span or NounPhrase, "the boy's" before "dog"?"""
    i = span.start
    return i > 1 and words[i - 1].key in ("'s", "’s") and words[i - 2].kind == NOUN
