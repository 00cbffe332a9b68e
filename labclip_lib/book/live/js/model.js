// What the playground computes of a scene and its captions, and the scenes and captions that it asks about.
import {dot} from "./arithmetic.js";
import {Engine} from "./engine.js";
import {nearest, sizes} from "./layout.js";

const KINDS = {
  true: "true", twin: "false: colours swapped", color: "false: one colour replaced", shape: "false: one shape replaced",
};
export const describe = objects => objects.map(({color, shape}) => `${color} ${shape}`).join(" and ");

// What the page computes: {rows: [{caption, kind, products}], image, caption}, as Playground.answer does in Python.
export class Model {
  static async load(world) {
    const engine = await Engine.load();
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
export function captionsOf(world, {objects}, turned) {
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
export function drawn(world, random = Math.random) {
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
export function cosine([uv, um, vm, mm], share) {
  const keep = 1 - share, length = Math.sqrt(keep * keep + 2 * keep * share * vm + share * share * mm);
  return (keep * uv + share * um) / length;
}

export function softmax(logits) {
  const most = Math.max(...logits), parts = logits.map(one => Math.exp(one - most));
  const sum = parts.reduce((a, b) => a + b);
  return parts.map(part => part / sum);
}
