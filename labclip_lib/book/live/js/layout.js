// Which layouts of a scene there are: the rules of World._lay_out in labclip_lib/world/scenes.py, as a reader's hand
// needs them. An object is a disc here. It keeps `margin` from the others and from the frame.

const ROUNDING = 1e-3;  // of an address, and of numbers in single precision
const far = (one, other) => Math.hypot(one.x - other.x, one.y - other.y);

export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

// The least and the largest value of each number of a scene.
export function ranges({angle, backdrop, radius: [least, largest], shrink, slope, tint}) {
  const around = most => [-most, most];
  return {
    backdrop, slope: around(slope), x: [0, 1], y: [0, 1], radius: [least * Math.min(...shrink), largest],
    angle: around(angle), tint: around(tint),
  };
}

// How small and how large an object of a scene of `count` may be made.
export function sizes({radius: [least, largest], shrink}, count) {
  return [least * shrink[count - 1], largest];
}

// May a disc lie there?
function free({x, y, radius}, others, margin, slack = 1e-9) {
  const edge = radius + margin - slack, clear = one => far(one, {x, y}) >= edge + one.radius;
  return Math.min(x, y) >= edge && Math.max(x, y) <= 1 - edge && others.every(clear);
}

// The place of a disc that is nearest to the one asked for, or null where it fits nowhere. It is that place itself, or
// the nearest on the rim of what is forbidden, or a corner where two rims meet.
export function nearest({x, y, radius}, others, margin) {
  const low = radius + margin, high = 1 - low, target = {x: clamp(x, low, high), y: clamp(y, low, high)};
  if (low > high) return null;
  const places = [target, ...[low, high].flatMap(a => [low, high].map(b => ({x: a, y: b})))];
  const rims = others.map(one => ({...one, reach: one.radius + low}));
  rims.forEach((one, k) => {
    const away = far(target, one) || 1;
    places.push({
      x: one.x + (target.x - one.x) / away * one.reach, y: one.y + (target.y - one.y) / away * one.reach,
    });
    for (const wall of [low, high]) {
      for (const sign of [-1, 1]) {
        places.push(
          {x: wall, y: one.y + sign * Math.sqrt(one.reach ** 2 - (wall - one.x) ** 2)},
          {x: one.x + sign * Math.sqrt(one.reach ** 2 - (wall - one.y) ** 2), y: wall},
        );
      }
    }
    for (const other of rims.slice(0, k)) {  // where two circles meet: NaN, which is free nowhere, where they do not
      const apart = far(one, other), along = (apart ** 2 + one.reach ** 2 - other.reach ** 2) / (2 * apart);
      const aside = Math.sqrt(one.reach ** 2 - along ** 2);
      const dx = (other.x - one.x) / apart, dy = (other.y - one.y) / apart;
      for (const sign of [-1, 1]) {
        places.push({x: one.x + along * dx - sign * aside * dy, y: one.y + along * dy + sign * aside * dx});
      }
    }
  });
  return places.filter(place => free({...place, radius}, others, margin))
    .reduce((best, place) => best && far(best, target) <= far(place, target) ? best : place, null);
}

// The largest radius that an object has room for where it is.
export function room({x, y}, others, margin) {
  return Math.min(x, y, 1 - x, 1 - y, ...others.map(one => far(one, {x, y}) - one.radius)) - margin;
}

// A copy of the scene that a World can draw and a reader can move, with numbers out of range put into it; null of
// anything else, and of a scene in which objects touch or two are of one colour or one shape.
export function admit(world, scene) {
  const range = ranges(world.limits), {margin} = world.limits;
  const number = (value, name) => clamp(typeof value === "number" ? value : NaN, ...range[name]);
  const several = (values, name, count) => Array.from({length: count}, (_, k) => number(values?.[k], name));
  const objects = Array.isArray(scene?.objects) ? scene.objects.map(one => {
    const [radius, angle] = ["radius", "angle"].map(name => number(one?.[name], name)), edge = radius + margin;
    const [x, y] = ["x", "y"].map(name => clamp(number(one?.[name], name), edge, 1 - edge));
    return {color: one?.color, shape: one?.shape, x, y, radius, angle, tint: several(one?.tint, "tint", 3)};
  }) : [];
  const out = {
    objects, backdrop: several(scene?.backdrop, "backdrop", 3), slope: several(scene?.slope, "slope", 2),
  };
  const numbers = [out.backdrop, out.slope, ...objects.map(one => [one.x, one.y, one.radius, one.angle, one.tint])];
  const differ = (name, known) => new Set(objects.map(one => one[name]).filter(one => Object.hasOwn(known, one))).size;
  const sound = objects.length >= 1 && objects.length <= world.most && numbers.flat(2).every(Number.isFinite) &&
    differ("color", world.colors) === objects.length && differ("shape", world.shapes) === objects.length &&
    objects.every((one, k) => free(one, objects.slice(0, k), margin, ROUNDING));
  return sound ? out : null;
}
