import re

from labclip_lib.book.pieces.panel import MARK, panel


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


def test_the_colours_come_before_the_style_that_uses_them():
    page = panel("quiz", "", {}).data
    for color in ("--lc-paper", "--lc-ink", "--lc-image"):
        assert page.index(f"{color}: #") < page.index(f"var({color})")
    assert set(re.findall(r"var\((.*?)\)", page)) == {"--lc-paper", "--lc-ink", "--lc-image"}
