// A scene as a string for the hash of an address, so that it can be sent to somebody, and back.
import {admit, clamp, ranges} from "./layout.js";

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";
// The numbers of a scene and of an object, in the order they are written: name, how many, digits of each.
const SCENE = [["backdrop", 3, 2], ["slope", 2, 2]];
const OBJECT = [["x", 1, 2], ["y", 1, 2], ["radius", 1, 2], ["angle", 1, 2], ["tint", 3, 1]];
const length = fields => fields.reduce((sum, [, count, digits]) => sum + count * digits, 0);

export function encode(world, {objects, ...scene}) {
  const range = ranges(world.limits), index = (names, name) => DIGITS[Object.keys(names).indexOf(name)];
  const write = (fields, from) => fields.map(([name, , digits]) => [from[name]].flat().map(value => {
    const [low, high] = range[name], share = (clamp(value, low, high) - low) / (high - low);
    const level = Math.round(share * (64 ** digits - 1));
    return Array.from({length: digits}, (_, k) => DIGITS[Math.floor(level / 64 ** (digits - 1 - k)) % 64]).join("");
  }).join("")).join("");
  return write(SCENE, scene) + objects.map(one =>
    index(world.colors, one.color) + index(world.shapes, one.shape) + write(OBJECT, one)).join("");
}

// Null of a string that is no scene's.
export function decode(world, text) {
  const range = ranges(world.limits), count = (text?.length - length(SCENE)) / (2 + length(OBJECT));
  if (typeof text !== "string" || !/^[\w-]+$/.test(text) || !Number.isInteger(count)) return null;
  let at = 0;
  const next = digits => [...text.slice(at, at += digits)].reduce((sum, digit) => 64 * sum + DIGITS.indexOf(digit), 0);
  const read = fields => Object.fromEntries(fields.map(([name, many, digits]) => {
    const [low, high] = range[name];
    const values = Array.from({length: many}, () => low + (high - low) * next(digits) / (64 ** digits - 1));
    return [name, many > 1 ? values : values[0]];
  }));
  const scene = read(SCENE);
  const objects = Array.from({length: Math.max(0, count)}, () => ({
    color: Object.keys(world.colors)[next(1)], shape: Object.keys(world.shapes)[next(1)], ...read(OBJECT),
  }));
  return admit(world, {objects, ...scene});
}
