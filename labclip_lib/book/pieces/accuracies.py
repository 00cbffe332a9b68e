"""Accuracies that a reader's choice moves along their axis, on which chance and the bag-of-words ceiling stay."""

import html

import numpy as np

from labclip_lib.book.figures.style import INK, PALETTE, PAPER
from labclip_lib.book.pieces.panel import MARK, panel
from labclip_lib.book.values import interval, written

LABELS = ("random labels", "true labels")
HALF = 0.5  # chance of the swap test, and its bag-of-words ceiling
CLOSE = 0.03  # to one half: so near, a few of many intervals miss it by luck


def probe_switch(found, leaks, chance, ceiling):
    """Ticks choose how a probe's scenes were split, its labels and what it reads; its accuracy and a reading follow.

    found: {(split, labels, read): Measure or Estimate}, labels one of LABELS, read a name that begins with "pictures"
    or "captions"; of every split, labels and read. leaks: {split: share of the test with a relative in training}.
    chance, ceiling: floats; the ceiling is that of the true labels. Works with no kernel, and leaves the first of
    `found` where there is no script. Raises ValueError when a combination or a leak is missing, or there are others.
    """
    questions = [list(dict.fromkeys(names)) for names in zip(*found, strict=True)]
    splits, labels, reads = questions
    expected = {(split, label, read) for split in splits for label in LABELS for read in reads}
    if set(found) != expected or set(leaks) != set(splits):
        raise ValueError(
            f"probe_switch needs every split with {' and '.join(LABELS)}, and a leak for each, got {len(found)} "
            f"accuracies for {len(splits)} splits, labels {', '.join(labels)}, and leaks of {', '.join(leaks)}."
        )
    states = []
    for split in splits:
        for label in labels:
            for read in reads:
                accuracy, random = interval(found[split, label, read]), interval(found[split, LABELS[0], read])
                leak = leaks[split]
                says = [
                    f"Accuracy {_with_interval(accuracy)}. With a relative in training: {written(leak, '.0%')} of the "
                    "test.",
                    _of_random(accuracy, leak, chance, ceiling) if label == LABELS[0] else
                    _of_true(accuracy, random.low > chance, leak, chance, ceiling),
                ]  # fmt: skip
                states.append(_state(accuracy, "image" if read.startswith("pictures") else "text", says))
    legends = ("Split", "To be read", "Read from")
    ticks = "".join(
        f"<fieldset><legend>{legend}</legend>{_radios(f'{MARK}{k}', names)}</fieldset>"
        for k, (legend, names) in enumerate(zip(legends, questions, strict=True))
    )
    body = f'<div class="lc-ticks" hidden>{ticks}</div>{_axis(states[0], chance, ceiling)}{_said(states[0])}'
    return panel("probe_switch", body, {"states": states, "counts": [len(names) for names in questions]})


def _of_random(accuracy, leak, chance, ceiling):
    if accuracy.low > chance and leak:
        return (
            "Nonsense, and still it can be read: relatives of the test were in training, and their labels could be "
            "learnt by heart."
            f"{' The interval reaches the ceiling of the true labels.' if accuracy.high >= ceiling else ''}"
        )
    if accuracy.low > chance:
        return "Nonsense above chance, with no relative in training: look for another leak, or it is luck."
    if leak:
        return "Not above chance: relatives were in training, but this probe learnt nothing by heart that helps here."
    return "Not above chance, as it must be: nothing about the test was there to be learnt by heart."


def _of_true(accuracy, alarm, leak, chance, ceiling):
    if accuracy.high < chance:
        return "Below chance: what is right in the test was never, or hardly ever, right in training."
    if accuracy.low <= ceiling:
        return "Not above the ceiling: a perfect bag of words would do as well."
    if alarm:
        return "Above the ceiling. But here random labels are above chance, too: part of it may be learnt by heart."
    if leak:
        return "Above the ceiling, and random labels are not above chance here, though relatives were in training."
    return "Above the ceiling, and random labels are not above chance here: the embedding holds who has what."


def dial_slider(accuracies):
    """Sliders on the share of captions that bind and on the training step, and the swap accuracy that they bring.

    Beside it, how pictures of a scene and of its twin choose between the two captions. Over all scenes each is also the
    twin of its twin, so the two rows mirror each other, and the accuracy alone says what is in them.
    accuracies: {(share, step): (Estimate or kept row, accuracies of the single trainings)}, of every share and step.
    Works with no kernel, and leaves the first share at the last step where there is no script. Raises ValueError when
    one is missing.
    """
    shares, steps = (sorted(set(values)) for values in zip(*accuracies, strict=True))
    if len(accuracies) != len(shares) * len(steps):
        raise ValueError(
            f"dial_slider needs every share at every step, {len(shares) * len(steps)}, got {len(accuracies)}."
        )
    states = []
    for share in shares:
        for step in steps:
            accuracy, trainings = interval(accuracies[share, step][0]), accuracies[share, step][1]
            says = [
                f"Swap accuracy {_with_interval(accuracy)} over {len(trainings)} trainings.", _of_swaps(accuracy),
            ]  # fmt: skip
            own, other = (written(value, ".2f") for value in (accuracy.mean, 1 - accuracy.mean))
            shades = [_shade(value) for value in (accuracy.mean, 1 - accuracy.mean)]
            states.append(_state(accuracy, "cross-modal", says, trainings) | {"cells": [own, other], "shades": shades})
    names = [f"{share:.0%}".replace("%", " %") for share in shares]
    start = states[len(steps) - 1]
    (own, other), (dark, pale) = start["cells"], start["shades"]
    rows = "".join(
        f"<tr><th scope='row'>{name}</th>"
        + "".join(f"<td style='background:{shade}'>{value}</td>" for value, shade in cells)
        + "</tr>"
        for name, cells in (
            ("picture of a scene", [(own, dark), (other, pale)]), ("picture of its twin", [(other, pale), (own, dark)]),
        )
    )  # fmt: skip
    body = f"""<div class="lc-row"><div hidden class="lc-sliders"><label>captions that bind: <output>{names[0]}</output>
    <input type="range" min="0" max="{len(shares) - 1}" step="1" value="0" aria-label="share of captions that bind"
    aria-valuetext="{names[0]}"></label>
    <label>after training step <output>{steps[-1]}</output>
    <input type="range" min="0" max="{len(steps) - 1}" step="1" value="{len(steps) - 1}" aria-label="training step"
    aria-valuetext="{steps[-1]}"></label></div>
    <table class="lc-choices"><caption>which caption is closer, share of the choices</caption>
    <tr><td></td><th scope="col">the scene's caption</th><th scope="col">its twin's caption</th></tr>{rows}
    </table></div>
    {_axis(start, HALF, HALF)}{_said(start)}"""
    return panel("dial_slider", body, {"states": states, "shares": names, "steps": steps})


def _of_swaps(accuracy):
    if accuracy.low <= HALF <= accuracy.high:
        return "The interval holds one half: it cannot be told from choices that do not follow the picture."
    if abs(accuracy.mean - HALF) < CLOSE:
        side = "above" if accuracy.mean > HALF else "below"
        return f"Just {side} one half. Of so many intervals a few miss it by luck alone."
    if accuracy.mean < HALF:
        return "Below one half: the choices follow the picture the wrong way round."
    return f"Above one half: of 100 choices {accuracy.mean * 100:.0f} are right, where a coin has 50."


# What both share: a state is all that changes on the page, and places on the axis are in per cent of its length.


def _state(accuracy, kind, says, dots=()):
    mean, low, high = (float(np.clip(100 * value, 0, 100).round(2)) for value in accuracy)
    return {
        "mean": mean, "low": low, "high": high, "dots": [round(100 * dot, 2) for dot in dots], "color": PALETTE[kind],
        "says": says,
    }  # fmt: skip


def _axis(state, chance, ceiling):
    levels = {"bag-of-words ceiling": (ceiling, "dashed"), "chance": (chance, "dotted")}  # dots on top of dashes
    lines = {name: f"border-left:3px {style} {PALETTE[name]}" for name, (_, style) in levels.items()}
    drawn = "".join(
        f'<i class="lc-level" data-level="{name}" style="left:{100 * level:g}%;{lines[name]}"></i>'
        for name, (level, _) in levels.items()
    )
    key = "".join(
        f'<li><i class="lc-sample"><i style="{lines[name]}"></i></i> {name} {level:.3g}</li>'
        for name, (level, _) in levels.items()
    )
    dots = "".join(f'<i style="left:{dot}%"></i>' for dot in state["dots"])
    of_dots = '<li><i class="lc-sample lc-dots"><i style="left:50%"></i></i> one training</li>' if dots else ""
    return f"""<div class="lc-scale" role="img" aria-label="accuracy on an axis from 0 to 1, with chance and ceiling">
    <i class="lc-fill" style="width:{state["mean"]}%;background:{state["color"]}"></i>
    <i class="lc-whisker" style="left:{state["low"]}%;width:{state["high"] - state["low"]:.2f}%;color:{INK}"></i>
    {drawn}<i class="lc-dots">{dots}</i></div>
    <p class="lc-ends"><span>0</span><span>accuracy</span><span>1</span></p><ul class="lc-key">{key}{of_dots}</ul>"""


def _said(state):
    return '<div class="lc-said" aria-live="polite">' + "".join(f"<p>{part}</p>" for part in state["says"]) + "</div>"


def _radios(group, names):
    return "".join(
        f"<label class='lc-answer'><input type='radio' name='{group}' value='{k}'{' checked' * (not k)}> "
        f"{html.escape(name)}</label>"
        for k, name in enumerate(names)
    )


def _with_interval(accuracy):
    mean, low, high = (written(value, ".3f") for value in accuracy)
    return f"{mean} (95 % interval {low} to {high})"


def _shade(share):
    """Between paper and half of the colour, so that ink can be read on it."""
    paper, color = ([int(hexed[i : i + 2], 16) for i in (1, 3, 5)] for hexed in (PAPER, PALETTE["cross-modal"]))
    mixed = [round(p + (c - p) * share * 0.6) for p, c in zip(paper, color, strict=True)]
    return "#" + "".join(f"{value:02x}" for value in mixed)
