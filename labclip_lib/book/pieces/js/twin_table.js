// data: partner, the number of each scene's twin; margin, as of `finite_world`; start, whether each scene occurs at
// first; shades of the bars of all encoders and of a bag of words

// The table p(scene, caption) of theory/finite_worlds.py: two captions for each scene, all scenes that occur alike.
function jointOf(occurs, margin) {
  const n = occurs.filter(Boolean).length, noise = n / (n + Math.expm1(margin));
  return occurs.map((here, x) => occurs.flatMap((there, y) => {
    const given = (x === y ? (1 - noise) / 2 : 0) + (there ? noise / (2 * n) : 0);
    return Array(2).fill(here ? given / n : 0);
  }));
}

// I(X; Y) of a table, in nats.
function information(joint) {
  const sum = row => row.reduce((a, b) => a + b, 0);
  const scene = joint.map(sum), caption = joint[0].map((_, y) => sum(joint.map(row => row[y])));
  return sum(joint.map((row, x) => sum(row.map((p, y) => p ? p * Math.log(p / (scene[x] * caption[y])) : 0))));
}

// The table of who cannot tell twins apart: a caption and its twin's are one column.
function merged(joint, partner) {
  return joint.map(row => partner.flatMap((twin, x) => x < twin ?
    [row[2 * x] + row[2 * twin], row[2 * x + 1] + row[2 * twin + 1]] : []));
}

// What the smallest loss pins down: that loss, the smallest one of a bag of words, how many pairs are whole, and the
// lowest swap accuracy, over all scenes, of encoders with the smallest loss. A swap test reads the logits of a scene
// with its caption and with its twin's. Where both twins occur these are on the support, and the true one is higher by
// the margin; elsewhere one of them is free, to win or to lose. So the highest accuracy is always 1.
function pinned(occurs, partner, margin) {
  const joint = jointOf(occurs, margin);
  const tested = occurs.filter((here, x) => here && occurs[partner[x]]).length;
  return {
    smallest: -information(joint), bag: -information(merged(joint, partner)),
    whole: tested / 2, lowest: tested / occurs.length,
  };
}

function piece(root, data) {
  const boxes = [...root.querySelectorAll("input")], frames = [...root.querySelectorAll(".lc-twins")];
  const bars = root.querySelector(".lc-bars"), note = root.querySelector(".lc-note");
  const presets = root.querySelector(".lc-presets"), pairs = frames.length;
  // The boxes stand pair by pair; the scenes have an order of their own.
  const scenes = data.partner.flatMap((twin, x) => x < twin ? [x, twin] : []);

  function judge({whole, cost}) {
    const bits = `${cost.toFixed(3)} nats`;
    if (!whole) return "No pair is whole. A bag of words has the smallest loss, too, and no swap test is decided.";
    if (whole === pairs) return `All pairs are whole. A bag of words pays ${bits}, and every swap test is decided.`;
    return `${whole} of ${pairs} pairs ${whole > 1 ? "are" : "is"} whole. A bag of words pays ${bits}, and only the ` +
      `swap tests of ${whole > 1 ? "these pairs are" : "this pair are"} decided.`;
  }

  function draw() {
    const occurs = [];
    boxes.forEach((box, k) => { occurs[scenes[k]] = box.checked; });
    frames.forEach((frame, k) => { frame.dataset.whole = boxes[2 * k].checked && boxes[2 * k + 1].checked; });
    if (occurs.filter(Boolean).length < 2) {
      bars.replaceChildren();
      note.textContent = "A world needs two or more scenes that occur. Tick another one.";
      return;
    }
    const {smallest, bag, whole, lowest} = pinned(occurs, data.partner, data.margin);
    const most = Math.log(occurs.length), all = "swap accuracy of encoders with the smallest loss";
    const range = bar(all, 1 - lowest, data.shades[0], lowest < 1 ? `${lowest.toFixed(2)} to 1.00` : "1.00");
    Object.assign(range.querySelector("i").style, {minWidth: "4px", marginLeft: `min(${100 * lowest}%, 100% - 4px)`});
    bars.replaceChildren(
      bar("smallest loss", -smallest / most, data.shades[0], `${smallest.toFixed(3)} nats`),
      bar("smallest loss of a bag of words", -bag / most, data.shades[1], `${bag.toFixed(3)} nats`),
      range, bar("swap accuracy of a bag of words, and chance", 0.5, data.shades[1], "0.50"));
    note.textContent = judge({whole, cost: bag - smallest});
  }

  const put = wanted => {
    boxes.forEach((box, k) => { box.checked = wanted(scenes[k]); });
    draw();
  };
  const [one, both] = presets.querySelectorAll("button");
  one.addEventListener("click", () => put(x => data.start[x]));
  both.addEventListener("click", () => put(() => true));
  boxes.forEach(box => box.addEventListener("change", draw));
  presets.hidden = false;
  draw();
}
