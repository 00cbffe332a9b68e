// data: rows, [[shape, colour], [shape, colour]] of each scene; its caption and its image, a PNG in base64; cosines of
// the scenes with all captions; colors, their names; shades of the bars; start, the scene that is shown first
function piece(root, data) {
  const menus = [...root.querySelectorAll("select")], bars = root.querySelector(".lc-bars");
  const note = root.querySelector(".lc-note"), picture = root.querySelector("img");
  const places = new Map(data.rows.map((row, k) => [String(row), k]));
  const find = (...objects) => places.get(String(objects.sort((one, other) => one[0] - other[0])));

  function draw() {
    const [a, s, b, t] = menus.map(menu => menu.selectedIndex);
    picture.hidden = a === b || s === t;
    if (picture.hidden) {
      bars.replaceChildren();
      note.textContent = "Choose two different colours and two different shapes.";
      return;
    }
    const own = find([s, a], [t, b]), third = data.colors.findIndex((_, k) => k !== a && k !== b);
    const rivals = [
      ["true", own],
      ["colours swapped", find([s, b], [t, a])],
      ["one colour replaced", find([s, third], [t, b])],
      ["one colour replaced", find([s, a], [t, third])],
    ].map(([what, k]) => ({what, caption: data.captions[k], cosine: data.cosines[own][k]}));
    const best = Math.max(...rivals.map(rival => rival.cosine));
    picture.src = `data:image/png;base64,${data.images[own]}`;
    bars.replaceChildren(...rivals.map(({what, caption, cosine}) =>
      bar(`${what}: ${caption}`, cosine, data.shades[what === "true" ? 0 : 1], cosine.toFixed(4))));
    const [first, ...tied] = rivals.filter(rival => rival.cosine === best).map(rival => rival.what);
    note.textContent = tied.length ? `A tie to four decimals: ${[first, ...tied].join(", ")}.` :
      first === "true" ? "The true caption is closest." : `The model prefers: ${first}.`;
  }

  const [[s, a], [t, b]] = data.rows[data.start];
  [a, s, b, t].forEach((choice, k) => {
    menus[k].selectedIndex = choice;
    menus[k].addEventListener("change", draw);
  });
  root.querySelector("button").addEventListener("click", () => {
    [menus[0].selectedIndex, menus[2].selectedIndex] = [menus[2].selectedIndex, menus[0].selectedIndex];
    draw();
  });
  draw();
}
