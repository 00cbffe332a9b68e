import dataclasses

import numpy as np
import pytest
import several as together
import torch
from bindable import bound, small, swap_accuracy, unit
from torch.nn.functional import normalize

from labclip_lib.alignment.labclip import LABCLIP
from labclip_lib.alignment.pairs import Pairs, choice_outcomes, examine_pairs


def test_shapes(device):
    pairs = Pairs(unit(0, 5, 4).to(device), unit(1, 5, 4).to(device), unit(2, 5, 4).to(device))
    assert pairs.negatives.shape == (5, 1, 4) and len(pairs) == 5
    assert pairs.image.tolist() == [0, 1, 2, 3, 4] and pairs.image.device.type == device
    pairs = Pairs(unit(0, 2, 4), unit(1, 5, 4), unit(2, 5, 3, 4), torch.tensor([1, 1, 0, 1, 0]))
    assert pairs.negatives.shape == (5, 3, 4) and len(pairs) == 5
    assert Pairs(unit(0, 5, 4), unit(1, 5, 4)).negatives is None


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_whatever_floats_come_float32_is_kept(dtype):
    tables = unit(0, 5, 4).to(dtype), unit(1, 5, 4).to(dtype).requires_grad_(), unit(2, 5, 4).to(dtype)
    pairs = Pairs(*tables)
    for table in (pairs.images, pairs.texts, pairs.negatives):
        assert table.dtype == torch.float32 and not table.requires_grad
    assert tables[1].dtype == dtype and tables[1].requires_grad and tables[2].ndim == 2


def test_images_and_captions_that_do_not_pair(raises_saying):
    with raises_saying(ValueError, "3 images and 5 captions", "image="):
        Pairs(unit(0, 3, 4), unit(1, 5, 4))


FIVE = torch.arange(5)


@pytest.mark.parametrize(
    ("images", "texts", "negatives", "image", "seen"),
    [
        ((5, 4), (5, 3), None, FIVE, "images (5, 4), texts (5, 3), image (5,)"),
        ((5, 4), (5, 1, 4), None, FIVE, "texts (5, 1, 4)"),
        ((4,), (4,), None, FIVE[:4], "images (4,)"),
        ((5, 4), (5, 4), (4, 4), FIVE, "negatives (4, 1, 4)"),
        ((5, 4), (5, 4), (5, 3), FIVE, "negatives (5, 1, 3)"),
        ((5, 4), (5, 4), (5, 0, 4), FIVE, "negatives (5, 0, 4)"),
        ((5, 4), (5, 4), (5, 1, 1, 4), FIVE, "negatives (5, 1, 1, 4)"),
        ((5, 4), (5, 4), None, FIVE[:4], "image (4,)"),
        ((5, 4), (5, 4), None, FIVE[:, None], "image (5, 1)"),
        ((0, 4), (0, 4), None, None, "texts (0, 4)"),
    ],
)
def test_shapes_that_do_not_fit(images, texts, negatives, image, seen, raises_saying):
    with raises_saying(ValueError, "Expected images (N, D)", seen):
        Pairs(unit(0, *images), unit(1, *texts), None if negatives is None else unit(2, *negatives), image)


@pytest.mark.parametrize(("image", "seen"), [([0, 1, 3], "0 to 3"), ([0, -1, 2], "-1 to 2")])
def test_rows_of_images_that_there_are_not(image, seen, raises_saying):
    with raises_saying(ValueError, "3 images", seen):
        Pairs(unit(0, 3, 4), unit(1, 3, 4), image=torch.tensor(image))


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("name", ["images", "texts", "negatives"])
def test_values_that_are_not_finite(name, value, raises_saying):
    tables = {"images": unit(0, 5, 4), "texts": unit(1, 5, 4), "negatives": unit(2, 5, 2, 4)}
    tables[name][3].view(-1)[0] = value
    with raises_saying(ValueError, f"1 of {10 if name == 'negatives' else 5} rows of {name}", "NaN or an infinity"):
        Pairs(**tables)


@pytest.mark.parametrize("name", ["images", "texts", "negatives"])
def test_rows_that_are_not_of_unit_length(name, raises_saying):
    tables = {"images": unit(0, 5, 4), "texts": unit(1, 5, 4), "negatives": unit(2, 5, 4)}
    tables[name][2] *= 1.5
    with raises_saying(ValueError, name, "0.5", "normalise"):
        Pairs(**tables)


@pytest.mark.parametrize("name", ["images", "texts", "negatives"])
def test_rows_without_a_direction(name, raises_saying):
    tables = {"images": unit(0, 5, 4), "texts": unit(1, 5, 4), "negatives": unit(2, 5, 2, 4)}
    tables[name][3] = 0
    with raises_saying(ValueError, f"of {10 if name == 'negatives' else 5} rows of {name}", "direction"):
        Pairs(**tables)
    tables[name][3] = 1e25
    with raises_saying(ValueError, name, "unit length", "normalise"):
        Pairs(**tables)


@pytest.mark.parametrize("name", ["images", "texts", "negatives"])
def test_integers_are_no_embeddings(name, raises_saying):
    tables = {"images": torch.eye(4), "texts": torch.eye(4).roll(1, 0), "negatives": torch.eye(4)}
    with raises_saying(ValueError, name, "torch.int64", "floats"):
        Pairs(**tables | {name: tables[name].long()})


def test_negatives_that_are_their_own_captions(raises_saying):
    """As texts; one that merely has the caption's embedding is a negative like any other."""
    texts, negatives, ids = unit(1, 5, 4), unit(2, 5, 3, 4), torch.arange(20)
    other = ids[5:].view(5, 3).clone()
    other[2, 1], other[4, 0], other[4, 2] = 2, 4, 4
    with raises_saying(ValueError, "2 of 5 captions", "first caption 2"):
        Pairs(unit(0, 5, 4), texts, negatives, None, ids[:5], other)
    other[2, 1], other[4, 0], other[4, 2] = 3, 3, 3
    assert len(Pairs(unit(0, 5, 4), texts, negatives, None, ids[:5], other)) == 5  # another's caption may be one
    assert (
        len(Pairs(unit(0, 5, 4), texts, texts))
        == len(Pairs(unit(0, 5, 4), texts, texts, None, ids[:5], other[:, 0]))
        == 5
    )


@pytest.mark.parametrize(
    ("ids", "seen"),
    [
        ({"text_ids": torch.arange(4)}, "text_ids (4,)"),
        ({"text_ids": torch.arange(5.0)}, "text_ids of torch.float32"),
        ({"negative_ids": torch.arange(5)}, "negative_ids (5, 1)"),
    ],
)
def test_ids_that_do_not_fit(ids, seen, raises_saying):
    with raises_saying(ValueError, "text_ids (M,)", seen):
        Pairs(unit(0, 5, 4), unit(1, 5, 4), unit(2, 5, 2, 4), **ids)


def rows():
    return [
        slice(3, 30, 2), torch.arange(41) % 3 == 1, [40, 2, 2, 7], torch.tensor([5, 1]), slice(40, None),
        torch.arange(41),
    ]  # fmt: skip


@pytest.mark.parametrize("kind", range(6))
def test_captions_are_taken_with_their_images(kind, device):
    which, pairs = rows()[kind], small(negatives=2)
    there = pairs.to(device)
    if isinstance(which, torch.Tensor):
        which = which.to(device)
    some = there[which].to("cpu")
    which = which.cpu() if isinstance(which, torch.Tensor) else which
    assert torch.equal(some.texts, pairs.texts[which]) and torch.equal(some.negatives, pairs.negatives[which])
    assert torch.equal(some.images[some.image], pairs.images[pairs.image][which])
    assert len(some.images) == len(pairs.image[which].unique())  # none that no caption needs


def test_without_negatives_there_are_none_among_some():
    pairs = Pairs(unit(0, 5, 4), unit(1, 5, 4))
    assert pairs[1:3].negatives is None and pairs.to("cpu").negatives is None


# Does each image choose its caption?


def slowly(pairs, labclip=None, rivals=(), rival_ids=None):
    """The same, one image and one text at a time, in float64."""
    align = {"images": lambda rows: rows, "texts": lambda rows: rows}
    if labclip:
        align = {"images": labclip.align_images, "texts": labclip.align_texts}
    images = align["images"](pairs.images).detach().double()

    def similarity(i, text):
        return round(float(images[i] @ align["texts"](text[None])[0].detach().double()), 6)

    def named(kind, table, ids):
        return [(kind, row) if ids is None else int(ids[row]) for row in range(len(table))]

    said = dict(zip(named("rival", rivals, rival_ids), rivals, strict=True))
    mine = named("caption", pairs.texts, pairs.text_ids)
    said |= dict(zip(mine, pairs.texts, strict=True))
    foils = [] if pairs.negatives is None else pairs.negatives.flatten(0, 1)
    wrong = named("negative", foils, None if pairs.negative_ids is None else pairs.negative_ids.flatten())
    out = []
    for i in sorted(set(pairs.image.tolist())):
        own = {mine[row] for row in range(len(mine)) if pairs.image[row] == i}
        heard = {wrong[j]: foil for j, foil in enumerate(foils) if pairs.image[j * len(mine) // len(foils)] == i}
        value = {name: similarity(i, text) for name, text in (heard | said).items()}
        best = max(value[name] for name in own)
        level = [name for name in value if value[name] == best]
        out.append(0.0 if max(value.values()) > best else len(own & set(level)) / len(level))
    return out


def corners(seed, *shape):
    """Vectors (+-0.5, +-0.5, +-0.5, +-0.5): no product of two is rounded, and ties are many."""
    return torch.randint(0, 2, (*shape, 4), generator=torch.Generator().manual_seed(seed)).float() - 0.5


def tied(seed, negatives=True, known=True):
    """Many texts have one embedding; where their ids are known, some are there twice, negatives and captions alike."""
    ids = torch.randint(0, 20, (36,), generator=torch.Generator().manual_seed(seed + 200))
    ids[12:][ids[12:] == ids[:12].repeat_interleave(2)] = 20  # a caption is not its own negative
    rows = corners(seed, 21)[ids]
    texts, foils = rows[:12], rows[12:].view(12, 2, 4)
    numbers = [ids[:12], ids[12:].view(12, 2)] if known else [None, None]
    pairs = Pairs(corners(seed + 100, 6), texts, foils, torch.arange(12) % 5, *numbers)
    return pairs if negatives else dataclasses.replace(pairs, negatives=None)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("negatives", [True, False])
@pytest.mark.parametrize("seed", range(6))
def test_choices_with_many_ties_and_duplicates_are_those_of_a_slow_loop(seed, negatives, known, device):
    pairs = tied(seed, negatives, known)
    others = (None, None), (corners(seed + 150, 3), None), (pairs.texts, pairs.text_ids)
    for rivals, ids in others:
        how = (
            {}
            if rivals is None
            else {"rivals": rivals.to(device), "rival_ids": None if ids is None else ids.to(device)}
        )
        ours = choice_outcomes(pairs.to(device), chunk=2, **how)
        assert ours.dtype == torch.float64 and ours.device.type == "cpu"
        assert ours.tolist() == pytest.approx(slowly(pairs, None, [] if rivals is None else rivals, ids))


def test_there_are_wins_ties_and_losses_among_them():
    assert {0, 0.5, 1} <= {round(value, 3) for seed in range(30) for value in choice_outcomes(tied(seed)).tolist()}


def test_captions_that_a_tower_cannot_tell_apart_are_found_by_luck():
    """One embedding for all six captions of a test: chance, and not all right."""
    images, one = unit(0, 6, 8), unit(1, 1, 8).expand(6, 8)
    for ids in (None, torch.arange(6)):
        there, back = examine_pairs(Pairs(images, one, text_ids=ids)).values()
        assert there.values == pytest.approx([1 / 6] * 6)
        assert there.chance == back.chance == pytest.approx(1 / 6)


def test_negatives_that_a_tower_cannot_tell_from_their_captions_tie():
    """150 of 200, so that no more than .625 can be had."""
    texts = unit(1, 200, 8)
    negatives = torch.cat([texts[:150], -texts[150:]])
    found = examine_pairs(Pairs(texts, texts, negatives))
    assert found["caption against its hard negative"].values.mean() == 0.625
    assert choice_outcomes(Pairs(texts, texts, negatives)).mean() == 0.625


def test_one_text_in_rows_that_differ_in_the_last_bits():
    """300 pairs with 21 different captions: as many to choose from."""
    kinds, which = unit(1, 21, 64), torch.arange(300) % 21
    texts = normalize(kinds[which] + 1e-7 * unit(2, 300, 64), dim=-1)
    found = examine_pairs(Pairs(kinds[which], texts, text_ids=which))
    assert list(found) == ["image to text, recall@1 among 21", "text to image, recall@1 among 300"]
    for measure, chance in zip(
        found.values(), (1 / 21, np.mean([(which == k).sum() / 300 for k in which])), strict=True
    ):
        assert measure.values == pytest.approx(1) and measure.chance == pytest.approx(chance)


@pytest.mark.parametrize("side", ["text", "image"])
def test_choices_after_a_map_are_those_of_a_slow_loop(side, device):
    pairs, rivals = small(negatives=2), unit(7, 5, 8)
    labclip = LABCLIP(8, side)
    labclip.set_matrix(unit(8, 8, 8) + torch.eye(8))
    slow = slowly(pairs, labclip, rivals)
    assert 0 < sum(slow) < len(slow)
    assert choice_outcomes(pairs.to(device), labclip.to(device), rivals.to(device)).tolist() == slow


def test_chunks_do_not_matter():
    pairs = small()
    whole = choice_outcomes(pairs, rivals=unit(7, 5, 8))
    for chunk in (1, 7, 29, 30, 31):
        assert torch.equal(choice_outcomes(pairs, rivals=unit(7, 5, 8), chunk=chunk), whole)


def test_a_map_that_merges_the_twins_leaves_one_half():
    """Blind to the last axis, in which alone each caption differs from its negative."""
    texts = torch.tensor([[1, 1, 1, 1], [1, 1, -1, 1], [1, -1, 1, 1], [-1, 1, 1, 1]]) / 2
    foils = texts * torch.tensor([1, 1, 1, -1])
    images = normalize(texts * torch.tensor([1, 1, 1, 0.0]), dim=-1)
    pairs, blind = Pairs(images, texts, foils), LABCLIP(4)
    blind.set_matrix(torch.diag(torch.tensor([1, 1, 1, 0.0])))
    assert choice_outcomes(Pairs(images, texts), blind).tolist() == [1, 1, 1, 1]
    assert choice_outcomes(pairs, blind).tolist() == [0.5] * 4


def test_a_caption_that_two_images_share_is_no_rival():
    images, ids = torch.eye(3), torch.tensor([7, 7, 9])
    texts = torch.stack([images[0], images[0], images[2]])
    pairs = Pairs(images, texts, text_ids=ids)
    assert choice_outcomes(pairs).tolist() == [1, 0.5, 1]  # to the second image all are alike
    assert choice_outcomes(pairs, rivals=images[:1], rival_ids=ids[:1]).tolist() == [1, 0.5, 1]
    assert choice_outcomes(pairs, rivals=images[1:2], rival_ids=ids[1:2] + 1).tolist() == [1, 0, 1]
    # Two texts of one embedding are two texts; and so are rows of which nobody says more.
    assert choice_outcomes(Pairs(images, texts)).tolist() == pytest.approx([0.5, 1 / 3, 1])
    assert choice_outcomes(pairs, rivals=images[:1]).tolist() == pytest.approx([0.5, 1 / 3, 1])


def test_one_caption_of_several_is_enough_but_no_negative_of_any_may_be_closer():
    image, near, nearer, far = torch.eye(3)[:1], unit(0, 1, 3), torch.tensor([[1.0, 0, 0]]), -torch.eye(3)[:1]
    both = torch.cat([near, far]), torch.tensor([0, 0])
    assert choice_outcomes(Pairs(image, both[0], None, both[1])).tolist() == [1]
    middle = normalize(near + nearer, dim=-1)
    assert choice_outcomes(Pairs(image, both[0], torch.cat([far, middle]), both[1])).tolist() == [0]


def test_images_without_a_caption_are_left_out():
    pairs = small()
    more = Pairs(torch.cat([unit(7, 3, 8), pairs.images]), pairs.texts, pairs.negatives, pairs.image + 3)
    assert torch.equal(choice_outcomes(more), choice_outcomes(pairs)) and len(choice_outcomes(more)) == 30


@pytest.mark.parametrize("what", ["many images", "one"])
def test_the_choices_of_several_processes_are_those_of_one(what, several):
    alone = together.choices()[what]
    assert len(alone) > 0 and all(torch.equal(found["choices"][what], alone) for found in several)


# The examination


@pytest.mark.parametrize("negatives", [1, 3])
def test_the_examination_of_pairs(negatives, device):
    pairs, labclip = small(negatives=negatives), LABCLIP(8)
    labclip.set_matrix(unit(8, 8, 8) + torch.eye(8))
    found = examine_pairs(pairs.to(device), labclip.to(device))
    there, back, foils = found.values()
    assert list(found) == [
        "image to text, recall@1 among 41", "text to image, recall@1 among 30", "caption against its hard negative",
    ]  # fmt: skip
    labclip = labclip.cpu()
    assert there.values.tolist() == slowly(Pairs(pairs.images, pairs.texts, None, pairs.image), labclip)
    texts, wrong = labclip(pairs.texts).detach(), labclip(pairs.negatives).detach()
    assert back.values.tolist() == [
        float((pairs.images @ t).argmax() == i) for t, i in zip(texts, pairs.image, strict=True)
    ]
    own = pairs.images[pairs.image]
    won = (own * texts).sum(-1)[:, None] > (own[:, None] * wrong).sum(-1)
    assert foils.values.tolist() == won.double().flatten().tolist()
    assert there.clusters.tolist() == list(range(30)) and back.clusters.tolist() == pairs.image.tolist()
    assert np.array_equal(foils.clusters, np.repeat(pairs.image.numpy(), negatives))
    several = np.bincount(pairs.image.numpy())  # captions of an image
    assert [there.chance, back.chance, foils.chance] == pytest.approx([several.mean() / 41, 1 / 30, 0.5])


def test_the_examination_of_clip_itself():
    pairs = bound("test")
    assert examine_pairs(pairs)["caption against its hard negative"].values.mean() == swap_accuracy(pairs)
    assert len(examine_pairs(Pairs(pairs.images, pairs.texts))) == 2
