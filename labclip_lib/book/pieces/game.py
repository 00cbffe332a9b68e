"""A game for the page: which of two sentences is the caption? The reader against blind models and a CLIP."""

import numpy as np

from labclip_lib.book.figures.style import INK, PALETTE
from labclip_lib.book.pieces.panel import panel


def blind_game(captions, negatives, kinds, players, seed=0):
    """Two sentences at a time, no picture; a click shows which was the caption and updates all scores.

    captions, negatives, kinds: N str; kinds says what was done to each. players: {name: (kind of PALETTE, (N,)
    outcomes, 1 right, 0.5 undecided, 0 wrong)} of the same items. seed: of which sentence stands first. Works with no
    kernel. Raises ValueError when the lists differ in length or there is no item.
    """
    n = len(captions)
    lengths = {len(part) for part in (captions, negatives, kinds, *(outcomes for _, outcomes in players.values()))}
    if lengths != {n} or not n:
        raise ValueError(f"blind_game needs as many of each, one or more, got lengths {sorted(lengths)}.")
    second = np.random.default_rng(seed).permutation(np.arange(n) % 2)  # half of the captions stand second
    items = [
        {"texts": [negative, caption] if place else [caption, negative], "right": place, "kind": kind}
        for caption, negative, kind, place in zip(captions, negatives, kinds, second.tolist(), strict=True)
    ]
    rows = [[name, PALETTE[kind], np.asarray(outcomes, float).tolist()] for name, (kind, outcomes) in players.items()]
    body = (
        "<p class='lc-place'></p><div class='lc-row'><button type='button'></button><button type='button'></button>"
        "</div><p class='lc-note' aria-live='polite'></p><button type='button' class='lc-next' hidden>next</button>"
        "<div class='lc-scores'></div>"
    )
    return panel("blind_game", body, {"items": items, "players": rows, "ink": INK})
