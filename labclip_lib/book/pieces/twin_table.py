"""The scenes of a finite world, to tick in and out of training, and what the smallest loss then pins down."""

import base64

from labclip_lib.book.figures.style import PALETTE
from labclip_lib.book.pieces.panel import panel, png
from labclip_lib.theory.finite_worlds import merging_cost, twin
from labclip_lib.world.scenes import World


def twin_table(world):
    """A box for each scene of a `FiniteWorld`, twins in one frame; what occurs in it is ticked at first.

    world: of `finite_world`, without `extra` captions. For whatever is ticked, the piece shows the smallest loss, that
    of a bag of words, and the swap accuracies, over all scenes, that encoders with the smallest loss can have. It works
    with no kernel. Raises ValueError for captions that describe no scene.
    """
    if bool((world.owner < 0).any()):
        raise ValueError(f"twin_table needs captions that describe scenes, got {world.captions[-1]!r}; leave it out.")
    partner = [world.scenes.index(twin(scene)) for scene in world.scenes]
    pairs = [(i, j) for i, j in enumerate(partner) if i < j]
    occurs, boxes = world.scene_support.tolist(), _boxes(world)
    frames = "".join(
        f'<div class="lc-twins" data-whole="{str(occurs[i] and occurs[j]).lower()}">{boxes[i]}{boxes[j]}</div>'
        for i, j in pairs
    )
    whole = sum(occurs[i] and occurs[j] for i, j in pairs)
    cost = sum(merging_cost(world, 2 * i + k, 2 * j + k) for i, j in pairs for k in (0, 1))
    body = f"""<fieldset><legend>Scenes that occur in training</legend><div class="lc-pairs">{frames}</div></fieldset>
    <p class="lc-presets" hidden><button type="button">one twin of each pair</button>
    <button type="button">both twins</button></p>
    <div class="lc-bars"></div>
    <p class="lc-note" aria-live="polite">{sum(occurs)} scenes occur, and {whole} of {len(pairs)} pairs are whole. The
    smallest loss is {-world.mutual_information:.3f} nats, that of a bag of words
    {cost - world.mutual_information:.3f}.</p>"""
    data = {
        "partner": partner, "margin": world.margin, "start": occurs,
        "shades": [PALETTE["cross-modal"], PALETTE["bag-of-words ceiling"]],
    }  # fmt: skip
    return panel("twin_table", body, data)


def _boxes(world):
    """For each scene a check box with its picture."""
    names = World(*(tuple(dict.fromkeys(thing[k] for scene in world.scenes for thing in scene)) for k in (0, 1)))
    drawn = names.compositions(seed=0)
    told = [
        frozenset((names.colors[c], names.shapes[s]) for c, s in zip(*scene, strict=True))
        for scene in zip(drawn.color.tolist(), drawn.shape.tolist(), strict=True)
    ]
    pictures = dict(zip(told, drawn.render(64), strict=True))
    return [
        f'<label><input type="checkbox"{" checked" * occurs}><img width="44" height="44" alt="{caption}" '
        f'src="data:image/png;base64,{base64.b64encode(png(pictures[frozenset(scene)])).decode()}"></label>'
        for scene, caption, occurs in zip(world.scenes, world.captions[::2], world.scene_support.tolist(), strict=True)
    ]
