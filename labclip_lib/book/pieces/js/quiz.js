// data: for each question, [is it right, why] of each answer
function piece(root, data) {
  const key = `lc-quiz ${location.pathname} ${root.id}`, tries = 2;
  const fields = [...root.querySelectorAll("fieldset")];
  const score = root.querySelector(".lc-score"), again = root.querySelector(".lc-buttons button");
  let given = fields.map(() => []);  // for each question, what was answered up to the right answer; null: "show me"

  const right = question => data[question].findIndex(([is]) => is);
  const settled = question => given[question].includes(right(question)) || given[question].includes(null) ||
    given[question].length >= tries;
  const first = question => given[question][0] === right(question);

  function point(question) {
    const done = settled(question), labels = [...fields[question].querySelectorAll(".lc-answer")];
    labels.forEach((label, k) => label.classList.toggle("lc-is-right", done && k === right(question)));
    fields[question].querySelector("button").hidden = done;
    return done ? ` It is: ${labels[right(question)].innerText.trim().replace(/\.$/, "")}.` : "";
  }

  function say(question, answer) {
    const pointed = point(question), [is, why] = data[question][answer ?? right(question)];
    const note = fields[question].querySelector(".lc-note");
    if (answer === null) tell(note, true, `${pointed.trim()} ${why}`);
    else tell(note, is, is ? `Right. ${why}` : `Not this one. ${why}${pointed}`);
  }

  function count() {
    const begun = given.filter(one => one.length).length, rights = fields.filter((_, k) => first(k)).length;
    score.textContent = begun ? `Right at the first try: ${rights} of ${fields.length}. ` +
      `Answered: ${begun} of ${fields.length}.` : "";
    again.hidden = !begun;
  }

  function give(question, answer) {
    if (!settled(question)) {
      given[question].push(answer);
      store(key, given);
    }
    say(question, answer);
    count();
  }

  function begin() {
    fields.forEach((field, question) => {
      const answer = given[question].at(-1);
      field.querySelectorAll("input").forEach((input, k) => { input.checked = k === answer; });
      if (answer === undefined) tell(field.querySelector(".lc-note"), "", "");
      point(question);
      if (answer !== undefined) say(question, answer);
    });
    count();
  }

  fields.forEach((field, question) => {
    // The arrows choose each answer that they pass: the one counts at which they rest.
    let byArrows = false, resting = null;
    field.addEventListener("keydown", event => { byArrows = event.key.startsWith("Arrow"); });
    field.addEventListener("pointerdown", () => { byArrows = false; });
    field.addEventListener("change", event => {
      clearTimeout(resting);
      const answered = () => give(question, +event.target.value);
      if (byArrows) resting = setTimeout(answered, 800);
      else answered();
    });
    field.querySelector("button").addEventListener("click", () => {
      give(question, null);
      field.querySelector("input").focus();  // the button that had the focus is hidden now
    });
  });
  again.addEventListener("click", () => {
    given = fields.map(() => []);
    store(key, given);
    begin();
    fields[0].querySelector("input").focus();
  });
  const before = stored(key);
  if (Array.isArray(before) && before.length === fields.length && before.every(Array.isArray)) given = before;
  begin();
}
