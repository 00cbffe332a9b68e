// data: cosines, one row per image; labels of the captions; color of the bars
function piece(root, data) {
  const slider = root.querySelector("input"), scale = root.querySelector("output");
  const bars = root.querySelector(".lc-bars");
  let chosen = 0;

  function draw() {
    const s = Math.exp(+slider.value), cosines = data.cosines[chosen];
    const top = Math.max(...cosines.map(c => s * c));
    const powers = cosines.map(c => Math.exp(s * c - top)), sum = powers.reduce((a, b) => a + b);
    scale.textContent = s.toFixed(s < 10 ? 1 : 0);
    bars.replaceChildren(...data.labels.map((label, j) =>
      bar(`${label}  (cosine ${cosines[j].toFixed(2)})`, powers[j] / sum, data.color)));
  }

  choose(root, k => { chosen = k; draw(); });
  slider.addEventListener("input", draw);
  draw();
}
