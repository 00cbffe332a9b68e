// data: colors and shapes, the words of a world; articles, "a" or "an" for each of them

// A caption of the world as its things, [{article, color, shape}], a missing word "", what joins them, and how it
// begins and ends; or the reason why it cannot be read.
function read(text, {colors, shapes}) {
  const plain = text.trim().replace(/\s+/g, " "), capital = /^[A-Z]/.test(plain), end = plain.endsWith(".") ? "." : "";
  const rest = plain.toLowerCase().slice(0, plain.length - end.length).trim();
  const known = ["a", "an", "the", "and", ...colors, ...shapes];
  const stranger = rest.split(/[ ,]+/).find(word => word && !known.includes(word));
  if (stranger) return {reason: `It does not know "${stranger}".`};
  const parts = rest.split(/(,? and |, )/);
  const thing = new RegExp(`^(?:(an?|the) )?(?:(${colors.join("|")}) )?(${shapes.join("|")})$`);
  const found = parts.filter((_, k) => k % 2 === 0).map(part => thing.exec(part));
  if (!found.every(Boolean)) return {reason: "This is no list of things."};
  return {
    things: found.map(([, article = "", color = "", shape]) => ({article, color, shape})),
    joins: parts.filter((_, k) => k % 2), capital, end,
  };
}

// The caption in parts, [text, whether it is new].
function spell({things, joins, capital, end}, articles) {
  const parts = [];
  const put = (word, isNew = false) => { if (word) parts.push([word, isNew], [" ", false]); };
  things.forEach(({article, color, shape, fresh = ""}, k) => {
    if (k) {
      parts.pop();
      const [, mark, word] = /^(,?) ?(.*?) $/.exec(joins[k - 1]);
      if (mark) parts.push([mark, false]);
      parts.push([" ", false]);
      put(word, fresh === "all");
    }
    const all = fresh === "all";
    put(/^an?$/.test(article) ? articles[color || shape] : article, all);
    put(color, all || fresh === "color");
    put(shape, all || fresh === "shape");
  });
  parts[parts.length - 1] = [end, false];
  if (capital) parts[0][0] = parts[0][0][0].toUpperCase() + parts[0][0].slice(1);
  return parts;
}

// Each operator: all captions that it can make of one.
const change = (caption, changes) => ({
  ...caption, things: caption.things.map((thing, k) => ({...thing, fresh: "", ...changes[k]})),
});
const operators = {
  SWAP: caption => {
    const {things} = caption, made = {full: [], bare: []};
    things.forEach(({color: one}, i) => things.slice(i + 1).forEach(({color: other}, k) => {
      if (one === other) return;
      // A thing with no colour takes part where no two others can.
      const [first, second] = [other, one].map(color => ({color, fresh: color ? "color" : ""}));
      made[one && other ? "full" : "bare"].push(change(caption, {[i]: first, [i + 1 + k]: second}));
    }));
    return made.full.length ? made.full : made.bare;
  },
  REPLACE: (caption, world) => [["color", world.colors], ["shape", world.shapes]].flatMap(([part, words]) => {
    const unused = words.filter(word => caption.things.every(thing => thing[part] !== word));
    return caption.things.flatMap((thing, k) => thing[part] ?
      unused.map(word => change(caption, {[k]: {[part]: word, fresh: part}})) : []);
  }),
  ADD: (caption, world) => world.shapes.filter(word => caption.things.every(({shape}) => shape !== word)).flatMap(
    shape => caption.things.map((_, k) => {
      const made = change(caption, {});
      made.things.splice(k + 1, 0, {article: "a", color: "", shape, fresh: "all"});
      made.joins = [...caption.joins.slice(0, k), " and ", ...caption.joins.slice(k)];
      return made;
    })),
};

// What of a caption counts where two are compared: its things, and the words in them, without order and articles.
const sayings = {
  same: ({things}) => things.map(({color, shape}) => `${color} ${shape}`).join(),
  things: ({things}) => things.map(({color, shape}) => `${color} ${shape}`).sort().join(),
  words: ({things}) => things.flatMap(({color, shape}) => [color, shape]).sort().join(),
};
function compare(made, first) {
  const alike = kind => sayings[kind](made) === sayings[kind](first);
  if (alike("same")) return "This is your caption again.";
  if (alike("things")) return "The same words as in your caption, and they say the same. This is no foil.";
  if (alike("words")) return "The same words as in your caption: a bag of words cannot tell.";
  return "Other words than in your caption: a bag of words can tell.";
}

function piece(root, data) {
  const field = root.querySelector(".lc-field"), typed = field.querySelector("input");
  const buttons = [...field.querySelectorAll("button")], again = buttons.pop();
  const lines = root.querySelector(".lc-chain"), note = root.querySelector(".lc-note");
  const refusals = {
    SWAP: "SWAP needs two things that differ in colour.", REPLACE: "There is no other colour or shape to put in.",
    ADD: "There is no other shape to add.",
  };
  let chain = [], state = 1;
  const draw = n => { state = state * 48271 % 2147483647; return state % n; };

  function write(name, caption) {
    const line = document.createElement("li");
    line.append(name, ...spell(caption, data.articles).map(([text, isNew]) => {
      if (!isNew) return text;
      const mark = document.createElement("mark");
      mark.textContent = text;
      return mark;
    }));
    lines.append(line);
    chain.push(caption);
  }

  function begin() {
    const caption = read(typed.value, data);
    lines.replaceChildren();
    chain = [];
    buttons.forEach(button => { button.disabled = Boolean(caption.reason); });
    if (caption.reason) {
      note.textContent = `${caption.reason} It reads colours and shapes of the book's world, joined by "and": ` +
        `"a ${data.colors[0]} ${data.shapes[0]} and a ${data.shapes[1]}".`;
      return;
    }
    write("", caption);
    note.textContent = "Press an operator. The next one goes on from what it made.";
  }

  buttons.forEach(button => button.addEventListener("click", () => {
    const name = button.textContent, made = operators[name](chain[chain.length - 1], data);
    if (!made.length) {
      note.textContent = refusals[name];
      return;
    }
    write(`${name}: `, made[draw(made.length)]);
    note.textContent = compare(chain[chain.length - 1], chain[0]);
  }));
  again.addEventListener("click", begin);
  typed.addEventListener("input", begin);
  field.hidden = false;
  begin();
}
