"""Interactive pieces. Each is plain HTML and the JavaScript of js/, with its numbers inside, so it works on the built
page with no kernel; `try_captions` alone needs one, since it embeds what the reader types.
"""

import base64
import html
import itertools

import ipywidgets
import numpy as np

from labclip_lib.book.figures.style import INK, PALETTE
from labclip_lib.book.pieces.panel import MARK, panel, png
from labclip_lib.embeddings.embed import embed_texts

CLEAR = 0.01  # a lead that a reader sees on the bars


def temperature_slider(cosines, labels, images, start=20.0):
    """A slider on the logit scale beside the softmax it makes of one image's cosines.

    cosines: (K, N) of K images with N captions. labels: N str. images: (K, 3, H, W) in [0, 1].
    """
    body = f"""
    <div class="lc-row">{_buttons(images)}</div>
    <label>logit scale s = <output>{start:g}</output>
    <input type="range" min="0" max="4.605" step="0.01" value="{np.log(start):.2f}" aria-label="logit scale"></label>
    <div class="lc-bars" aria-live="polite"></div>"""
    data = {"cosines": _numbers(cosines), "labels": list(labels), "color": PALETTE["cross-modal"]}
    return panel("temperature_slider", body, data)


def matrix_player(matrices, steps, losses, labels):
    """Step through training: the similarity matrix of fixed image-caption pairs, and the loss so far.

    matrices: (T, N, N) cosine similarities. steps: T ints, when each was taken. losses: one per training
    step. labels: N str, the captions.
    """
    body = f"""
    <label>after step <output></output> of {len(losses)}
    <input type="range" min="0" max="{len(steps) - 1}" step="1" value="0" aria-label="training step"></label>
    <button type="button">play</button>
    <div class="lc-row" style="align-items:flex-start"><canvas width="300" height="300" role="img"
    aria-label="similarity matrix, images down, captions across"></canvas><canvas width="300" height="300"
    role="img" aria-label="loss so far"></canvas></div>
    <p class="lc-note" aria-live="polite"></p>"""
    data = {
        "matrices": _numbers(matrices), "steps": list(steps), "losses": _numbers(losses), "labels": list(labels),
        "color": PALETTE["cross-modal"], "ink": INK,
    }  # fmt: skip
    return panel("matrix_player", body, data)


def caption_explorer(backbone, scenes):
    """Compose any two-object caption from menus and see its cosine with a scene, beside the true caption's.

    scenes: a few two-object Scenes; the reader picks one. Every caption's cosine is computed beforehand.
    """
    world = scenes.world
    choices = itertools.product(world.colors, world.shapes, world.colors, world.shapes)
    captions = [f"{a} {b} and {c} {d}" for a, b, c, d in choices]
    images = scenes.render(backbone.image_size)
    cosines = (backbone.encode_images(images) @ embed_texts(backbone, captions).T).cpu()
    first, second = _menus(world)
    body = f"""<div class="lc-row">{_buttons(scenes.render(112))}</div>
    <p>Your caption: {first} and {second} </p>
    <p><button type="button">the true caption</button> <button type="button">swap the colours</button></p>
    <div class="lc-bars" aria-live="polite"></div><p class="lc-note"></p>"""
    order = scenes.mention_order("fixed")
    color, shape = scenes.color.gather(1, order).tolist(), scenes.shape.gather(1, order).tolist()
    truth = [[c[0], s[0], c[1], s[1]] for c, s in zip(color, shape, strict=True)]
    data = {"cosines": _numbers(cosines, 4), "truth": truth, "colors": [PALETTE["chance"], PALETTE["cross-modal"]]}
    return panel("caption_explorer", body, data)


def scene_composer(backbone, world, seed=0):
    """Compose a two-object scene from menus and see which captions the model finds closest to it.

    world: a small World, since each of its two-object scenes is drawn and embedded beforehand. The captions are
    the true one, its twin's, and two with one colour replaced.
    """
    scenes = world.compositions(seed=seed)
    images = scenes.render(backbone.image_size)
    cosines = (backbone.encode_images(images) @ embed_texts(backbone, scenes.captions()).T).cpu()
    rows = [sorted(zip(s, c, strict=True)) for s, c in zip(scenes.shape.tolist(), scenes.color.tolist(), strict=True)]
    first, second = _menus(world)
    # It opens on the first scene for which the twin's caption is clearly ahead, if there is one.
    places = {str(row): k for k, row in enumerate(rows)}
    twins = [places[str([(s, d), (t, c)])] for (s, c), (t, d) in rows]
    ahead = [float(cosines[k, twin] - cosines[k, k]) for k, twin in enumerate(twins)]
    body = f"""<p>A scene with a {first} and a {second} <button type="button">swap the colours</button></p>
    <div class="lc-row"><img alt="the scene" width="112" height="112"></div>
    <div class="lc-bars" aria-live="polite"></div><p class="lc-note"></p>"""
    data = {
        "rows": rows, "captions": scenes.captions(), "colors": list(world.colors), "cosines": _numbers(cosines, 4),
        "images": [base64.b64encode(png(image)).decode() for image in images],
        "shades": [PALETTE["chance"], PALETTE["cross-modal"]],
        "start": next((k for k, lead in enumerate(ahead) if lead > CLEAR), 0),
    }  # fmt: skip
    return panel("scene_composer", body, data)


def try_captions(backbone, image):
    """Type any captions, one per line, and see their cosines with an image. Needs a running kernel.

    image: (3, H, W) in [0, 1]. Returns an ipywidgets box.
    """
    target = backbone.encode_images(image[None])
    text = ipywidgets.Textarea(value="a photo of a red circle\na photo of a circle", rows=5, description="captions")
    button, out = ipywidgets.Button(description="compare"), ipywidgets.Output()

    def compare(_=None):
        out.clear_output()
        with out:
            captions = [line for line in text.value.splitlines() if line.strip()]
            try:
                cosines = (backbone.encode_texts(captions) @ target.T)[:, 0].tolist()
            except ValueError as error:  # an unknown word: say so, keep the widget alive
                print(error)
                return
            for cosine, caption in sorted(zip(cosines, captions, strict=True), reverse=True):
                print(f"{cosine:+.3f}  {caption}")

    button.on_click(compare)
    compare()
    picture = ipywidgets.Image(value=png(image), format="png", width=128)
    return ipywidgets.HBox([picture, ipywidgets.VBox([text, button]), out])


def quiz(questions):
    """A quiz that marks itself and explains every answer, right or wrong. The browser remembers what was answered.

    questions: sequence of (question, [(answer, is_right, explanation), ...]).
    """
    parts = []
    for number, (question, answers) in enumerate(questions, 1):
        if sum(right for _, right, _ in answers) != 1:
            raise ValueError(f"Quiz question {number} must have exactly one right answer.")
        rows = "".join(
            f"<label class='lc-answer'><input type='radio' name='{MARK}{number}' value='{k}'> "
            f"{html.escape(answer)}</label>"
            for k, (answer, _, _) in enumerate(answers)
        )
        parts.append(
            f"<fieldset><legend>{number}. {html.escape(question)}</legend>{rows}"
            "<p class='lc-note' aria-live='polite'></p><button type='button' data-do='show'>Show the answer</button>"
            "</fieldset>"
        )
    parts.append(
        "<p class='lc-buttons'><span class='lc-score'></span><button type='button' hidden>Ask me again</button></p>"
    )
    data = [[[bool(right), why] for _, right, why in answers] for _, answers in questions]
    return panel("quiz", "".join(parts), data)


def _buttons(images):
    return "".join(
        f'<button type="button" class="lc-pick" aria-pressed="{str(k == 0).lower()}" aria-label="scene {k + 1}">'
        f'<img alt="" src="data:image/png;base64,{base64.b64encode(png(image)).decode()}"></button>'
        for k, image in enumerate(images)
    )


def _menus(world):
    """For each of two objects its two menus, of colours and of shapes."""
    kinds = {"colour": world.colors, "shape": world.shapes}
    return [
        " ".join(
            f"<select aria-label='{place} {kind}'>{''.join(f'<option>{name}</option>' for name in names)}</select>"
            for kind, names in kinds.items()
        )
        for place in ("first", "second")
    ]


def _numbers(values, digits=3):
    return np.asarray(values, float).round(digits).tolist()
