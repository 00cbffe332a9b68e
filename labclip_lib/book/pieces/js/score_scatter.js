// data: ranks, of each model on each score, in shares of one; correlations of each two scores, with their intervals;
// left, top and size of the square that holds the marks
function piece(root, data) {
  const part = name => root.querySelector(`.lc-${name}`), plot = part("plot"), ring = part("ring");
  const [across, up, model] = root.querySelectorAll("select"), marks = [...plot.querySelectorAll(".lc-mark")];
  const share = (k, menu) => data.ranks[k][menu.selectedIndex], chosen = menu => menu.options[menu.selectedIndex].text;
  const place = k => [data.left + data.size * share(k, across), data.top + data.size * (1 - share(k, up))];

  function introduce() {
    const k = model.selectedIndex - 1;  // the first entry is no model
    ring.setAttribute("visibility", k < 0 ? "hidden" : "visible");
    if (k < 0) {
      part("note").textContent = "Point at a mark, or choose a model: its name and its ranks will stand here.";
      return;
    }
    ring.setAttribute("transform", `translate(${place(k)})`);
    const beats = menu => `${Math.round(100 * share(k, menu))} % on ${chosen(menu)}`;
    part("note").textContent = `${chosen(model)}. Of the other models it beats ${beats(across)}, ${beats(up)}.`;
  }

  function draw() {
    const [value, low, high] = data.correlations[across.selectedIndex][up.selectedIndex].map(x => x.toFixed(2));
    marks.forEach((mark, k) => mark.setAttribute("transform", `translate(${place(k)})`));
    part("x").textContent = chosen(across);
    part("y").textContent = chosen(up);
    part("found").textContent = `Rank correlation ${value} (95 % interval ${low} to ${high}).`;
    introduce();
  }

  // The model whose mark is nearest, if the pointer is near one.
  function point(event) {
    const box = plot.getBoundingClientRect(), unit = 300 / box.width;
    const x = (event.clientX - box.left) * unit, y = (event.clientY - box.top) * unit;
    const far = marks.map((_, k) => Math.hypot(place(k)[0] - x, place(k)[1] - y)), least = Math.min(...far);
    if (least > 12) return;
    model.selectedIndex = far.indexOf(least) + 1;
    introduce();
  }

  [across, up].forEach(menu => menu.addEventListener("change", draw));
  model.addEventListener("change", introduce);
  ["pointermove", "pointerdown"].forEach(kind => plot.addEventListener(kind, point));
  root.querySelectorAll(".lc-menus").forEach(menus => { menus.hidden = false; });
  draw();
}
