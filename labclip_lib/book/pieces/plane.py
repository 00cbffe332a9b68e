"""Two captions as a line between pictures, in the plane of two moves, which the reader turns and slides."""

import html

import numpy as np

from labclip_lib.book.figures.style import PALETTE
from labclip_lib.book.pieces.panel import panel

WIDE, EDGE, LINE = 300, 8, 16  # of the drawing, what stays free around the marks, and a line of text below
DISC, SQUARE = "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z", "M-3.6-3.6h7.2v7.2h-7.2z"


def preference_plane(pictures, twins, moves, captions):
    """How far pictures of a scene and of its twin prefer its caption to the twin's, as places in a plane.

    The plane is that of the two mean moves from twin to scene: across, that of the pictures; the arrow lies in it too,
    and is that of the captions. So nothing that decides a preference stands out of the plane. One slider turns the
    arrow, the other adds a number b to every preference, as a probe has one.
    pictures, twins: (N, D) embeddings in N layouts. moves: (M, D), the scene's caption minus its twin's, in M wordings.
    captions: these two, str. Works with no kernel, and leaves the captions' own arrow where there is no script. Raises
    ValueError for other shapes, and when the two moves do not span a plane.
    """
    pictures, twins, moves = (np.asarray(part, dtype=np.float64) for part in (pictures, twins, moves))
    if pictures.ndim != 2 or pictures.shape != twins.shape or moves.shape[1:] != pictures.shape[1:]:
        raise ValueError(
            f"preference_plane needs as many twins as pictures, and moves as wide as they are, got {pictures.shape}, "
            f"{twins.shape} and {moves.shape}."
        )
    across, move = (pictures - twins).mean(0), moves.mean(0)
    length, size = np.linalg.norm(move), np.linalg.norm(across)
    cosine = across @ move / (size * length) if size * length else 1.0
    if abs(cosine) > 1 - 1e-9:
        raise ValueError("preference_plane needs two moves in different directions; these do not span a plane.")
    x = across / size
    y = move - (move @ x) * x
    places = np.concatenate([pictures, twins]) @ np.stack([x, y / np.linalg.norm(y)], 1)
    angle = round(float(np.degrees(np.arccos(cosine))))
    wide, low, high = abs(places[:, 0]).max(), min(0, places[:, 1].min()), max(0, places[:, 1].max())
    unit = (WIDE / 2 - EDGE) / wide
    arrow = 0.8 * wide * unit  # long enough to turn by, its length says nothing
    top = EDGE + max(high * unit, arrow)
    tall = top + EDGE - low * unit + LINE
    most = round(float(length * abs(places).max()), 2) + 0.01
    own = np.repeat([1, -1], len(pictures))
    right = _right(places, own, angle, length)
    marks = "".join(
        f'<path class="lc-spot{"" if ok else " lc-off"}" d="{DISC if sign > 0 else SQUARE}" '
        f'transform="translate({WIDE / 2 + px * unit:.1f} {top - py * unit:.1f})"/>'
        for (px, py), sign, ok in zip(places, own, right > 0.5, strict=True)
    )
    scene, twin = (html.escape(caption) for caption in captions)
    body = f"""<div hidden class="lc-sliders">
    <label>the arrow, from the pictures' own move ({angle}° as it is): <output>{angle}°</output>
    <input type="range" min="0" max="180" step="1" value="{angle}" aria-label="angle of the arrow"
    aria-valuetext="{angle}°"></label>
    <label>b, the same for all pictures: <output>0.000</output>
    <input type="range" min="{-most:g}" max="{most:g}" step="0.001" value="0" aria-label="b"></label>
    <button type="button">both as they were</button></div>
    <svg class="lc-plane" viewBox="0 0 {WIDE} {tall:.0f}" role="img"
    aria-label="pictures of a scene and of its twin, and the line between two captions">
    <g transform="translate({WIDE / 2} {top:.1f})" style="color:{PALETTE["text"]}">
    <g class="lc-turned" transform="rotate({-angle})">
    <g class="lc-pushed"><rect class="lc-side" x="0" y="-600" width="900" height="1200"/><path d="M0-600v1200"/></g>
    <path class="lc-arrow" d="M0 0h{arrow:.0f}m-9-5l9 5l-9 5"/></g></g>{marks}
    <text x="{WIDE - 4}" y="{tall - 4:.0f}" text-anchor="end">the pictures' own move →</text></svg>
    <div aria-live="polite"><p class="lc-found">{_found(right)}</p><p class="lc-note"></p></div>
    <ul class="lc-key"><li>{_mark(DISC)} picture of: {scene}</li><li>{_mark(SQUARE)} picture of: {twin}</li>
    <li>arrow: from the twin's caption to the scene's</li><li>shaded: here a picture prefers "{scene}"</li>
    <li>filled: it prefers its own caption; hollow: the other's</li></ul>"""
    data = {
        "points": [[*place, int(sign)] for place, sign in zip(places.round(5).tolist(), own, strict=True)],
        "length": round(float(length), 5), "unit": round(float(unit), 3), "angle": angle, "captions": list(captions),
    }  # fmt: skip
    return panel("preference_plane", body, data)


def _right(places, own, angle, length):
    """1 where a picture prefers its own caption, 0.5 at a tie, 0 elsewhere, with b = 0."""
    turned = np.radians(angle)
    preference = length * (places @ [np.cos(turned), np.sin(turned)])
    return (np.sign(preference * own) + 1) / 2


def _found(right):
    return f"Right: {right.sum():g} of {len(right)} pictures. Chance and a bag of words: {len(right) / 2:g}."


def _mark(shape):
    spot = f'<path class="lc-spot" d="{shape}"/>'
    return f'<svg width="14" height="14" viewBox="-7 -7 14 14" aria-hidden="true">{spot}</svg>'
