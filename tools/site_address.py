"""A Sphinx extension: tell the site its name and where it will stand, and keep off it what no page uses.

Social cards and the page for a wrong address need the site's own address. It follows from the repository's, which
stands in _config.yml alone: https://github.com/OWNER/BOOK is published at https://OWNER.github.io/BOOK/.
"""

from urllib.parse import urlsplit

import labclip_lib


def published_at(repository):
    """The address of the site of a repository at GitHub, with a slash at its end."""
    owner, book = urlsplit(repository).path.strip("/").split("/")
    return f"https://{owner}.github.io/{book}/"


def tell(app, config):
    site = published_at(config.html_theme_options["repository_url"])
    config.html_baseurl = config.ogp_site_url = site
    config.notfound_urls_prefix = urlsplit(site).path
    config.ogp_site_name = config.html_title
    config.html_theme_options["extra_footer"] = f"<p>Version {labclip_lib.__version__}</p>"


def without_thebe(app, pagename, templatename, context, doctree):
    """Jupyter Book loads Thebe, which runs cells on a server, into each page, twice; the second time is an error."""
    for kind in ("script_files", "css_files"):
        context[kind] = [file for file in context[kind] if not _of_thebe(file)]


def _of_thebe(file):
    return "thebe" in f"{getattr(file, 'filename', file)} {getattr(file, 'attributes', {}).get('body', '')}".lower()


def setup(app):
    app.connect("config-inited", tell)
    app.connect("html-page-context", without_thebe, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
