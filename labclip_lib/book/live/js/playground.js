// The playground: a scene that its reader changes, and beside it, at once, what CLIP and LABCLIP make of it and what
// linear probes read. Until the model is there, and where it cannot load, the page's first scenes have their answers.
import {decode, encode} from "./address.js";
import {dot} from "./arithmetic.js";
import {button, make, set} from "./controls.js";
import {Engine} from "./engine.js";
import {nearest, sizes} from "./layout.js";
import {World} from "./scene.js";
import {Stage} from "./stage.js";

const BASE = new URL(".", import.meta.url);
const TRIES = 300;  // scenes that a search looks at
const KINDS = {
  true: "true", twin: "colours swapped", color: "one colour replaced", shape: "one shape replaced", own: "your caption",
};
const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
const describe = objects => objects.map(({color, shape}) => `${color} ${shape}`).join(" and ");

// What the page computes: {rows: [{caption, kind, products}], image, caption}, as Playground.answer does in Python.
class Model {
  static async load(world) {
    const engine = await Engine.load(BASE);
    const [labclip, probes, captions] = await Promise.all(["labclip", "probes", "captions"].map(n => engine.table(n)));
    return new Model(world, engine, labclip, probes, captions);
  }

  constructor(world, engine, labclip, probes, captions) {
    Object.assign(this, {world, engine, labclip, probes, known: new Map()});
    this.learn(captions);
  }

  learn({about, tensors: {caption: {data, shape: [, width]}}}) {
    about.captions.forEach((caption, k) => this.known.set(caption, data.subarray(k * width, (k + 1) * width)));
  }

  // The embeddings of captions; of those that are in no table the text tower makes them, once it is there.
  async embed(captions) {
    const fresh = captions.filter(caption => !this.known.has(caption));
    if (fresh.length) {
      const made = await this.engine.embedText(fresh);
      fresh.forEach((caption, k) => this.known.set(caption, made[k]));
    }
    return captions.map(caption => this.known.get(caption));
  }

  async answer(scene, captions) {
    const u = this.engine.embedImage(this.world.render(scene, this.engine.about.side));
    const embeddings = await this.embed(captions.map(({caption}) => caption));
    const rows = captions.map(({caption, kind}, k) => {
      const v = embeddings[k], m = this.labclip.apply("map", v);
      return {caption, kind, products: [dot(u, v), dot(u, m), dot(v, m), dot(m, m)]};
    });
    const width = Object.keys(this.world.colors).length;
    const read = (side, x) => {
      const logits = [...this.probes.apply(side, x)];
      return Object.keys(this.world.shapes).map((_, k) => logits.slice(k * width, (k + 1) * width));
    };
    return {rows, image: read("image", u), caption: read("caption", embeddings[0])};
  }
}

// The captions of a scene: true, twin, and one with a colour and one with a shape that are not there.
function captionsOf(world, {objects}, turned) {
  const shapes = Object.keys(world.shapes), colors = Object.keys(world.colors);
  const told = [...objects].sort((one, other) => shapes.indexOf(one.shape) - shapes.indexOf(other.shape));
  const unused = (names, field) => names.find(name => objects.every(one => one[field] !== name));
  const [first, second, ...rest] = told, kinds = [["true", told]];
  const sorted = list => [...list].sort((one, other) => shapes.indexOf(one.shape) - shapes.indexOf(other.shape));
  if (second) {
    kinds.push(["twin", [{...first, color: second.color}, {...second, color: first.color}, ...rest]]);
  }
  kinds.push(["color", [{...first, color: unused(colors, "color")}, ...told.slice(1)]]);
  kinds.push(["shape", sorted([{...first, shape: unused(shapes, "shape")}, ...told.slice(1)])]);
  return kinds.map(([kind, list]) => ({kind: KINDS[kind], caption: describe(turned ? list.reverse() : list)}));
}

// A scene that the world could have drawn.
function drawn(world, random = Math.random) {
  const {limits} = world, around = most => most * (2 * random() - 1), between = ([low, high]) => low + (high - low) * random();
  const shuffled = names => [...names].map(name => [random(), name]).sort(([a], [b]) => a - b).map(([, name]) => name);
  const colors = shuffled(Object.keys(world.colors)), shapes = shuffled(Object.keys(world.shapes)), objects = [];
  for (let k = 0; k < 2; k++) {
    const radius = Math.min(between(limits.radius), sizes(limits, 2)[1]);
    const place = nearest({x: random(), y: random(), radius}, objects, limits.margin);
    if (!place) return drawn(world, random);
    const tint = [0, 0, 0].map(() => around(limits.tint));
    objects.push({color: colors[k], shape: shapes[k], ...place, radius, angle: around(limits.angle), tint});
  }
  const level = between(limits.levels[Math.floor(limits.levels.length * random())]);
  const backdrop = [0, 0, 0].map(() => level + around(limits.cast));
  return {objects, backdrop, slope: [around(limits.slope), around(limits.slope)]};
}

// The cosine with the caption at a share of the way from the identity to LABCLIP's matrix.
function cosine([uv, um, vm, mm], share) {
  const keep = 1 - share, length = Math.sqrt(keep * keep + 2 * keep * share * vm + share * share * mm);
  return (keep * uv + share * um) / length;
}

function softmax(logits) {
  const most = Math.max(...logits), parts = logits.map(one => Math.exp(one - most));
  const sum = parts.reduce((a, b) => a + b);
  return parts.map(part => part / sum);
}

export class Playground {
  // root: a panel. data: what Playground.data of playground.py gives. small: only what the landing page has room for.
  constructor(root, data, {small = false} = {}) {
    Object.assign(this, {root, data, small, turned: false, own: [], share: 1, asked: 0, model: null, ready: null});
    this.world = new World(data.world);
    this.#build();
    const sent = small ? null : decode(this.world, location.hash.slice(1));
    this.first = sent ?? data.first[0].scene;
    this.stage = new Stage(this.place, this.world, this.first, {onchange: scene => this.#changed(scene)});
    if (sent) this.wake();
    root.addEventListener("pointerdown", () => this.wake(), {once: true});
    root.addEventListener("keydown", event => event.key !== "Tab" && this.wake());
  }

  // Fetches the model, once; resolves to it, or to null where it cannot be had.
  wake() {
    this.ready ??= Model.load(this.world).then(model => {
      this.model = model;
      this.#say("");
      this.#changed(this.stage.get());
      return model;
    }).catch(error => {
      this.#say(`${error.message} These scenes have their answers without it.`);
      return null;
    });
    if (!this.model) this.#say("Fetching the model (four megabytes, once) ...");
    return this.ready;
  }

  #build() {
    this.place = make("div");
    this.results = make("div", {class: "lc-results"});
    this.verdict = make("p", {class: "lc-verdict", "aria-live": "polite"});
    this.status = make("p", {class: "lc-note", role: "status"});
    this.slider = make("input", {type: "range", min: 0, max: 1, step: 0.01, value: 1, "aria-label": "from CLIP to LABCLIP"});
    this.slider.addEventListener("input", () => {
      this.share = Number(this.slider.value);
      this.#show();
    });
    const picks = make("div", {class: "lc-row", role: "group", "aria-label": "scenes to begin with"});
    this.data.first.forEach(({scene}) => {
      const canvas = make("canvas", {width: 88, height: 88, "aria-hidden": true});
      canvas.getContext("2d").putImageData(this.world.image(scene, 88), 0, 0);
      const pick = make("button", {type: "button", class: "lc-pick", "aria-label": describe(scene.objects)}, canvas);
      pick.addEventListener("click", () => this.stage.set(scene));
      picks.append(pick);
    });
    const side = make("div", {class: "lc-side"}, this.verdict, this.results);
    this.root.append(picks, make("div", {class: "lc-play"}, this.place, side));
    if (!this.small) {
      this.field = make("input", {type: "text", "aria-label": "a caption of your own", placeholder: "a caption of your own"});
      const form = make("form", {class: "lc-buttons"}, this.field, make("button", {}, "compare"));
      form.addEventListener("submit", event => {
        event.preventDefault();
        this.#type(this.field.value);
      });
      const turn = button("turn the captions round", () => {
        this.turned = !this.turned;
        set(turn, {"aria-pressed": this.turned});
        this.#turn();
      });
      set(turn, {"aria-pressed": false});
      side.append(
        make("label", {}, "from CLIP (left) to LABCLIP (right)", this.slider), form,
        make("div", {class: "lc-buttons"}, turn,
          button("a scene where CLIP fails", () => this.#find(0)),
          button("a scene where LABCLIP fails", () => this.#find(1)),
          button("a third object", async () => await this.wake() && this.stage.add()),
          button("copy the address of this scene", () => this.#copy())),
      );
    }
    this.root.append(this.status);
  }

  #say(text) {
    this.status.textContent = text;
  }

  async #turn() {
    const model = await this.wake();
    if (model && this.turned) await model.engine.table("turned").then(table => model.learn(table), e => this.#say(e.message));
    this.#changed(this.stage.get());
  }

  async #type(text) {
    const caption = text.trim().toLowerCase().replace(/\s+/g, " "), model = caption && await this.wake();
    if (!model) return;
    this.#say("Reading the caption (the first one fetches six more megabytes) ...");
    try {
      await model.embed([caption]);
      this.own = [{kind: KINDS.own, caption}];
      this.#say("");
      this.#changed(this.stage.get());
    } catch (error) {
      this.#say(error.message);
    }
  }

  // Looks for a scene for which the twin's caption wins, by CLIP (share 0) or by LABCLIP (share 1).
  async #find(share) {
    const model = await this.wake();
    if (!model) return;
    for (let k = 1; k <= TRIES; k++) {
      const scene = drawn(this.world), captions = captionsOf(this.world, scene, this.turned);
      const {rows: [own, twin]} = await model.answer(scene, captions.slice(0, 2));
      const ahead = cosine(own.products, share) - cosine(twin.products, share);
      if (ahead < 0) {
        this.#say(`It was scene ${k} of those drawn at random.`);
        this.stage.set(scene);
        return;
      }
      if (k % 5 === 0) {
        this.#say(`${k} scenes looked at ...`);
        await new Promise(resolve => setTimeout(resolve));
      }
    }
    this.#say(`None of ${TRIES} scenes drawn at random.`);
  }

  async #copy() {
    const address = new URL(`#${encode(this.world, this.stage.get())}`, location.href).href;
    history.replaceState(null, "", address);
    await navigator.clipboard?.writeText(address).then(() => this.#say("Copied."), () => this.#say(address));
  }

  // Answers come in any order; only that to the last question is shown.
  async #changed(scene) {
    const number = ++this.asked, prepared = this.data.first.find(first => same(first.scene, scene));
    const captions = [...captionsOf(this.world, scene, this.turned), ...this.own];
    if (this.model) {
      try {
        const answer = await this.model.answer(scene, captions);
        if (number === this.asked) this.#show(answer, scene);
      } catch (error) {
        if (number === this.asked) this.#say(error.message);
      }
    } else if (prepared) {
      this.#show(prepared.answer, scene);
    } else if (this.stage) {
      this.wake();
    }
  }

  #show(answer = this.answer, scene = this.scene) {
    Object.assign(this, {answer, scene});
    if (!answer) return;
    const shown = this.small ? answer.rows.slice(0, 2) : answer.rows;
    const columns = [["CLIP", 0, "lc-clip"], [this.small || this.share === 1 ? "LABCLIP" : `${Math.round(100 * this.share)} % LABCLIP`,
      this.small ? 1 : this.share, "lc-labclip"]];
    const cosines = columns.map(([, share]) => shown.map(({products}) => cosine(products, share)));
    const chosen = cosines.map(list => list.indexOf(Math.max(...list)));
    const head = make("tr", {}, make("th", {scope: "col"}, "caption"), ...columns.map(([name]) => make("th", {scope: "col"}, name)));
    const rows = shown.map(({caption, kind}, k) => {
      const cells = columns.map(([, , style], c) => {
        const bar = make("i", {class: style}), cell = make("td", {}, cosines[c][k].toFixed(3), bar);
        bar.style.width = `${Math.round(100 * Math.max(0, cosines[c][k] / cosines[c][chosen[c]]))}%`;
        if (chosen[c] === k) {
          set(cell, {class: "lc-chosen-one"});
          bar.before(make("span", {role: "img", "aria-label": "chosen"}, " ◀"));
        }
        return cell;
      });
      return make("tr", {}, make("th", {scope: "row"}, caption, make("small", {}, kind)), ...cells);
    });
    const table = make("table", {}, make("caption", {}, "Cosine similarity with the picture. The largest of a column is picked (◀)."),
      make("thead", {}, head), make("tbody", {}, ...rows));
    this.results.replaceChildren(table, ...["image", "caption"].map(side => this.#read(side, answer, scene)));
    this.#conclude(cosines, columns);
  }

  // What the probe of a side reads: the colour of each object.
  #read(side, answer, {objects}) {
    const colors = Object.keys(this.world.colors), shapes = Object.keys(this.world.shapes);
    const parts = objects.map(({color, shape}) => {
      const shares = softmax(answer[side][shapes.indexOf(shape)]), best = shares.indexOf(Math.max(...shares));
      return {right: colors[best] === color, text: `the ${shape} is ${colors[best]} (${Math.round(100 * shares[best])} %)`};
    });
    const right = parts.every(part => part.right);
    const line = make("p", {class: "lc-reads", "data-right": right});
    const numbers = side === "image" ? "picture's" : "true caption's";
    line.append(make("b", {}, `A classifier that sees only the ${numbers} numbers: `),
      parts.map(part => part.text).join(", "), right ? " ✓" : " ✗");
    return line;
  }

  #conclude(cosines, columns) {
    if (this.scene.objects.length < 2) {
      this.verdict.textContent = "One object: nothing to bind. Add another.";
      return;
    }
    const [clip, labclip] = cosines.map(([own, twin]) => own - twin);
    const says = (name, ahead) => ahead > 0 ? `${name} prefers the true caption` :
      ahead < 0 ? `${name} prefers the caption with the colours swapped` : `${name} cannot decide`;
    const known = [...this.results.querySelectorAll(".lc-reads")].every(line => line.dataset.right === "true");
    const [, [name]] = columns;
    this.verdict.textContent = `${says("CLIP", clip)}. ${says(name, labclip)}.${known && !this.small ?
      " Picture and caption each tell, on their own, which colour goes with which shape." : ""}`;
  }
}

for (const root of document.querySelectorAll(".lc-panel[data-playground]")) {
  const data = JSON.parse(root.querySelector("script[type='application/json']").textContent);
  root.querySelector(".lc-still")?.remove();
  root.playground = new Playground(root, data, {small: root.dataset.playground === "small"});
}
