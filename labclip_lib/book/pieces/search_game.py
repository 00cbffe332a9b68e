"""A visual search for the page: is one thing there among many? The reader's times, beside models' accuracies."""

import html

import torch

from labclip_lib.book.figures.style import PALETTE
from labclip_lib.book.pieces.panel import MARK, panel
from labclip_lib.book.values import interval, mean
from labclip_lib.operators.inflection import article_of
from labclip_lib.world.geometry import plain
from labclip_lib.world.scenes import World
from labclip_lib.world.shapes import COLORS, SHAPES

KINDS = {
    "conjunction": "where each other thing has the target's colour or its shape",
    "feature": "where the others have the target's shape, and its colour is alone",
}
ANSWERS = ("no", "yes")
REPEATS = 2  # of each kind of search, number of objects and right answer in a run
LAYOUTS = len(KINDS) * len(ANSWERS) * REPEATS  # of each number of objects, so that a run takes each once
# Two things that share neither colour nor shape: each is searched among things that have one from either. The colours
# of a pair also differ for those who do not tell red from green.
PAIRS = ((("red", "circle"), ("blue", "square")), (("orange", "square"), ("purple", "circle")))
# The colour, a name or of the page, and the mark of each model.
LOOKS = {
    "linear classifier": ("var(--lc-image)", "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z"),
    "LABCLIP": (PALETTE["LABCLIP"], "M-3.6-3.6h7.2v7.2h-7.2z"),
    "CLIP, zero-shot": (PALETTE["cross-modal"], "M0-4.8l4.6 8.2h-9.2z"),
}


def search_game(curves, seed=0):
    """Pictures of many objects; is there a red circle? Times and shares right by the number of objects, in two plots.

    In a conjunction search the other objects share the target's colour or its shape; in a feature search they share its
    shape, and its colour is alone (Treisman and Gelade, 1980). Objects lie where `World.place` puts them, on plain
    paper and in the plain colours of the world. The script draws the order, anew for each run; the slope of the times
    is that of the line through their medians, of right answers. Works with no kernel, keeps a run in the browser, and
    leaves a table of the models where there is no script.
    curves: {name of LOOKS: {n: {"accuracy": a share of 1, a Measure, an Estimate or a kept row}}} of conjunction
    searches among n objects, 2 to 36 as an int or its digits, the same for each model. seed: of the layouts. Raises
    ValueError for another name, for fewer than two n, and for models of different n.
    """
    if not curves or (unknown := [name for name in curves if name not in LOOKS]):
        raise ValueError(f"search_game draws {'; '.join(LOOKS)}, got {unknown[0] if curves else 'none'!r}.")
    rows = {name: {int(n): found["accuracy"] for n, found in curve.items()} for name, curve in curves.items()}
    counts = sorted(next(iter(rows.values())))
    if len(counts) < 2 or any(sorted(row) != counts for row in rows.values()):
        numbers = "; ".join(", ".join(map(str, sorted(row))) for row in rows.values())
        raise ValueError(f"search_game needs every model at the same two or more numbers of objects, got {numbers}.")
    chance = 1 / len(ANSWERS)  # in half of the pictures the thing is there
    pictures = LAYOUTS * len(counts)
    body = f"""<div class="lc-begin" hidden><p>Search yourself: is one thing there among many? You see {pictures}
    pictures. Answer as fast as you can without mistakes: <kbd>J</kbd> or its button for yes, <kbd>F</kbd> for no. A few
    to practise come first. It takes about two minutes, and Escape stops it. Your times stay in this browser.</p>
    <p>The task is for the eye: whoever does not see the pictures can <a href="#{MARK}-models">skip it</a>.</p>
    <p><button type="button" class="lc-start">search</button>
    <button type="button" class="lc-forget" hidden>forget my times</button></p></div>
    <div class="lc-search" role="group" aria-label="visual search" tabindex="-1" hidden>
    <p class="lc-asked" aria-live="polite"></p><svg class="lc-stage" viewBox="0 0 1 1" role="img"></svg>
    <p class="lc-buttons"><button type="button" class="lc-go">go on</button>
    <button type="button" class="lc-give" aria-keyshortcuts="F">no (<kbd>F</kbd>)</button>
    <button type="button" class="lc-give" aria-keyshortcuts="J">yes, it is there (<kbd>J</kbd>)</button>
    <button type="button" class="lc-stop" aria-keyshortcuts="Escape">stop (<kbd>Esc</kbd>)</button></p>
    <p class="lc-note"></p></div>
    <p class="lc-found" role="status" tabindex="-1"></p><div class="lc-plots"></div><ul class="lc-key"></ul>
    {_table(rows, counts, chance)}"""
    scenes = [plain(World().place(*[[[0] * n] * LAYOUTS] * 2, seed=seed)) for n in counts]
    data = {
        "kinds": [*KINDS.items()], "counts": counts, "repeats": REPEATS, "chance": chance,
        "layouts": [[[_spot(one) for one in scene["objects"]] for scene in of] for of in scenes],
        "pairs": [[_thing(*thing) for thing in pair] for pair in PAIRS],
        "models": [[name, *LOOKS[name], [_points(row[n]) for n in counts]] for name, row in rows.items()],
    }  # fmt: skip
    return panel("search_game", body, data)


def _spot(one):
    return [round(one[part], 3) for part in ("x", "y", "radius", "angle")]


def _thing(color, shape):
    """How a thing is painted and named. size: from the middle to the nearest edge, in radii."""
    paint = "#" + "".join(f"{round(255 * part):02x}" for part in COLORS[color])
    size = -float(SHAPES[shape](*torch.zeros(2, 1)))
    return {"color": paint, "shape": shape, "size": round(size, 3), "said": f"{article_of(color)} {color} {shape}"}


def _points(value):
    """The accuracy with its interval where there is one: [mean, low, high] or [mean]."""
    known = [mean(value)] if isinstance(value, int | float) else interval(value)
    return [round(float(part), 4) for part in known]


def _table(rows, counts, chance):
    head = "".join(f'<th scope="col">{n}</th>' for n in counts)
    lines = "".join(
        f'<tr><th scope="row">{html.escape(name)}</th>{"".join(_cell(*_points(row[n])) for n in counts)}</tr>'
        for name, row in rows.items()
    )
    return f"""<table class="lc-counts" id="{MARK}-models" tabindex="-1"><caption>Share right by the number
    of objects in the picture. The models search for a conjunction, {KINDS["conjunction"]}; for them it
    is how often a picture with the thing scores higher than one without it. Chance is {chance:.2f}.</caption>
    <thead><tr><th scope="col">objects</th>{head}</tr></thead>
    <tbody>{lines}</tbody><tbody class="lc-you"></tbody></table>"""


def _cell(share, *ends):
    between = "<br><small>{:.2f} to {:.2f}</small>".format(*ends) if ends else ""
    return f"<td>{share:.2f}{between}</td>"
