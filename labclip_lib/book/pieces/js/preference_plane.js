// data: points, of each picture its place in the plane and 1 for the scene, -1 for its twin; length of the captions'
// mean move; unit, how much of the drawing is one of the plane; angle of the captions' mean move; captions, the scene's
// and its twin's
function piece(root, data) {
  const part = name => root.querySelector(`.lc-${name}`), [turn, push] = root.querySelectorAll("input");
  const said = root.querySelectorAll("output"), spots = root.querySelectorAll(".lc-plane .lc-spot");
  const half = data.points.length / 2, sum = values => values.reduce((a, b) => a + b, 0);

  function note(right, preferences) {
    const [ours, theirs] = [right.slice(0, half), right.slice(half)].map(sum);
    const between = (sum(preferences.slice(0, half)) - sum(preferences.slice(half))) / half;
    const who = ours === half && theirs === half ? "Every picture prefers its own caption." :
      !ours && !theirs ? "Every picture prefers the other's caption." :
      ours + theirs === half && ours % half === 0 ? `All pictures prefer "${data.captions[ours ? 0 : 1]}", so half are right.` :
      `Right: ${ours} of ${half} pictures of the scene, ${theirs} of ${half} of its twin.`;
    return `${who} Preference of the scene's pictures minus its twin's: ${between.toFixed(3)}, whatever b is.`;
  }

  function draw() {
    const degrees = +turn.value, angle = degrees * Math.PI / 180, b = +push.value;
    const preferences = data.points.map(([x, y]) => data.length * (x * Math.cos(angle) + y * Math.sin(angle)) + b);
    const right = data.points.map(([, , own], k) => (Math.sign(preferences[k] * own) + 1) / 2);  // a tie counts half
    said[0].textContent = `${degrees}°`;
    said[1].textContent = b.toFixed(3);
    part("turned").setAttribute("transform", `rotate(${-degrees})`);
    part("pushed").setAttribute("transform", `translate(${-b / data.length * data.unit})`);
    spots.forEach((spot, k) => spot.classList.toggle("lc-off", right[k] <= 0.5));
    part("found").textContent = `Right: ${sum(right)} of ${2 * half} pictures. Chance and a bag of words: ${half}.`;
    part("note").textContent = note(right, preferences);
  }

  [turn, push].forEach(slider => slider.addEventListener("input", draw));
  root.querySelector("button").addEventListener("click", () => {
    turn.value = data.angle;
    push.value = 0;
    draw();
  });
  part("sliders").hidden = false;
  draw();
}
