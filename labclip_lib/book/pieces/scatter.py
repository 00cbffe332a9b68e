"""A figure for the page to explore: many models by their ranks on two scores, which the reader chooses."""

import html

import numpy as np

from labclip_lib.book.pieces.panel import menu, panel

LEFT, TOP, SIZE = 40, 10, 246  # of the square that holds the marks, in the units of a drawing 300 wide and high
# Colour and shape say the same, for those who see no difference in the one. Each colour can be told from paper and from
# a dark page; PALETTE's are not used again, since each of them has a meaning.
LOOKS = (
    ("#4477AA", "M-3.8 0a3.8 3.8 0 1 0 7.6 0a3.8 3.8 0 1 0-7.6 0z"),  # a disc
    ("#CC5544", "M-3.4-3.4h6.8v6.8h-6.8z"),  # a square
    ("#228833", "M0-4.6l4.4 8h-8.8z"),  # a triangle
    ("#8A7A10", "M0-5l5 5l-5 5l-5-5z"),  # a diamond
    ("#777777", "M0 4.6l4.4-8h-8.8z"),  # a triangle on its tip
    ("#A0509C", "M-1.4-4.6h2.8v3.2h3.2v2.8h-3.2v3.2h-2.8v-3.2h-3.2v-2.8h3.2z"),  # a cross
)


def score_scatter(scores, models, correlations, start=(0, 1)):
    """Two menus choose two scores; a mark is a model, and its name and the rank correlation stand below.

    scores: K str. models: sequence of (name, kind, tuned, ranks), ranks (K,) in [0, 1], as of `percentile_ranks`; at
    most six kinds, and marks of tuned models have a rim. correlations: (K, K, 3), as of `rank_correlations`. start: the
    two scores of the picture that stands there without JavaScript too. Works with no kernel. Raises ValueError when
    the lengths differ, and for more kinds.
    """
    names, kinds, tuned, ranks = map(list, zip(*models, strict=True))
    ranks, correlations, known = np.asarray(ranks, float), np.asarray(correlations, float), [*dict.fromkeys(kinds)]
    k = len(scores)
    if ranks.shape[1:] != (k,) or correlations.shape != (k, k, 3):
        raise ValueError(
            f"score_scatter needs ranks on each of {k} scores, and their correlations, got {ranks.shape} and "
            f"{correlations.shape}."
        )
    if len(known) > len(LOOKS):
        raise ValueError(f"score_scatter has marks for {len(LOOKS)} kinds of models, got {len(known)}.")
    looks = dict(zip(known, LOOKS, strict=False))
    marks = "".join(
        f'<path class="lc-mark{" lc-rim" * rim}" fill="{looks[kind][0]}" d="{looks[kind][1]}" '
        f'transform="translate({LEFT + SIZE * rank[start[0]]:.1f} {TOP + SIZE * (1 - rank[start[1]]):.1f})">'
        f"<title>{html.escape(name)}</title></path>"
        for name, kind, rim, rank in zip(names, kinds, tuned, ranks, strict=True)
    )
    body = f"""<div class="lc-menus" hidden>
    <label>across: {menu("score across", scores, start[0])}</label>
    <label>up: {menu("score up", scores, start[1])}</label></div>
    <svg class="lc-plot" viewBox="0 0 300 300" role="img" aria-label="models by their ranks on two scores">
    <path class="lc-frame" d="M{LEFT} {TOP}v{SIZE}h{SIZE}"/>{_ticks()}
    <text class="lc-x" x="{LEFT + SIZE / 2}" y="294" text-anchor="middle">{html.escape(scores[start[0]])}</text>
    <text class="lc-y" transform="translate(11 {TOP + SIZE / 2}) rotate(-90)"
    text-anchor="middle">{html.escape(scores[start[1]])}</text>
    {marks}<circle class="lc-ring" r="9" visibility="hidden"/></svg>
    <p class="lc-found" aria-live="polite">{_found(*correlations[start])}</p>
    <div class="lc-menus" hidden><label>model: {menu("model", ["-", *names], 0)}</label></div>
    <p class="lc-note" aria-live="polite"></p>
    <ul class="lc-key">{"".join(f"<li>{_mark(*look)} {html.escape(kind)}</li>" for kind, look in looks.items())}
    <li>{_mark("none", LOOKS[0][1], "lc-rim")} with a rim: trained further to compose</li></ul>"""
    data = {
        "ranks": ranks.round(3).tolist(), "correlations": correlations.round(4).tolist(),
        "left": LEFT, "top": TOP, "size": SIZE,
    }  # fmt: skip
    return panel("score_scatter", body, data)


def _ticks():
    return "".join(
        f'<text x="{LEFT + SIZE * share / 100}" y="{TOP + SIZE + 15}" text-anchor="middle">{share}</text>'
        f'<text x="{LEFT - 5}" y="{TOP + SIZE - SIZE * share / 100 + 4}" text-anchor="end">{share}</text>'
        for share in (0, 50, 100)
    )


def _mark(color, shape, kind=""):
    return (
        f'<svg width="14" height="14" viewBox="-7 -7 14 14" aria-hidden="true"><path class="{kind}" fill="{color}" '
        f'd="{shape}"/></svg>'
    )


def _found(value, low, high):
    return f"Rank correlation {value:.2f} (95 % interval {low:.2f} to {high:.2f})."
