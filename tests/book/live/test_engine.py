"""PocketCLIP in a real browser: the numbers that torch has, and a sentence where something is missing."""

import json
import os
import re
import shutil
from urllib.parse import urlsplit

import numpy as np
import pytest
import torch
from browser import CHROMIUM
from served import served

from labclip_lib.alignment.labclip import LABCLIP
from labclip_lib.book.live.export import write_engine, write_table
from labclip_lib.models.backbones import load_backbone
from labclip_lib.world.captions import TEMPLATES, CaptionPolicy
from labclip_lib.world.scenes import World

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium here")
WORLD = World()
COUNT, TOLERANCE = 500, 1e-3
PAGE = "<!doctype html><html lang=en><meta charset=utf-8><link rel=icon href='data:,'><title>Live</title>"
LOAD = "import('/live/engine.js').then(async ({Engine}) => { window.engine = await Engine.load(); })"
# What something fails with, or what it brings.
SAID = "(async () => (%s))().then(brings => ({brings}), error => ({says: error.message}))"


@pytest.fixture(scope="module")
def pocket():
    return load_backbone("pocket", device="cpu")


@pytest.fixture(scope="module")
def pictures():
    """500 scenes of one, two and three objects, as a page has them: (500, 64, 64, 3) bytes."""
    scenes = [WORLD.sample(COUNT - 200, 2, seed=1), WORLD.sample(150, 1, seed=2), WORLD.sample(50, 3, seed=3)]
    rendered = torch.cat([part.render(64) for part in scenes])
    return (rendered * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()


@pytest.fixture(scope="module")
def captions():
    """500 captions of one, two and three objects, in full and in part, in every template and either order."""
    policy = CaptionPolicy(binding=0.3)
    told = policy.sample(WORLD, 240, seed=4)[2]
    for seed, template in enumerate(TEMPLATES.values(), 5):
        scenes = WORLD.sample(39, 2, seed=seed)
        told += scenes.captions("fixed", template=template) + scenes.captions("random", seed, template)
    told += WORLD.sample(23, 3, seed=8).captions("random", 8)
    told += ["A RED circle, and a blue\tsquare.", "moon", " ".join(["the thing"] * 11)]  # the last as long as may be
    assert len(told) == COUNT
    return told


@pytest.fixture(scope="module")
def labclip(pocket):
    labclip = LABCLIP(pocket.dim)
    labclip.set_matrix(torch.randn(256, 256, generator=torch.Generator().manual_seed(9)))
    return labclip


@pytest.fixture(scope="module")
def folder(pocket, pictures, labclip, tmp_path_factory):
    """A site with the engine, the pictures, and two tables."""
    folder = tmp_path_factory.mktemp("site")
    write_engine(folder / "live", pocket)
    write_table(folder / "live", "labclip", {"linear.weight": labclip.linear.weight}, pocket, {"alpha": 1})
    probe = {"shape.weight": torch.arange(15.0).reshape(3, 5), "shape.bias": torch.tensor([0.5, 0, -0.5]).half()}
    write_table(folder / "live", "probe", probe, pocket)
    (folder / "pictures").write_bytes(pictures.numpy().tobytes())
    (folder / "index.html").write_text(PAGE)
    return folder


@pytest.fixture(scope="module")
def address(folder):
    with served(folder) as address:
        yield address


@pytest.fixture
def reader(browser, address):
    """A browser whose page has the engine loaded and the pictures at hand, and may not complain."""
    browser.open(f"{address}/index.html")
    browser(LOAD)
    browser("""fetch('/pictures').then(answer => answer.arrayBuffer()).then(bytes => {
        window.picture = k => new Uint8ClampedArray(bytes, 12288 * k, 12288);
    })""")
    yield browser
    assert browser.complaints() == []


@pytest.fixture
def broken(browser, folder, tmp_path):
    """A copy of the site to break, in which no engine is loaded yet: (browser, folder of the engine)."""
    shutil.copytree(folder / "live", tmp_path / "live")
    (tmp_path / "index.html").write_text(PAGE)
    with served(tmp_path) as address:
        browser.open(f"{address}/index.html")
        yield browser, tmp_path / "live"


def see(reader, first, last):
    """Embeddings of pictures, and the milliseconds that each took."""
    numbers, times = reader(f"""(() => {{
        const numbers = [], times = [];
        for (let k = {first}; k < {last}; k++) {{
            const start = performance.now(), embedding = engine.embedImage(picture(k));
            times.push(performance.now() - start);
            numbers.push([...embedding]);
        }}
        return [numbers, times];
    }})()""")
    return torch.tensor(numbers), times


def read(reader, captions):
    script = f"engine.embedText({json.dumps(captions)}).then(rows => rows.map(row => [...row]))"
    return torch.tensor(reader(script))


def says(browser, script):
    """The sentence with which something fails."""
    answer = browser(SAID % script)
    assert "says" in answer, answer
    assert answer["says"].endswith(".") and not re.search(r"[.!?] [A-Z]|\n", answer["says"]), answer
    return answer["says"]


class TestParity:
    def test_every_cosine_is_torch_s(self, reader, pocket, pictures, captions):
        seen, times = zip(*(see(reader, first, first + 50) for first in range(0, COUNT, 50)), strict=True)
        told = torch.cat([read(reader, captions[first : first + 50]) for first in range(0, COUNT, 50)])
        seen, times = torch.cat(seen), np.concatenate(times)
        true_seen = pocket.encode_images(pictures.permute(0, 3, 1, 2) / 255)
        true_told = pocket.encode_texts(captions)
        worst = {
            what: float((a @ b.T - c @ d.T).abs().max())
            for what, a, b, c, d in (
                ("picture and caption", seen, told, true_seen, true_told),
                ("two pictures", seen, seen, true_seen, true_seen),
                ("two captions", told, told, true_told, true_told),
            )
        }
        print(f"largest differences of cosines: {worst}")
        median, p95 = np.quantile(times, [0.5, 0.95])
        print(f"a picture: median {median:.1f} ms (bound 50), 95th percentile {p95:.1f} ms (bound 100)")
        assert max(worst.values()) < TOLERANCE
        assert (seen.norm(dim=1) - 1).abs().max() < 1e-5 and (told.norm(dim=1) - 1).abs().max() < 1e-5

    def test_floats_are_seen_as_bytes_are(self, reader):
        assert reader("""(() => {
            const bytes = engine.embedImage(picture(3));
            const floats = engine.embedImage(Float32Array.from(picture(3), value => value / 255));
            return Math.max(...bytes.map((value, i) => Math.abs(value - floats[i])));
        })()""") < 1e-6  # fmt: skip

    def test_the_same_again_whatever_came_between(self, reader, captions):
        first, told = see(reader, 0, 3)[0], read(reader, captions[:3])
        see(reader, 200, 210)
        read(reader, captions[-5:])
        assert torch.equal(see(reader, 0, 3)[0], first)
        assert torch.equal(read(reader, captions[2::-1]), told.flip(0))
        reader(LOAD)
        assert torch.equal(see(reader, 0, 3)[0], first) and torch.equal(read(reader, captions[:3]), told)

    def test_embeddings_stay_as_they_were_given(self, reader):
        assert reader("""(() => {
            const first = engine.embedImage(picture(0)), kept = [...first];
            engine.embedImage(picture(1));
            return kept.every((value, i) => value === first[i]);
        })()""")

    def test_two_who_ask_at_once_each_get_theirs(self, reader, captions):
        one, other = reader(f"""Promise.all([[{captions[0]!r}], [{captions[1]!r}]].map(
            captions => engine.embedText(captions).then(([row]) => [...row])))""")
        assert torch.equal(torch.tensor([one, other]), read(reader, captions[:2]))
        assert [urlsplit(asked).path for asked in reader.requests()].count("/live/text.bin") == 1

    def test_cosine(self, reader):
        assert reader("engine.cosine(new Float32Array([3, 4]), new Float32Array([4, 3]))") == pytest.approx(0.96)


class TestTables:
    def test_labclip_in_the_page_is_labclip(self, reader, pocket, captions, labclip):
        told, image = captions[:20], see(reader, 0, 1)[0][0]
        found = reader(f"""(async () => {{
            const labclip = await engine.table("labclip"), image = engine.embedImage(picture(0));
            const rows = await engine.embedText({json.dumps(told)});
            return [labclip.about.alpha, ...rows.map(row => engine.cosine(image, labclip.apply("linear", row)))];
        }})()""")
        assert found[0] == 1
        assert (torch.tensor(found[1:]) - labclip(pocket.encode_texts(told)) @ image).abs().max() < TOLERANCE

    def test_a_probe_with_its_bias(self, reader):
        scores = "engine.table('probe').then(probe => [...probe.apply('shape', new Float32Array([1, 0, 2, 0, 1]))])"
        assert reader(scores) == [8.5, 28, 47.5]

    def test_what_it_holds(self, reader):
        bias = "engine.table('probe').then(({tensors: {'shape.bias': bias}}) => [bias.shape, [...bias.data]])"
        assert reader(bias) == [[3], [0.5, 0, -0.5]]


class TestTokenizer:
    @pytest.mark.parametrize(
        "caption", ["a red hexagon", "", " . ", "red " * 23, "red-circle", "constructor", "A Red HEXAGON, please."]
    )
    def test_it_refuses_what_python_refuses_in_the_same_words(self, reader, pocket, caption):
        with pytest.raises(ValueError) as caught:
            pocket.tokenizer(["a star", caption])
        assert says(reader, f"engine.embedText({json.dumps(['a star', caption])})") == str(caught.value)

    def test_ids(self, reader, pocket, captions):
        script = f"""import('/live/text_tower.js').then(({{tokenize}}) =>
            {json.dumps(captions)}.map((caption, row) => tokenize(caption, row, engine.about)))"""
        assert reader(script) == [[int(i) for i in row if i] for row in pocket.tokenizer(captions)]


class TestWhatItAsksFor:
    def test_its_own_host_and_the_text_tower_only_when_a_caption_comes(self, reader, address):
        see(reader, 0, 1)
        asked = reader.requests()
        assert f"{address}/live/image.bin" in asked and f"{address}/live/text.bin" not in asked
        read(reader, ["a star"])
        read(reader, ["a moon"])
        assert reader.requests().count(f"{address}/live/text.bin") == 1
        assert {urlsplit(asked).netloc for asked in reader.requests()} == {urlsplit(address).netloc}

    def test_a_folder_by_its_address(self, reader, address):
        for base in ("live", "/live/", "/live", f"{address}/live"):
            path = f"import('/live/engine.js').then(({{Engine}}) => Engine.load({base!r})).then(e => e.folder.href)"
            assert reader(path) == f"{address}/live/"

    def test_no_wasm_and_no_shared_memory_are_needed(self, browser, address):
        without = browser.send(
            "Page.addScriptToEvaluateOnNewDocument", source="delete self.WebAssembly; delete self.SharedArrayBuffer;"
        )
        try:
            browser.open(f"{address}/index.html")
            assert browser("typeof WebAssembly") == "undefined"
            browser(LOAD)
            assert browser("engine.embedText(['a red star']).then(([row]) => row.length)") == 256
        finally:
            browser.send("Page.removeScriptToEvaluateOnNewDocument", **without)


def cut(data):
    return data[:-1000]


def flipped(data):
    return data[:5000] + bytes([data[5000] ^ 1]) + data[5001:]


def other_checksum(data):
    return data[:-8] + bytes([data[-8] ^ 1]) + data[-7:]


def another_page(data):
    return b"<!doctype html><p>Not found, said with status 200."


def empty(data):
    return b""


class TestFailures:
    @pytest.mark.parametrize("spoil", [cut, flipped, other_checksum, another_page, empty])
    def test_a_spoilt_file(self, broken, spoil):
        browser, folder = broken
        path = folder / "image.bin"
        path.write_bytes(spoil(path.read_bytes()))
        assert says(browser, LOAD) == "The model's file image.bin came damaged or cut short; reload the page."

    def test_a_missing_file(self, broken):
        browser, folder = broken
        (folder / "image.bin").unlink()
        assert says(browser, LOAD) == "The model's file image.bin cannot be had from the site (status 404)."

    def test_a_site_that_is_gone(self, reader, tmp_path):
        with served(tmp_path) as gone:
            pass
        sentence = says(reader, f"import('/live/engine.js').then(({{Engine}}) => Engine.load('{gone}/live/'))")
        assert sentence == "The model's file image.bin cannot be reached; check the connection and reload the page."
        reader.events = []  # the browser says so, too

    def test_a_browser_that_cannot_unpack(self, broken):
        browser, _ = broken
        browser("delete self.DecompressionStream")
        assert says(browser, LOAD) == "This browser cannot unpack the model; a newer one can."

    def test_a_text_tower_that_comes_at_the_second_try(self, broken):
        browser, folder = broken
        path = folder / "text.bin"
        whole = path.read_bytes()
        path.write_bytes(cut(whole))
        browser(LOAD)
        assert "text.bin" in says(browser, "engine.embedText(['a star'])")
        assert browser("engine.embedImage(new Uint8ClampedArray(12288)).length") == 256
        path.write_bytes(whole)
        assert browser("engine.embedText(['a star']).then(rows => rows[0].length)") == 256

    def test_a_table_that_is_not_there(self, reader):
        assert "nothing.bin" in says(reader, "engine.table('nothing')")
        reader.events = []

    def test_a_file_that_was_replaced_is_not_taken_from_the_browser_s_memory(self, broken, pocket):
        browser, folder = broken
        browser(LOAD)
        for year, number in enumerate((3, 4)):
            write_table(folder, "probe", {"shape.weight": torch.full((1, 1), float(number))}, pocket)
            # So old that a browser, left to itself, would keep it for weeks.
            os.utime(folder / "probe.bin", (year * 30_000_000,) * 2)
            script = "engine.table('probe').then(({apply}) => apply('shape', new Float32Array([1]))[0])"
            assert browser(script) == number

    def test_a_site_that_has_changed_meanwhile(self, broken, tiny):
        browser, folder = broken
        browser(LOAD)
        write_table(folder, "labclip", {"linear.weight": torch.eye(4)}, tiny)
        sentence = says(browser, "engine.table('labclip')")
        assert sentence == "The site has changed since this page was opened; reload the page."

    @pytest.mark.parametrize("pixels", ["new Float32Array(100)", "new Uint8ClampedArray(4 * 64 * 64)", "undefined"])
    def test_a_picture_of_another_size(self, reader, pixels):
        assert "64 x 64 x 3" in says(reader, f"engine.embedImage({pixels})")
