// A scene is plain data, as `plain` of labclip_lib/world/geometry.py gives it:
// {objects: [{color, shape, x, y, radius, angle, tint}], backdrop, slope}. Lengths are shares of the image side, x to
// the right and y downwards, angles in radians and clockwise, colours in [0, 1]; tint is added to the object's colour,
// and slope is how the backdrop brightens along x and y.
import {clamp} from "./layout.js";

// What a shape's formula is made of, on the first n numbers of arrays in single precision, as torch computes it.
const STEPS = {
  add(out, n, a, b) { for (let i = 0; i < n; i++) out[i] = a[i] + b[i]; },
  sub(out, n, a, b) { for (let i = 0; i < n; i++) out[i] = a[i] - b[i]; },
  mul(out, n, a, b) { for (let i = 0; i < n; i++) out[i] = a[i] * b[i]; },
  div(out, n, a, b) { for (let i = 0; i < n; i++) out[i] = a[i] / b[i]; },
  max(out, n, a, b) { for (let i = 0; i < n; i++) out[i] = a[i] > b[i] ? a[i] : b[i]; },
  min(out, n, a, b) { for (let i = 0; i < n; i++) out[i] = a[i] < b[i] ? a[i] : b[i]; },
  neg(out, n, a) { for (let i = 0; i < n; i++) out[i] = -a[i]; },
  abs(out, n, a) { for (let i = 0; i < n; i++) out[i] = Math.abs(a[i]); },
  sqrt(out, n, a) { for (let i = 0; i < n; i++) out[i] = Math.sqrt(a[i]); },
};

// Pixels around a shape's disc that are drawn, too. The soft edge of a tip reaches half a pixel over the sine of half
// the tip's angle beyond it: 1.6 pixels at a star's.
const BEYOND = 3;

export class World {
  // geometry: what `geometry()` of labclip_lib/world/geometry.py gives
  constructor(geometry) {
    Object.assign(this, geometry);
    this.most = this.limits.shrink.length;
    this.programs = new Map();
  }

  // The signed distances of a shape, compiled for rows of at most `width` points: fill u and v, then run(n).
  #program(shape, width) {
    const key = `${shape} ${width}`;
    if (!this.programs.has(key)) {
      const row = () => new Float32Array(width), known = {u: row(), v: row()};
      const calls = this.shapes[shape].map(([name, ...operands], k) => {
        const inputs = operands.map(one => typeof one === "number" ? row().fill(one) : known[one]);
        const out = known[k] = row();
        return n => STEPS[name](out, n, ...inputs);
      });
      const run = n => calls.forEach(call => call(n));
      this.programs.set(key, {u: known.u, v: known.v, distance: known[calls.length - 1], run});
    }
    return this.programs.get(key);
  }

  // The pixels that an object covers, row by row: Scenes._coverage. In a row from top to bottom, cover(row) gives the
  // shares of n pixels from the column `left` on.
  #traced({shape, x, y, radius, angle}, size) {
    const {u, v, distance, run} = this.#program(shape, size), scale = radius * size;
    const from = c => clamp(Math.floor((c - radius) * size) - BEYOND, 0, size);
    const to = c => clamp(Math.ceil((c + radius) * size) + BEYOND, 0, size);
    const left = from(x), n = to(x) - left, cos = Math.cos(angle) / radius, sin = Math.sin(angle) / radius;
    const cover = row => {
      const dy = (row + 0.5) / size - y;
      for (let i = 0; i < n; i++) {
        const dx = (left + i + 0.5) / size - x;
        u[i] = cos * dx + sin * dy;
        v[i] = cos * dy - sin * dx;
      }
      run(n);
      for (let i = 0; i < n; i++) u[i] = clamp(0.5 - distance[i] * scale, 0, 1);
      return u;
    };
    return {left, n, top: from(y), bottom: to(y), cover};
  }

  // Scenes._paint, into bytes of which each pixel has `stride`, the first three of them red, green and blue.
  #paint({objects, backdrop: [r, g, b], slope}, size, out, stride) {
    const light = new Float32Array(3 * size), place = k => (k + 0.5) / size - 0.5;
    const across = Float32Array.from(light.subarray(0, size), (_, column) => slope[0] * place(column));
    const traced = objects.map(object => ({
      ...this.#traced(object, size), paint: this.colors[object.color].map((c, k) => clamp(c + object.tint[k], 0, 1)),
    }));
    for (let row = 0, q = 0; row < size; row++) {
      const down = slope[1] * place(row);
      for (let column = 0, p = 0; column < size; column++, p += 3) {
        const more = across[column] + down;
        light[p] = r + more;
        light[p + 1] = g + more;
        light[p + 2] = b + more;
      }
      for (const {left, n, top, bottom, cover, paint: [red, green, blue]} of traced) {
        if (row < top || row >= bottom) continue;
        const shares = cover(row);
        for (let i = 0, p = 3 * left; i < n; i++, p += 3) {
          const share = shares[i], more = across[left + i] + down;
          light[p] += share * (red - r - more);
          light[p + 1] += share * (green - g - more);
          light[p + 2] += share * (blue - b - more);
        }
      }
      // The array clamps to a byte, and rounds a half to the even one, as NumPy does.
      for (let p = 0; p < light.length; p += 3, q += stride) {
        out[q] = 255 * light[p];
        out[q + 1] = 255 * light[p + 1];
        out[q + 2] = 255 * light[p + 2];
      }
    }
  }

  // The scene's RGB, size * size * 3 bytes.
  render(scene, size) {
    const out = new Uint8ClampedArray(3 * size * size);
    this.#paint(scene, size, out, 3);
    return out;
  }

  // The same for a canvas.
  image(scene, size) {
    const image = new ImageData(size, size);
    image.data.fill(255);  // opaque
    this.#paint(scene, size, image.data, 4);
    return image;
  }

  // A shape alone, for a canvas: black where it is, clear elsewhere.
  icon(shape, size) {
    const image = new ImageData(size, size);
    const {left, n, top, bottom, cover} = this.#traced({shape, x: 0.5, y: 0.5, radius: 0.5, angle: 0}, size);
    for (let row = top; row < bottom; row++) {
      cover(row).subarray(0, n).forEach((share, i) => { image.data[4 * (row * size + left + i) + 3] = 255 * share; });
    }
    return image;
  }
}
