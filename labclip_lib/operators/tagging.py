"""The kind of each word of an English caption: noun, adjective, verb, ...

Words are tagged by HanTa, with the same result on every machine; pass `spacy_tagger` to use spaCy instead.
"""

import functools

from HanTa.HanoverTagger import HanoverTagger

from labclip_lib.operators.inflection import form_of

NOUN, ADJECTIVE, NUMBER, DETERMINER, VERB, PREPOSITION, ADVERB, AND, OTHER = (
    "noun", "adjective", "number", "determiner", "verb", "preposition", "adverb", "and", "other",
)  # fmt: skip
# How the BNC tags (CLAWS 5) that HanTa gives begin; the first entry that fits counts.
_TAGS = (
    ("NP", NOUN), ("NN", NOUN), ("AJ", ADJECTIVE), ("ORD", ADJECTIVE), ("CRD", NUMBER), ("DT", NUMBER),
    ("AT", DETERMINER), ("DPS", DETERMINER), ("V", VERB), ("PR", PREPOSITION), ("TO", PREPOSITION),
    ("AV", ADVERB), ("CJC", AND),
)  # fmt: skip
COLORS = ("red", "blue", "green", "yellow", "orange", "purple", "pink", "black", "white", "brown", "gray", "cyan")
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
PLURAL = {"some", "many", "several", "few", "both", "these", "those", "multiple", "various"}
SINGULAR = {"a", "an", "one", "1", "this", "every", "each"}


def tag(words):
    """The kind of each of a list of words, by HanTa."""
    return list(_tag(tuple(word or "." for word in words)))  # taggers cannot take an empty word


@functools.lru_cache(50_000)  # the same caption goes through many operators
def _tag(words):
    return _mended(words, [_kind_of(tagged) for _, _, tagged in _hanta().tag_sent(list(words))])


def spacy_tagger(model="en_core_web_sm"):
    """A tagger for `read` that uses a spaCy model. Raises ValueError when it is not installed."""
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
    """The kinds of words after the corrections that captions need, whichever tagger gave them."""
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
    """ "... while a dog watches": retag verbs that were tagged as a second noun; "a" does not fit "dog watches"."""
    for i in range(1, len(keys)):
        if not (kinds[i - 1] == kinds[i] == NOUN and form_of(keys[i]) != (number := form_of(keys[i - 1]))):
            continue
        first = next(k for k in range(i - 1, -1, -1) if k == 0 or kinds[k - 1] != NOUN)
        start = next(k for k in range(first, -1, -1) if k == 0 or kinds[k - 1] not in _BEFORE_NOUNS)
        opener = keys[start - 1] if start else "."
        stated = stated_number(zip(keys[start:first], kinds[start:first], strict=True))
        in_s = keys[i].endswith("s") and keys[i] not in _NO_VERBS and keys[i - 1] not in _COUNTS
        if stated == "one" == number and opener in (*_CLAUSE, *_MAY_OPEN) and i == first + 1 and in_s:
            kinds[i] = VERB  # "a dog barks": HanTa does not know it as a verb
        elif stated == number or (stated is None and opener in _CLAUSE and VERB not in kinds[start:]):
            kinds[i] = VERB if _can_be_verb(keys[i], number) else NOUN


_BEFORE_NOUNS = (DETERMINER, NUMBER, ADJECTIVE, ADVERB)
_CLAUSE = ("while", "when", "because", "until", "although")  # they open a clause, which has a verb
_MAY_OPEN = ("as", "and", "but", ",", ".", ";")
_COUNTS = ("couple", "dozen")  # "a couple kites"
_NO_VERBS = ("scissors", "pants", "shorts", "jeans", "trousers", "glasses", "sunglasses", "goggles", "headphones")
_MARGIN = 2.5  # of log-probability; "watches" and "walks" are well within, "lights" and "sports" are not


@functools.lru_cache(10_000)
def _can_be_verb(word, number):
    """Whether a word may, by HanTa, be the verb of a subject that is "one" or "many"."""
    guesses = dict(_hanta().tag_word(word, cutoff=10))
    score = guesses.get("VVZ" if number == "one" else "VVB")
    return score is not None and score > max(guesses.values()) - _MARGIN


def _find_only_verb(keys, kinds):
    """ "A man arrests a woman", "the people row": retag a short sentence's verb that was tagged as a second noun."""
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
    for name in ("analyze_viterbi", "analyze_forward"):  # each takes one word, and words recur
        setattr(tagger, name, functools.lru_cache(2**17)(getattr(tagger, name)))
    return tagger


def _kind_of(tagged):
    return next((kind for start, kind in _TAGS if tagged.startswith(start)), OTHER)


def stated_number(before):
    """ "one" or "many", by the words before a noun, a sequence of (key, kind); None when they do not say."""
    for key, kind in before:
        if key in SINGULAR:
            return "one"
        if key in PLURAL or (kind == NUMBER and key not in ("no", "0", "any", "all", "more")):
            return "many"
    return None
