"""The frame of the interactive pieces: HTML with its numbers inside and a script that finds its own."""

import hashlib
import json

from IPython.display import HTML

from labclip_lib.book.style import INK, PALETTE, PAPER

STYLE = f"""
.lc-panel {{color-scheme:light;background:{PAPER};color:{INK};border-radius:8px;padding:0.8rem 1rem;margin:0.5rem 0;
  font-family:sans-serif;  font-size:0.95rem;line-height:1.45;max-width:44rem}}
.lc-panel .lc-row {{display:flex;flex-wrap:wrap;gap:0.6rem;margin:0.3rem 0}}
.lc-panel canvas {{max-width:100%}} .lc-panel label {{display:block}}
.lc-panel input[type=range] {{width:100%;max-width:26rem;display:block}}
.lc-panel select, .lc-panel button {{font:inherit;color:{INK};background:#fff;border:1px solid #888;border-radius:4px;
  padding:0.15rem 0.45rem;margin:0.1rem}}
.lc-panel .lc-pick {{padding:2px;line-height:0;border-width:3px}}
.lc-panel .lc-pick[aria-pressed=true] {{border-color:{PALETTE["image"]}}}
.lc-panel .lc-pick img {{width:72px;height:72px;image-rendering:auto}}
.lc-panel .lc-bar {{margin:0.25rem 0}} .lc-panel .lc-bar div {{background:#e6e3da;border-radius:3px}}
.lc-panel .lc-bar i {{display:block;height:0.8rem;border-radius:3px;min-width:1px}}
.lc-panel fieldset {{border:0;margin:0.6rem 0;padding:0}}
.lc-panel legend {{font-weight:600;font-size:1rem;float:none;width:auto}}
.lc-panel .lc-answer {{display:block;margin:0.15rem 0 0.15rem 0.6rem}}
.lc-panel p {{margin:0.4rem 0;color:inherit}} .lc-panel .lc-note {{min-height:1.4em}}"""

HELPERS = """
function bar(label, share, color, text) {
  const row = document.createElement("div"); row.className = "lc-bar";
  const name = document.createElement("span"); name.textContent = label + ": " + (text || share.toFixed(3));
  const back = document.createElement("div"), fill = document.createElement("i");
  fill.style.width = 100 * Math.max(0, Math.min(1, share)) + "%"; fill.style.background = color;
  back.append(fill); row.append(name, back); return row;
}
function choose(then) {
  const picks = [...root.querySelectorAll(".lc-pick")];
  picks.forEach((pick, k) => pick.addEventListener("click", () => {
    picks.forEach(p => p.setAttribute("aria-pressed", p === pick)); then(k);
  }));
}"""


MARK = "\0"  # stands for the panel's id until it is known; no text holds one


def panel(body, script, data):
    """A piece of the page, IPython HTML. In the script `root` is its element and `data` the data, plain for JSON.

    body: HTML; MARK in it becomes the panel's own id. HELPERS are there too: bar(label, share, colour) makes an
    element, choose(then) calls then(k) when the k-th of the pictures to pick is picked.
    """
    payload = json.dumps(data).replace("<", "\\u003c")
    name = "lc-" + hashlib.sha256((body + payload).encode()).hexdigest()[:12]
    return HTML(
        f'<style>{STYLE}</style><div class="lc-panel" id="{name}">{body.replace(MARK, name)}</div>'
        f'<script>(() => {{ const root = document.getElementById("{name}"), data = {payload};'
        f"{HELPERS}{script} }})();</script>"
    )
