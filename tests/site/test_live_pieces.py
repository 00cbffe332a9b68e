"""The live pieces on the built pages, on a phone: a narrow screen, a finger, and little memory."""

import json

import pytest

LANDING, PLAYGROUND = PAGES = ["chapters/index.html", "chapters/playground.html"]
MEMORY = 32  # MiB for the objects of a page; 16 are enough, 12 are not. Lists of numbers lie beside them
NUMBERS = 64e6  # bytes for all that the page has made, these lists too
MODEL = 9_000_000  # bytes on their way, all of it
PIECE = "document.querySelector('.lc-panel[data-playground]')"
PLAY = f"{PIECE}.playground"
VERDICT, STATUS, ROWS = (
    f"({PIECE}?.querySelector('{one}')?.innerText ?? '')"
    for one in (".lc-verdict", "[role=status]", ".lc-results tbody")
)


@pytest.fixture(scope="module")
def options():
    return [f"--js-flags=--max-old-space-size={MEMORY}"]


@pytest.fixture
def phone(browser, address, sent, lost):
    """Opens a page on a phone."""
    browser.send("Emulation.setDeviceMetricsOverride", width=400, height=800, deviceScaleFactor=2, mobile=True)
    browser.send("Emulation.setTouchEmulationEnabled", enabled=True)

    def visit(page):
        browser.open("about:blank")
        browser.send("Network.clearBrowserCache")
        del sent[:]
        browser.open(f"{address}/{page}")
        return browser

    yield visit
    lost.clear()
    browser.send("Emulation.setScriptExecutionDisabled", value=False)


def middle(page, selector):
    """Where an element is on the screen."""
    return page(f"""(() => {{
        const element = document.querySelector({json.dumps(selector)});
        element.scrollIntoView({{block: "center", behavior: "instant"}});
        const {{left, top, width, height}} = element.getBoundingClientRect();
        return [left + width / 2, top + height / 2];
    }})()""")


def weight_of_model(sent):
    return sum(path.stat().st_size for path in set(sent) if path.suffix == ".bin")


@pytest.mark.parametrize("width", [400, 1280])
def test_the_first_screen_holds_what_it_is_and_the_picture_to_drag(phone, width):
    page = phone(LANDING)
    page.send("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 500)
    page.wait_until(f"!!{PIECE}?.playground")
    assert page(f"[...{PIECE}.querySelectorAll('.lc-scene canvas, .lc-verdict')].map(one => "
                "one.getBoundingClientRect().bottom < 800)") == [True, True]  # fmt: skip


@pytest.mark.parametrize("name", PAGES)
def test_a_finger_moves_an_object_and_the_model_answers(phone, sent, name):
    page = phone(name)
    page.wait_until(f"{VERDICT} !== ''")
    assert not weight_of_model(sent)  # before the first touch
    before = page(ROWS)
    x, y = middle(page, ".lc-disc")
    page.drag((x, y), *((x - 2 * k, y + k) for k in range(1, 8)), by="touch")
    page.wait_until(f"!!{PLAY}.model && {ROWS} !== {json.dumps(before)}")
    page.wait_until(f"{STATUS} === ''")
    assert page(ROWS).split("\t")[0] == before.split("\t")[0]  # the same objects, so the same captions


def test_a_typed_caption_is_read_and_all_of_it_stays_small(phone, sent):
    page = phone(PLAYGROUND)
    page.wait_until(f"!!{PIECE}?.playground")
    page(f"{PLAY}.turn(true)")
    page(f"""(() => {{ const field = {PIECE}.querySelector('input[type=text]');
        field.value = 'blue thing'; field.form.requestSubmit(); }})()""")
    page.wait_until(f"{ROWS}.includes('blue thing')")
    assert {path.stem for path in sent if path.suffix == ".bin"} >= {"image", "text", "captions"}
    page.send("HeapProfiler.collectGarbage")
    heap = page.send("Runtime.getHeapUsage")
    print(f"objects {heap['usedSize'] / 1e6:.0f} MB, numbers {heap['backingStorageSize'] / 1e6:.0f} MB")
    assert heap["usedSize"] + heap["backingStorageSize"] < NUMBERS
    assert weight_of_model(sent) < MODEL


def test_an_address_brings_its_scene_back(phone):
    page = phone(PLAYGROUND)
    page.wait_until(f"!!{PIECE}?.playground")
    page(f"{PLAY}.stage.swapColors()")
    page("[...document.querySelectorAll('button')].find(one => one.textContent.startsWith('copy')).click()")
    page.wait_until("location.hash.length > 10")
    mark, scene = page("location.hash"), page(f"{PLAY}.stage.get()")
    page = phone(f"{PLAYGROUND}{mark}")
    page.wait_until(f"{ROWS}.startsWith('orange square and blue triangle')")
    for one, other in zip(scene["objects"], page(f"{PLAY}.stage.get()")["objects"], strict=True):
        assert (one["color"], one["shape"]) == (other["color"], other["shape"])
        assert [one["x"], one["y"]] == pytest.approx([other["x"], other["y"]], abs=1e-3)


@pytest.mark.parametrize("name", PAGES)
def test_its_first_scenes_answer_where_the_model_is_not_to_be_had(phone, lost, name):
    lost.update(["image.bin", "text.bin", "captions.bin"])
    page = phone(name)
    page.wait_until(f"!!{PIECE}?.playground")
    page(f"void {PLAY}.wake()")
    page.wait_until(f"{STATUS}.includes('404')")
    seen = set()
    for k in range(page("document.querySelectorAll('.lc-pick').length")):
        page(f"document.querySelectorAll('.lc-pick')[{k}].click()")
        page.wait_until(f"{json.dumps(sorted(seen))}.every(rows => rows !== {ROWS})")
        seen.add(page(ROWS))
        assert "CLIP prefers" in page(VERDICT)
    assert len(seen) > 1


@pytest.mark.parametrize("name", PAGES)
def test_without_a_script_there_is_the_picture_the_table_and_the_sentence(phone, name):
    phone("404.html").send("Emulation.setScriptExecutionDisabled", value=True)
    page = phone(name)
    assert page(f"{PIECE}.querySelector('img').alt && {PIECE}.querySelector('img').naturalWidth > 0")
    said = page(f"{PIECE}.innerText")
    assert "blue square and orange triangle" in said and "CLIP prefers the" in said
