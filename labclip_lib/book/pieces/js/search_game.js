// data: kinds of search, [name, where it is]; counts of objects; layouts, for each count some lists of [x, y, radius, angle]; pairs of things,
// {color, shape, size, said}, that share neither colour nor shape; repeats of each kind, count and right answer; chance;
// models, [name, color, mark, rows], a row for each count of [mean] or [mean, low, high]
const PAUSE = 700;  // milliseconds with a dot to look at, before each picture

function shuffled(list, pick) {
  const left = [...list];
  return list.map(() => left.splice(pick(left.length), 1)[0]);
}

// Blocks of {things: [target, its opposite], counted, trials}, a trial {kind, place of its count, there, spots, things}.
// The first block is to practise. The answers are yes as often as no for each kind and count, in each half of a run.
function plan({kinds, counts, layouts, pairs, repeats}, pick) {
  const cells = kinds.flatMap((name, kind) => counts.flatMap((n, place) => (
    [true, false].map(there => ({kind, place, there})))));
  const order = Array.from({length: repeats}, () => shuffled(cells, pick)).flat();
  const targets = shuffled(pairs.flatMap(([one, other]) => [[one, other], [other, one]]), pick);
  const decks = layouts.map(some => shuffled(some, pick)), share = order.length / targets.length;
  const practice = shuffled(kinds.flatMap((name, kind) => [true, false].map(there => (
    {kind, place: pick(counts.length), there}))), pick);
  const fill = (trial, things, spots) => ({
    ...trial, spots: turned(shuffled(spots, pick), pick), things: crowd(trial, things, counts[trial.place], pick),
  });
  return [
    {things: targets[0], counted: false, trials: practice.map(one => fill(one, targets[0], decks[one.place][0]))},
    ...targets.map((things, k) => ({things, counted: true, trials: order.slice(k * share, (k + 1) * share).map(
      one => fill(one, things, decks[one.place].pop()))})),
  ];
}

// A layout seen in a mirror, or not, along each axis.
function turned(spots, pick) {
  const [across, down] = [pick(2), pick(2)];
  return spots.map(([x, y, radius, angle]) => [across ? 1 - x : x, down ? 1 - y : y, radius, angle]);
}

// The n things of a picture, the target first if it is there. kind 0 is the conjunction.
function crowd({kind, there}, [target, other], n, pick) {
  const alike = [{...target, color: other.color}, {...other, color: target.color}], odd = pick(2);
  const rest = Array.from({length: n - there}, (_, k) => alike[kind === 0 ? (k + odd) % 2 : 0]);
  return there ? [target, ...rest] : rest;
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b), half = sorted.length / 2;
  return sorted.length ? (sorted[Math.ceil(half) - 1] + sorted[Math.floor(half)]) / 2 : null;
}

// Of answers [kind, place, right, milliseconds] for each kind and count the share right, and the median time of the
// right ones; null where there are none.
function summary(answers, {kinds, counts}) {
  return kinds.map((name, kind) => counts.map((n, place) => {
    const mine = answers.filter(one => one[0] === kind && one[1] === place), rights = mine.filter(one => one[2]);
    return {share: mine.length ? rights.length / mine.length : null, ms: median(rights.map(one => one[3]))};
  }));
}

// Of the straight line through the points, by least squares; null for fewer than two.
function slope(counts, values) {
  const there = counts.map((n, k) => [n, values[k]]).filter(([, value]) => value !== null);
  const middle = axis => there.reduce((sum, point) => sum + point[axis], 0) / there.length;
  const [x, y] = [middle(0), middle(1)], sum = of => there.reduce((total, point) => total + of(point), 0);
  return there.length < 2 ? null : sum(([n, value]) => (n - x) * (value - y)) / sum(([n]) => (n - x) ** 2);
}

// A line of a chart: {name, color, dash, mark, fill, rows}, a row for each count of [value], of [value, low, high], or null.
const CONJUNCTION = {color: "currentColor", dash: "none", mark: "M0-5.4l5.4 5.4l-5.4 5.4l-5.4-5.4z", fill: "currentColor"};
const FEATURE = {...CONJUNCTION, dash: "5 4", fill: "var(--lc-paper)"};

function chart(title, counts, lines, {top, written, level}) {
  const svg = drawing(300, 236, `${title}, by the number of objects; the table below has the numbers`);
  const x = n => 62 + 230 * n / (1.05 * Math.max(...counts)), y = value => 186 - 174 * value / top;
  svg.classList.add("lc-plot");
  svg.append(draw("path", {class: "lc-frame", d: "M62 12v174h230"}),
    draw("text", {x: 177, y: 228, "text-anchor": "middle"}, "objects in the picture"),
    draw("text", {transform: "translate(11 99) rotate(-90)", "text-anchor": "middle"}, title));
  counts.forEach(n => svg.append(draw("path", {class: "lc-frame", d: `M${x(n)} 186v4`}),
    draw("text", {x: x(n), y: 205, "text-anchor": "middle"}, n)));
  [0, top / 2, top].forEach(value => svg.append(
    draw("text", {x: 57, y: y(value) + 4, "text-anchor": "end"}, written(value))));
  if (level) svg.append(draw("path", {class: "lc-frame lc-level", "stroke-dasharray": "2 4", d: `M62 ${y(level)}h230`}));
  lines.forEach(({name, color, dash, mark, fill, rows}) => {
    const group = draw("g", {style: `color: ${color}`, "data-of": name});
    const there = counts.map((n, k) => [n, rows[k]]).filter(([, row]) => row);
    group.append(draw("polyline", {
      class: "lc-road", stroke: "currentColor", style: `stroke-dasharray: ${dash}`,
      points: there.map(([n, [value]]) => `${x(n)},${y(value)}`).join(" "),
    }), ...there.flatMap(([n, [value, low, high]]) => [
      ...low === undefined ? [] : [draw("path", {class: "lc-frame", d: `M${x(n)} ${y(low)}V${y(high)}`})],
      draw("path", {d: mark, style: `fill: ${fill}; stroke: currentColor`, transform: `translate(${x(n)} ${y(value)})`}),
    ]));
    svg.append(group);
  });
  return svg;
}

function entry({name, color, dash, mark, fill}) {
  const item = document.createElement("li"), sample = draw("svg", {
    width: 34, height: 14, viewBox: "-17 -7 34 14", "aria-hidden": true, style: `color: ${color}`,
  });
  sample.append(draw("path", {d: "M-17 0h34", class: "lc-road", stroke: "currentColor", style: `stroke-dasharray: ${dash}`}),
    draw("path", {d: mark, style: `fill: ${fill}; stroke: currentColor`}));
  item.append(sample, ` ${name}`);
  return item;
}

function piece(root, data) {
  const {kinds, counts} = data, key = `lc-search ${location.pathname} ${root.id}`;
  const part = name => root.querySelector(`.lc-${name}`), search = part("search"), stage = part("stage");
  const gives = [...root.querySelectorAll(".lc-give")], note = search.querySelector(".lc-note");
  const all = kinds.length * counts.length * 2 * data.repeats;
  let run = null, trial = null, shown = null, waiting = null;

  function put(things, spots) {
    stage.replaceChildren(...things.map(({color, shape, size}, k) => {
      const [x, y, radius, angle] = spots[k], half = size * radius;
      const transform = `translate(${x} ${y}) rotate(${angle * 180 / Math.PI})`;
      return shape === "circle" ? draw("circle", {cx: x, cy: y, r: half, fill: color}) :
        draw("rect", {x: -half, y: -half, width: 2 * half, height: 2 * half, transform, fill: color});
    }));
  }

  function halt() {
    clearTimeout(waiting);
    trial = shown = null;
  }

  // Before a block, and after an interruption: what is searched, and the rest of the block.
  function ask() {
    const {things: [target], counted, trials} = run.blocks[run.block], first = run.answers.length + 1;
    const left = trials.length - run.at, many = left > 1 ? `Pictures ${first} to ${first + left - 1}` : `Picture ${first}`;
    halt();
    part("asked").textContent = counted ? `${many} of ${all}: is there ${target.said}?` :
      `To practise first: is there ${target.said}?`;
    stage.setAttribute("aria-label", target.said);
    put([target], [[0.5, 0.5, 0.2, 0]]);
    gives.forEach(button => { button.hidden = true; });
    part("go").hidden = false;
    part("go").focus();
  }

  function next() {
    const {trials} = run.blocks[run.block];
    if (run.at === trials.length) {
      run.block += 1;
      run.at = 0;
      if (run.block < run.blocks.length) ask();
      else finish();
      return;
    }
    const mine = trial = trials[run.at];
    stage.setAttribute("aria-label", `${counts[mine.place]} objects`);
    stage.replaceChildren(draw("circle", {cx: 0.5, cy: 0.5, r: 0.012}));
    waiting = setTimeout(() => requestAnimationFrame(() => {
      if (trial !== mine) return;
      put(mine.things, mine.spots);
      shown = performance.now();
    }), PAUSE);
  }

  function give(yes) {
    if (shown === null) return;  // nothing to answer yet
    const ms = Math.round(performance.now() - shown), {kind, place, there} = trial, right = yes === there;
    halt();
    tell(note, right, right ? `Right, after ${ms} ms.` : "Not right.");
    if (run.blocks[run.block].counted) run.answers.push([kind, place, right, ms]);
    run.at += 1;
    next();
  }

  function finish() {
    const {answers} = run;
    halt();
    run = null;
    search.hidden = true;
    part("begin").hidden = false;
    if (answers.length) {
      store(key, answers);
      show(answers);
    } else part("found").textContent = "You stopped before the first picture that counts.";
    part("found").focus();
  }

  function words(answers, times) {
    const rights = answers.filter(one => one[2]).length;
    const slopes = kinds.map(([name, where], k) => {
      const found = slope(counts, times[k]), each = `each further object takes you ${Math.round(found)} ms`;
      return `In ${name} search, ${where}, ${found === null ? "there are too few right answers for a slope" : each}.`;
    });
    return `You answered ${answers.length} of ${all} pictures, ${rights} of them right. ${slopes.join(" ")} So few ` +
      "pictures give a rough slope: search again, and it moves.";
  }

  // answers: of a run, or null where there is none
  function show(answers) {
    const models = data.models.map(([name, color, mark, rows]) => (
      {name: `${name}, conjunction`, color, dash: "none", mark, fill: "currentColor", rows}));
    const found = answers && summary(answers, data), row = value => value === null ? null : [value];
    const of = what => found.map(places => places.map(place => place[what]));
    const mine = what => found ? of(what).map((values, k) => (
      {...[CONJUNCTION, FEATURE][k], name: `you, ${kinds[k][0]}`, rows: values.map(row)})) : [];
    const longest = found ? Math.max(...of("ms").flat()) : 0;  // null counts as 0
    const shares = chart("share right", counts, [...models, ...mine("share")],
      {top: 1, written: value => value, level: data.chance});
    part("plots").replaceChildren(...longest ? [chart("median time, ms", counts, mine("ms"),
      {top: 400 * Math.ceil(longest / 400), written: value => value.toLocaleString("en")})] : [], shares);
    const dotted = document.createElement("li");
    dotted.textContent = "dotted: chance";
    part("key").replaceChildren(...[...mine("share"), ...models].map(entry), dotted);
    part("you").replaceChildren(...found ? [
      ...kinds.map(([name], k) => line(`you, ${name}`, of("share")[k], share => share.toFixed(2))),
      ...kinds.map(([name], k) => line(`your median time in ms, ${name}`, of("ms")[k], Math.round)),
    ] : []);
    part("found").textContent = found ? words(answers, of("ms")) : "";
    part("start").textContent = found ? "search again" : "search";
    part("forget").hidden = !found;
  }

  function line(name, values, written) {
    const made = document.createElement("tr"), head = document.createElement("th");
    head.scope = "row";
    head.textContent = name;
    made.append(head, ...values.map(value => {
      const cell = document.createElement("td");
      cell.textContent = value === null ? "-" : written(value);
      return cell;
    }));
    return made;
  }

  part("start").addEventListener("click", () => {
    let state = (Number(root.dataset.seed) || Date.now()) % 2147483646 + 1;
    const pick = n => {
      state = state * 48271 % 2147483647;
      return state % n;
    };
    run = {blocks: plan(data, pick), block: 0, at: 0, answers: []};
    part("begin").hidden = true;
    search.hidden = false;
    tell(note, "", "");
    ask();
  });
  part("go").addEventListener("click", () => {
    part("go").hidden = true;
    gives.forEach(button => { button.hidden = false; });
    search.focus();
    next();
  });
  gives.forEach((button, yes) => button.addEventListener("click", () => give(yes === 1)));
  part("stop").addEventListener("click", finish);
  search.addEventListener("keydown", event => {
    const answer = ["f", "j"].indexOf(event.key.toLowerCase());
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") finish();
    else if (answer >= 0) give(answer === 1);
  });
  // A time in which the page was not seen is no time of a search: the picture is asked once more.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden && trial) ask();
  });
  part("forget").addEventListener("click", () => {
    store(key, null);
    show(null);
    part("start").focus();
  });

  const before = stored(key);
  part("begin").hidden = false;
  show(Array.isArray(before) && before.length ? before : null);
}
