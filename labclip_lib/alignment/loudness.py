"""Directions or loudness: matrices that change one of the two in CLIP's cosine and leave the other as it is."""

import torch
from scipy.linalg import orthogonal_procrustes

from labclip_lib.alignment.closed_form import discriminant_map, ridged
from labclip_lib.diagnosis.cross_modal import twins

# C^-1/2, with the ridges of the closed form.
EVEN_IMAGES, EVEN_TEXTS = ridged(1e-2, -0.5), ridged(1e-3, -0.5)


def moves(task, part="train", order="fixed"):
    """How images and captions move from twin to scene: two tables (N, D), over the layouts and scenes of a part.

    task: a `BindingTask`. part: "train", "validation" or "test" of its split. order: of both captions.
    """
    rows, twin = getattr(task.split, part), twins(task.layouts.scenes).to(task.images.device)
    captions = task.texts[f"{order} order"] - task.texts[f"twin, {order} order"]
    captions = captions.expand(len(task.images), -1, -1)
    images = task.images - task.images[:, twin]
    return images[:, rows].flatten(0, 1), captions[:, rows].flatten(0, 1)


def directions_or_loudness(task, order="fixed"):
    """CLIP turned, evened, and both: {name: (P, Q)}, (D, D) each; the matrix between the sides is A = P Q.

    Images become u P, captions v Q'. "turned": Q is the rotation that brings the captions' moves on training scenes
    closest to the images' (Schonemann 1966). "evened": each side by C^-1/2, C its covariance over training scenes.
    The formula and its middle (`discriminant_map` with random foils, with and without inverses) stand beside them;
    the formula's P is that of the evening. float32, on the task's device.
    """
    pairs = task.pairs("train", order)
    images, captions = (side.double().cpu() for side in moves(task, "train", order))
    one = torch.eye(images.shape[1], dtype=torch.float64)
    even_u, even_v = (
        even(table.T.double().cpu().cov(correction=0), one)
        for even, table in ((EVEN_IMAGES, pairs.images), (EVEN_TEXTS, pairs.texts))
    )

    def turn(captions, images):
        return torch.from_numpy(orthogonal_procrustes(captions, images)[0]).T

    middle = discriminant_map(pairs, "random", image_inverse=_left_out, text_inverse=_left_out).double().cpu()
    formula = discriminant_map(pairs, "random").double().cpu()
    found = {
        "CLIP": (one, one),
        "turned": (one, turn(captions, images)),
        "evened": (even_u, even_v),
        "evened and turned": (even_u, turn(captions @ even_v, images @ even_u) @ even_v),
        "the formula's middle alone": (one, middle),
        "the formula": (even_u, torch.linalg.solve(even_u, formula)),
    }
    return {name: tuple(side.float().to(task.images.device) for side in pair) for name, pair in found.items()}


def _left_out(covariance, x):
    return x
