// data: items, each with two texts, which is right, and the kind of the other; players, [name, color, outcomes]; ink
function piece(root, data) {
  const part = name => root.querySelector(`.lc-${name}`), picks = [...root.querySelectorAll(".lc-row button")];
  const mine = [], sum = values => values.reduce((a, b) => a + b, 0);

  function show() {
    const {texts} = data.items[mine.length];
    part("place").textContent = `Item ${mine.length + 1} of ${data.items.length}. Which one is the caption?`;
    picks.forEach((button, k) => {
      button.textContent = texts[k];
      button.disabled = false;
    });
    part("note").textContent = "";
    part("next").hidden = true;
  }

  function pick(k) {
    const {texts, right, kind} = data.items[mine.length], hit = k === right;
    mine.push(hit ? 1 : 0);
    picks.forEach(button => { button.disabled = true; });
    tell(part("note"), hit, `${hit ? "Right" : "Not this one"}: the caption is "${texts[right]}" (${kind}).`);
    part("scores").replaceChildren(...[["you", data.ink, mine], ...data.players].map(([name, color, outcomes]) => {
      const got = sum(outcomes.slice(0, mine.length));
      return bar(name, got / mine.length, color, `${got} of ${mine.length}`);
    }));
    const over = mine.length === data.items.length;
    if (over) part("place").textContent = `That was the last one. You were right in ${sum(mine)} of ${mine.length}.`;
    part("next").textContent = over ? "play again" : "next";
    part("next").hidden = false;
    part("next").focus();
  }

  picks.forEach((button, k) => button.addEventListener("click", () => pick(k)));
  part("next").addEventListener("click", () => {
    if (mine.length === data.items.length) {
      mine.length = 0;
      part("scores").replaceChildren();
    }
    show();
    picks[0].focus();  // the button that had the focus is hidden now
  });
  show();
}
