// data: cosines, one row per scene, of every caption that the menus make; truth, what the menus show for each scene's
// own caption; colors of the two bars
function piece(root, data) {
  const menus = [...root.querySelectorAll("select")], bars = root.querySelector(".lc-bars");
  const note = root.querySelector(".lc-note"), [truth, swap] = root.querySelectorAll("p button");
  let chosen = 0;

  // A caption is four places in the menus: colour, shape, colour, shape.
  const shown = () => menus.map(menu => menu.selectedIndex);
  const position = at => at.reduce((sum, k, i) => sum * menus[i].length + k, 0);
  const words = at => {
    const [a, b, c, d] = at.map((k, i) => menus[i].options[k].text);
    return `${a} ${b} and ${c} ${d}`;
  };

  function draw() {
    const at = shown(), own = data.truth[chosen], cosines = data.cosines[chosen];
    const mine = cosines[position(at)], right = cosines[position(own)];
    bars.replaceChildren(
      bar(`true: ${words(own)}`, right, data.colors[0]), bar(`yours: ${words(at)}`, mine, data.colors[1]));
    note.textContent = String(at) === String(own) ? "The same caption, the same cosine." :
      mine === right ? "A tie to four decimals." :
      `The cosines differ by ${Math.abs(mine - right).toFixed(4)}; ` +
      `the model prefers ${mine > right ? "your caption" : "the true one"}.`;
  }
  function put(at) {
    at.forEach((k, i) => { menus[i].selectedIndex = k; });
    draw();
  }

  truth.addEventListener("click", () => put(data.truth[chosen]));
  swap.addEventListener("click", () => {
    const [a, b, c, d] = shown();
    put([c, b, a, d]);
  });
  menus.forEach(menu => menu.addEventListener("change", draw));
  choose(root, k => { chosen = k; put(data.truth[k]); });
  put(data.truth[0]);
}
