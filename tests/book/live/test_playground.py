"""The playground: what it knows from the start, and the page in a browser."""

import json
import shutil

import pytest
import torch
from browser import CHROMIUM
from served import served

from labclip_lib.book.live.playground import Playground, ahead, cosine
from labclip_lib.book.pieces.panel import SCRIPTS
from labclip_lib.embeddings.embed import embed_images, embed_texts
from labclip_lib.models.backbones import load_backbone

VERDICT, STATUS = (
    "document.querySelector('.lc-verdict').textContent",
    "document.querySelector('[role=status]').textContent",
)
ROWS = """[...document.querySelectorAll('.lc-results tbody tr')].map(row => [row.querySelector('th').firstChild.data,
    ...[...row.querySelectorAll('td')].map(cell => parseFloat(cell.textContent))])"""
PIECE = "document.querySelector('.lc-panel').playground"


@pytest.fixture(scope="module")
def playground():
    return Playground(load_backbone("pocket", device="cpu"), layouts=1)


def test_the_first_scenes_show_what_there_is_to_see(playground):
    assert playground.first[0][0].captions()[0] == "blue square and orange triangle"
    signs = [(ahead(answer, 0) > 0, ahead(answer, 1) > 0) for _, answer in playground.first]
    assert signs == [(False, True), (True, True), (False, True), (False, False), (True, True)]


def test_an_answer_is_the_model_s(playground):
    scene, answer = playground.first[0]
    captions = [row["caption"] for row in answer["rows"]]
    assert captions[:2] == [scene.captions()[0], scene.swapped().captions()[0]]
    u, v = embed_images(playground.backbone, scene), embed_texts(playground.backbone, captions)
    mapped = torch.nn.functional.normalize(0.3 * v + 0.7 * v @ playground.matrix.T, dim=1)
    for share, texts in ((0, v), (0.7, mapped)):
        assert [cosine(row, share) for row in answer["rows"]] == pytest.approx((texts @ u[0]).tolist(), abs=1e-4)
    for side, shape, color in (("image", "square", "blue"), ("caption", "triangle", "orange")):
        heard = answer[side][playground.world.shapes.index(shape)]
        assert heard.index(max(heard)) == playground.world.colors.index(color)


def test_the_page_s_data_are_json(playground):
    data = json.loads(json.dumps(playground.data()))
    assert len(data["first"]) == 5 and set(data["world"]) == {"colors", "shapes", "limits"}


# The page

pytest_browser = pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium here")


@pytest.fixture(scope="module")
def site(playground, tmp_path_factory):
    """A page with the playground, and one with the small one."""
    folder = tmp_path_factory.mktemp("site")
    playground.write(folder)
    data = json.dumps(playground.data()).replace("<", "\\u003c")
    live = SCRIPTS.parents[1] / "live" / "js"
    style = "".join(path.read_text() for path in (SCRIPTS / "panel.css", live / "stage.css", live / "playground.css"))
    for name in ("large", "small"):
        (folder / f"{name}.html").write_text(
            f"<!doctype html><html lang=en data-theme=light><meta charset=utf-8><link rel=icon href=data:,>"
            f"<meta name=viewport content='width=device-width'><style>{style}</style>"
            f"<div class=lc-panel data-playground={name}><script type='application/json'>{data}</script>"
            "<div class=lc-still>Still.</div></div><script type=module src=playground.js></script>",
            "utf-8",
        )
    return folder


@pytest.fixture
def visit(browser, site, tmp_path):
    """Opens a page of a copy of the site, without some of its files."""
    with served(tmp_path) as address:

        def open_it(page="large.html", without=()):
            for path in site.iterdir():
                if path.name not in without:
                    shutil.copy(path, tmp_path)
            browser.events.clear()
            browser.send("Page.navigate", url="about:blank")
            browser.send("Page.navigate", url=f"{address}/{page}")
            browser.wait_until(f"document.querySelector('.lc-panel')?.playground && {ROWS}.length > 1")
            return browser

        yield open_it
    asked = [e["params"]["request"]["url"] for e in browser.events if e["method"] == "Network.requestWillBeSent"]
    assert all(url.startswith((address, "data:", "about:")) for url in asked), asked
    browser.send("Page.navigate", url="about:blank")


def awake(browser):
    browser(f"void {PIECE}.wake()")
    browser.wait_until(f"!!{PIECE}.model")
    browser.wait_until(f"{STATUS} === ''")
    return browser


@pytest_browser
def test_it_answers_before_the_model_is_there_and_alike_after(visit, playground):
    page = visit()
    assert page("document.querySelector('.lc-still')") is None and not page(f"!!{PIECE}.model")
    for k, (scene, answer) in enumerate(playground.first):
        page(f"document.querySelectorAll('.lc-pick')[{k}].click()")
        page.wait_until(f"{ROWS}[0][0] === {json.dumps(scene.captions()[0])}")
        for row, (caption, clip, labclip) in zip(answer["rows"], page(ROWS), strict=True):
            assert caption == row["caption"]
            assert (clip, labclip) == pytest.approx((cosine(row, 0), cosine(row, 1)), abs=6e-4)
    awake(page)
    for k, (scene, answer) in enumerate(playground.first):
        page(f"document.querySelectorAll('.lc-pick')[{k}].click()")
        page.wait_until(f"{ROWS}[0][0] === {json.dumps(scene.captions()[0])}")
        shown = page(ROWS)
        for row, (caption, *cosines) in zip(answer["rows"], shown, strict=True):
            assert caption == row["caption"]
            assert cosines == pytest.approx((cosine(row, 0), cosine(row, 1)), abs=1.6e-3)
        says = page(VERDICT)
        assert says.startswith("CLIP prefers the true") == (ahead(answer, 0) > 0)
        assert ("LABCLIP prefers the true" in says) == (ahead(answer, 1) > 0)
        assert page("document.querySelectorAll('.lc-reads[data-right=true]').length") == 2


@pytest_browser
def test_moving_recolouring_and_swapping_change_the_answers(visit):
    page = awake(visit())
    before = page(ROWS)
    page("document.querySelector('.lc-disc').focus()")
    page.press("Left", "Left", "Left")
    page.wait_until(f"{ROWS}[0][1] !== {before[0][1]}")
    assert page(ROWS)[0][0] == before[0][0]
    page("[...document.querySelectorAll('button')].find(one => one.textContent === 'swap colours').click()")
    page.wait_until(f"{ROWS}[0][0] === 'orange square and blue triangle'")
    assert page(ROWS)[1][0] == "blue square and orange triangle"
    # As before the swap: CLIP preferred this caption when it was false, too.
    assert "are swapped, and CLIP still picks “orange square and blue triangle”" in page(VERDICT)
    page("document.querySelector('.lc-colors [data-value=pink]').click()")
    page.wait_until(f"{ROWS}[0][0].startsWith('pink square')")


@pytest_browser
def test_the_slider_leads_from_clip_to_labclip(visit):
    page = visit()
    page("""(() => { const input = document.querySelector('.lc-side input[type=range]');
        input.value = 0; input.dispatchEvent(new Event('input')); })()""")
    assert all(clip == labclip for _, clip, labclip in page(ROWS))


@pytest_browser
def test_the_slider_stays_under_the_hand(visit):
    page = awake(visit())
    places = page(f"""[...document.querySelectorAll('.lc-pick')].map(pick => {{
        pick.click();
        return [0, 0.3, 0.9, 1].map(share => {{
            {PIECE}.mix(share);
            return {PIECE}.slider.getBoundingClientRect().top;
        }});
    }})""")
    assert all(max(tops) - min(tops) < 3 for tops in places), places


def press(page, begins):
    page(f"[...document.querySelectorAll('button')].find(one => one.textContent.startsWith({begins!r})).click()")


def type_in(page, caption):
    page(f"""(() => {{ const field = document.querySelector('input[type=text]');
        field.value = {json.dumps(caption)}; field.form.requestSubmit(); }})()""")


@pytest_browser
def test_captions_are_turned_round(visit, playground):
    page = awake(visit())
    press(page, "turn")
    page.wait_until(f"{ROWS}[0][0] === 'orange triangle and blue square'")
    scene, _ = playground.first[0]
    texts = embed_texts(playground.backbone, [caption for caption, *_ in page(ROWS)])
    want = (texts @ embed_images(playground.backbone, scene)[0]).tolist()
    assert [clip for _, clip, _ in page(ROWS)] == pytest.approx(want, abs=1.6e-3)


@pytest_browser
def test_captions_stay_as_they_are_where_the_text_tower_cannot_be_had(visit):
    page = awake(visit(without=["text.bin"]))
    press(page, "turn")
    page.wait_until(f"{STATUS}.includes('404')")
    assert page(
        "[...document.querySelectorAll('button[aria-pressed=true]')].every(one => !one.textContent.startsWith('turn'))"
    )
    press(page, "swap colours")
    page.wait_until(f"{ROWS}[0][0] === 'orange square and blue triangle'")


@pytest_browser
def test_a_typed_caption_is_compared_and_an_unknown_word_named(visit, playground):
    page = awake(visit())
    type_in(page, "Blue  thing")
    page.wait_until(f"{ROWS}.length === 5")
    scene, _ = playground.first[0]
    (own,) = (embed_texts(playground.backbone, ["blue thing"]) @ embed_images(playground.backbone, scene)[0]).tolist()
    assert page(ROWS)[-1][:2] == ["blue thing", pytest.approx(own, abs=1.6e-3)]
    type_in(page, "a blue dog")
    page.wait_until(f"{STATUS}.includes('dog')")
    assert page(ROWS)[-1][0] == "blue thing"


@pytest_browser
def test_three_objects_and_one(visit):
    page = awake(visit())
    press(page, "a third object")
    page.wait_until(f"{ROWS}[0][0].split(' and ').length === 3")
    reads = "[...document.querySelectorAll('.lc-reads')].map(line => line.textContent.split(' is ').length - 1)"
    assert page(reads) == [3, 3]
    press(page, "remove")
    press(page, "remove")
    page.wait_until(f"{VERDICT}.includes('nothing to bind')")
    assert page(reads) == [1, 1] and [len(caption.split()) for caption, *_ in page(ROWS)] == [2, 2, 2]


@pytest_browser
def test_a_scene_in_which_clip_fails_is_found_and_sent(visit):
    page = awake(visit())
    page("[...document.querySelectorAll('button')].find(one => one.textContent.includes('where CLIP fails')).click()")
    page.wait_until(f"{STATUS}.includes('drawn at random')")
    page.wait_until(f"{VERDICT}.includes('CLIP prefers the caption with the colours swapped')")
    page("[...document.querySelectorAll('button')].find(one => one.textContent.startsWith('copy')).click()")
    page.wait_until("location.hash.length > 10")
    mark, rows = page("location.hash"), page(ROWS)
    other = visit(f"large.html{mark}")
    other.wait_until(f"{ROWS}[0][0] === {json.dumps(rows[0][0])}")
    assert [row[1] for row in other(ROWS)] == pytest.approx([row[1] for row in rows], abs=5e-3)  # an address has digits


@pytest_browser
@pytest.mark.parametrize("lost", ["image.bin", "captions.bin"])
def test_without_the_model_the_first_scenes_still_answer(visit, playground, lost):
    page = visit(without=[lost])
    page(f"void {PIECE}.wake()")
    page.wait_until(f"{STATUS}.includes('{lost}')")
    scene, answer = playground.first[1]
    page("document.querySelectorAll('.lc-pick')[1].click()")
    page.wait_until(f"{ROWS}[0][0] === {json.dumps(scene.captions()[0])}")
    assert not page(f"!!{PIECE}.model") and "answers without it" in page(STATUS)
    for row, (caption, *cosines) in zip(answer["rows"], page(ROWS), strict=True):
        assert caption == row["caption"]
        assert cosines == pytest.approx((cosine(row, 0), cosine(row, 1)), abs=6e-4)


@pytest_browser
@pytest.mark.parametrize("width", [320, 400, 1280])
def test_it_fits_the_screen(visit, browser, width):
    browser.send("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 500)
    for page in ("small.html", "large.html"):
        visit(page)
        assert browser("document.documentElement.scrollWidth") <= width
    browser.send("Emulation.clearDeviceMetricsOverride")


@pytest_browser
def test_the_tour_shows_what_it_speaks_of(visit):
    page = awake(visit())
    page.send("Emulation.setDeviceMetricsOverride", width=400, height=800, deviceScaleFactor=1, mobile=False)
    page("[...document.querySelectorAll('button')].find(one => one.textContent === 'guided tour').click()")
    card = "document.querySelector('.lc-card').innerText"
    seen = []
    while page("!document.querySelector('.lc-card').hidden"):
        page.wait_until("document.querySelectorAll('.lc-lit').length === 1")
        seen.append(page(card).split(".")[0])
        page.wait_until("""(() => {
            const [card, lit] = ['.lc-card', '.lc-lit'].map(one => document.querySelector(one).getBoundingClientRect());
            return card.top >= 0 && lit.bottom > card.bottom && lit.top < innerHeight;
        })()""")
        if len(seen) == 3:
            page.wait_until(f"{ROWS}[0][0] === 'orange square and blue triangle'")
        if len(seen) == 8:
            page.wait_until(f"{ROWS}[0][0] === 'orange triangle and blue square'")
        if len(seen) == 9:
            page.wait_until(f"{ROWS}[0][0].split(' and ').length === 3")
        page("document.activeElement.click()")
    assert seen == [f"{k} of 10" for k in range(1, 11)]
    assert page("document.querySelectorAll('.lc-lit').length") == 0
    assert page("document.activeElement.textContent") == "guided tour"
    page.send("Emulation.clearDeviceMetricsOverride")


@pytest_browser
def test_the_small_one_asks_about_two_captions(visit):
    page = visit("small.html")
    assert len(page(ROWS)) == 2 and page("document.querySelector('input[type=text]')") is None
