"""The page draws a scene as the library does: live/js/scene.js in a browser, beside Scenes.render."""

import json

import pytest
from browser import CHROMIUM
from live_page import write_page
from served import served

from labclip_lib.world.geometry import MOST, plain
from labclip_lib.world.scenes import World
from labclip_lib.world.shapes import COLORS, SHAPES

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium here")
SIZES = (64, 320)
EACH = 50  # scenes of each number of objects
SCRIPT = """
import {World} from "./scene.js";
const world = new World(geometry);
window.world = world;

// How many channels of all scenes differ from the library's bytes by 0, 1, ... of 255.
window.compare = async size => {
  const [scenes, buffer] = await Promise.all([
    fetch("scenes.json").then(reply => reply.json()), fetch(`${size}.bin`).then(reply => reply.arrayBuffer())]);
  const expected = new Uint8Array(buffer), counts = new Array(256).fill(0);
  scenes.forEach((scene, n) => world.render(scene, size).forEach((byte, k, {length}) => {
    counts[Math.abs(byte - expected[n * length + k])]++;
  }));
  window.counts = counts;
};

// Milliseconds of each scene, for a canvas.
window.time = async size => {
  const scenes = await fetch("scenes.json").then(reply => reply.json());
  const run = () => scenes.map(scene => {
    const start = performance.now();
    world.image(scene, size);
    return performance.now() - start;
  });
  run();
  window.times = run();
};
"""


def library_bytes(scenes, size):
    """What the library paints, one byte a channel: (N, size, size, 3) uint8."""
    return (scenes.render(size).permute(0, 2, 3, 1) * 255).round().byte().numpy()


@pytest.fixture(scope="module")
def drawn():
    """Scenes of one to four objects, with all colours and shapes among them."""
    drawn = [World().sample(EACH, objects, seed=[5, objects]) for objects in range(1, MOST + 1)]
    for part, known in (("color", COLORS), ("shape", SHAPES)):
        assert all(set(getattr(scenes, part).flatten().tolist()) == set(range(len(known))) for scenes in drawn[1:])
    return drawn


@pytest.fixture(scope="module")
def reader(browser, drawn, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scene")
    write_page(folder, SCRIPT)
    (folder / "scenes.json").write_text(json.dumps([scene for scenes in drawn for scene in plain(scenes)]))
    for size in SIZES:
        (folder / f"{size}.bin").write_bytes(b"".join(library_bytes(scenes, size).tobytes() for scenes in drawn))
    with served(folder) as address:
        browser.open(f"{address}/index.html")
        browser.wait_until("window.world")
        yield browser
        assert browser.complaints() == []


@pytest.mark.parametrize("size", SIZES)
def test_it_paints_what_the_library_paints(reader, size):
    reader(f"compare({size}), null")
    reader.wait_until("window.counts")
    counts = reader("window.counts")
    reader("delete window.counts")
    assert sum(counts) == EACH * MOST * size * size * 3
    assert sum(counts[9:]) == 0 and sum(counts[:3]) >= 0.999 * sum(counts), counts[:12]
    print(f"\n{size} pixels: channels by their difference from the library, 0 to 255: {counts[:4]}, then none")


def test_a_canvas_gets_the_same_picture(reader, drawn):
    (scene,) = plain(drawn[1][:1])
    rgba = reader(f"[...world.image({json.dumps(scene)}, 64).data]")
    rgb = reader(f"[...world.render({json.dumps(scene)}, 64)]")
    assert [rgba[k::4] for k in range(3)] == [rgb[k::3] for k in range(3)] and set(rgba[3::4]) == {255}


def test_a_shape_that_reaches_out_of_the_picture_is_cut_off(reader, drawn):
    (scene,) = plain(drawn[0][:1])
    scene["objects"][0] |= {"x": 0.0, "y": 1.0, "color": "red", "shape": "square", "angle": 0}
    pixels = reader(f"[...world.render({json.dumps(scene)}, 64)]")
    corner, opposite = 3 * 64 * 63, 3 * 63
    assert pixels[corner] - pixels[corner + 1] > 100 > abs(pixels[opposite] - pixels[opposite + 1])


@pytest.mark.parametrize("size", [64, 320])
def test_it_says_how_fast_it_is(reader, size):
    reader(f"time({size}), null")
    reader.wait_until("window.times")
    times = sorted(reader("window.times"))
    reader("delete window.times")
    median, late = times[len(times) // 2], times[int(0.95 * len(times))]
    print(f"\n{size} pixels: median {median:.2f} ms a scene, 95th percentile {late:.2f} ms")
    assert median > 0
