import re

import pytest
from browser import CHROMIUM

from labclip_lib.book.pieces import predictions
from labclip_lib.book.pieces.accuracies import dial_slider
from labclip_lib.book.pieces.game import blind_game
from labclip_lib.book.pieces.panel import MARK, panel
from labclip_lib.book.pieces.plane import preference_plane
from labclip_lib.book.pieces.predictions import answer, predict_number
from labclip_lib.book.pieces.widgets import matrix_player, quiz
from labclip_lib.measures.intervals import Estimate


def test_a_panel_finds_itself_and_no_other():
    first, other = (panel("quiz", f"<input name='{MARK}1'>{i}", {"i": i}).data for i in range(2))
    (name,) = re.findall(r'<div class="lc-panel" id="([\w-]+)">', first)
    assert f'getElementById("{name}")' in first and f"name='{name}1'" in first and MARK not in first
    assert name not in other


def test_data_cannot_end_the_script():
    page = panel("quiz", "", {"text": "</script><!--"}).data
    assert page.count("</script>") == 1 and "<!--" not in page


def test_the_script_is_the_frame_then_the_piece_and_calls_it():
    page = panel("quiz", "", {"some": "data"}).data
    assert page.index("function bar(") < page.index("function piece(") < page.index(', {"some": "data"});')
    assert page.count("function piece(") == 1


def test_colours_and_sizes_come_before_the_style_that_uses_them():
    page = panel("quiz", "", {}).data
    for name in set(re.findall(r"var\((--lc-\w+)\)", page)):
        assert page.index(f"{name}: ") < page.index(f"var({name})")


# How a page says that it is light or dark: the book's, Colab's, JupyterLab's, VS Code's, and one that says nothing.
PAGES = {
    "<html lang=en><body>": "light",
    "<html lang=en data-theme=light><body>": "light",
    "<html lang=en data-theme=dark><body>": "dark",
    "<html lang=en theme=dark><body>": "dark",
    "<html lang=en><body data-jp-theme-light=true>": "light",
    "<html lang=en><body data-jp-theme-light=false>": "dark",
    "<html lang=en><body class=vscode-light>": "light",
    "<html lang=en><body class=vscode-dark>": "dark",
}
# Of every text in a panel, and of the drawing of a prediction: how it stands out from what is behind it, 1 to 21.
CONTRASTS = """[...document.querySelectorAll(".lc-panel *")].filter(one => one.checkVisibility() &&
    [...one.childNodes].some(node => node.nodeType === 3 && node.data.trim())).map(one => {
  const light = color => {
    const [r, g, b] = color.match(/[\\d.]+/g).slice(0, 3).map(c => c / 255).map(
      c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  let behind = one;
  while (getComputedStyle(behind).backgroundColor === "rgba(0, 0, 0, 0)") behind = behind.parentElement;
  const style = getComputedStyle(one), color = one.closest("svg") ? style.fill : style.color;
  const [low, high] = [light(color), light(getComputedStyle(behind).backgroundColor)].sort((a, b) => a - b);
  return [one.textContent, (high + 0.05) / (low + 0.05)];
})"""


@pytest.fixture
def pieces(monkeypatch):
    """Pieces that show every colour of the style once they are used, and what a prediction is compared with."""
    pages = []
    monkeypatch.setattr(predictions, "display", lambda piece: pages.append(piece.data))
    answer("swap", 0.5, chance=0.5)
    made = [
        quiz([("A bag?", [("no", False, "Count."), ("yes", True, "So it is.")])] * 2),
        blind_game(["a cat on a mat"], ["a mat on a cat"], ["swap"], {"CLIP": ("cross-modal", [1])}),
        predict_number("swap", "swap accuracy"),
        matrix_player([[[0.0, 1.0], [1.0, 0.0]]], [0], [0.7], ["a", "b"]),
        dial_slider({(1.0, 300): (Estimate(0.9, 0.8, 1.0), [0.9])}),
        preference_plane([[1.0, 0.0]], [[0.0, 0.0]], [[0.0, 1.0]], ("a red star", "a blue star")),
    ]
    return "".join([*(piece.data for piece in made), *pages])


def painted(browser):
    """The colours of the first panel and of the first canvas behind what is drawn there."""
    return browser("""[".lc-panel", "canvas"].map(
        one => getComputedStyle(document.querySelector(one)).backgroundColor)""")


@pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium here")
@pytest.mark.parametrize("system", ["light", "dark"])
def test_a_panel_is_dark_where_its_page_is_and_can_be_read(browser, tmp_path, pieces, system):
    browser.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": system}])
    path, seen = tmp_path / "page.html", {}
    for opening, theme in PAGES.items():
        path.write_text(f"<!doctype html>{opening}<meta charset=utf-8>{pieces}", "utf-8")
        browser.open(path)
        for selector in ("fieldset:first-of-type .lc-answer", "fieldset:nth-of-type(2) .lc-answer:nth-of-type(2)",
                         ".lc-row button", "[data-prediction] [data-do=show]"):  # fmt: skip
            browser(f"document.querySelector('.lc-panel {selector}').click()")
        contrasts = dict(browser(CONTRASTS))
        assert {"Not this one. Count.", "Right. So it is.", "It is 0.50.", "chance", "CLIP: 1 of 1"} <= set(contrasts)
        assert min(contrasts.values()) >= 4.5, (opening, min(contrasts.items(), key=lambda item: item[1]))
        seen.setdefault(theme, set()).add(tuple(painted(browser)))
    ((light, _),), ((dark, canvas),) = seen["light"], seen["dark"]
    assert light != dark and canvas == light  # what is painted on a canvas is painted for a light one
    browser.send("Emulation.setEmulatedMedia", media="print")
    assert painted(browser)[0] == light and min(dict(browser(CONTRASTS)).values()) >= 4.5
    browser.send("Emulation.setEmulatedMedia", media="")


@pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium here")
def test_without_javascript_it_says_so_and_shows_nothing_that_does_nothing(browser, tmp_path, pieces):
    path = tmp_path / "page.html"
    path.write_text(f"<!doctype html><meta charset=utf-8>{pieces}", "utf-8")
    browser.send("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(path)
        seen = "[...document.querySelectorAll('.lc-panel')].map(panel => [panel.innerText, panel.clientHeight])"
        (quiz_said, _), (game_said, _), (_, prediction_height), *_ = browser(seen)
        dead = browser("[...document.querySelectorAll('button, input')].filter(one => one.checkVisibility()).length")
    finally:
        browser.send("Emulation.setScriptExecutionDisabled", value=False)
    assert "A bag?" in quiz_said and "JavaScript" in quiz_said and "JavaScript" in game_said
    assert not prediction_height and not dead
