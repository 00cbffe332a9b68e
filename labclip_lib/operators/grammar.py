"""English captions as words with their kinds: which are objects, attributes, relations, and how grammar joins them.

Words are tagged by HanTa, with the same result on every machine; pass `spacy_tagger` to use spaCy instead. Noun
phrases are found by one rule over the tags. This is shallow parsing, and sometimes wrong, as every tagger is.
"""

import dataclasses
import functools
import re
from typing import NamedTuple

from labclip_lib.operators.inflection import article_of, conjugated, form_of, inflected
from labclip_lib.operators.tagging import (
    ADJECTIVE,
    ADVERB,
    AND,
    DETERMINER,
    NOUN,
    NUMBER,
    OTHER,
    PREPOSITION,
    VERB,
    stated_number,
    tag,
)

ARTICLES = ("a", "an", "the")
_WORD = re.compile(r"\w+(?:['’-](?!s\b)\w+)*|['’]s\b|[^\w\s]")  # "boy's" is two words, "isn't" is one


class Word(NamedTuple):
    """A word or a punctuation mark: its text, its kind, and the space that stands before it."""

    text: str
    kind: str
    space: str = " "

    @property
    def key(self):
        return self.text.lower()


class NounPhrase(NamedTuple):
    """Positions in a sentence: determiner(s) from start, modifiers from `inner`, first noun of the head, end."""

    start: int
    inner: int
    nouns: int
    end: int


@dataclasses.dataclass(frozen=True)
class Sentence:
    """A caption as tagged words; `str` restores it exactly.

    capital: the first word was capitalised only because it comes first. tail: trailing space.
    """

    words: tuple
    capital: bool = False
    tail: str = ""

    def __str__(self):
        text = "".join(word.space + word.text for word in self.words) + self.tail
        if self.capital:
            text = re.sub(r"^[\W_]*[^\W\d_]", lambda match: match.group().upper(), text)  # "3 cats" has none
        return text

    @functools.cached_property
    def noun_phrases(self):
        return noun_phrases(self.words)

    def phrase_at(self, position):
        """The NounPhrase that a word belongs to, or None."""
        return self._phrase_of.get(position)

    @functools.cached_property
    def _phrase_of(self):
        return {i: phrase for phrase in self.noun_phrases for i in range(phrase.start, phrase.end)}


def read(caption, tagger=None):
    """Split a caption (str, or a list of words) into tagged words; returns a Sentence.

    tagger: a function of a list of words that returns their kinds (constants of `tagging`); left out, `tag`.
    Raises TypeError for anything but a str or a list of str.
    """
    if isinstance(caption, str):
        texts, spaces, end = [], [], 0
        for match in _WORD.finditer(caption):
            texts.append(match.group())
            spaces.append(caption[end : match.start()])
            end = match.end()
        tail = caption[end:]
    elif isinstance(caption, (list, tuple)) and all(isinstance(word, str) for word in caption):
        texts, spaces, tail = list(caption), [" "] * len(caption), ""
    else:
        raise TypeError(f"A caption is a str or a list of words, got {type(caption).__name__}.")
    capital = isinstance(caption, str) and bool(texts) and _is_capital(texts[0])
    if capital:
        texts[0] = texts[0][0].lower() + texts[0][1:]
    kinds = (tagger or tag)(texts) if texts else []
    return Sentence(tuple(map(Word, texts, kinds, spaces)), capital, tail)


def _is_capital(word):
    """Is a word capitalised only because it comes first, so that its capital can be removed and restored?"""
    return word[0].isupper() and word[0].lower().upper() == word[0] and (word == "A" or word[1:].islower())


def noun_phrases(words):
    """[NounPhrase]: determiners, then modifiers, then nouns. Participles count as modifiers after a determiner."""
    phrases, i, n = [], 0, len(words)
    while i < n:
        start = i
        while i < n and words[i].kind == DETERMINER:
            i += 1
        inner = i
        while i < n and _modifies(words, i, inner > start or i > inner):
            i += 1
        while i > inner and words[i - 1].kind in (AND, OTHER):  # a phrase ends in a word
            i -= 1
        nouns = i
        while i < n and words[i].kind == NOUN:
            i += 1
        if i > nouns:
            phrases.append(NounPhrase(start, inner, nouns, i))
        else:
            i = max(i, start + 1)
    return phrases


def _modifies(words, i, opened):
    kind = words[i].kind
    if kind in (ADJECTIVE, NUMBER):
        return True
    after = words[i + 1].kind if i + 1 < len(words) else OTHER
    if kind == VERB:  # "the parked car", but not "flying kites"
        return opened and words[i].key.endswith(("ed", "ing", "en")) and after in (NOUN, ADJECTIVE, VERB)
    if kind == ADVERB:
        return opened and after == ADJECTIVE
    joins = kind == AND or words[i].text == ","
    return joins and opened and i > 0 and words[i - 1].kind == after == ADJECTIVE


# Grammar


def agree(words, wanted=()):
    """Words with agreement restored after a change: a or an, the number of nouns, and of the verb after them.

    words: Words. wanted: {position: "one" or "many"}, the number that the noun at a position must have.
    """
    out = list(words)
    for position, number in dict(wanted).items():
        out[position] = out[position]._replace(text=inflected(out[position].text, number))
    phrases = noun_phrases(out)
    for k, phrase in enumerate(phrases):
        if any(position in dict(wanted) for position in range(*phrase[2:])):
            _agree_verb(out, phrases, k)
    for i in range(len(out) - 1):
        if out[i].key in ("a", "an") and out[i].kind == DETERMINER and out[i + 1].text[:1].isalnum():
            article = article_of(out[i + 1].text)
            if article != out[i].key:
                out[i] = out[i]._replace(text=article.capitalize() if out[i].text[0].isupper() else article)
    return tuple(out)


def number_of(words, phrase):
    """ "one" or "many", by the determiner or number where that decides it, else by the noun's form."""
    stated = stated_number((word.key, word.kind) for word in words[phrase.start : phrase.nouns])
    return stated or form_of(words[phrase.end - 1].key)


def _agree_verb(words, phrases, k):
    """The finite verb right after a subject takes the subject's number."""
    first, phrase = k, phrases[k]
    while first and words[phrases[first].start - 1].key == "and" and phrases[first - 1].end == phrases[first].start - 1:
        first -= 1
    before = words[phrases[first].start - 1].kind if phrases[first].start else OTHER
    number, i = number_of(words, phrase), phrase.end
    if i < len(words) and words[i].key in ("that", "which", "who"):
        i += 1
    if i >= len(words) or words[i].kind != VERB or (first == k and before == PREPOSITION):
        return
    if first < k and before not in (VERB, PREPOSITION):
        number = "many"  # "a man and a dog run"
    elif first < k and number == "one":
        return  # "men on a horse and a mule run", "she rides a horse and a man runs": either may be right
    words[i] = words[i]._replace(text=conjugated(words[i].key, number))


def canonical(text):
    """Words in lower case, without articles and punctuation, for comparing captions: a tuple of str.

    text: a caption, a list of words, or Words.
    """
    words = _WORD.findall(text) if isinstance(text, str) else [getattr(word, "text", word) for word in text]
    return tuple(word.lower() for word in words if word[:1].isalnum() and word.lower() not in ARTICLES)
