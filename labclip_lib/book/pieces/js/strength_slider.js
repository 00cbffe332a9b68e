// data: values of each matrix at each strength, [mean, low, high] of each measure; levels of each measure, chance and
// the bag-of-words ceiling; said, the names of the strengths; asked, how many measures are for the axis across, the
// others are for the one up; left, top and size of the square that holds the point
function piece(root, data) {
  const part = name => root.querySelector(`.lc-${name}`), [matrix, captions, cost] = root.querySelectorAll("select");
  const slider = root.querySelector("input"), stops = root.querySelectorAll(".lc-stop");
  const levels = root.querySelectorAll(".lc-level"), chosen = menu => menu.options[menu.selectedIndex].text;
  const x = share => data.left + data.size * share, y = share => data.top + data.size * (1 - share);
  const told = ([mean, low, high]) => `${mean.toFixed(2)} (95 % interval ${low.toFixed(2)} to ${high.toFixed(2)})`;

  function draw() {
    const across = captions.selectedIndex, up = data.asked + cost.selectedIndex, strength = data.said[slider.value];
    const road = data.values[matrix.selectedIndex], points = road.map(of => [x(of[across][0]), y(of[up][0])]);
    const here = road[slider.value], [gained, paid] = [here[across], here[up]], [cx, cy] = points[slider.value];
    const [chances, ceilings] = [0, 1].map(k => [data.levels[across][k], data.levels[up][k]]);
    const lines = [chances[0], ceilings[0]].map(level => `M${x(level)} ${data.top}v${data.size}`).concat(
      [chances[1], ceilings[1]].map(level => `M${data.left} ${y(level)}h${data.size}`));
    levels.forEach((level, k) => level.setAttribute("d", lines[k]));
    part("road").setAttribute("points", points.join(" "));
    [...stops, part("here")].forEach((mark, k) => ["cx", "cy"].forEach((name, axis) =>
      mark.setAttribute(name, (points[k] || [cx, cy])[axis])));
    root.querySelectorAll(".lc-end").forEach((name, k) => {
      const [endX, endY] = points[k ? points.length - 1 : 0];
      name.setAttribute("x", Math.min(endX, data.left + data.size - 18));
      name.setAttribute("y", endY + 17);
    });
    part("reach").setAttribute("d", `M${x(gained[1])} ${cy}H${x(gained[2])}M${cx} ${y(paid[1])}V${y(paid[2])}`);
    part("y").textContent = chosen(cost);
    root.querySelector("output").textContent = strength;
    const [guessed, bag] = [chances, ceilings].map(pair => pair.map(level => level.toFixed(level && level < 0.01 ? 3 : 2)).join(" and "));
    part("note").textContent = `${chosen(matrix)}, ${strength}: swap accuracy ${told(gained)}, ${chosen(cost)} ` +
      `${told(paid)}. Chance is ${guessed}; a bag of words has at most ${bag}.`;
  }

  [matrix, captions, cost].forEach(menu => menu.addEventListener("change", draw));
  slider.addEventListener("input", draw);
  part("menus").hidden = false;
  draw();
}
