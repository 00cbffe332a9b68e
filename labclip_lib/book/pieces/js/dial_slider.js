// data: states, what is shown at each share and step, the steps changing first; the shares and the steps as they are written
function piece(root, data) {
  const sliders = [...root.querySelectorAll("input")], said = root.querySelectorAll("output");
  const cells = root.querySelectorAll("tr td + td, tr th + td");

  function draw() {
    const [share, step] = sliders.map(slider => +slider.value);
    const state = data.states[share * data.steps.length + step];
    [data.shares[share], data.steps[step]].forEach((text, k) => { said[k].textContent = text; });
    gauge(root, state);
    [0, 1, 1, 0].forEach((k, place) => {  // the twin's row mirrors the scene's
      cells[place].textContent = state.cells[k];
      cells[place].style.background = state.shades[k];
    });
  }

  sliders.forEach(slider => slider.addEventListener("input", draw));
  root.querySelector(".lc-sliders").hidden = false;
  draw();
}
