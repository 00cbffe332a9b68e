"""What the site knows about itself."""

from types import SimpleNamespace

import pytest

import labclip_lib


@pytest.fixture
def site_address(load_tool):
    return load_tool("site_address")


def test_name_and_address_follow_from_the_repository(site_address):
    config = SimpleNamespace(html_theme_options={"repository_url": "https://github.com/me/my-book"})
    config.html_title = "A book"
    site_address.tell(None, config)
    assert config.ogp_site_url == config.html_baseurl == "https://me.github.io/my-book/"
    assert config.notfound_urls_prefix == "/my-book/" and config.ogp_site_name == "A book"
    assert labclip_lib.__version__ in config.html_theme_options["extra_footer"]


def test_no_page_loads_thebe(site_address):
    inline = SimpleNamespace(filename=None, attributes={"body": "const THEBE_JS_URL = 1"})
    ours = SimpleNamespace(filename="book.js", attributes={})
    context = {
        "script_files": [inline, ours, "_static/sphinx-thebe.js"],
        "css_files": ["_static/book.css", SimpleNamespace(filename="sphinx-thebe.css", attributes={})],
    }
    site_address.without_thebe(None, "chapters/index", "page.html", context, None)
    assert context == {"script_files": [ours], "css_files": ["_static/book.css"]}
