"""What may stand for what when REPLACE and ADD need a word: a colour for a colour, a place for a place."""

import itertools

from labclip_lib.inflection import participle, stem, third_person
from labclip_lib.language import COLORS, VERB

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
    """What may take a span's place: a list of texts that the caption does not have, in the form that fits.

    sentence, span: of `atoms.spans`. what: "object", "attribute" or "relation". words: what may come in, or None for
    words of the same sort from WORDS. have: stems of the caption's words.
    """
    text = " ".join(word.key for word in sentence.words[span.start : span.end])
    if text == "to" and any(word.kind == VERB for word in sentence.words[span.end : span.end + 1]):
        return []  # "to guide"
    form = str
    if what == "relation" and words is None:
        verb = sentence.words[span.start].kind == VERB
        form = next(
            (change for change in (_as_it_is, third_person, participle) if not verb or _base(text, change)), None
        )
        if form is None:
            return []
        text = _base(text, form) if verb else text
    groups = words if words is not None else WORDS[what]
    if words is None and what != "object":
        groups = next((group for group in groups if text in group), None)
        if groups is None:
            # An adjective of no known sort gets a colour; a relation of no known sort is left alone.
            groups = WORDS["attribute"][0] if what == "attribute" and span.kind == "quality" else ()
    return [form(w) for w in groups if not {stem(part) for part in form(w).split()} <= have and w != text]


def _as_it_is(verb):
    return verb


def _base(text, change):
    """The verb of WORDS that this form belongs to, or None."""
    verbs = itertools.chain(*WORDS["relation"][-2:])
    return next((verb for verb in verbs if change(verb) == text), None)
