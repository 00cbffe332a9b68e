// What both towers count with. Tables are Float32Arrays that hold one row after the other.

// The layer `name` of a file's tensors: `width` numbers out, `depth` in. A convolution keeps its scale apart (export.py).
export function layer(tensors, name) {
  const weight = tensors[`${name}.weight`], width = weight.shape[0], depth = weight.data.length / width;
  const scale = tensors[`${name}.scale`]?.data, bias = tensors[`${name}.bias`]?.data ?? new Float32Array(width);
  const data = scale ? weight.data.slice() : weight.data;
  for (let i = 0; scale && i < data.length; i++) data[i] *= scale[Math.floor(i / depth)];
  return {weight: data, bias, width, depth};
}

// A table with room for `rows` rows, as `dense` needs it.
export const table = (rows, width) => new Float32Array((rows + rows % 2) * width);

// Each row of `input` times a layer's weight, plus its bias, into `output`; with `relu`, no less than zero.
// Two rows and four columns at a time, so that each number is used more than once when it is fetched. So the width is a
// multiple of four, as all of PocketCLIP's are, and with an odd number of rows one more is filled.
export function dense(input, rows, {weight, bias, width, depth}, output, relu = false) {
  for (let column = 0; column < width; column += 4) {
    const w0 = column * depth, w1 = w0 + depth, w2 = w1 + depth, w3 = w2 + depth;
    for (let row = 0; row < rows; row += 2) {
      const i0 = row * depth, i1 = i0 + depth;
      let s00 = bias[column], s01 = bias[column + 1], s02 = bias[column + 2], s03 = bias[column + 3];
      let s10 = s00, s11 = s01, s12 = s02, s13 = s03;
      for (let k = 0; k < depth; k++) {
        const x0 = input[i0 + k], x1 = input[i1 + k];
        const a = weight[w0 + k], b = weight[w1 + k], c = weight[w2 + k], d = weight[w3 + k];
        s00 += x0 * a; s01 += x0 * b; s02 += x0 * c; s03 += x0 * d;
        s10 += x1 * a; s11 += x1 * b; s12 += x1 * c; s13 += x1 * d;
      }
      const o0 = row * width + column, o1 = o0 + width;
      output[o0] = s00; output[o0 + 1] = s01; output[o0 + 2] = s02; output[o0 + 3] = s03;
      output[o1] = s10; output[o1 + 1] = s11; output[o1 + 2] = s12; output[o1 + 3] = s13;
    }
  }
  if (relu) for (let i = 0; i < rows * width; i++) if (output[i] < 0) output[i] = 0;
}

// Attention of one query to the first `count` keys, head by head; what is heard goes into `output` at `to`.
// query, keys, values: [array, where the first begins, how far apart], `width` numbers each.
export function attend([query, atQuery], [keys, atKeys, step], [values, atValues], count, width, heads, output, to) {
  const size = width / heads, shares = new Float64Array(count);
  for (let from = 0; from < width; from += size) {
    let most = -Infinity, sum = 0;
    for (let k = 0; k < count; k++) {
      let score = 0;
      for (let i = from; i < from + size; i++) score += query[atQuery + i] * keys[atKeys + k * step + i];
      shares[k] = score / Math.sqrt(size);
      most = Math.max(most, shares[k]);
    }
    for (let k = 0; k < count; k++) sum += shares[k] = Math.exp(shares[k] - most);
    for (let i = from; i < from + size; i++) {
      let heard = 0;
      for (let k = 0; k < count; k++) heard += shares[k] * values[atValues + k * step + i];
      output[to + i] = heard / sum;
    }
  }
}

export function dot(u, v) {
  let sum = 0;
  for (let i = 0; i < u.length; i++) sum += u[i] * v[i];
  return sum;
}

// A vector of the same direction and of length 1.
export function unit(vector) {
  const length = Math.sqrt(dot(vector, vector));
  return vector.map(value => value / length);
}
