// data: name; kind: "choice" with choices, or "number" or "curve" with labels, low, high and step
function piece(root, data) {
  const form = root.querySelector("form"), inputs = [...form.querySelectorAll("fieldset input")];
  const [commit, show, again] = form.querySelectorAll("button"), always = form.querySelector(".lc-always input");
  const note = root.querySelector("[role=status]"), drawn = root.querySelector(".lc-drawn");
  const key = `lc-prediction ${location.pathname} ${data.name}`, everything = "lc-show-results";
  let fold = null;

  const truth = () => {
    const element = [...document.querySelectorAll(".lc-truth")].find(one => one.dataset.name === data.name);
    return element && JSON.parse(element.dataset.truth);
  };
  const places = Math.max(0, Math.ceil(-Math.log10(data.step || 1)));
  const written = value => value.toFixed(places);

  // What follows on the built page is folded up to the end of the section; the next prediction lies inside.
  function enfold() {
    const cell = root.closest("article .cell");
    if (!cell || fold) return;
    fold = document.createElement("div");
    fold.className = "lc-fold";
    while (cell.nextSibling) fold.append(cell.nextSibling);
    cell.after(fold);
    fold.addEventListener("beforematch", () => unfold(null));  // the reader searches the page
  }

  function close() {
    enfold();
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (fold && target && fold.contains(target)) unfold(null);
    else if (fold) fold.hidden = "until-found";
  }

  // guess: of the reader, or null for one who only reads
  function unfold(guess) {
    if (fold) fold.hidden = false;
    inputs.forEach(input => { input.disabled = true; });
    commit.hidden = show.hidden = true;
    again.hidden = false;
    compare(guess);
  }

  function compare(guess) {
    const found = truth();
    drawn.replaceChildren();
    if (!found) {
      note.textContent = guess ? "Noted. Now run the cells that follow." : "";
      if (guess) new MutationObserver((_, observer) => {
        if (truth()) { observer.disconnect(); compare(guess); }
      }).observe(document.body, {childList: true, subtree: true});
      return;
    }
    if (data.kind === "choice") {
      const [right] = found.truth, chosen = guess && data.choices[guess[0]];
      note.textContent = !guess ? `It is: ${right}.` : chosen === right
        ? `You said: ${chosen}. So it is.` : `You said: ${chosen}. It is: ${right}.`;
      return;
    }
    const measured = found.truth.map(one => written(one.value));
    const several = data.kind === "curve" || measured.length > 1;
    note.textContent = several ? measured.map((value, k) => `${data.labels[k]}: ${guess
      ? `you said ${written(guess[k])}, it is ${value}` : `it is ${value}`}`).join("; ") + "."
      : `${guess ? `You said ${written(guess[0])}; it` : "It"} is ${measured[0]}.`;
    const width = Math.min(416, drawn.clientWidth || 416);
    drawn.append((data.kind === "curve" ? drawCurve : drawNumbers)(data, found, guess, width));
  }

  const values = () => data.kind === "choice" ? [inputs.findIndex(input => input.checked)] : inputs.map(one => +one.value);
  const numbers = () => inputs.forEach(input => {
    const output = input.parentElement.querySelector("output");
    if (output) output.textContent = written(+input.value);
  });
  let moved = false;
  inputs.forEach(input => input.addEventListener("input", () => {
    moved = true;
    numbers();
  }));

  form.addEventListener("submit", event => {
    event.preventDefault();
    const guess = values();
    if (!moved) {  // where the sliders stand at first is nobody's prediction
      note.textContent = data.kind === "choice" ? "Choose one first." : "Move a slider first.";
      return;
    }
    store(key, guess);
    unfold(guess);
    note.focus();
  });
  show.addEventListener("click", () => {
    unfold(null);
    note.focus();
  });
  again.addEventListener("click", () => {
    store(key, null);
    note.textContent = "";
    drawn.replaceChildren();
    inputs.forEach(input => { input.disabled = false; });
    commit.hidden = show.hidden = false;
    again.hidden = true;
    close();
    inputs[0].focus();
  });
  always.addEventListener("change", () => {
    store(everything, always.checked);
    document.dispatchEvent(new CustomEvent(everything, {detail: always.checked}));
  });
  document.addEventListener(everything, event => {
    always.checked = event.detail;
    if (event.detail && again.hidden) unfold(null);
  });

  function begin() {
    form.hidden = false;
    const guess = stored(key);
    always.checked = stored(everything) === true;
    if (guess) inputs.forEach((input, k) => {
      if (data.kind === "choice") input.checked = k === guess[0];
      else input.value = guess[k];
    });
    numbers();
    enfold();
    if (guess || always.checked) unfold(guess);
    else close();
  }
  // The page below is not there yet while it loads.
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
}

// The ends of the axis: those of the sliders, or farther where what was measured lies beyond.
function ends(data, found) {
  const values = found.truth.map(one => one.value);
  return [Math.min(data.low, ...values), Math.max(data.high, ...values)];
}

const atEnd = value => `${+value.toFixed(2)}`;

// One line from low to high for each number: a dot with its interval for what was measured, a diamond for the guess. An
// interval that goes on beyond the axis, as of a share near 1, ends in an arrow.
function drawNumbers(data, found, guess, width) {
  const named = data.labels.length > 0, height = named ? 70 : 52, top = named ? 44 : 26;
  const svg = drawing(width, height * found.truth.length + 4, "your prediction beside what was measured");
  const [low, high] = ends(data, found), inside = value => Math.max(low, Math.min(high, value));
  const at = value => 12 + (width - 24) * (inside(value) - low) / (high - low);
  found.truth.forEach((one, k) => {
    const y = top + k * height, line = {stroke: "currentColor", y1: y, y2: y};
    if (named) svg.append(draw("text", {x: 12, y: y - 28}, data.labels[k]));
    svg.append(draw("line", {...line, x1: 12, x2: width - 12, "stroke-opacity": 0.4}));
    [low, high].forEach((end, side) => svg.append(
      draw("text", {x: at(end), y: y + 20, "text-anchor": side ? "end" : "start"}, atEnd(end))));
    found.levels.forEach(([name, level]) => svg.append(
      draw("line", {x1: at(level), x2: at(level), y1: y - 10, y2: y + 8, stroke: "currentColor", "stroke-dasharray": "3 3"}),
      draw("text", {x: at(level), y: y + 20, "text-anchor": "middle"}, name)));
    if (one.low !== null) {
      svg.append(draw("line", {...line, x1: at(one.low), x2: at(one.high), "stroke-width": 4}));
      const arrow = (end, tip) => svg.append(
        draw("path", {class: "lc-beyond", d: `M${at(end)} ${y - 7}l${tip} 7l${-tip} 7z`, fill: "currentColor"}));
      if (one.low < low) arrow(low, -9);
      if (one.high > high) arrow(high, 9);
    }
    svg.append(draw("circle", {cx: at(one.value), cy: y, r: 6, fill: "currentColor"}));
    if (guess) svg.append(
      draw("path", {d: `M${at(guess[k])} ${y - 9}l9 9l-9 9l-9-9z`, fill: "none", stroke: "currentColor", "stroke-width": 2}),
      draw("text", {x: Math.min(width - 16, Math.max(16, at(guess[k]))), y: y - 13, "text-anchor": "middle"}, "you"));
  });
  return svg;
}

// The reader's curve, dashed, and the measured one. An axis of numbers is to scale.
function drawCurve(data, found, guess, width) {
  const svg = drawing(width, 210, "your curve beside the measured one");
  const n = data.labels.length, end = width - 24, places = data.labels.map(Number);
  const along = places.some(Number.isNaN) ? data.labels.map((_, k) => k / Math.max(1, n - 1))
    : places.map(place => (place - places[0]) / (places[n - 1] - places[0]));
  const [low, high] = ends(data, found);
  const x = k => 40 + (end - 40) * along[k], y = value => 175 - 160 * (value - low) / (high - low);
  const path = values => values.map((value, k) => `${k ? "L" : "M"}${x(k)} ${y(value)}`).join("");
  svg.append(draw("path", {d: `M40 15V175H${end}`, fill: "none", stroke: "currentColor", "stroke-opacity": 0.4}));
  [low, high].forEach(level => svg.append(
    draw("text", {x: 34, y: y(level) + 4, "text-anchor": "end"}, atEnd(level))));
  data.labels.forEach((label, k) => svg.append(draw("text", {x: x(k), y: 193, "text-anchor": "middle"}, label)));
  found.levels.forEach(([name, level]) => svg.append(
    draw("path", {d: path(data.labels.map(() => level)), stroke: "currentColor", "stroke-dasharray": "2 4", fill: "none"}),
    draw("text", {x: end, y: y(level) + 15, "text-anchor": "end"}, name)));
  const curve = {fill: "none", stroke: "currentColor", "stroke-width": 2.5}, truth = found.truth.map(one => one.value);
  svg.append(draw("path", {...curve, d: path(truth)}));
  truth.forEach((value, k) => svg.append(draw("circle", {cx: x(k), cy: y(value), r: 4, fill: "currentColor"})));
  if (guess) {  // named where the two are farthest apart, on the side away from the other
    const gaps = guess.map((value, k) => Math.abs(value - truth[k])), k = gaps.indexOf(Math.max(...gaps));
    const side = k === 0 ? "start" : k === n - 1 ? "end" : "middle";
    svg.append(draw("path", {...curve, d: path(guess), "stroke-dasharray": "8 5"}),
      draw("text", {x: x(k) + (k ? 0 : 6), y: y(guess[k]) + (guess[k] < truth[k] ? 18 : -8), "text-anchor": side}, "you"));
  }
  return svg;
}
