import re

from labclip_lib.book.panel import MARK, panel


def test_a_panel_finds_itself_and_no_other():
    first, other = (panel(f"<input name='{MARK}1'>{i}", "show();", {"i": i}).data for i in range(2))
    (name,) = re.findall(r'<div class="lc-panel" id="([\w-]+)">', first)
    assert f'getElementById("{name}")' in first and f"name='{name}1'" in first and MARK not in first
    assert name not in other


def test_data_cannot_end_the_script():
    page = panel("", "show();", {"text": "</script><!--"}).data
    assert page.count("</script>") == 1 and "<!--" not in page


def test_the_helpers_come_before_the_script():
    page = panel("", "bar(1);", {}).data
    assert page.index("function bar(") < page.index("bar(1);")
