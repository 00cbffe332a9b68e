// PocketCLIP's text tower and its tokenizer: a transformer that reads from left to right, one token a word.
import {attend, dense, layer, table, unit} from "./arithmetic.js";

// A caption's ids, as labclip_lib/models/tokenizer.py has them: 1 the start, then the words' from 2, last the end.
export function tokenize(caption, row, {words, contextLength}) {
  const found = caption.toLowerCase().split(/[\s.,]+/).filter(word => word);
  const unknown = found.find(word => !words.includes(word));
  if (unknown !== undefined) {
    throw new Error(`PocketCLIP does not know the word '${unknown}' in '${caption}'; it knows: ${words.join(", ")}.`);
  }
  if (!found.length) throw new Error(`Caption ${row} is empty; give at least one word.`);
  if (found.length > contextLength - 2) {
    throw new Error(`Caption ${row} has ${found.length} words, PocketCLIP reads at most ${contextLength - 2}: ` +
      `'${caption}'.`);
  }
  return [1, ...found.map(word => words.indexOf(word) + 2), words.length + 2];
}

// Each row less its mean, over its standard deviation, times a weight, plus a bias.
function normalise(input, rows, {weight, bias}, output) {
  const width = weight.length;
  for (let row = 0; row < rows; row++) {
    const from = row * width;
    let mean = 0, variance = 0;
    for (let i = 0; i < width; i++) mean += input[from + i] / width;
    for (let i = 0; i < width; i++) variance += (input[from + i] - mean) ** 2 / width;
    const scale = 1 / Math.sqrt(variance + 1e-5);  // torch's eps
    for (let i = 0; i < width; i++) output[from + i] = (input[from + i] - mean) * scale * weight[i] + bias[i];
  }
}

// x times the share of a normal distribution below it, to 1e-7 (Abramowitz and Stegun, 7.1.26).
function gelu(x) {
  const z = Math.abs(x) / Math.SQRT2, t = 1 / (1 + 0.3275911 * z);
  const series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  const beyond = 0.5 * series * Math.exp(-z * z);
  return x * (x > 0 ? 1 - beyond : beyond);
}

export class TextTower {
  constructor({about, tensors}) {
    this.heads = about.heads;
    this.word = tensors.word.data;
    this.position = tensors.position.data;
    this.width = tensors.word.shape[1];
    this.projection = layer(tensors, "projection");
    const vectors = name => ({weight: tensors[`${name}.weight`].data, bias: tensors[`${name}.bias`].data});
    this.norm = vectors("norm");
    this.blocks = [];
    for (let k = 0; `${k}.qkv.weight` in tensors; k++) {
      const [qkv, out, wide, narrow] = ["qkv", "out", "wide", "narrow"].map(name => layer(tensors, `${k}.${name}`));
      this.blocks.push({norm1: vectors(`${k}.norm1`), qkv, out, norm2: vectors(`${k}.norm2`), wide, narrow});
    }
  }

  // ids: as `tokenize` gives them. No padding: nothing looks to the right, so what would follow changes nothing.
  embed(ids) {
    const {width, heads} = this, count = ids.length, all = table(count, width);
    const read = table(count, width), change = table(count, width), qkv = table(count, 3 * width);
    const inner = table(count, 4 * width);
    ids.forEach((id, row) => {
      for (let i = 0; i < width; i++) all[row * width + i] = this.word[id * width + i] + this.position[row * width + i];
    });
    const add = () => change.forEach((value, i) => { all[i] += value; });
    for (const block of this.blocks) {
      normalise(all, count, block.norm1, read);
      dense(read, count, block.qkv, qkv);
      for (let row = 0; row < count; row++) {
        attend([qkv, 3 * width * row], [qkv, width, 3 * width], [qkv, 2 * width], row + 1, width, heads, read, row * width);
      }
      dense(read, count, block.out, change);
      add();
      normalise(all, count, block.norm2, read);
      dense(read, count, block.wide, inner);
      for (let i = 0; i < inner.length; i++) inner[i] = gelu(inner[i]);
      dense(inner, count, block.narrow, change);
      add();
    }
    // A caption is read at its largest id, the first of them, as open_clip does: that is the end of text.
    const end = ids.indexOf(Math.max(...ids)), last = table(1, width), out = table(1, this.projection.width);
    normalise(all.subarray(end * width), 1, this.norm, last);
    dense(last, 1, this.projection, out);
    return unit(out.slice(0, this.projection.width));
  }
}
