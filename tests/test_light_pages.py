"""What the pages load."""

import re
from types import SimpleNamespace

import pytest
from browser import CHROMIUM, Browser
from fontTools.ttLib import TTFont
from PIL import Image
from pydata_sphinx_theme import __file__ as theme

STYLE = """.fa-star:before,.fa-asterisk:before{content:"\\f005"}.fa-bars:before{content:"\\f0c9"}
:root{--pst-icon-bell:"\uf0f3"}"""


@pytest.fixture
def light(load_tool):
    return load_tool("light_pages")


@pytest.fixture
def app(tmp_path):
    """A build whose theme is a few icons of the real one."""
    static = tmp_path / "out" / "_static"
    (static / "styles").mkdir(parents=True)
    (static / "scripts").mkdir()
    (static / "scripts" / "fontawesome.js").write_text('"fa-bars"')
    (static / "styles" / "pydata-sphinx-theme.css").write_text(STYLE, "utf-8")
    files = theme.replace("__init__.py", "theme/pydata_sphinx_theme/static/vendor")
    (static / "vendor").symlink_to(files)
    (tmp_path / "out" / "page.html").write_text('<i class="fa-solid fa-asterisk"></i><i class="fa-brands"></i>')
    return SimpleNamespace(outdir=tmp_path / "out", srcdir=tmp_path, builder=SimpleNamespace(format="html", images={}))


def test_the_fonts_hold_the_icons_that_are_used(light, app):
    light.few_icons(app, None)
    static = app.outdir / "_static"
    font = TTFont(static / "fa-solid-900.woff")
    assert {0xF005, 0xF0F3, 0xF107} <= set(font.getBestCmap()) and 0xF0C9 not in font.getBestCmap()
    assert (static / "fa-solid-900.woff").stat().st_size < 5000
    rules = re.findall(r'font-family: "([\w ]+)"; font-weight: (\d+)', (static / "icons.css").read_text())
    assert rules == [(family, str(weight)) for family, weight in light.FACES.values()]
    assert not (static / "scripts" / "fontawesome.js").exists()


def test_a_failed_build_gets_no_fonts(light, app):
    light.few_icons(app, RuntimeError())
    assert not list((app.outdir / "_static").glob("*.woff"))


def test_mathjax_comes_to_pages_with_a_formula(light, app):
    config = SimpleNamespace(filename=None, attributes={"body": "window.MathJax = {}"})
    for body, loaded in (
        ('<span class="math notranslate">', [config, "mathjax/tex.js", "book.js"]),
        ("<p>None.</p>", ["book.js", "_static/late_math.js"]),
    ):
        context = {"body": body, "script_files": [config, "mathjax/tex.js", "book.js"]}
        light.without_math(app, "a", "page.html", context, None)
        assert context["script_files"] == loaded


@pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium here")
def test_mathjax_is_loaded_when_a_tip_shows_a_formula(root, tmp_path):
    (tmp_path / "mathjax").mkdir()
    (tmp_path / "mathjax" / "tex-chtml.js").write_text(
        "MathJax.startup = {promise: Promise.resolve()};\n"
        "MathJax.typesetPromise = async ([one]) => { one.textContent = 'set'; };"
    )
    (tmp_path / "late_math.js").write_text((root / "chapters" / "_static" / "late_math.js").read_text())
    (tmp_path / "page.html").write_text(
        "<!doctype html><script src=late_math.js></script><p>No formula</p><p><b class=math>u</b></p>"
    )
    with Browser(tmp_path / "profile") as browser:
        browser.open(tmp_path / "page.html")
        for number, said in ((0, "No formula"), (1, "set")):
            tip = f"document.querySelectorAll('p')[{number}]"
            assert browser(f"MathJax.typesetPromise([{tip}]).then(() => {tip}.textContent)") == said
            assert len([address for address in browser.requests() if "tex-chtml" in address]) == number


def test_a_picture_has_its_size_and_all_but_the_first_wait(light, app, tmp_path):
    for name, dpi in (("one", 110), ("two", 220)):
        Image.new("RGB", (300, 200)).save(tmp_path / f"{name}.png", dpi=(dpi, dpi))
        app.builder.images[f"{name}.png"] = f"{name}.png"
    shown = [
        '../_images/one.png"',
        '../_images/two.png"',
        '../_images/two.png" style="width: 90px; height: 60px;"',
        'x.png"',
    ]
    context = {"body": "".join(f'<img src="{file} />' for file in shown)}
    light.lazy_pictures(app, "a", "page.html", context, None)
    first, second, styled, other = re.findall("<img[^>]*>", context["body"])
    assert 'width="300" height="200"' in first and "loading" not in first
    assert 'width="150" height="100"' in second and "loading=lazy" in second and 'decoding="async"' in second
    assert 'width="90" height="60"' in styled and "style" not in styled
    assert other == '<img src="x.png" />'
