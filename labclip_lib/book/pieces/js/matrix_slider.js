// data: products of each image with its captions, of which the cosines are made; captions of each image; kinds, what
// they are, the true one first; shades of the bars
function piece(root, data) {
  const slider = root.querySelector("input"), share = root.querySelector("output");
  const bars = root.querySelector(".lc-bars"), note = root.querySelector(".lc-note");
  let chosen = 0;

  function draw() {
    // With u an image, v a caption and m = A v: the cosine of u with p v + q m, by the products of the three.
    const q = +slider.value, p = 1 - q;
    const cosines = data.products[chosen].map(([uv, um, vm, mm]) =>
      (p * uv + q * um) / Math.sqrt(p * p + 2 * p * q * vm + q * q * mm));
    const best = cosines.indexOf(Math.max(...cosines));
    share.textContent = q.toFixed(2);
    bars.replaceChildren(...cosines.map((cosine, j) =>
      bar(`${data.kinds[j]}: ${data.captions[chosen][j]}`, cosine, data.shades[j ? 1 : 0])));
    note.textContent = best ? `Closest: the caption with the ${data.kinds[best]}.` : "The true caption is closest.";
  }

  choose(root, k => { chosen = k; draw(); });
  slider.addEventListener("input", draw);
  draw();
}
