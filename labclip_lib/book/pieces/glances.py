"""Twins side by side, and a caption: its words and its phrases show the places that are nearest to them."""

import base64
import html

import torch

from labclip_lib.book.pieces.panel import menu, panel, png


def glances(pictures, captions, places, phrases, words):
    """Pictures of scenes and of their twins under one caption each; a pointed word shades them. Works with no kernel.

    pictures: (N, 2, 3, H, W) in [0, 1], a scene and its twin. captions: N str, of the scenes. places: (N, 2, T, P)
    cosines of the T tokens, the caption's words and then "the whole caption", with the P places of each picture, row by
    row. phrases: (N, 2, 2, P) cosines of the two phrases, each embedded by itself. words: {layer's name: (N, T, T)},
    how much each token takes from each, the mean of a layer's heads.
    Without JavaScript the pictures stand there with their captions. Raises ValueError for captions of several lengths.
    """
    names = [caption.split() for caption in captions]
    if {len(row) for row in names} != {places.shape[2] - 1}:
        raise ValueError(
            f"glances needs captions of {places.shape[2] - 1} words, as there are cosines, got "
            f"{', '.join(sorted({str(len(row)) for row in names}))}."
        )
    tokens = [*names[0], "the whole caption"]
    tokens += captions[0].split(" and ")
    made = [f'<button type="button" aria-pressed="false">{html.escape(token)}</button>' for token in tokens]
    shown = "".join(
        f'<div class="lc-glance"><img width="160" height="160" alt="{who}" src="{_address(picture)}">'
        f'<span class="lc-shade"></span><p class="lc-under">{who}</p></div>'
        for picture, who in zip(pictures[0], _names(captions[0]), strict=True)
    )
    body = f"""<div class="lc-glances"><p class="lc-menus" hidden><label>scene: {menu("scene", captions)}</label>
    <label>text layer: {menu("text layer", words)}</label></p>
    <p class="lc-said-words" role="group" aria-label="words of the caption">{"".join(made[:-2])}</p>
    <p class="lc-said-words" role="group" aria-label="phrases, each by itself">by itself: {"".join(made[-2:])}</p>
    <div class="lc-row">{shown}</div>
    <p class="lc-note" aria-live="polite">The caption is the left picture's. Its twin has the same words and the same
    places; only the colours are exchanged.</p></div>"""
    data = {
        "pictures": [[_address(picture) for picture in pair] for pair in pictures],
        "captions": list(captions),
        "names": [_names(caption) for caption in captions],
        "places": [
            [[[round(float(x), 3) for x in token] for token in one] for one in pair]
            for pair in torch.cat([places, phrases], 2)
        ],
        "words": [[[[round(float(x), 3) for x in row] for row in one] for one in layer] for layer in words.values()],
    }
    return panel("glances", body, data)


def _address(picture):
    return f"data:image/png;base64,{base64.b64encode(png(picture)).decode()}"


def _names(caption):
    """What the two pictures show, in words."""
    color, shape, and_, other, last = caption.split()
    return [caption, f"{other} {shape} {and_} {color} {last}"]
