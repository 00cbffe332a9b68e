// data: states, what is shown for each answer to the three questions, the last changing first; counts of the answers
function piece(root, data) {
  const ticks = root.querySelector(".lc-ticks");

  function draw() {
    const chosen = [...ticks.querySelectorAll("input:checked")].map(tick => +tick.value);
    gauge(root, data.states[chosen.reduce((place, k, question) => place * data.counts[question] + k, 0)]);
  }

  ticks.addEventListener("change", draw);
  ticks.hidden = false;
  draw();
}
