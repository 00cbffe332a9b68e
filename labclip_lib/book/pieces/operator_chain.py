"""A caption to type, and SWAP, REPLACE and ADD to press, one after another."""

import functools
import html

from labclip_lib.book.pieces.panel import panel
from labclip_lib.operators.inflection import article_of
from labclip_lib.operators.on_captions import add, replace, swap
from labclip_lib.operators.tagging import world_tagger

OPERATORS = ("SWAP", "REPLACE", "ADD")


def operator_chain(world, caption):
    """A text field with a caption and a button for each operator; what they make stands below, and they go on from it.

    SWAP exchanges two colours, REPLACE puts another colour or shape of the world in the place of one, ADD puts in a
    thing of another shape: `operators.swap`, `replace` and `add` with the world's words, by rules of the page's own,
    which read things joined by "and". It works with no kernel. world: a `World`. caption: the first one, two things
    with their colours. Raises ValueError where an operator makes nothing of it.
    """
    tagger = world_tagger(world)
    makers = (
        swap,
        functools.partial(replace, what="attribute", words=world.colors),
        functools.partial(add, words=world.shapes),
    )
    made = [make(caption, tagger=tagger) for make in makers]
    if nothing := [negative.reason for negative in made if negative.value is None]:
        raise ValueError(f"operator_chain begins with a caption that each operator changes: {nothing[0]}")
    examples = "".join(
        f"<li>{name}: {html.escape(negative.value)}</li>" for name, negative in zip(OPERATORS, made, strict=True)
    )
    buttons = "".join(f'<button type="button">{name}</button>' for name in (*OPERATORS, "begin again"))
    body = f"""<div class="lc-field" hidden><label>Your caption:
    <input type="text" value="{html.escape(caption)}" maxlength="200" autocomplete="off" spellcheck="false"></label>
    <p>{buttons}</p></div>
    <div role="log"><ol class="lc-chain"><li>{html.escape(caption)}</li>{examples}</ol></div>
    <p class="lc-note" aria-live="polite"></p>"""
    articles = {word: article_of(word) for word in (*world.colors, *world.shapes)}
    return panel("operator_chain", body, {"colors": world.colors, "shapes": world.shapes, "articles": articles})
