"""A slider on the strength of a matrix, and the point that it moves between what is gained and what it costs."""

import html
import math

from labclip_lib.book.figures.style import PALETTE
from labclip_lib.book.pieces.panel import menu, panel

LEFT, TOP, SIZE = 40, 10, 246  # of the square that holds the point, in the units of a drawing 300 wide and high
OURS = PALETTE["LABCLIP"]


def strength_slider(strengths, roads, asked, costs):
    """A slider on the strength, menus for the matrix, for what is asked and for what it costs; a point and a sentence.

    strengths: S numbers, inf for the matrix alone. roads: {label: S dicts {name: Measure}}, of each matrix at each
    strength. asked, costs: {label: name of a Measure}, for the axis across and the one up. The picture of the first of
    each, at the first strength, stands there without JavaScript too. Works with no kernel. Raises ValueError for a
    matrix that was not measured at each strength.
    """
    for label, road in roads.items():
        if len(road) != len(strengths):
            raise ValueError(f"strength_slider needs {label!r} at {len(strengths)} strengths, got {len(road)} of them.")
    names = [*asked.values(), *costs.values()]
    values = [[[_rounded(found[name]) for name in names] for found in road] for road in roads.values()]
    first = next(iter(roads.values()))[0]
    levels = [[first[name].chance, first[name].bag_of_words] for name in names]
    said = ["W alone" if math.isinf(strength) else f"strength {strength:g}" for strength in strengths]
    line = [(_x(of[0][0]), _y(of[len(asked)][0])) for of in values[0]]
    across, up = levels[0], levels[len(asked)]
    body = f"""<div class="lc-menus" hidden><label>matrix W: {menu("matrix W", roads)}</label>
    <label>swap test: {menu("swap test", asked)}</label> <label>cost: {menu("cost", costs)}</label>
    <label>from the identity to W alone: <output>{said[0]}</output>
    <input type="range" min="0" max="{len(strengths) - 1}" step="1" value="0" aria-label="strength of W"
    aria-valuetext="{said[0]}"></label></div>
    <svg class="lc-plot" viewBox="0 0 300 300" role="img" aria-label="swap accuracy against what it costs">
    <path class="lc-frame" d="M{LEFT} {TOP}v{SIZE}h{SIZE}"/>{_ticks()}
    {"".join(_level(f"M{_x(level)} {TOP}v{SIZE}", k) for k, level in enumerate(across))}
    {"".join(_level(f"M{LEFT} {_y(level)}h{SIZE}", k) for k, level in enumerate(up))}
    <text x="{LEFT + SIZE / 2}" y="294" text-anchor="middle">swap accuracy</text>
    <text class="lc-y" transform="translate(11 {TOP + SIZE / 2}) rotate(-90)"
    text-anchor="middle">{html.escape(next(iter(costs)))}</text>
    <polyline class="lc-road" stroke="{OURS}" points="{" ".join(f"{x},{y}" for x, y in line)}"/>
    {"".join(f'<circle class="lc-stop" fill="{OURS}" r="3" cx="{x}" cy="{y}"/>' for x, y in line)}
    {_end("CLIP", *line[0])}{_end("W alone", *line[-1])}
    <path class="lc-frame lc-reach"/><circle class="lc-frame lc-here" r="7" cx="{line[0][0]}" cy="{line[0][1]}"/></svg>
    <ul class="lc-key"><li>dotted: chance</li><li>dashed: bag-of-words ceiling</li><li>cross: 95 % intervals</li></ul>
    <p class="lc-note" aria-live="polite">The line goes from the identity, in the ring, to W alone.</p>"""
    data = {
        "values": values, "levels": levels, "said": said, "asked": len(asked),
        "left": LEFT, "top": TOP, "size": SIZE,
    }  # fmt: skip
    return panel("strength_slider", body, data)


def _rounded(measure):
    return [round(float(value), 4) for value in measure.estimate()]


def _x(share):
    return round(LEFT + SIZE * share, 1)


def _y(share):
    return round(TOP + SIZE * (1 - share), 1)


def _level(line, k):
    return f'<path class="lc-frame lc-level" stroke-dasharray="{("2 4", "7 4")[k]}" d="{line}"/>'


def _end(name, x, y):
    """The name of an end of the line, under it."""
    return f'<text class="lc-end" x="{x}" y="{y + 17}" text-anchor="middle">{name}</text>'


def _ticks():
    return "".join(
        f'<text x="{_x(share)}" y="{TOP + SIZE + 15}" text-anchor="middle">{share:g}</text>'
        f'<text x="{LEFT - 5}" y="{_y(share) + 4}" text-anchor="end">{share:g}</text>'
        for share in (0, 0.5, 1)
    )
