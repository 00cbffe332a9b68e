"""No page keeps readers out: what axe-core finds, in light and in dark, with predictions folded and unfolded."""

import json

import pytest
from built import MADE, PAGES, settle

SERIOUS = """(async () => {
    const {violations} = await axe.run(document, {resultTypes: ["violations"], ...%s});
    return violations.filter(one => ["serious", "critical"].includes(one.impact)).flatMap(one =>
        one.nodes.slice(0, 5).map(node => `${one.id}: ${node.target} ${node.html.slice(0, 150)}`));
})()"""
COLORS = {"runOnly": ["color-contrast", "link-in-text-block"]}  # the rules that dark and light differ in


def found(browser, options=None):
    browser("new Promise(resolve => setTimeout(resolve, 400))")  # no button is half way to its new colour
    return browser(SERIOUS % json.dumps(options or {}))


@pytest.mark.parametrize("page", [*PAGES, *MADE])
def test_nobody_is_kept_out(browser, address, sent, axe, page):
    browser.open(f"{address}/{page}")
    settle(browser, sent)
    browser(f"{axe};null")
    seen = {}
    for state in ("folded", "unfolded"):
        if state == "unfolded":
            if not browser("!!document.querySelector('.lc-fold')"):
                break
            browser("document.dispatchEvent(new CustomEvent('lc-show-results', {detail: true}))")
        for theme, options in (("light", None), ("dark", COLORS)):
            browser(f"document.documentElement.dataset.theme = '{theme}'")
            if violations := found(browser, options):
                seen[f"{state}, {theme}"] = violations
    assert not seen, json.dumps(seen, indent=1)
