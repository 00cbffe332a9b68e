"""Pictures of pages."""

import pytest
from browser import CHROMIUM, Browser
from built import published
from PIL import Image

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium here")


@pytest.fixture
def book(tmp_path):
    """A site of one page, taller than Chromium paints at once: white in light, black in dark, red at its end."""
    (tmp_path / "site" / "chapters").mkdir(parents=True)
    (tmp_path / "site" / "chapters" / "one.html").write_text(
        "<!doctype html><html lang=en><meta charset=utf-8><link rel=icon href='data:,'>"
        "<meta name=viewport content='width=device-width'>"
        "<style>body {margin: 0} html[data-theme=dark] {background: #000}</style>"
        "<div style='height: 8990px'></div><div style='height: 10px; background: #f00'></div>",
        "utf-8",
    )
    (tmp_path / "host").mkdir()
    with published(tmp_path / "site", tmp_path / "host") as address:
        yield address


def test_a_page_is_shown_whole_in_light_and_dark_and_on_paper(load_tool, book, tmp_path):
    with Browser(tmp_path / "profile", "--hide-scrollbars") as browser:
        load_tool("screenshots").shoot(browser, book, "chapters/one.html", tmp_path, widths=[320, 768])
    for width in (320, 768):
        for theme, ground in (("light", (255, 255, 255)), ("dark", (0, 0, 0))):
            picture = Image.open(tmp_path / f"chapters-one-{width}-{theme}.png")
            assert picture.size == (width, 9000)
            assert picture.getpixel((10, 8500)) == ground and picture.getpixel((10, 8995)) == (255, 0, 0)
    assert (tmp_path / "chapters-one.pdf").read_bytes().startswith(b"%PDF")
