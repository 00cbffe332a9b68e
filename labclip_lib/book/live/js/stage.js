// A scene that its reader changes, by mouse, by finger and by keyboard. Nothing here knows of a model: whoever makes a
// Stage hears of each change, and says what is computed of it.
import {button, make, mark, palette, set, setSlider, slider} from "./controls.js";
import {admit, clamp, nearest, room, sizes} from "./layout.js";

const SIZE = 320;  // pixels of the canvas, a side
const STEP = {place: 0.01, far: 0.05, angle: 0.05, radius: 0.01};  // of a key
const ARROWS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
const WORDS = {color: "colour", shape: "shape"};
const HELP = "Drag an object, or go to it with Tab. Then the arrow keys move it, further with Shift; [ and ] turn it; " +
  "+ and - make it larger and smaller; C and S give it the next colour and shape; Delete removes it; Enter chooses " +
  "it, so that the buttons and sliders change it.";
let stages = 0;

const name = ({color, shape}) => `${color} ${shape}`;
const a = word => `${/^[aeiou]/.test(word) ? "an" : "a"} ${word}`;

// A size and an angle in words.
const SPOKEN = {
  radius: radius => `${Math.round(200 * radius)} % of the frame`,
  angle(angle) {
    const degrees = Math.round(180 / Math.PI * angle);
    return degrees ? `${Math.abs(degrees)}° ${degrees > 0 ? "" : "counter"}clockwise` : "upright";
  },
};

// Which way it went: "left", or "left and up" where it went both ways.
function way(dx, dy) {
  const across = Math.abs(dx), along = Math.abs(dy), words = [];
  if (across > 0.4 * along) words.push(dx < 0 ? "left" : "right");
  if (along > 0.4 * across) words.push(dy < 0 ? "up" : "down");
  return words.join(" and ");
}

export class Stage {
  // root: an empty element in a panel. world: a World. scene: the first one. onchange is called with a copy of the scene,
  // at most once a frame, after any change, the first scene among them. random: numbers in [0, 1), for add().
  constructor(root, world, scene, {onchange = () => {}, random = Math.random} = {}) {
    Object.assign(this, {world, onchange, random, chosen: 0, discs: [], held: new Map(), waiting: false});
    this.#build(root);
    if (!this.set(scene)) throw new Error("This is no scene that the world allows.");
  }

  get() {
    return structuredClone(this.scene);
  }

  // Shows another scene; false, and nothing is changed, of one that the world does not allow.
  set(scene) {
    const next = admit(this.world, scene);
    if (!next) return false;
    this.scene = next;
    this.held.clear();
    this.note.textContent = "";
    this.#changed();
    return true;
  }

  // The twin: the first two objects exchange colours, as in Scenes.swapped.
  swapColors() {
    const [one, other] = this.scene.objects;
    if (!other) return this.#refuse("It takes two objects to swap colours.");
    [one.color, other.color] = [other.color, one.color];
    return this.#done(`Colours swapped: ${this.scene.objects.map(name).join(" and ")}.`);
  }

  // One more object, of a colour and a shape that the scene does not have, made smaller until it fits: Scenes.added.
  add() {
    const {objects} = this.scene, {limits, most} = this.world, count = objects.length + 1;
    if (count > most) return this.#refuse(`A scene holds ${most} objects at most.`);
    const draw = range => range * (2 * this.random() - 1);
    const pick = names => names[Math.floor(this.random() * names.length)];
    const [color, shape] = ["color", "shape"].map(field => pick(this.#unused(field)));
    const wish = {x: this.random(), y: this.random()}, [least] = sizes(limits, count);
    for (let radius = limits.radius[0]; radius >= least && color && shape; radius *= 0.99) {
      const place = nearest({...wish, radius}, objects, limits.margin);
      if (place) {
        const tint = [0, 0, 0].map(() => draw(limits.tint));
        objects.push({color, shape, ...place, radius, angle: draw(limits.angle), tint});
        return this.#chosen(count - 1, `${name(objects[count - 1])} added.`);
      }
    }
    return this.#refuse("There is no room for another object. Move one aside, or make it smaller.");
  }

  // Takes the chosen object away.
  remove() {
    const {objects} = this.scene;
    if (objects.length === 1) return this.#refuse("One object has to stay.");
    const [gone] = objects.splice(this.chosen, 1);
    this.held.clear();
    return this.#chosen(Math.min(this.chosen, objects.length - 1), `${name(gone)} removed.`);
  }

  // The page

  #build(root) {
    const help = `lc-stage-${++stages}`, {colors} = this.world;
    const choice = (field, face) => {
      const row = palette(Object.keys(this.world[`${field}s`]), face, value => this.#give(field, value));
      row.classList.add(`lc-${field}s`);
      return row;
    };
    const slide = (word, field, step) => slider(word, step, value => this.#adjust(field, value),
      () => this.#say(`${name(this.#one)}: ${SPOKEN[field](this.#one[field])}.`));
    this.canvas = make("canvas", {width: SIZE, height: SIZE, "aria-hidden": true});
    this.frame = make("div", {class: "lc-scene", role: "application", "aria-describedby": help}, this.canvas);
    this.title = make("p", {class: "lc-chosen"});
    this.palettes = {
      color: choice("color", (one, color) => { one.style.background = `rgb(${colors[color].map(part => 255 * part)})`; }),
      shape: choice("shape", (one, shape) => one.append(this.#icon(shape))),
    };
    this.sliders = {radius: slide("size", "radius", 0.005), angle: slide("turn", "angle", 0.01)};
    this.note = make("p", {class: "lc-note", "aria-live": "polite"});
    root.classList.add("lc-stage");
    // Hidden text still describes the scene to a screen reader; in a closed <details> it would not.
    const keys = make("p", {class: "lc-help", id: help, hidden: ""}, HELP), unfold = button("?", () => {
      keys.hidden = !keys.hidden;
      set(unfold, {"aria-expanded": !keys.hidden});
    });
    set(unfold, {"aria-label": "keys", title: "keys", "aria-expanded": false});
    const tools = make("div", {class: "lc-tools"}, make("div", {class: "lc-head"}, this.title, unfold),
      ...Object.values(this.palettes), ...Object.values(this.sliders).map(input => input.parentElement),
      make("div", {class: "lc-buttons"}, button("swap colours", () => this.swapColors()),
        button("add one", () => this.add()), button("remove it", () => this.remove())));
    root.append(this.frame, tools, this.note, keys);
  }

  // The shape in the colour of the text, whatever that is: the picture is a mask.
  #icon(shape) {
    const canvas = make("canvas", {width: 48, height: 48}), icon = make("i");
    canvas.getContext("2d").putImageData(this.world.icon(shape, 48), 0, 0);
    icon.style.maskImage = `url(${canvas.toDataURL()})`;
    return icon;
  }

  // A button over each object: what is focused, and what is held.
  #disc(k) {
    const disc = make("button", {type: "button", class: "lc-disc"});
    const at = event => {
      const box = this.frame.getBoundingClientRect();
      return {x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height};
    };
    // Not on focus: on the way to the tools Tab comes by all the objects.
    disc.addEventListener("click", () => {
      if (this.chosen !== k) this.#say(`${name(this.scene.objects[k])} chosen.`);
      this.#choose(k);
    });
    disc.addEventListener("keydown", event => this.#key(event, k));
    disc.addEventListener("pointerdown", event => {
      if (event.button !== 0) return;
      const one = this.scene.objects[k], {x, y} = at(event);
      disc.setPointerCapture(event.pointerId);
      disc.focus({preventScroll: true});  // Safari does not by itself
      this.#choose(k);
      this.held.set(event.pointerId, {one, dx: one.x - x, dy: one.y - y, from: {x: one.x, y: one.y}});
    });
    disc.addEventListener("pointermove", event => {
      const hold = this.held.get(event.pointerId);
      if (!hold) return;
      const {x, y} = at(event);
      this.#move(hold.one, x + hold.dx, y + hold.dy);
    });
    disc.addEventListener("lostpointercapture", event => {
      const hold = this.held.get(event.pointerId);
      this.held.delete(event.pointerId);
      const where = hold && way(hold.one.x - hold.from.x, hold.one.y - hold.from.y);
      if (where) this.#say(`${name(hold.one)} moved ${where}.`);
    });
    return disc;
  }

  // Changes

  get #one() {
    return this.scene.objects[this.chosen];
  }

  #others(one) {
    return this.scene.objects.filter(other => other !== one);
  }

  #unused(field) {
    const used = this.scene.objects.map(one => one[field]);
    return Object.keys(this.world[`${field}s`]).filter(value => !used.includes(value));
  }

  #choose(k) {
    this.chosen = k;
    this.#show();
  }

  // Another object is chosen after a change; it has the focus if one had it.
  #chosen(k, text) {
    const focused = this.discs.includes(document.activeElement);
    this.chosen = k;
    this.#done(text);
    if (focused) this.discs[k].focus();
    return true;
  }

  // Moves an object as near to a place as the others and the frame allow; false where it stays.
  #move(one, x, y) {
    const place = nearest({x, y, radius: one.radius}, this.#others(one), this.world.limits.margin);
    if (!place || Math.hypot(place.x - one.x, place.y - one.y) < 1e-6) return false;
    Object.assign(one, place);
    this.#changed();
    return true;
  }

  // Turns or sizes the chosen object, as far as the world and the room allow; false where it stays.
  #adjust(field, wish) {
    const one = this.#one, {limits} = this.world, before = one[field];
    if (field === "angle") {
      one.angle = clamp(wish, -limits.angle, limits.angle);
    } else {
      const [least, largest] = sizes(limits, this.scene.objects.length);
      const most = room(one, this.#others(one), limits.margin);
      // One that is smaller than the world makes them grows, and shrinks no more.
      one.radius = Math.max(Math.min(clamp(wish, least, largest), most), Math.min(least, before));
    }
    this.#changed();
    return Math.abs(one[field] - before) > 1e-6;
  }

  #give(field, value) {
    const one = this.#one, was = name(one), owner = this.#others(one).find(other => other[field] === value);
    if (owner) return this.#refuse(`The ${name(owner)} has this ${WORDS[field]} already.`);
    one[field] = value;
    return this.#done(`${was} is now ${a(name(one))}.`);
  }

  #key(event, k) {
    const {key} = event, one = this.scene.objects[k], {x, y} = one;
    // Some keyboards write [ with AltGr; any other combination is the browser's.
    if ((event.ctrlKey || event.altKey || event.metaKey) && !event.getModifierState("AltGraph")) return;
    const adjust = (field, sign, yes, no) => this.#adjust(field, one[field] + sign * STEP[field]) ?
      this.#done(`${name(one)} ${yes}.`) : this.#refuse(`${name(one)} ${no}.`);
    const next = field => {
      const values = Object.keys(this.world[`${field}s`]), at = values.indexOf(one[field]);
      const unused = this.#unused(field);
      this.#give(field, unused.find(value => values.indexOf(value) > at) ?? unused[0] ?? one[field]);
    };
    const actions = {
      "[": () => adjust("angle", -1, "turned counterclockwise", "turns no further"),
      "]": () => adjust("angle", 1, "turned clockwise", "turns no further"),
      "+": () => adjust("radius", 1, "is larger", "has no room to grow"),
      "=": () => actions["+"](),  // the same key without Shift
      "-": () => adjust("radius", -1, "is smaller", "gets no smaller"),
      c: () => next("color"), s: () => next("shape"), delete: () => this.remove(), backspace: () => this.remove(),
    };
    const arrow = ARROWS[key], act = actions[key.toLowerCase()];
    if (!arrow && !act) return;
    event.preventDefault();
    this.#choose(k);
    if (act) return void act();
    const step = event.shiftKey ? STEP.far : STEP.place;
    if (this.#move(one, x + step * arrow[0], y + step * arrow[1])) {
      this.#say(`${name(one)} moved ${way(one.x - x, one.y - y)}.`);
    } else {
      this.#say(`${name(one)} cannot go further ${way(...arrow)}.`);
    }
  }

  #say(text) {
    this.note.textContent = text;
  }

  #done(text) {
    this.#say(text);
    this.#changed();
    return true;
  }

  #refuse(text) {
    this.#say(text);
    return false;
  }

  #changed() {
    this.#show();
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.canvas.getContext("2d").putImageData(this.world.image(this.scene, SIZE), 0, 0);
      this.onchange(this.get());
    });
  }

  // Brings all but the canvas up to date.
  #show() {
    const {objects} = this.scene, {limits} = this.world;
    while (this.discs.length > objects.length) this.discs.pop().remove();
    while (this.discs.length < objects.length) {
      this.discs.push(this.#disc(this.discs.length));
      this.frame.append(this.discs.at(-1));
    }
    this.chosen = Math.min(this.chosen, objects.length - 1);
    const one = this.#one;
    objects.forEach(({x, y, radius, ...rest}, k) => {
      const disc = this.discs[k], percent = share => `${100 * share}%`;
      Object.assign(disc.style, {left: percent(x - radius), top: percent(y - radius)});
      Object.assign(disc.style, {width: percent(2 * radius), height: percent(2 * radius)});
      set(disc, {"aria-label": name(rest), "aria-pressed": k === this.chosen});
    });
    set(this.frame, {"aria-label": `the scene: ${objects.map(name).join(" and ")}`});
    this.title.textContent = name(one);
    for (const [field, row] of Object.entries(this.palettes)) {
      mark(row, one[field], this.#unused(field), `${WORDS[field]} of the ${name(one)}`);
    }
    const extent = {radius: sizes(limits, objects.length), angle: [-limits.angle, limits.angle]};
    for (const [field, input] of Object.entries(this.sliders)) {
      setSlider(input, extent[field], one[field], SPOKEN[field](one[field]));
    }
  }
}
