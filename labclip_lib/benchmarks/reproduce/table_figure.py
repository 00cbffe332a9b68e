"""A table of `tables.py` as a figure: ours with its interval, the reported figure, chance and bag of words."""

import math
import re
import textwrap

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory

from labclip_lib.book.figures.style import INK, PALETTE, use_style

COSINES = ("alignment",)  # tables of cosines; all others are of accuracies
CEILING = {"color": PALETTE["bag-of-words ceiling"], "ls": (0, (2.4, 1.2)), "zorder": 1}
CHANCE = {"color": PALETTE["chance"], "ls": (0, (0.9, 1.3)), "zorder": 2}  # where the two coincide, dots over dashes
OURS = {"fmt": "o", "ms": 4, "capsize": 3.5, "elinewidth": 1.6, "capthick": 1.6, "zorder": 3}
REPORTED = {"marker": "D", "ms": 7.5, "mfc": "none", "mec": INK, "mew": 1.2, "ls": "none", "zorder": 4}


def figure(table):
    """Draw the rows of a Table from top to bottom, grouped by `what`: ours, reported, chance, bag of words.

    Returns a matplotlib Figure, 7.2 inches wide. Raises ValueError for a table without rows.
    """
    if not table.rows:
        raise ValueError(f"The table {table.name!r} has no rows to draw; leave its figure out.")
    with matplotlib.rc_context():
        use_style()
        # matplotlib's own font, so that texts have the same width on every machine.
        sizes = dict.fromkeys(("font.size", "axes.labelsize", "xtick.labelsize", "legend.fontsize"), 9)
        matplotlib.rcParams.update({"font.family": "DejaVu Sans"} | sizes)
        return _draw(table)


def _draw(table, width=7.2, right=1.34, line=0.165, foot=0.86):
    """Lengths in inches; y runs down from the top of the axes, in inches too."""
    fig = Figure(figsize=(width, 4), layout="none")
    methods = {row.method: _wrap(fig, row.method, 2.2) for row in table.rows}
    left = 0.36 + max(wide for _, wide in methods.values())
    columns = {"ours": width - 0.72, "reported": width - 0.1}
    texts = [(x, -0.13, name, {"ha": "right"}) for name, x in columns.items()]
    y, places = 0.0, []
    for group in groups(table):
        title, _ = _wrap(fig, group[0].what, width - 0.2, weight="bold")
        texts.append((0.1, y + 0.06, title, {"weight": "bold", "va": "top"}))
        y += 0.13 + line * (title.count("\n") + 1)
        for row in group:
            label, _ = methods[row.method]
            high = 0.075 + line * (label.count("\n") + 1)
            middle = y + high / 2
            texts.append((0.22, middle, label, {}))
            if row.ours is not None:
                texts.append((columns["ours"], middle, number(row.ours.mean, 3), {"ha": "right"}))
            if row.reported is not None:
                texts.append((columns["reported"], middle, number(row.reported), {"ha": "right"}))
            places.append((row, y, high))
            y += high
        y += 0.06
    height = y + 0.3 + foot
    fig.set_size_inches(width, height)
    ax = fig.add_axes((left / width, foot / height, (width - left - right) / width, y / height))
    inches = blended_transform_factory(fig.dpi_scale_trans, ax.transData)
    for x, at, text, how in texts:
        # parse_math: a dollar sign in a name starts no formula.
        ax.text(x, at, text, transform=inches, parse_math=False, **{"va": "center", "linespacing": 1.15} | how)
    low = -1 if min(_draw_row(ax, *place) for place in places) < 0 else 0
    ax.set(xlim=(low - 0.02, 1.02), ylim=(y, 0), yticks=[], xticks=np.linspace(low, 1, 6 + low))
    ax.set_xlabel("cosine" if table.name in COSINES else "accuracy")
    ax.spines["left"].set_visible(False)
    if any(row.ours for row in table.rows):
        ax.errorbar([], [], xerr=[], color=INK, label="ours, 95 % interval", **OURS)
    signs = dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))  # each once
    names = [name for name in ("ours, 95 % interval", "reported", "chance", "bag-of-words ceiling") if name in signs]
    fig.legend([signs[name] for name in names], names, loc="lower center", ncols=4, frameon=False)
    return fig


def _draw_row(ax, row, y, high):
    """Draw a row from y to y + high; returns its lowest value."""
    middle, values = y + high / 2, []
    ax.axhline(middle, color="#DDDAD2", lw=0.8, zorder=0)
    levels = {"bag-of-words ceiling": (row.bag_of_words, CEILING), "chance": (row.chance, CHANCE)}
    for name, (level, style) in levels.items():
        if not math.isnan(level):
            ax.plot([level, level], [y, y + high], lw=1.8, label=name, **style)
            values.append(level)
    if row.ours is not None:  # clip_on: markers at 0 and 1 are not cut
        mean, low, top = row.ours
        error = [[max(0, mean - low)], [max(0, top - mean)]]
        ax.errorbar(mean, middle, xerr=error, color=PALETTE[_kind(row)], clip_on=False, **OURS)
        values.append(low)
    if row.reported is not None:
        ax.plot(row.reported, middle, label="reported", clip_on=False, **REPORTED)
        values.append(row.reported)
    return min(values, default=0)


def _kind(row):
    """Which colour of PALETTE a row has: its side's for a probe, else LABCLIP or cross-modal."""
    sides = set(re.findall(r"\b(image|text)\b", f"{row.what} {row.method}"))
    if row.method.startswith("LABCLIP"):
        return "LABCLIP"
    return sides.pop() if len(sides) == 1 and "probe" in f"{row.what} {row.method}" else "cross-modal"


def _wrap(fig, text, limit, **how):
    """Wrap a text into lines of at most `limit` inches: (text, width in inches)."""
    artist = fig.text(0, 0, "", parse_math=False, **how)
    for characters in range(100, 0, -1):
        artist.set_text("\n".join(textwrap.wrap(text, characters)))
        wide = artist.get_window_extent().width / fig.dpi
        if wide <= limit:
            break
    artist.remove()
    return artist.get_text(), wide


def groups(table):
    """Lists of rows, those with the same `what` together."""
    groups = {}
    for row in table.rows:
        groups.setdefault(row.what, []).append(row)
    return groups.values()


def number(value, least=2):
    """Format a number with two or three decimals: a third if it is not 0."""
    if 0.00005 <= abs(value) < 0.0005:  # the chance of one image among thousands
        return f"{value:.4f}"
    text = f"{round(value, 3) + 0.0:.3f}"  # + 0.0 turns -0.0 into 0.0
    return text[:-1] if least == 2 and abs(round(value, 2) - value) < 1e-9 else text
