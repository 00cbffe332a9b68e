"""Parts of a picture and of a caption: crops around known objects, windows on a grid, and phrases."""

import torch
from torch.nn.functional import grid_sample

from labclip_lib.embeddings.embed import embed_images, embed_texts

FINER = 2  # a crop is taken from a picture so many times as wide as what the tower sees


def crops_of(scenes, size, wide):
    """A square crop around each object of the scenes, its place known: (N, K, 3, size, size) in [0, 1].

    wide: half its side, in radii of the object; from about 1.5 on, a crop often shows a piece of another object. Beyond
    the frame the picture's edge goes on.
    """
    half = scenes.radius * wide
    return torch.stack([_cut(scenes, scenes.center[:, k], half[:, k], size) for k in range(scenes.center.shape[1])], 1)


def windows_of(scenes, size, side=3, half=0.25):
    """Windows on a grid that know nothing of the objects: (N, side * side, 3, size, size) in [0, 1], row by row.

    half: half of a window's side, as a share of the picture's.
    """
    at = torch.linspace(half, 1 - half, side)
    n = len(scenes)
    return torch.stack(
        [_cut(scenes, torch.stack([x, y]).expand(n, 2), torch.full((n,), half), size) for y in at for x in at],
        1,
    )


def embed_parts(backbone, parts):
    """Embeddings of parts (N, P, 3, size, size): (N, P, D), unit length, on the backbone's device."""
    return embed_images(backbone, parts.flatten(0, 1)).unflatten(0, parts.shape[:2])


def phrases_of(captions):
    """The phrases of captions, between their "and"s: N lists of str.

    >>> phrases_of(["red circle and blue square"])
    [['red circle', 'blue square']]
    """
    return [caption.split(" and ") for caption in captions]


def embed_phrases(backbone, captions):
    """Embeddings of the captions' phrases: (N, K, D), unit length. Raises ValueError unless all have equally many."""
    phrases = phrases_of(captions)
    if len({len(each) for each in phrases}) > 1:
        raise ValueError("embed_phrases needs captions of equally many phrases; embed those of one number at a time.")
    return embed_texts(backbone, [phrase for each in phrases for phrase in each]).unflatten(0, (len(captions), -1))


def _cut(scenes, center, half, size):
    """Squares of the scenes, of half a side `half` (N,) around `center` (N, 2), shares of the picture's side."""
    pixel = (torch.arange(size) + 0.5) / size * 2 - 1
    places = center[:, None, None] + half[:, None, None, None] * torch.stack(
        [pixel.expand(size, size), pixel[:, None].expand(size, size)], -1
    )
    rows = []
    for start in range(0, len(scenes), 256):
        some = slice(start, start + 256)
        picture = scenes[some].render(FINER * size)
        rows.append(grid_sample(picture, places[some] * 2 - 1, padding_mode="border", align_corners=False))
    return torch.cat(rows).clamp(0, 1)
