// PocketCLIP's image tower: open_clip's ModifiedResNet with one block a stage, channels last, BatchNorm folded.
import {attend, dense, layer, table, unit} from "./arithmetic.js";

// The 3 x 3 neighbourhoods of a picture with zeros around it, a row each: convolving is then a product of tables.
function neighbourhoods(input, side, channels, stride, output) {
  let to = 0;
  for (let y = 0; y < side; y += stride) {
    for (let x = 0; x < side; x += stride) {
      for (let v = y - 1; v <= y + 1; v++) {
        for (let u = x - 1; u <= x + 1; u++, to += channels) {
          if (u < 0 || u === side || v < 0 || v === side) output.fill(0, to, to + channels);
          else for (let c = 0, from = (v * side + u) * channels; c < channels; c++) output[to + c] = input[from + c];
        }
      }
    }
  }
}

// Means over 2 x 2 pixels.
function halve(input, side, channels, output) {
  const row = side * channels;
  for (let y = 0, to = 0; y < side; y += 2) {
    for (let x = 0; x < side; x += 2) {
      for (let c = 0, from = y * row + x * channels; c < channels; c++, from++, to++) {
        output[to] = (input[from] + input[from + channels] + input[from + row] + input[from + row + channels]) / 4;
      }
    }
  }
}

export class ImageTower {
  constructor({about, tensors}) {
    Object.assign(this, about);  // mean, std, side and heads among it
    this.layers = new Map();
    for (const name of Object.keys(tensors)) {
      const [, of] = name.match(/^(.*)\.weight$/) ?? [];
      if (of) this.layers.set(of, layer(tensors, of));
    }
    this.position = tensors["pool.position"].data;
    this.rows = new Float32Array(Math.max(...[...this.layers.values()].map(({depth}) => depth)) * this.side ** 2);
  }

  // A 3 x 3 convolution and what is below zero cut off.
  convolve(input, side, name, stride = 1) {
    const of = this.layers.get(name), pixels = (side / stride) ** 2;
    neighbourhoods(input, side, of.depth / 9, stride, this.rows);
    return this.each(this.rows, pixels, name, true);
  }

  // A layer for each pixel, or for each row of a table.
  each(input, rows, name, relu) {
    const of = this.layers.get(name), output = table(rows, of.width);
    dense(input, rows, of, output, relu);
    return output;
  }

  // pixels: side x side x 3, row by row, of 0 to 255 in bytes or of 0 to 1 in a Float32Array.
  embed(pixels) {
    const {mean, std, layers} = this, most = pixels instanceof Float32Array ? 1 : 255;
    let side = this.side, seen = new Float32Array(pixels.length);
    for (let i = 0; i < seen.length; i++) seen[i] = (pixels[i] / most - mean[i % 3]) / std[i % 3];
    const shrink = (input, channels) => {
      const output = table((side / 2) ** 2, channels);
      halve(input, side, channels, output);
      return output;
    };
    seen = this.convolve(seen, side, "conv1", 2);
    side /= 2;
    seen = this.convolve(this.convolve(seen, side, "conv2"), side, "conv3");
    seen = shrink(seen, layers.get("conv3").width);
    side /= 2;
    for (let stage = 1; stage <= 4; stage++) {
      const part = name => `layer${stage}.${name}`;
      let inner = this.convolve(this.each(seen, side ** 2, part("conv1"), true), side, part("conv2"));
      if (stage > 1) {
        inner = shrink(inner, layers.get(part("conv2")).width);
        seen = shrink(seen, layers.get(part("downsample")).depth);
        side /= 2;
      }
      inner = this.each(inner, side ** 2, part("conv3"));
      seen = this.each(seen, side ** 2, part("downsample"));
      for (let i = 0; i < seen.length; i++) seen[i] = Math.max(0, seen[i] + inner[i]);
    }
    return this.pool(seen, side ** 2);
  }

  // Their mean asks all pixels, and itself; what it hears is the picture's embedding.
  pool(pixels, count) {
    const {position, heads} = this, {width} = this.layers.get("pool.query"), all = table(count + 1, width);
    for (let i = 0; i < count * width; i++) {
      all[i % width] += pixels[i] / count;
      all[width + i] = pixels[i] + position[width + i];
    }
    for (let i = 0; i < width; i++) all[i] += position[i];
    const [query, keys, values] = ["query", "key", "value"].map((name, k) =>
      this.each(all, k ? count + 1 : 1, `pool.${name}`));
    const heard = table(1, width);
    attend([query, 0], [keys, 0, width], [values, 0], count + 1, width, heads, heard, 0);
    return unit(this.each(heard, 1, "pool.out").slice(0, this.layers.get("pool.out").width));
  }
}
