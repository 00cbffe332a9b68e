// What the pieces share. A page holds, for each piece, this file, the piece's own with its `piece(root, data)`, and a
// call of that, all inside of one function (panel.py): nothing is fetched, and no piece sees another's names.

// Shows a state of accuracies.py: its bar, its interval and its trainings on the axis, and what is said of it.
function gauge(root, {mean, low, high, dots, color, says}) {
  const fill = root.querySelector(".lc-fill"), whisker = root.querySelector(".lc-whisker");
  fill.style.width = `${mean}%`;
  fill.style.background = color;
  whisker.style.left = `${low}%`;
  whisker.style.width = `${high - low}%`;
  root.querySelector(".lc-scale .lc-dots").replaceChildren(...dots.map(place => {
    const dot = document.createElement("i");
    dot.style.left = `${place}%`;
    return dot;
  }));
  root.querySelectorAll(".lc-said p").forEach((part, k) => { part.textContent = says[k]; });
}

// A label with its value, the share of 1 unless a text is given, above a bar as long as that share.
function bar(label, share, color, text = share.toFixed(3)) {
  const row = document.createElement("div"), name = document.createElement("span");
  const back = document.createElement("div"), fill = document.createElement("i");
  row.className = "lc-bar";
  name.textContent = `${label}: ${text}`;
  fill.style.width = `${100 * Math.max(0, Math.min(1, share))}%`;
  fill.style.background = color;
  back.append(fill);
  row.append(name, back);
  return row;
}

// Calls then(k) when the k-th of the panel's pictures is picked.
function choose(root, then) {
  const picks = [...root.querySelectorAll(".lc-pick")];
  picks.forEach((pick, k) => pick.addEventListener("click", () => {
    picks.forEach(other => other.setAttribute("aria-pressed", other === pick));
    then(k);
  }));
}

// Tells in a note whether an answer was right.
function tell(note, right, text) {
  note.textContent = text;
  note.dataset.right = right;
}

// A slider says the text that is shown for it, where its own numbers are another scale or places of a list.
function speak(root) {
  root.querySelectorAll("label:has(output) input[type=range]").forEach(slider => {
    const output = slider.closest("label").querySelector("output");
    const say = () => slider.setAttribute("aria-valuetext", output.textContent);
    new MutationObserver(say).observe(output, {childList: true, characterData: true, subtree: true});
    say();
  });
}

// An element of a drawing, and a drawing.
function draw(name, attributes, text) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  Object.entries(attributes).forEach(([key, value]) => element.setAttribute(key, value));
  if (text !== undefined) element.textContent = text;
  return element;
}
function drawing(width, height, label) {
  return draw("svg", {width, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label});
}

// What this browser remembers. A page that is opened as a file, or in a frame of its own, may have no storage.
function store(name, value) {
  try { localStorage.setItem(name, JSON.stringify(value)); } catch { /* asked again next time */ }
}
function stored(name) {
  try { return JSON.parse(localStorage.getItem(name)); } catch { return null; }
}
