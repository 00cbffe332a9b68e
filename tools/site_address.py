"""A Sphinx extension: tell the site where it will stand.

Social cards and the page for a wrong address need the site's own address. It follows from the repository's, which stands
in _config.yml alone: https://github.com/OWNER/BOOK is published at https://OWNER.github.io/BOOK/.
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
    config.html_theme_options["extra_footer"] = f"<p>Version {labclip_lib.__version__}</p>"


def setup(app):
    app.connect("config-inited", tell)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
