// data: matrices, of images with captions; steps, when each was taken; losses, one per step; labels; color, ink
function piece(root, data) {
  const slider = root.querySelector("input"), step = root.querySelector("output");
  const button = root.querySelector("button"), note = root.querySelector(".lc-note");
  const [matrix, curve] = [...root.querySelectorAll("canvas")].map(canvas => canvas.getContext("2d"));
  const size = 300, n = data.labels.length, last = data.steps.length - 1;

  function drawMatrix(rows) {
    const cell = size / n;
    rows.forEach((row, i) => row.forEach((cosine, j) => {
      const k = Math.max(0, Math.min(1, (cosine + 0.2) / 1.2));
      matrix.fillStyle = `rgb(${[252 - 82 * k, 251 - 183 * k, 247 - 94 * k].map(Math.round)})`;
      matrix.fillRect(j * cell, i * cell, cell, cell);
    }));
  }

  function drawCurve(losses) {
    const most = Math.max(...data.losses, Math.log(n));
    const x = s => 36 + 255 * s / data.losses.length, y = loss => 270 - 250 * loss / most;
    curve.clearRect(0, 0, size, size);
    curve.font = "12px sans-serif";
    curve.fillStyle = curve.strokeStyle = data.ink;
    curve.beginPath();
    curve.moveTo(36, 15);
    curve.lineTo(36, 270);
    curve.lineTo(292, 270);
    curve.stroke();
    curve.fillText("loss", 4, 12);
    curve.fillText("step", 262, 290);
    curve.fillText("0", 22, 274);
    curve.fillText(most.toFixed(1), 10, 26);
    curve.strokeStyle = data.color;
    curve.lineWidth = 2;
    curve.beginPath();
    losses.forEach((loss, s) => s ? curve.lineTo(x(s), y(loss)) : curve.moveTo(x(s), y(loss)));
    curve.stroke();
    curve.lineWidth = 1;
  }

  function draw() {
    const rows = data.matrices[+slider.value], at = data.steps[+slider.value];
    const hits = rows.filter((row, i) => Math.max(...row) === row[i]).length;
    step.textContent = at;
    drawMatrix(rows);
    drawCurve(data.losses.slice(0, at));
    note.textContent = `Darker is more alike. ${hits} of ${n} images are closest to their own caption.`;
  }

  let timer = null;
  function stop() {
    clearInterval(timer);
    timer = null;
    button.textContent = "play";
  }
  function play() {
    if (+slider.value === last) slider.value = 0;
    button.textContent = "pause";
    timer = setInterval(() => {
      slider.value = +slider.value + 1;
      draw();
      if (+slider.value === last) stop();
    }, 350);
  }

  button.addEventListener("click", () => timer ? stop() : play());
  slider.addEventListener("input", draw);
  draw();
}
