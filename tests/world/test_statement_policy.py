import re

from labclip_lib.world.captions import FILLERS
from labclip_lib.world.scenes import World
from labclip_lib.world.statement_policy import StatementPolicy

WORLD = World()


def drawn(seed=0, n=400):
    *parts, captions = StatementPolicy().sample(WORLD, n, seed)
    return [(part, row) for part in parts for row in range(len(part))], captions


def test_every_picture_has_a_caption_of_known_words():
    pictures, captions = drawn()
    assert len(pictures) == len(captions) == 400
    known = {*FILLERS, *StatementPolicy().vocabulary(WORLD), *WORLD.colors, *WORLD.shapes}
    assert {word for caption in captions for word in caption.split()} <= known


def test_the_same_seed_gives_the_same_batch():
    assert drawn(3)[1] == drawn(3)[1] != drawn(4)[1]


def test_no_caption_says_who_stands_in_which_relation_to_whom():
    """Of two different things a caption names the relation, or both values, apart from the things."""
    for (part, row), caption in zip(*drawn(n=2000), strict=True):
        different = len({*zip(part.color[row].tolist(), part.shape[row].tolist(), strict=True)}) > 1
        if not different:
            continue
        assert not re.search(r"\w+ (left|right) of (?!the other)|(above|below|than) (?!the other)", caption), caption
        assert not ("large" in caption and "small" in caption and not caption.startswith("one large one small"))
        if "two" in caption and "three" in caption:
            assert re.match(r"(two and three|three and two) ", caption), caption
        if "no" in caption.split():
            assert all(f.startswith("no ") for f in caption.split(" and ")), caption


def test_captions_are_true():
    for (part, row), caption in zip(*drawn(n=2000), strict=True):
        colors = [WORLD.colors[c] for c in part.color[row].tolist()]
        shapes = [WORLD.shapes[s] for s in part.shape[row].tolist()]
        words = caption.split()
        if "no" in words:
            assert not {*colors, *shapes} & {*words}
        else:
            there = {*colors, *shapes, *(f"{s}s" for s in shapes), *(f"{s}es" for s in shapes)}
            named = {*WORLD.colors, *WORLD.shapes, *(f"{s}s" for s in WORLD.shapes), "crosses"} & {*words}
            assert named <= there, caption
        if "left" in words and "other" not in words:
            assert part.center[row, 0, 0] < 0.5
        if "small" in words and "large" not in words:
            assert (part.radius[row] < 0.12).all()
        if " one left of " in caption or " one right of " in caption:
            apart = (part.center[row, 0] - part.center[row, 1]).abs()
            assert apart[0] > apart[1]


def test_statements_do_not_change_what_plain_captions_say():
    """A policy without statements draws as PocketCLIP's own does, but for the seed."""
    *_, captions = StatementPolicy(shares=(0, 0, 0, 0, 0)).sample(WORLD, 200, 1)
    assert not any(word in StatementPolicy.words for caption in captions for word in caption.split())
