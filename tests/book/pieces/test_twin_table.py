import json
import random
import re

import pytest
import torch
from piece_page import at_width, both_ways, by_the_script, in_a_browser, text, texts, tick_box

from labclip_lib.book.pieces.twin_table import twin_table
from labclip_lib.operators.on_captions import swap
from labclip_lib.theory.encoders import ideal_encoders
from labclip_lib.theory.finite_worlds import finite_world, merging_cost, population_loss, twin

COLORS, SHAPES = ("red", "green", "blue"), ("circle", "square", "star")
FULL = finite_world(COLORS, SHAPES)
PARTNER = [FULL.scenes.index(twin(scene)) for scene in FULL.scenes]
PAIRS = [(i, j) for i, j in enumerate(PARTNER) if i < j]


def world_of(occurs, margin=6.0):
    without = [scene for scene, here in zip(FULL.scenes, occurs, strict=True) if not here]
    return finite_world(COLORS, SHAPES, without=without, margin=margin)


def cost(world):
    """What it costs to merge all twins."""
    swapped = [world.captions.index(swap(caption).value) for caption in world.captions]
    return sum(merging_cost(world, i, j) for i, j in enumerate(swapped) if i < j)


def wrong_where_free(world):
    """Encoders with the smallest loss that lose every swap test that the loss leaves open."""
    images, captions = (table.clone() for table in ideal_encoders(world))
    here = world.scene_support.tolist()
    for x, y in ((x, y) for x, y in enumerate(PARTNER) if not here[x]):
        captions[[2 * x, 2 * x + 1]] = 2 * captions[2 * y] if here[y] else captions[[2 * x, 2 * x + 1]]
        images[x] = -images[y] if here[y] else ideal_encoders(world)[0][y]
    return images, captions


def swap_accuracy(images, captions):
    logits = images @ captions.T
    own = torch.arange(len(images))
    return float((logits[own, 2 * own] > logits[own, 2 * torch.tensor(PARTNER)]).double().mean())


@pytest.fixture(scope="module")
def piece():
    return twin_table(finite_world(COLORS, SHAPES, twins="one"))


def test_without_a_script_the_first_world_stands_there(piece):
    before = piece.data.partition("<script>")[0]
    alts = re.findall(r'<input type="checkbox"( checked)?><img [^>]*alt="([^"]+)"', before)
    world = finite_world(COLORS, SHAPES, twins="one")
    want = {world.captions[2 * i]: bool(world.scene_support[i]) for i in range(len(world.scenes))}
    assert {name: bool(checked) for checked, name in alts} == want and len(alts) == 18
    for (_, first), (_, second) in zip(alts[::2], alts[1::2], strict=True):
        assert swap(first).value == second  # twins side by side
    assert (
        f"9 scenes occur, and 0 of 9 pairs are whole. The\n    smallest loss is {-world.mutual_information:.3f}"
        in before
    )
    assert 'class="lc-presets" hidden' in before


def test_its_sentence_counts_whole_pairs_too():
    before = twin_table(FULL).data.partition("<script>")[0]
    assert "18 scenes occur, and 9 of 9 pairs are whole." in before
    assert f"{cost(FULL) - FULL.mutual_information:.3f}.</p>" in before


def test_captions_that_describe_no_scene_have_no_box(raises_saying):
    with raises_saying(ValueError, "'no red circle and green square'"):
        twin_table(finite_world(COLORS, SHAPES, extra=["no red circle and green square"]))


@in_a_browser
def test_the_arithmetic_is_the_library_s(browser):
    rng = random.Random(0)
    cases = [[rng.random() < share for _ in PARTNER] for share in (0.2, 0.5, 0.8) for _ in range(40)]
    cases = [occurs for occurs in cases if sum(occurs) > 1] + [[True] * 18]
    for margin in (6.0, 1.5):
        found = by_the_script(
            browser, "twin_table",
            f"{json.dumps(cases)}.map(occurs => pinned(occurs, {PARTNER}, {margin}))",
        )  # fmt: skip
        for occurs, shown in zip(cases, found, strict=True):
            world = world_of(occurs, margin)
            best = -world.mutual_information
            assert shown["smallest"] == pytest.approx(best, abs=1e-9)
            assert shown["bag"] == pytest.approx(best + cost(world), abs=1e-9)
            assert shown["whole"] == sum(occurs[i] and occurs[j] for i, j in PAIRS)
            # There are encoders with that loss at both ends of the range.
            for encoders, accuracy in ((ideal_encoders(world), 1), (wrong_where_free(world), shown["lowest"])):
                assert float(population_loss(world, encoders[0] @ encoders[1].T)) == pytest.approx(best, abs=1e-9)
                assert swap_accuracy(*encoders) == pytest.approx(accuracy)


@in_a_browser
class TestInABrowser:
    def test_at_first_it_shows_the_world_that_it_was_given(self, reader, root):
        best = -finite_world(COLORS, SHAPES, twins="one").mutual_information
        assert texts(reader, f"{root} .lc-bar span") == [
            f"smallest loss: {best:.3f} nats",
            f"smallest loss of a bag of words: {best:.3f} nats",
            "swap accuracy of encoders with the smallest loss: 0.00 to 1.00",
            "swap accuracy of a bag of words, and chance: 0.50",
        ]
        assert text(reader, f"{root} .lc-note") == (
            "No pair is whole. A bag of words has the smallest loss, too, and no swap test is decided."
        )

    @both_ways
    def test_the_second_twin_makes_a_bag_of_words_pay(self, reader, root, by):
        one = finite_world(COLORS, SHAPES, twins="one").scene_support.tolist()
        k = next(k for k, x in enumerate(x for pair in PAIRS for x in pair) if not one[x])
        scene = [x for pair in PAIRS for x in pair][k]
        box = f"{root} .lc-twins:nth-child({k // 2 + 1}) label:nth-child({k % 2 + 1}) input"
        tick_box(reader, box, by)
        one[scene] = True
        world = world_of(one)
        best, price = -world.mutual_information, cost(world)
        assert texts(reader, f"{root} .lc-bar span")[:3] == [
            f"smallest loss: {best:.3f} nats",
            f"smallest loss of a bag of words: {best + price:.3f} nats",
            "swap accuracy of encoders with the smallest loss: 0.11 to 1.00",
        ]
        assert text(reader, f"{root} .lc-note") == (
            f"1 of 9 pairs is whole. A bag of words pays {price:.3f} nats, and only the swap tests of this pair are "
            "decided."
        )
        assert reader(f"document.querySelectorAll('{root} [data-whole=true]').length") == 1

    @both_ways
    def test_presets(self, reader, root, by):
        reader.use(f"{root} .lc-presets button:last-child", by)
        assert reader(f"document.querySelectorAll('{root} input:checked').length") == 18
        assert text(reader, f"{root} .lc-note") == (
            f"All pairs are whole. A bag of words pays {cost(FULL):.3f} nats, and every swap test is decided."
        )
        assert texts(reader, f"{root} .lc-bar span")[2].endswith("smallest loss: 1.00")
        reader.use(f"{root} .lc-presets button:first-child", by)
        assert text(reader, f"{root} .lc-note").startswith("No pair is whole.")

    def test_one_scene_is_no_world(self, reader, root):
        for _ in range(8):
            reader.click(f"{root} input:checked")
        assert text(reader, f"{root} .lc-note") == "A world needs two or more scenes that occur. Tick another one."
        assert texts(reader, f"{root} .lc-bar span") == []

    def test_each_box_is_named_and_the_sentence_is_read_out(self, reader, root):
        nodes = [node for node in reader.send("Accessibility.getFullAXTree")["nodes"] if not node["ignored"]]
        boxes = {node["name"]["value"] for node in nodes if node["role"]["value"] == "checkbox"}
        assert boxes == set(FULL.captions[::2])
        assert reader(f"document.querySelector('{root} .lc-note').ariaLive") == "polite"

    def test_it_fits_a_phone(self, reader, root):
        assert at_width(reader, 320, root) <= 320
