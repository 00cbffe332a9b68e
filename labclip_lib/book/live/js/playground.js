// The playground: a scene that its reader changes, and beside it, at once, what CLIP and LABCLIP make of it and what
// linear probes read. Until the model is there, and where it cannot load, the page's first scenes have their answers.
import {decode, encode} from "./address.js";
import {button, make, set} from "./controls.js";
import {captionsOf, cosine, describe, drawn, Model, softmax} from "./model.js";
import {World} from "./scene.js";
import {Stage} from "./stage.js";
import {CARDS} from "./tour.js";

const TRIES = 300;  // scenes that a search looks at
const READING = "Reading captions (the first time this fetches six more megabytes) ...";
const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

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
    if (!this.model) this.#say("Fetching the model (a bit over three megabytes, once) ...");
    return this.ready;
  }

  #build() {
    this.place = make("div");
    this.results = make("div", {class: "lc-results"});
    this.verdict = make("p", {class: "lc-verdict", "aria-live": "polite"});
    this.status = make("p", {class: "lc-note", role: "status"});
    this.slider = make("input", {type: "range", min: 0, max: 1, step: 0.01, value: 1, "aria-label": "from CLIP to LABCLIP"});
    this.slider.addEventListener("input", () => this.mix(Number(this.slider.value)));
    const picks = make("div", {class: "lc-row", role: "group", "aria-label": "scenes to begin with"});
    this.picks = this.data.first.map(({scene}) => {
      const canvas = make("canvas", {width: 88, height: 88, "aria-hidden": true});
      canvas.getContext("2d").putImageData(this.world.image(scene, 88), 0, 0);
      const pick = make("button", {type: "button", class: "lc-pick", "aria-label": describe(scene.objects)}, canvas);
      pick.addEventListener("click", () => this.stage.set(scene));
      return pick;
    });
    picks.append(...this.picks);
    const side = make("div", {class: "lc-side"}, this.verdict, this.results);
    this.root.append(picks, make("div", {class: "lc-play"}, this.place, side));
    if (!this.small) this.#furnish(side, picks);
    this.root.append(this.status);
  }

  // What only the playground's own page has room for.
  #furnish(side, picks) {
    const field = make("input", {type: "text", "aria-label": "a caption of your own", placeholder: "a caption of your own"});
    const form = make("form", {class: "lc-buttons"}, field, make("button", {}, "compare"));
    form.addEventListener("submit", event => {
      event.preventDefault();
      this.#type(field.value);
    });
    this.turner = button("turn the captions round", () => this.turn(!this.turned));
    set(this.turner, {"aria-pressed": false});
    const finds = make("div", {class: "lc-buttons lc-finds"}, button("a scene where CLIP fails", () => this.#find(0)),
      button("a scene where LABCLIP fails", () => this.#find(1)));
    side.append(
      make("label", {class: "lc-mix"}, "from CLIP (left) to LABCLIP (right)", this.slider), form, finds,
      make("div", {class: "lc-buttons"}, this.turner, button("a third object", () => this.third()),
        button("copy the address of this scene", () => this.#copy())),
    );
    this.card = make("div", {class: "lc-card", role: "region", "aria-label": "guided tour", hidden: ""});
    picks.append(button("guided tour", () => this.#tour(0)));
    picks.after(this.card);
  }

  // Shows the k-th card of the tour, does what it does, and puts a line round what it speaks of; the last one closes it.
  #tour(k) {
    const card = CARDS[k], focused = this.card.contains(document.activeElement);
    this.root.querySelectorAll(".lc-lit").forEach(lit => lit.classList.remove("lc-lit"));
    this.lit = card?.at;
    this.card.hidden = !card;
    if (!card) return focused && this.root.querySelector(".lc-row > button:last-child").focus();
    const steps = [button("back", () => this.#tour(k - 1)), button(k + 1 < CARDS.length ? "next" : "done", () => this.#tour(k + 1)),
      button("close", () => this.#tour(CARDS.length))];
    steps[0].disabled = k === 0;
    steps[2].hidden = k + 1 === CARDS.length;
    this.card.replaceChildren(make("p", {"aria-live": "polite"}, `${k + 1} of ${CARDS.length}. ${card.text}`),
      make("div", {class: "lc-buttons"}, ...steps));
    steps[1].focus({preventScroll: true});
    card.act?.(this);
    this.#light();
    this.root.querySelector(".lc-lit")?.scrollIntoView({block: "nearest"});
    return true;
  }

  #light() {
    if (this.lit) this.root.querySelector(this.lit)?.classList.add("lc-lit");
  }

  // What a reader does by hand, and a card of the tour for them.
  begin() {
    this.mix(1);
    this.turn(false);
    this.stage.set(this.data.first[0].scene);
  }

  mix(share) {
    this.share = share;
    this.slider.value = share;
    this.#show();
  }

  async third() {
    if (await this.wake()) this.stage.add();
  }

  // Captions in the other order are in no table: the text tower reads them. Where it cannot be had they stay as they are.
  async turn(turned) {
    if (turned === this.turned) return;
    const flip = to => {
      this.turned = to;
      set(this.turner, {"aria-pressed": to});
    };
    flip(turned);
    const model = turned && await this.wake();
    if (model) {
      this.#say(READING);
      const captions = captionsOf(this.world, this.stage.get(), true).map(({caption}) => caption);
      await model.embed(captions).then(() => this.#say(""), error => {
        this.#say(error.message);
        flip(false);
      });
    }
    this.#changed(this.stage.get());
  }

  #say(text) {
    this.status.textContent = text;
  }

  async #type(text) {
    const caption = text.trim().toLowerCase().replace(/\s+/g, " "), model = caption && await this.wake();
    if (!model) return;
    this.#say(READING);
    try {
      await model.embed([caption]);
      this.own = [{kind: "your caption", caption}];
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
    this.picks.forEach((pick, k) => set(pick, {"aria-pressed": this.data.first[k] === prepared}));
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
    const table = make("table", {}, make("caption", {}, "Cosine similarity with the picture. Compare within a column: the largest is picked (◀)."),
      make("thead", {}, head), make("tbody", {}, ...rows));
    this.results.replaceChildren(table, ...["image", "caption"].map(side => this.#read(side, answer, scene)));
    this.#conclude(cosines, columns);
    this.#light();
  }

  // What the probe of a side reads: the colour of each object.
  #read(side, answer, {objects}) {
    const colors = Object.keys(this.world.colors), shapes = Object.keys(this.world.shapes);
    const parts = objects.map(({color, shape}) => {
      const shares = softmax(answer[side][shapes.indexOf(shape)]), best = shares.indexOf(Math.max(...shares));
      return {right: colors[best] === color, text: `the ${shape} is ${colors[best]} (${Math.round(100 * shares[best])}\u00a0%)`};
    });
    const right = parts.every(part => part.right);
    const line = make("p", {class: "lc-reads", "data-right": right});
    const what = side === "image" ? "picture" : "true caption";
    line.append("A classifier that gets ", make("b", {}, `only CLIP's numbers for the ${what}`), ` says: ${
      parts.map(part => part.text).join(", ")} `, make("span", {}, right ? "✓" : "✗"));
    return line;
  }

  #conclude(cosines, columns) {
    if (this.scene.objects.length < 2) {
      this.verdict.textContent = "One object: nothing to bind. Add another.";
      return;
    }
    const [clip, labclip] = cosines.map(([own, twin]) => own - twin);
    const [own, twin] = this.answer.rows.map(({caption}) => caption), pick = clip > 0 ? own : clip < 0 ? twin : null;
    // What CLIP picked before the colours were swapped, if that is what the reader did last.
    if (this.told?.own !== own) this.before = this.told;
    this.told = {own, twin, pick};
    const swapped = pick && this.before?.own === twin && this.before.twin === own && this.before.pick;
    const says = (name, ahead) => ahead > 0 ? `${name} prefers the true caption` :
      ahead < 0 ? `${name} prefers the caption with the colours swapped` : `${name} cannot decide`;
    const known = [...this.results.querySelectorAll(".lc-reads")].every(line => line.dataset.right === "true");
    const [, [name]] = columns;
    const first = !swapped ? says("CLIP", clip) : swapped === pick ? `The colours are swapped, and CLIP still picks “${pick}”`
      : `The colours are swapped, and CLIP changes its pick to “${pick}”`;
    this.verdict.textContent = `${first}. ${says(name, labclip)}.`;
    if (known && !this.small) {
      this.results.append(make("p", {}, "So picture and caption each tell, on their own, which colour goes with which shape."));
    }
  }
}

for (const root of document.querySelectorAll(".lc-panel[data-playground]")) {
  const data = JSON.parse(root.querySelector("script[type='application/json']").textContent);
  root.querySelector(".lc-still")?.remove();
  root.playground = new Playground(root, data, {small: root.dataset.playground === "small"});
}
