"""English captions as words with their kinds: which are objects, attributes, relations, and how grammar joins them.

Words are tagged by HanTa, on every machine alike; `spacy_tagger` is for those who ask for another. Noun phrases
are found by one rule over the tags. It is shallow, and now and then wrong, as every tagger is.
"""

import dataclasses
import functools
import re
from typing import NamedTuple

from HanTa.HanoverTagger import HanoverTagger

from labclip_lib.inflection import article_of, conjugated, form_of, inflected

NOUN, ADJECTIVE, NUMBER, DETERMINER, VERB, PREPOSITION, ADVERB, AND, OTHER = (
    "noun", "adjective", "number", "determiner", "verb", "preposition", "adverb", "and", "other",
)  # fmt: skip
COLORS = ("red", "blue", "green", "yellow", "orange", "purple", "pink", "black", "white", "brown", "gray", "cyan")
ARTICLES = ("a", "an", "the")
_WORD = re.compile(r"\w+(?:['’-](?!s\b)\w+)*|['’]s\b|[^\w\s]")  # "boy's" is two words, "isn't" is one
# BNC tags (CLAWS 5), as HanTa gives them, by how they begin; the first that fits counts.
_TAGS = (
    ("NP", NOUN), ("NN", NOUN), ("AJ", ADJECTIVE), ("ORD", ADJECTIVE), ("CRD", NUMBER), ("DT", NUMBER),
    ("AT", DETERMINER), ("DPS", DETERMINER), ("V", VERB), ("PR", PREPOSITION), ("TO", PREPOSITION),
    ("AV", ADVERB), ("CJC", AND),
)  # fmt: skip
_SPACY = {
    "NOUN": NOUN, "PROPN": NOUN, "ADJ": ADJECTIVE, "NUM": NUMBER, "DET": DETERMINER, "VERB": VERB, "AUX": VERB,
    "ADP": PREPOSITION, "PART": PREPOSITION, "ADV": ADVERB, "CCONJ": AND,
}  # fmt: skip
# Words the taggers differ on, or get wrong in captions.
_KNOWN = {
    "next": PREPOSITION, "front": PREPOSITION, "top": PREPOSITION, "this": DETERMINER, "that": OTHER,
    "these": DETERMINER, "those": DETERMINER, "each": DETERMINER, "every": DETERMINER, "no": DETERMINER,
    "some": NUMBER, "many": NUMBER, "several": NUMBER, "few": NUMBER, "both": NUMBER, "and": AND, "or": AND,
    "a": DETERMINER, "an": DETERMINER, "the": DETERMINER, "i": OTHER, "there": OTHER,
}  # fmt: skip
_PLURAL = {"some", "many", "several", "few", "both", "these", "those", "multiple", "various"}
_SINGULAR = {"a", "an", "one", "1", "this", "every", "each"}


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
    """A caption in pieces; `str` puts it together again, letter by letter.

    capital: the caption began with a capital that the first word does not have by itself. tail: trailing space.
    """

    words: tuple
    capital: bool = False
    tail: str = ""

    def __str__(self):
        text = "".join(word.space + word.text for word in self.words) + self.tail
        if self.capital:
            text = re.sub(r"^[\W_]*[^\W\d_]", lambda found: found.group().upper(), text)  # "3 cats" has none
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
    """Take a caption (str, or a list of words) apart; returns a Sentence.

    tagger: a function of a list of words that gives their kinds (constants of this file); left out, `tag`.
    Raises TypeError for anything else than str or a list of str.
    """
    if isinstance(caption, str):
        texts, spaces, end = [], [], 0
        for found in _WORD.finditer(caption):
            texts.append(found.group())
            spaces.append(caption[end : found.start()])
            end = found.end()
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
    """Does a word begin with a capital that it would not have within a sentence, and can get back?"""
    return word[0].isupper() and word[0].lower().upper() == word[0] and (word == "A" or word[1:].islower())


def tag(words):
    """The kind of each of a list of words, by HanTa."""
    return list(_tag(tuple(word or "." for word in words)))  # taggers cannot take an empty word


@functools.lru_cache(50_000)  # the same caption goes through many operators
def _tag(words):
    return _mended(words, [_kind_of(tagged) for _, _, tagged in _hanta().tag_sent(list(words))])


def spacy_tagger(model="en_core_web_sm"):
    """A tagger for `read` that asks a model of spaCy's. Raises ValueError when it is not installed."""
    try:
        import spacy
        from spacy.tokens import Doc

        nlp = spacy.load(model, disable=["parser", "ner", "lemmatizer"])
    except (ImportError, OSError):
        raise ValueError(
            f"spaCy or its model {model!r} is not installed; run `pip install spacy` and "
            f"`python -m spacy download {model}`, or leave the tagger out."
        ) from None

    def kinds(words):
        words = [word or "." for word in words]
        return list(_mended(words, [_SPACY.get(token.pos_, OTHER) for token in nlp(Doc(nlp.vocab, words=words))]))

    return kinds


def _mended(words, kinds):
    """The kinds of words after the corrections that captions need, whoever tagged them."""
    keys = [word.lower() for word in words]
    kinds = [_KNOWN.get(key, kind) if key[:1].isalnum() else OTHER for key, kind in zip(keys, kinds, strict=True)]
    _find_verbs(keys, kinds)
    _find_only_verb(keys, kinds)
    for i, key in enumerate(keys):
        if key in ("front", "top") and not (kinds[i - 1 : i] == [PREPOSITION] and keys[i + 1 : i + 2] == ["of"]):
            kinds[i] = NOUN  # they relate only in "in front of", "on top of"
        if key in COLORS and kinds[i + 1 : i + 2] == [NOUN]:
            kinds[i] = ADJECTIVE  # "an orange square", but "an orange on a plate"
    return tuple(kinds)


def _find_verbs(keys, kinds):
    """ "... while a dog watches": a verb that was taken for a second noun, though "a" allows no dog watches."""
    for i in range(1, len(keys)):
        if not (kinds[i - 1] == kinds[i] == NOUN and form_of(keys[i]) != (number := form_of(keys[i - 1]))):
            continue
        first = next(k for k in range(i - 1, -1, -1) if k == 0 or kinds[k - 1] != NOUN)
        start = next(k for k in range(first, -1, -1) if k == 0 or kinds[k - 1] not in _BEFORE_NOUNS)
        opener = keys[start - 1] if start else "."
        said = _stated_number(zip(keys[start:first], kinds[start:first], strict=True))
        in_s = keys[i].endswith("s") and keys[i] not in _NO_VERBS and keys[i - 1] not in _COUNTS
        if said == "one" == number and opener in (*_CLAUSE, *_MAY_OPEN) and i == first + 1 and in_s:
            kinds[i] = VERB  # "a dog barks", of which HanTa does not know that it is one
        elif said == number or (said is None and opener in _CLAUSE and VERB not in kinds[start:]):
            kinds[i] = VERB if _can_be_verb(keys[i], number) else NOUN


_BEFORE_NOUNS = (DETERMINER, NUMBER, ADJECTIVE, ADVERB)
_CLAUSE = ("while", "when", "because", "until", "although")  # in what they open there is a verb
_MAY_OPEN = ("as", "and", "but", ",", ".", ";")
_COUNTS = ("couple", "dozen")  # "a couple kites"
_NO_VERBS = ("scissors", "pants", "shorts", "jeans", "trousers", "glasses", "sunglasses", "goggles", "headphones")
_MARGIN = 2.5  # of log-probability; "watches" and "walks" are well within, "lights" and "sports" are not


@functools.lru_cache(10_000)
def _can_be_verb(word, number):
    """Whether HanTa thinks that a word may be the verb of a subject that is "one" or "many"."""
    guesses = dict(_hanta().tag_word(word, cutoff=10))
    found = guesses.get("VVZ" if number == "one" else "VVB")
    return found is not None and found > max(guesses.values()) - _MARGIN


def _find_only_verb(keys, kinds):
    """ "A man arrests a woman", "the people row": a short sentence whose verb was taken for a second noun."""
    if VERB in kinds:
        return
    start = next((i for i, kind in enumerate(kinds) if kind == NOUN), len(kinds))
    end = next((i for i in range(start, len(kinds)) if kinds[i] != NOUN), len(kinds))
    run = range(start, end)
    if len(run) < 2:
        return
    first, second = keys[run[-2]], keys[run[-1]]
    rest = kinds[run[-1] + 1 : run[-1] + 2]
    if rest and rest[0] in (DETERMINER, PREPOSITION, NUMBER) and form_of(first) != form_of(second):
        kinds[run[-1]] = VERB


def world_tagger(world):
    """A tagger that knows a `World`'s words for certain; other words are left to `tag`."""
    known = dict.fromkeys(world.colors, ADJECTIVE) | dict.fromkeys((*world.shapes, "thing", "photo"), NOUN)

    def kinds(words):
        if all(word in known or word in _KNOWN for word in words):
            return [known.get(word, _KNOWN.get(word)) for word in words]
        return [known.get(word, kind) for word, kind in zip(words, tag(words), strict=True)]

    return kinds


@functools.cache
def _hanta():
    tagger = HanoverTagger("morphmodel_en.pgz")  # part of the installed package
    for name in ("analyze_viterbi", "analyze_forward"):  # of one word each, and words come back
        setattr(tagger, name, functools.lru_cache(2**17)(getattr(tagger, name)))
    return tagger


def _kind_of(tagged):
    return next((kind for start, kind in _TAGS if tagged.startswith(start)), OTHER)


def noun_phrases(words):
    """[NounPhrase]: determiners, then modifiers, then nouns. Participles count as modifiers after a determiner."""
    found, i, n = [], 0, len(words)
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
            found.append(NounPhrase(start, inner, nouns, i))
        else:
            i = max(i, start + 1)
    return found


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
    """Mend what a change of words broke: a or an, the number of nouns, and of the verb after them.

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
    """ "one" or "many", by the determiner or number where it says, else by the noun's form."""
    said = _stated_number((word.key, word.kind) for word in words[phrase.start : phrase.nouns])
    return said or form_of(words[phrase.end - 1].key)


def _stated_number(before):
    """ "one" or "many", by what stands before a noun, (key, kind) of each word; None when that does not say."""
    for key, kind in before:
        if key in _SINGULAR:
            return "one"
        if key in _PLURAL or (kind == NUMBER and key not in ("no", "0", "any", "all", "more")):
            return "many"
    return None


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
    """Words without case, articles and punctuation, for "are these two captions the same?": a tuple of str.

    text: a caption, a list of words, or Words.
    """
    words = _WORD.findall(text) if isinstance(text, str) else [getattr(word, "text", word) for word in text]
    return tuple(word.lower() for word in words if word[:1].isalnum() and word.lower() not in ARTICLES)
