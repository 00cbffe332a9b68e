// The controls of a live piece: elements, and what keys do in them.

export function set(element, attributes) {
  Object.entries(attributes).forEach(([key, value]) => element.setAttribute(key, value));
}

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  set(element, attributes);
  element.append(...children);
  return element;
}

export function button(text, then) {
  const element = make("button", {type: "button"}, text);
  element.addEventListener("click", then);
  return element;
}

// A row of buttons, one for each name. Pressing it calls pick(name); face(button, name) says how it looks. Tab comes to
// one of them, the arrow keys lead to the others.
export function palette(names, face, pick) {
  const row = make("div", {class: "lc-palette", role: "toolbar"}), last = names.length - 1;
  for (const name of names) {
    const one = button("", () => pick(name));
    set(one, {"aria-label": name, title: name, "data-value": name});
    face(one, name);
    row.append(one);
  }
  row.style.setProperty("--lc-many", names.length);
  row.addEventListener("keydown", event => {
    const buttons = [...row.children], at = buttons.indexOf(event.target);
    const to = {ArrowLeft: at ? at - 1 : last, ArrowRight: at < last ? at + 1 : 0, Home: 0, End: last}[event.key];
    if (to === undefined) return;
    event.preventDefault();
    buttons.forEach((one, k) => { one.tabIndex = k === to ? 0 : -1; });
    buttons[to].focus();
  });
  return row;
}

// Shows in a palette which name is chosen and which ones are to be had.
export function mark(row, chosen, free, label) {
  set(row, {"aria-label": label});
  for (const one of row.children) {
    const {value} = one.dataset;
    set(one, {"aria-pressed": value === chosen, "aria-disabled": value !== chosen && !free.includes(value)});
    one.tabIndex = value === chosen ? 0 : -1;
  }
}

// A slider with a word before it. Each step calls slide(value), the end of a slide calls done().
export function slider(word, step, slide, done) {
  const input = make("input", {type: "range", step});
  input.addEventListener("input", () => slide(Number(input.value)));
  input.addEventListener("change", done);
  make("label", {}, make("span", {}, word), input);
  return input;
}

export function setSlider(input, [min, max], value, spoken) {
  Object.assign(input, {min, max, value});
  set(input, {"aria-valuetext": spoken});
}
