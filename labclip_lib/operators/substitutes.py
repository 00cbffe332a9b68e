"""Which words REPLACE and ADD may use: a colour in place of a colour, a place in place of a place."""

import functools
import itertools

from labclip_lib.operators.inflection import participle, stem, third_person
from labclip_lib.operators.tagging import COLORS, VERB

# By sort: a colour may stand for a colour, "on" for "under". Objects are all of one sort.
WORDS = {
    "object": (
        "dog", "cat", "horse", "bird", "car", "bus", "boat", "train", "bicycle", "chair", "table", "lamp", "clock",
        "cup", "bottle", "book", "ball", "umbrella", "hat", "tree", "flower", "apple", "pizza", "phone", "child",
    ),
    "attribute": (
        COLORS,
        ("big", "small", "large", "little", "tiny", "huge"), ("wooden", "metal", "plastic", "glass", "stone"),
        ("old", "young", "new"), ("one", "two", "three", "four", "five", "six"), ("long", "short", "tall"),
        ("wet", "dry"), ("open", "closed"), ("clean", "dirty"), ("empty", "full"), ("dark", "bright"),
    ),
    "relation": (
        ("on", "under", "behind", "beside", "near", "in", "above", "below", "inside", "outside", "over"),
        ("in front of", "behind", "next to", "on top of"), ("with", "without"), ("to", "from"), ("up", "down"),
        ("sit", "stand", "lie", "sleep", "run", "walk", "jump", "fly", "wait"),
        ("hold", "carry", "throw", "catch", "push", "pull", "touch", "watch", "wear", "buy"),
    ),
}  # fmt: skip


def substitutes(sentence, span, what, words, have):
    """Texts that may replace a span: a list of str that the caption does not have, inflected to fit.

    sentence, span: of `atoms.spans`. what: "object", "attribute" or "relation". words: candidates, or None for
    words of the same sort from WORDS. have: stems of the caption's words.
    """
    text = " ".join(word.key for word in sentence.words[span.start : span.end])
    if text == "to" and any(word.kind == VERB for word in sentence.words[span.end : span.end + 1]):
        return []  # "to guide"
    if words is not None or what == "object":
        choices = WORDS["object"] if words is None else words
    elif what == "attribute":
        # An adjective of no known sort gets a colour.
        other = COLORS if span.kind == "quality" else ()
        choices = next((group for group in WORDS["attribute"] if text in group), other)
    elif sentence.words[span.start].kind == VERB:
        verb, form = _verbs().get(text, ("", str))
        choices = next(([form(other) for other in group] for group in WORDS["relation"] if verb in group), ())
    else:
        choices = next((group for group in WORDS["relation"] if text in group), ())
    return [w for w in choices if not {stem(part) for part in w.split()} <= have and w != text]


@functools.cache
def _verbs():
    """{form: (verb, the function that makes the form)} of the verbs in WORDS."""
    verbs = itertools.chain(*WORDS["relation"][-2:])
    return {form(verb): (verb, form) for verb in verbs for form in (str, third_person, participle)}
