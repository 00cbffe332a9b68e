// PocketCLIP in the page, in plain JavaScript: no kernel, no other host, nothing to compile.
//
//   const engine = await Engine.load();
//   const picture = engine.embedImage(pixels);
//   const [caption] = await engine.embedText(["a red circle and a blue square"]);
//   engine.cosine(picture, caption);
//
// Each promise that fails does so with one sentence that a reader can be shown.
import {dot} from "./arithmetic.js";
import {fetchFile} from "./files.js";
import {ImageTower} from "./image_tower.js";
import {TextTower, tokenize} from "./text_tower.js";

export class Engine {
  // base: the address of the engine's files, as the page sees it; left out, the folder that this module came from.
  static async load(base = new URL(".", import.meta.url)) {
    const folder = new URL(String(base).replace(/\/?$/, "/"), location.href);
    return new Engine(folder, await fetchFile(folder, "image"));
  }

  constructor(folder, file) {
    this.folder = folder;
    this.about = file.about;  // words, logitScale and what else export.py says
    this.image = new ImageTower(file);
    this.text = null;  // a promise, once a caption was asked for
  }

  // pixels: 64 x 64 x RGB, row by row: bytes, or a Float32Array of 0 to 1. Returns a Float32Array of length 1.
  embedImage(pixels) {
    const {side} = this.about;
    if (pixels?.length !== 3 * side ** 2) {
      throw new Error(`A picture is ${side} x ${side} x 3 numbers, and not ${pixels?.length}.`);
    }
    return this.image.embed(pixels);
  }

  // captions: strings. Resolves to a Float32Array of length 1 for each; the first call fetches the text tower.
  async embedText(captions) {
    const rows = captions.map((caption, row) => tokenize(caption, row, this.about));
    this.text ??= this.same("text").then(file => new TextTower(file)).catch(error => {
      this.text = null;  // the next call tries again
      throw error;
    });
    const tower = await this.text, embeddings = [];
    for (const ids of rows) {
      embeddings.push(tower.embed(ids));
      await new Promise(resolve => setTimeout(resolve));  // the page stays alive between captions
    }
    return embeddings;
  }

  // Resolves to what `write_table` put into NAME.bin: {about, tensors: {name: {shape, data}}, apply}, where
  // apply(name, vector) is the vector under the linear map of that name.
  async table(name) {
    const file = await this.same(name);
    return {...file, apply: (of, vector) => {
      const {data, shape: [width, depth]} = file.tensors[`${of}.weight`], bias = file.tensors[`${of}.bias`]?.data;
      return Float32Array.from({length: width}, (_, row) =>
        dot(vector, data.subarray(row * depth, (row + 1) * depth)) + (bias ? bias[row] : 0));
    }};
  }

  // Of any two vectors, such as a picture's and a mapped caption's.
  cosine(u, v) {
    return dot(u, v) / Math.sqrt(dot(u, u) * dot(v, v));
  }

  // Fetches a file that belongs to the same weights as the image tower.
  async same(name) {
    const file = await fetchFile(this.folder, name);
    if (file.about.model !== this.about.model) {
      throw new Error("The site has changed since this page was opened; reload the page.");
    }
    return file;
  }
}
