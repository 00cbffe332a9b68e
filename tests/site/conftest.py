import os

import pytest
from browser import CHROMIUM, Browser
from built import ROOT, SITE, not_built, published


@pytest.fixture(scope="session")
def site():
    """The folder of the built site, no older than its sources."""
    if why := not_built():
        (pytest.fail if os.environ.get("LABCLIP_SITE") == "required" else pytest.skip)(why)
    return SITE


@pytest.fixture(scope="session")
def axe():
    """The script that looks for what keeps readers out."""
    path = ROOT / "node_modules" / "axe-core" / "axe.min.js"
    if not path.is_file():
        # Where a browser must be there, npm is, too.
        lost = pytest.fail if os.environ.get("LABCLIP_BROWSER") == "required" else pytest.skip
        lost("There is no axe-core; `make lint` installs it where npm is there.")
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def options():
    """More of the browser's own options."""
    return []


@pytest.fixture(scope="module")
def browser(site, options, tmp_path_factory):
    if not CHROMIUM:
        pytest.skip("there is no Chromium here")
    # Cut off from the network: no other host has an address.
    with Browser(
        tmp_path_factory.mktemp("profile"), "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", *options
    ) as browser:
        yield browser


@pytest.fixture(scope="module")
def sent():
    """The paths of the files that the site has sent."""
    return []


@pytest.fixture(scope="module")
def lost():
    """Names of files that the site does not have for a while."""
    return set()


@pytest.fixture(scope="module")
def address(site, sent, lost, tmp_path_factory):
    """The address of the site, without a slash at its end."""
    with published(site, tmp_path_factory.mktemp("host"), sent, lost) as address:
        yield address
