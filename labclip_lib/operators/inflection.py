"""English words in their forms: one dog and two dogs, it runs and they run, a dog and an apple.

The rules and exceptions are those of the inflect library, with a few of ours for what captions hold.
"""

import functools
import re

import inflect

_english = inflect.engine()


@functools.lru_cache(100_000)
def form_of(noun):
    """ "one" or "many", by a noun's form alone."""
    if noun in _ONE_IN_S or (noun.endswith(("ss", "us")) and noun not in ("menus", "emus")):
        return "one"
    return "many" if _english.singular_noun(noun) else "one"


_ONE_IN_S = {"gas", "lens", "canvas", "tennis", "iris", "atlas", "christmas"}


@functools.lru_cache(100_000)
def inflected(noun, number):
    """A noun in the form of "one" or "many"."""
    if not noun.isalpha() or form_of(noun.lower()) == number:
        return noun
    return (_english.plural_noun(noun) if number == "many" else _english.singular_noun(noun)) or noun


@functools.lru_cache(100_000)
def stem(word):
    """A word without its number or person: what "exact up to inflection" compares. Pronouns are all alike."""
    if not word.isalpha():
        return word
    return _STEMS.get(word) or inflected(word, "one")


_STEMS = (
    {"an": "a", "has": "have", "does": "do"}
    | dict.fromkeys(("is", "are", "was", "were"), "be")
    | dict.fromkeys(("he", "she", "it", "they", "him", "her", "them", "his", "hers", "its", "their", "theirs"), "they")
)


@functools.lru_cache(100_000)
def article_of(word):
    """ "a" or "an", by the sound of the word after it."""
    return "an" if re.match(r"8|1[18](?!\d)", word) else _english.a(word).split()[0]  # eight, eleven, eighteen


_MANY = {"is": "are", "was": "were", "has": "have", "does": "do"}
_ONE = {many: one for one, many in _MANY.items()}
_ANY = {  # one form for either number
    "can", "could", "may", "might", "must", "shall", "should", "will", "would", "did", "had", "sat", "stood", "lay",
    "ran", "held", "ate", "wore", "rode", "drove", "flew", "threw", "caught", "took", "made", "went", "came", "saw",
    "got", "gave", "left", "fell", "kept", "slept", "brought", "bought", "built", "broke", "hung", "led", "met", "sang",
    "spoke", "stuck", "swam", "swung", "told", "won", "wrote",
}  # fmt: skip


def conjugated(verb, number):
    """A finite verb in the form that goes with "one" or "many" subjects; forms that go with both stay as they are."""
    if " " in verb:  # a reader's list may hold what is no single word
        return verb
    if number == "many":
        in_s = verb.endswith("s") and not verb.endswith("ss")
        return _MANY.get(verb) or (_english.plural_verb(verb) if in_s else verb)
    if verb in _ONE:
        return _ONE[verb]
    if verb.endswith(("ed", "ing", "s", "en")) or verb in _MANY or verb in _ANY:
        return verb
    return third_person(verb)


def third_person(verb):
    """try -> tries; verbs take -s by the same rule as nouns."""
    return _english.plural_noun(verb) or verb


def participle(verb):
    """try -> trying; right for the verbs of `substitutes.WORDS`, not for all."""
    return _DOUBLED.get(verb) or (verb[:-1] if verb.endswith("e") else verb) + "ing"


_DOUBLED = {"sit": "sitting", "run": "running", "lie": "lying"}
