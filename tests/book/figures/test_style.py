import base64
import io

import nbformat
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from nbclient import NotebookClient
from PIL import Image

from labclip_lib.book.figures.style import INK, PALETTE, PAPER


def luminance(color):
    """Relative luminance of WCAG 2."""
    return np.dot(
        [0.2126, 0.7152, 0.0722], [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    )


def contrast(a, b):
    low, high = sorted([luminance(a), luminance(b)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("meaning", PALETTE)
def test_colours_stand_out_from_the_panel(meaning):
    assert contrast(PALETTE[meaning], PAPER) >= 3
    assert contrast(INK, PAPER) >= 7


def test_one_colour_means_one_thing():
    assert {"image", "text", "cross-modal", "LABCLIP", "chance", "bag-of-words ceiling"} <= set(PALETTE)
    colors = [np.array(to_rgb(color)) for color in PALETTE.values()]
    gaps = [np.abs(a - b).max() for i, a in enumerate(colors) for b in colors[:i]]
    assert min(gaps) > 0.15


def test_in_a_notebook_figures_have_twice_the_dots_of_their_size():
    source = (
        "import matplotlib.pyplot as plt",
        "from labclip_lib.book import use_style",
        "use_style()",
        "plt.figure().subplots();",
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("\n".join(source))])
    NotebookClient(notebook, kernel_name="python3").execute()
    (shown,) = notebook.cells[0].outputs
    picture = Image.open(io.BytesIO(base64.b64decode(shown.data["image/png"])))
    assert picture.width == pytest.approx(2 * shown.metadata["image/png"]["width"], abs=1)
