// data: of each scene its pictures, the scene's and its twin's; captions; names, what the two pictures show; places, for
// each picture the cosines with each place of the caption's tokens and then of its phrases; words, for each layer, scene
// and token what it takes from each token
function piece(root, data) {
  const [scene, layer] = root.querySelectorAll("select"), words = [...root.querySelectorAll(".lc-said-words button")];
  const images = root.querySelectorAll("img"), shades = root.querySelectorAll(".lc-shade");
  const legends = root.querySelectorAll(".lc-under"), note = root.querySelector(".lc-note");
  const rest = note.textContent;
  let token = null;

  function shade(which, values, low, high) {
    const side = Math.sqrt(values.length);
    shades[which].style.gridTemplateColumns = `repeat(${side}, 1fr)`;
    shades[which].replaceChildren(...values.map(value => {
      const place = document.createElement("i");
      place.style.opacity = 0.85 * (1 - (value - low) / (high - low || 1));
      return place;
    }));
  }

  function draw() {
    const k = scene.selectedIndex, said = data.captions[k], tokens = data.words[0][k].length;
    const named = [...said.split(" "), "the whole caption", ...said.split(" and ")];
    images.forEach((image, which) => {
      image.src = data.pictures[k][which];
      image.alt = legends[which].textContent = data.names[k][which];
    });
    words.forEach((word, t) => {
      const share = token === null || token >= tokens || t > token ? 0 : data.words[layer.selectedIndex][k][token][t];
      word.setAttribute("aria-pressed", t === token);
      word.style.boxShadow = share ? `inset 0 -${(1.6 * share).toFixed(2)}em color-mix(in srgb, var(--lc-image) 45%, transparent)` : "";
      word.textContent = named[t];
    });
    if (token === null) {
      shades.forEach(one => one.replaceChildren());
      note.textContent = rest;
      return;
    }
    const both = data.places[k].map(one => one[token]), all = both.flat();
    both.forEach((values, which) => shade(which, values, Math.min(...all), Math.max(...all)));
    const best = both.map(values => Math.max(...values).toFixed(2));
    note.textContent = `"${named[token]}"${token < tokens ? "" : ", by itself"}: the nearest place has a cosine of ` +
      `${best[0]} on the left and ${best[1]} in the twin.`;
    if (token >= tokens) return;
    const from = data.words[layer.selectedIndex][k][token].slice(0, token + 1);
    const taken = from.map((share, t) => [share, named[t]]).sort((a, b) => b[0] - a[0]).slice(0, 2)
      .map(([share, name]) => `"${name}" ${share.toFixed(2)}`).join(" and ");
    note.textContent += ` In ${layer.options[layer.selectedIndex].text} it takes most from ${taken}.`;
  }

  words.forEach((word, t) => ["click", "focus", "pointerenter"].forEach(event => word.addEventListener(event, () => {
    if (event !== "click" && token === t) return;
    token = t;
    draw();
  })));
  scene.addEventListener("change", draw);
  layer.addEventListener("change", draw);
  root.querySelector(".lc-menus").hidden = false;
}
