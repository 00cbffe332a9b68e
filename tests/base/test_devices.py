import pytest
import several as together
import torch

from labclip_lib.base.devices import (
    ALONE,
    Ranks,
    all_sum,
    device_of_rank,
    gather_rows,
    part,
    pick_device,
    process_group,
    rank,
    ranks,
    world_size,
)

NAMES = ("RANK", "WORLD_SIZE", "LOCAL_RANK")


@pytest.fixture
def environ(monkeypatch):
    """`environ("1", "2", None)` sets what torchrun sets; None leaves it out."""

    def set_to(*values):
        for name, value in zip(NAMES, values, strict=True):
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)

    set_to(None, None, None)
    return set_to


def test_a_process_of_its_own_is_alone(environ):
    assert ranks() == ALONE == Ranks(0, 1, 0)


def test_torchrun_says_who_is_who(environ):
    environ("5", "8", "1")
    assert ranks() == Ranks(rank=5, world=8, local=1)
    environ("0", "1", "0")
    assert ranks() == ALONE


@pytest.mark.parametrize(
    "values",
    [
        ("0", None, None), (None, "2", None), ("0", "2", None), (None, None, "0"), ("2", "2", "0"), ("-1", "2", "0"),
        ("0", "0", "0"), ("0", "2", "-1"), ("one", "2", "0"), ("", "2", "0"), ("0", "2.0", "0"),
    ],
)  # fmt: skip
def test_half_an_environment_and_nonsense_are_refused(environ, values, raises_saying):
    environ(*values)
    seen = [f"{name}={value}" for name, value in zip(NAMES, values, strict=True) if value is not None]
    with raises_saying(ValueError, *seen, "torchrun"):
        ranks()


@pytest.mark.parametrize("n", [0, 1, 2, 7, 8, 100])
@pytest.mark.parametrize("world", [1, 2, 3, 8])
def test_parts_cover_all_rows_once_and_are_about_equal(n, world):
    parts = []
    for number in range(world):
        with together.as_rank(number, world):
            parts.append(part(n))
    assert [row for first, end in parts for row in range(first, end)] == list(range(n))
    sizes = [end - first for first, end in parts]
    assert max(sizes) - min(sizes) <= 1


def test_each_process_has_a_graphics_card_of_its_own(environ, monkeypatch):
    monkeypatch.setattr(torch, "empty", lambda *shape, device: None)  # there is every card that is asked for
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert device_of_rank("cuda") == torch.device("cuda")
    for local, card in ((0, 0), (1, 1), (2, 0)):
        environ("3", "4", str(local))
        assert device_of_rank("cuda") == torch.device("cuda", card)
        assert device_of_rank("cuda:1") == torch.device("cuda:1") and device_of_rank("cpu") == torch.device("cpu")


def test_alone_there_is_nobody_to_join(environ):
    rows = torch.ones(3, 2)
    with process_group("cpu") as here:
        assert here == ALONE and not torch.distributed.is_initialized()
        assert gather_rows(rows, 3) is rows and all_sum(rows) is rows and torch.equal(rows, torch.ones(3, 2))
        assert (rank(), world_size(), part(3)) == (0, 1, (0, 3))


# Two and three processes


def test_each_process_knows_its_place(several):
    assert [found["here"] for found in several] == [(rank, len(several), rank) for rank in range(len(several))]


@pytest.mark.parametrize("what", ["plain", "with an axis", "fewer than processes"])
def test_everyone_gets_all_rows_and_the_owner_their_gradient(several, what):
    alone = together.gather()[what]
    for found in several:
        assert torch.equal(found["gather"][what]["rows"], alone["rows"])
    gradients = [found["gather"][what]["gradient"] for found in several]
    assert torch.allclose(torch.cat(gradients), alone["gradient"], rtol=0, atol=1e-12)


def test_a_gradient_that_two_tables_share_reaches_both_once(several):
    alone = together.gather()["plain"]
    for name in "ab":
        assert torch.equal(torch.cat([found["gather"]["plain"][name] for found in several]), alone[name])


def test_auto_takes_the_graphics_card_when_there_is_one():
    assert (pick_device("auto").type == "cuda") == torch.cuda.is_available()
    assert pick_device("cpu") == torch.device("cpu")
