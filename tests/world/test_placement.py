import itertools

import numpy as np
import pytest

from labclip_lib.world.placement import MARGIN, draw_places


@pytest.mark.parametrize("objects", [1, 2, 5, 8, 9, 16, 35, 36])
def test_objects_keep_their_distance_from_each_other_and_from_the_frame(objects):
    center, radius = draw_places(200, objects, np.random.default_rng(0))
    gap = np.linalg.norm(center[:, :, None] - center[:, None], axis=-1) - radius[:, :, None] - radius[:, None]
    gap[:, np.arange(objects), np.arange(objects)] = 1
    assert gap.min() >= MARGIN
    assert (center - radius[..., None]).min() >= MARGIN - 1e-12
    assert (center + radius[..., None]).max() <= 1 - MARGIN + 1e-12


def test_more_objects_are_never_larger():
    means = [draw_places(200, objects, np.random.default_rng(0))[1].mean() for objects in (2, 4, 8, 9, 12, 20, 35)]
    assert all(later <= earlier * 1.05 for earlier, later in itertools.pairwise(means))


def test_a_crowd_fills_the_whole_picture():
    """An object is as likely in one quarter of the picture as in another, though a grid has cells to spare."""
    center, _ = draw_places(2000, 10, np.random.default_rng(0))
    for axis in range(2):
        assert abs((center[..., axis] < 0.5).mean() - 0.5) < 0.02
