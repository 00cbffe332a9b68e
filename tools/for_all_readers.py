"""A Sphinx extension: what the theme and others' extensions leave out for readers who hear a page or hold a phone.

No two things on a page have one id, a fold has the name that is written on it, a list has items. A number stays on
one line with its interval. Without JavaScript a page says what its formulas are.
"""

import re

FOLD = ' aria-label="Toggle hidden content"'  # myst-nb's, in place of "Show code cell source"
SAME_IDS = re.compile(r' id="(?:exercise-content|solution-content|proof-content|proof)"')
NO_ITEMS = '<div role="list" class="citation-list">'
NUMBER = r"[+\-\u2212]?\d*\.?\d+"
INTERVAL = re.compile(rf"({NUMBER})( %| points)? \((?:95 % interval )?({NUMBER})( to | and )({NUMBER})\)")
UNSET = "<noscript><p>Without JavaScript each formula on this page is shown as it was typed, in TeX.</p></noscript>"


def mend(body):
    """The HTML of a page, mended."""
    body = SAME_IDS.sub("", body.replace(FOLD, "")).replace(NO_ITEMS, NO_ITEMS.replace(' role="list"', ""))
    body = INTERVAL.sub(lambda match: match[0].replace(" ", "\u00a0"), body)
    return (UNSET if 'class="math' in body else "") + body


def mend_page(app, pagename, templatename, context, doctree):
    if "body" in context:
        context["body"] = mend(context["body"])


def setup(app):
    app.connect("html-page-context", mend_page, priority=950)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
