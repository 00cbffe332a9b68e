"""Interactive pieces. Each is plain HTML and JavaScript with its numbers inside, so it works on the built
page with no kernel; `try_captions` alone needs one, since it embeds what the reader types.
"""

import base64
import html
import io
import itertools

import ipywidgets
import numpy as np
from PIL import Image

from labclip_lib.book.panel import MARK, panel
from labclip_lib.book.style import INK, PALETTE
from labclip_lib.embeddings.embed import embed_texts


def temperature_slider(cosines, labels, images, start=20.0):
    """A slider on the logit scale beside the softmax it makes of one image's cosines.

    cosines: (K, N) of K images with N captions. labels: N str. images: (K, 3, H, W) in [0, 1].
    """
    body = f"""
    <div class="lc-row">{_buttons(images)}</div>
    <label>logit scale s = <output>{start:g}</output>
    <input type="range" min="0" max="4.605" step="0.01" value="{np.log(start):.2f}" aria-label="logit scale"></label>
    <div class="lc-bars" aria-live="polite"></div>"""
    script = """
    let chosen = 0;
    const slider = root.querySelector("input"), bars = root.querySelector(".lc-bars");
    function draw() {
      const s = Math.exp(+slider.value);
      root.querySelector("output").textContent = s.toFixed(s < 10 ? 1 : 0);
      const logits = data.cosines[chosen].map(c => s * c), top = Math.max(...logits);
      const e = logits.map(l => Math.exp(l - top)), sum = e.reduce((a, b) => a + b);
      bars.innerHTML = "";
      data.labels.forEach((label, j) => bars.append(bar(
        label + "  (cosine " + data.cosines[chosen][j].toFixed(2) + ")", e[j] / sum, data.color)));
    }
    choose(k => { chosen = k; draw(); });
    slider.addEventListener("input", draw);
    draw();"""
    data = {"cosines": _numbers(cosines), "labels": list(labels), "color": PALETTE["cross-modal"]}
    return panel(body, script, data)


def matrix_player(matrices, steps, losses, labels):
    """Step through training: the similarity matrix of fixed image-caption pairs, and the loss so far.

    matrices: (T, N, N) cosine similarities. steps: T ints, when each was taken. losses: one a training
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
    script = """
    const slider = root.querySelector("input"), [matrix, curve] = root.querySelectorAll("canvas");
    const n = data.labels.length, cell = 300 / n, most = Math.max(...data.losses, Math.log(n));
    function draw() {
      const t = +slider.value, m = data.matrices[t], at = data.steps[t];
      root.querySelector("output").textContent = at;
      const g = matrix.getContext("2d");
      let hits = 0;
      m.forEach((row, i) => {
        if (Math.max(...row) === row[i]) hits += 1;
        row.forEach((c, j) => {
          const k = Math.max(0, Math.min(1, (c + 0.2) / 1.2));
          g.fillStyle = "rgb(" + [252 - 82 * k, 251 - 183 * k, 247 - 94 * k].map(Math.round) + ")";
          g.fillRect(j * cell, i * cell, cell, cell);
        });
      });
      const h = curve.getContext("2d"), x = s => 36 + 255 * s / data.losses.length, y = l => 270 - 250 * l / most;
      h.clearRect(0, 0, 300, 300); h.font = "12px sans-serif"; h.fillStyle = data.ink; h.strokeStyle = data.ink;
      h.beginPath(); h.moveTo(36, 15); h.lineTo(36, 270); h.lineTo(292, 270); h.stroke();
      h.fillText("loss", 4, 12); h.fillText("step", 262, 290); h.fillText("0", 22, 274);
      h.fillText(most.toFixed(1), 10, 26);
      h.strokeStyle = data.color; h.lineWidth = 2; h.beginPath();
      data.losses.slice(0, at).forEach((l, s) => s ? h.lineTo(x(s), y(l)) : h.moveTo(x(s), y(l)));
      h.stroke(); h.lineWidth = 1;
      root.querySelector(".lc-note").textContent = "Darker is more alike. " + hits + " of " + n +
        " images are closest to their own caption.";
    }
    let timer = null;
    root.querySelector("button").addEventListener("click", event => {
      if (timer) { clearInterval(timer); timer = null; event.target.textContent = "play"; return; }
      if (+slider.value === data.steps.length - 1) slider.value = 0;
      event.target.textContent = "pause";
      timer = setInterval(() => {
        slider.value = +slider.value + 1; draw();
        if (+slider.value < data.steps.length - 1) return;
        clearInterval(timer); timer = null; event.target.textContent = "play";
      }, 350);
    });
    slider.addEventListener("input", draw);
    draw();"""
    data = {
        "matrices": _numbers(matrices), "steps": list(steps), "losses": _numbers(losses), "labels": list(labels),
        "color": PALETTE["cross-modal"], "ink": INK,
    }  # fmt: skip
    return panel(body, script, data)


def caption_explorer(backbone, scenes):
    """Compose any two-object caption from menus and see its cosine with a scene, beside the true caption's.

    scenes: a few two-object Scenes; the reader picks one. Every caption's cosine is computed beforehand.
    """
    world = scenes.world
    choices = itertools.product(world.colors, world.shapes, world.colors, world.shapes)
    captions = [f"{a} {b} and {c} {d}" for a, b, c, d in choices]
    images = scenes.render(backbone.image_size)
    cosines = (backbone.encode_images(images) @ embed_texts(backbone, captions).T).cpu()
    menus = "".join(
        f"<select aria-label='{name}'>" + "".join(f"<option>{option}</option>" for option in options) + "</select>"
        + (" and " if k == 1 else " ")
        for k, (name, options) in enumerate(
            [("first colour", world.colors), ("first shape", world.shapes),
             ("second colour", world.colors), ("second shape", world.shapes)])
    )  # fmt: skip
    body = f"""<div class="lc-row">{_buttons(scenes.render(112))}</div>
    <p>Your caption: {menus}</p>
    <p><button type="button">the true caption</button> <button type="button">swap the colours</button></p>
    <div class="lc-bars" aria-live="polite"></div><p class="lc-note"></p>"""
    script = """
    let chosen = 0;
    const menus = [...root.querySelectorAll("select")], bars = root.querySelector(".lc-bars");
    const sizes = menus.map(m => m.length);
    const position = at => at.reduce((sum, k, i) => sum * sizes[i] + k, 0);
    const words = at => menus[0].options[at[0]].text + " " + menus[1].options[at[1]].text + " and " +
      menus[2].options[at[2]].text + " " + menus[3].options[at[3]].text;
    function put(at) { at.forEach((k, i) => menus[i].selectedIndex = k); draw(); }
    function draw() {
      const at = menus.map(m => m.selectedIndex), truth = data.truth[chosen];
      const mine = data.cosines[chosen][position(at)], right = data.cosines[chosen][position(truth)];
      bars.innerHTML = "";
      bars.append(bar("true: " + words(truth), right, data.colors[0], right.toFixed(3)));
      bars.append(bar("yours: " + words(at), mine, data.colors[1], mine.toFixed(3)));
      root.querySelector(".lc-note").textContent = mine === right ? "The same caption, the same cosine." :
        "The cosines differ by " + Math.abs(mine - right).toFixed(3) + "; the model prefers " +
        (mine > right ? "your caption." : "the true one.");
    }
    const [truth, swap] = [...root.querySelectorAll("p button")];
    truth.addEventListener("click", () => put(data.truth[chosen]));
    swap.addEventListener("click", () => put([2, 1, 0, 3].map(i => menus[i].selectedIndex)));
    menus.forEach(m => m.addEventListener("change", draw));
    choose(k => { chosen = k; put(data.truth[k]); });
    put(data.truth[0]);"""
    order = scenes.mention_order("fixed")
    color, shape = scenes.color.gather(1, order).tolist(), scenes.shape.gather(1, order).tolist()
    truth = [[c[0], s[0], c[1], s[1]] for c, s in zip(color, shape, strict=True)]
    data = {"cosines": _numbers(cosines, 4), "truth": truth, "colors": [PALETTE["chance"], PALETTE["cross-modal"]]}
    return panel(body, script, data)


def scene_composer(backbone, world, seed=0):
    """Compose a two-object scene from menus and see which captions the model finds closest to it.

    world: a small World, since each of its two-object scenes is drawn and embedded beforehand. The captions are
    the true one, its twin's, and two with one colour replaced.
    """
    scenes = world.compositions(seed=seed)
    images = scenes.render(backbone.image_size)
    cosines = (backbone.encode_images(images) @ embed_texts(backbone, scenes.captions()).T).cpu()
    rows = [sorted(zip(s, c, strict=True)) for s, c in zip(scenes.shape.tolist(), scenes.color.tolist(), strict=True)]
    menus = [
        f"<select aria-label='{what}'>" + "".join(f"<option>{name}</option>" for name in names) + "</select>"
        for what, names in (
            ("first colour", world.colors), ("first shape", world.shapes),
            ("second colour", world.colors), ("second shape", world.shapes))
    ]  # fmt: skip
    body = f"""<p>A scene with a {menus[0]} {menus[1]} and a {menus[2]} {menus[3]}</p>
    <div class="lc-row"><img alt="the scene" width="112" height="112"></div>
    <div class="lc-bars" aria-live="polite"></div><p class="lc-note"></p>"""
    script = """
    const menus = [...root.querySelectorAll("select")], bars = root.querySelector(".lc-bars");
    const note = root.querySelector(".lc-note"), picture = root.querySelector("img");
    const find = objects => { const want = JSON.stringify(objects.sort((a, b) => a[0] - b[0]));
      return data.rows.findIndex(row => JSON.stringify(row) === want); };
    function draw() {
      const [a, s, b, t] = menus.map(m => m.selectedIndex);
      bars.innerHTML = "";
      if (a === b || s === t) { note.textContent = "Choose two different colours and two different shapes."; return; }
      const own = find([[s, a], [t, b]]), other = data.colors.findIndex((_, k) => k !== a && k !== b);
      const rivals = [["true", own], ["colours swapped", find([[s, b], [t, a]])],
        ["one colour replaced", find([[s, other], [t, b]])], ["one colour replaced", find([[s, a], [t, other]])]];
      picture.src = "data:image/png;base64," + data.images[own];
      const best = Math.max(...rivals.map(([, k]) => data.cosines[own][k]));
      rivals.forEach(([what, k]) => { const c = data.cosines[own][k];
        bars.append(bar(what + ": " + data.captions[k], c, data.shades[+(what !== "true")], c.toFixed(4))); });
      note.textContent = data.cosines[own][own] === best ? "The true caption is closest." :
        "The model prefers: " + rivals.find(([, k]) => data.cosines[own][k] === best)[0] + ".";
    }
    menus.forEach((m, k) => { m.selectedIndex = k < 2 ? 0 : 1; m.addEventListener("change", draw); });
    draw();"""
    data = {
        "rows": rows, "captions": scenes.captions(), "colors": list(world.colors), "cosines": _numbers(cosines, 4),
        "images": [base64.b64encode(_png(image)).decode() for image in images],
        "shades": [PALETTE["chance"], PALETTE["cross-modal"]],
    }  # fmt: skip
    return panel(body, script, data)


def matrix_slider(backbone, labclip, images, captions, kinds):
    """A slider from the identity to a LABCLIP's matrix, and the cosines of each scene with its captions on the way.

    labclip: with a map of captions. images: (K, 3, H, W) in [0, 1]. captions: for each image its C captions, the
    true one first; kinds: C str, what they are. The map at theta is (1 - theta) identity + theta A, A scaled so that
    the captions shown keep their length on average.
    """
    u = backbone.encode_images(images)
    v = backbone.encode_texts([caption for row in captions for caption in row])
    mapped = v @ labclip.linear.weight.T
    mapped = (
        mapped / mapped.norm(dim=1).mean()
    )  # the length of A is free: at that of the captions, both ends weigh alike
    # Four products a caption are enough to have its cosine at any place between the two.
    rows = [u.repeat_interleave(len(kinds), 0) * v, u.repeat_interleave(len(kinds), 0) * mapped, v * mapped, mapped**2]
    products = np.stack([np.asarray(row.sum(1).detach().cpu()) for row in rows], -1).reshape(len(u), len(kinds), 4)
    body = f"""<div class="lc-row">{_buttons(images)}</div>
    <label>from the identity to A: <output>0.00</output>
    <input type="range" min="0" max="1" step="0.01" value="0" aria-label="share of the way to A"></label>
    <div class="lc-bars" aria-live="polite"></div><p class="lc-note"></p>"""
    script = """
    let chosen = 0;
    const slider = root.querySelector("input"), bars = root.querySelector(".lc-bars");
    function draw() {
      const q = +slider.value, p = 1 - q;
      root.querySelector("output").textContent = q.toFixed(2);
      const cosines = data.products[chosen].map(([uv, um, vm, mm]) =>
        (p * uv + q * um) / Math.sqrt(p * p + 2 * p * q * vm + q * q * mm));
      bars.innerHTML = "";
      cosines.forEach((c, j) => bars.append(bar(data.kinds[j] + ": " + data.captions[chosen][j], c,
        data.shades[+(j > 0)], c.toFixed(3))));
      const best = cosines.indexOf(Math.max(...cosines));
      root.querySelector(".lc-note").textContent = best === 0 ? "The true caption is closest." :
        "Closest: the caption with the " + data.kinds[best] + ".";
    }
    choose(k => { chosen = k; draw(); });
    slider.addEventListener("input", draw);
    draw();"""
    data = {
        "products": _numbers(products, 5), "captions": [list(row) for row in captions], "kinds": list(kinds),
        "shades": [PALETTE["LABCLIP"], PALETTE["chance"]],
    }  # fmt: skip
    return panel(body, script, data)


def try_captions(backbone, image):
    """Type any captions, one a line, and see their cosines with an image. Needs a running kernel.

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
    picture = ipywidgets.Image(value=_png(image), format="png", width=128)
    return ipywidgets.HBox([picture, ipywidgets.VBox([text, button]), out])


def quiz(questions):
    """A quiz that marks itself and explains every answer, right or wrong.

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
            "<p class='lc-note' aria-live='polite'></p></fieldset>"
        )
    script = """
    root.querySelectorAll("fieldset").forEach((field, q) => field.addEventListener("change", event => {
      const [right, why] = data[q][+event.target.value], note = field.querySelector("p");
      note.textContent = (right ? "Right. " : "Not this one. ") + why;
      note.style.color = right ? "#00664b" : "#a33a00";
    }));"""
    data = [[[bool(right), why] for _, right, why in answers] for _, answers in questions]
    return panel("".join(parts), script, data)


def _buttons(images):
    return "".join(
        f'<button type="button" class="lc-pick" aria-pressed="{str(k == 0).lower()}" aria-label="scene {k + 1}">'
        f'<img alt="" src="data:image/png;base64,{base64.b64encode(_png(image)).decode()}"></button>'
        for k, image in enumerate(images)
    )


def _png(image):
    pixels = (np.asarray(image.permute(1, 2, 0).cpu()).clip(0, 1) * 255).round().astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _numbers(values, digits=3):
    return np.asarray(values, float).round(digits).tolist()
