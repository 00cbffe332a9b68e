import pytest
import torch
from synthetic import SMALL, Binder
from torch.nn.functional import normalize

from labclip_lib.limits.which_tower import MAPS, which_tower


class Towers(Binder):
    """Both towers hold the words. One has forgotten who wears what; or neither has, but in other directions."""

    def __init__(self, forgot):
        super().__init__()
        self.forgot = forgot

    @property
    def dim(self):
        return 35

    def of(self, caption):
        words = caption.split()
        bag = torch.tensor([float(words.count(name)) for name in (*self.world.colors, *self.world.shapes)])
        return torch.cat([super().of(caption), 2 * bag])

    def encode_images(self, scenes):
        rows = super().encode_texts(scenes.captions())
        return rows if self.forgot != "image" else normalize(rows * (torch.arange(35) >= 25), dim=-1)

    def encode_texts(self, captions):
        binding, words = super().encode_texts(captions).split([25, 10], 1)
        if self.forgot == "neither":
            binding = binding @ torch.linalg.qr(torch.randn(25, 25, generator=torch.Generator().manual_seed(0)))[0]
        elif self.forgot == "text":  # it knows which colour comes first, which says nothing of the picture
            first = [next(self.world.colors.index(w) for w in c.split() if w in self.world.colors) for c in captions]
            binding = torch.eye(25)[first] / 2
        return normalize(torch.cat([binding, words], 1), dim=-1)


@pytest.fixture(scope="module", params=["text", "image", "neither"])
def found(request):
    return request.param, which_tower(Towers(request.param), world=SMALL, orders=("random",))["random order"]


@pytest.mark.parametrize("by", MAPS)
def test_a_repair_is_enough_where_the_other_tower_remembers(found, by):
    forgot, tree = found
    for measure in ("swap", "group match"):
        cell = {
            (text[5:], image[6:]): values[measure].values.mean()
            for text, row in tree[by].items()
            for image, values in row.items()
        }
        assert cell["repaired", "repaired"] == 1
        for side, at in (("image", ("repaired", "as it is")), ("text", ("as it is", "repaired"))):
            assert abs(cell[at] - 0.5) < 0.15 if forgot == side else cell[at] > 0.95, (side, cell)


def test_a_matrix_on_either_side_helps_where_neither_forgot(found):
    forgot, tree = found
    for side, measures in tree["matrices"].items():
        swap = measures["swap"].values.mean()
        assert swap > 0.9 if forgot == "neither" else abs(swap - 0.5) < 0.15, side


def test_every_picture_is_in_one_cell(found):
    forgot, tree = found
    for way, cells in tree["failures"].items():
        share = {(text, image): one["share"].values for text, row in cells.items() for image, one in row.items()}
        assert (sum(share.values()) == 1).all()
        if forgot == "neither":
            assert share["text right", "image right"].mean() > 0.9, way
        for row in cells.values():
            for cell in row.values():
                assert cell["CLIP wrong"].chance == pytest.approx(cell["share"].values.mean() / 2)
