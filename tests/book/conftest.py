import matplotlib.pyplot as plt
import pytest
from browser import Browser

from labclip_lib.book.figures.style import use_style


@pytest.fixture(autouse=True)
def styled():
    """Figures in the book's style, and none left open."""
    with plt.rc_context():
        use_style()
        yield
    plt.close("all")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser
