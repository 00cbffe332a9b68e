"""A game for the page: which of two sentences is the caption? The reader against blind models and a CLIP."""

import numpy as np

from labclip_lib.book.panel import panel
from labclip_lib.book.style import INK, PALETTE


def blind_game(captions, negatives, kinds, players, seed=0):
    """Two sentences at a time, no picture; a click tells which was the caption and keeps everybody's score.

    captions, negatives, kinds: N str; kinds says what was done to each. players: {name: (kind of PALETTE, (N,)
    outcomes, 1 right, 0.5 undecided, 0 wrong)} of the same items. seed: of which sentence stands first. Works with no
    kernel. Raises ValueError when the lists differ in length or there is no item.
    """
    n = len(captions)
    lengths = {len(part) for part in (captions, negatives, kinds, *(outcomes for _, outcomes in players.values()))}
    if lengths != {n} or not n:
        raise ValueError(f"blind_game needs as many of each, one or more, got lengths {sorted(lengths)}.")
    second = np.random.default_rng(seed).permutation(np.arange(n) % 2)  # half of the captions stand second
    items = [
        {"texts": [negative, caption] if place else [caption, negative], "right": place, "kind": kind}
        for caption, negative, kind, place in zip(captions, negatives, kinds, second.tolist(), strict=True)
    ]
    rows = [[name, PALETTE[kind], np.asarray(outcomes, float).tolist()] for name, (kind, outcomes) in players.items()]
    body = (
        "<p class='lc-place'></p><div class='lc-row'><button type='button'></button><button type='button'></button>"
        "</div><p class='lc-note' aria-live='polite'></p><button type='button' class='lc-next' hidden>next</button>"
        "<div class='lc-scores'></div>"
    )
    script = """
    const part = name => root.querySelector(".lc-" + name), picks = [...root.querySelectorAll(".lc-row button")];
    const mine = [], total = values => values.reduce((a, b) => a + b, 0);
    let now = 0;
    function show() {
      part("place").textContent = `Item ${now + 1} of ${data.items.length}. Which one is the caption?`;
      picks.forEach((pick, k) => { pick.textContent = data.items[now].texts[k]; pick.disabled = false; });
      part("note").textContent = ""; part("next").hidden = true;
    }
    function pick(k) {
      const {texts, right, kind} = data.items[now], note = part("note");
      mine.push(k === right ? 1 : 0);
      picks.forEach(button => { button.disabled = true; });
      note.textContent = (k === right ? "Right: " : "Not this one: ") + `the caption is "${texts[right]}" (${kind}).`;
      note.style.color = k === right ? "#00664b" : "#a33a00";
      const scores = [["you", data.ink, mine], ...data.players].map(([name, color, values]) => {
        const got = total(values.slice(0, mine.length));
        return bar(name, got / mine.length, color, `${got} of ${mine.length}`);
      });
      part("scores").replaceChildren(...scores);
      if (now + 1 < data.items.length) { part("next").hidden = false; part("next").focus(); }
      else part("place").textContent = "That was the last one.";
    }
    picks.forEach((button, k) => button.addEventListener("click", () => pick(k)));
    part("next").addEventListener("click", () => { now += 1; show(); });
    show();"""
    return panel(body, script, {"items": items, "players": rows, "ink": INK})
