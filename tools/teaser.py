"""Draw the picture of the README and of the landing page: python tools/teaser.py"""

from pathlib import Path

import matplotlib.pyplot as plt

from labclip_lib.book.figures.shared import accuracy_bars
from labclip_lib.book.figures.style import PALETTE, use_style
from labclip_lib.kept.trainings import load_study
from labclip_lib.models.backbones import load_backbone
from labclip_lib.world.scenes import World

OUT = Path(__file__).parents[1] / "chapters" / "figures" / "teaser.png"

use_style()
clip = load_backbone()
world = World()
# The scene of the book's first question, in the first layout drawn for it.
candidates = world.compositions(seed=4)
scene = candidates[candidates.captions().index("blue square and orange triangle")]
captions = [*scene.captions(), *scene.swapped().captions(), *scene.replaced("color", 1).captions()]
cosines = (clip.encode_images(scene.render(clip.image_size)) @ clip.encode_texts(captions).T)[0].tolist()

table = load_study("pocket")["table"]
rows = [
    (label, kind, table[metric])
    for label, kind, metric in (
        ("image alone\n(probe)", "image", "image probe"),
        ("caption alone\n(probe)", "text", "text probe, fixed order"),
        ("image with\ncaption (CLIP)", "cross-modal", "swap accuracy, fixed order"),
        ("the same after\none matrix", "LABCLIP", "LABCLIP-HNB swap accuracy, fixed order"),
    )
]

fig, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 3.7), width_ratios=(0.75, 1.1, 1.5))
left.imshow(scene.render(256)[0].permute(1, 2, 0).numpy())
left.set_axis_off()
left.set_title("PocketCLIP looks at this", fontsize=12)
middle.barh(range(3), cosines, color=[PALETTE["cross-modal"]] * 2 + [PALETTE["chance"]], height=0.32)
for i, (caption, cosine) in enumerate(zip(captions, cosines, strict=True)):
    middle.text(0, i - 0.24, f"“{caption}”", va="bottom", fontsize=10.5)
    middle.text(cosine, i, f" {cosine:.2f}", va="center", fontsize=10.5)
middle.set(ylim=(2.5, -0.6), yticks=[], xlabel="cosine with the picture", xlim=(0, max(cosines) * 1.25))
middle.set_title("Right, swapped, wrong colour", fontsize=12)
accuracy_bars(rows, chance=[1 / 8, 1 / 8, 0.5, 0.5], ceiling=0.5, ax=right)
right.set_title("Who finds which colour goes with which shape?", fontsize=12)
fig.savefig(OUT, dpi=150)
print(OUT)
