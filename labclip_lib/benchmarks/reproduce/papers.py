"""The figures that papers report, each with its model and our source for it; no source, no figure."""

PAPER = "Koishigarina et al. (2025), as quoted by others"
OPEN_CLIP = "open_clip's own table of retrieval"
RELEASED = "computed from the published outcomes, item by item"
# (what, method) -> (figure, model, source).
REPORTED = {
    ("CLEVR", "image probe"): (0.96, "ViT-L/14", PAPER),
    ("CLEVR", "text probe"): (1.00, "ViT-L/14", PAPER),
    **{
        (f"{data}, swap", method): (figure, "ViT-L/14", PAPER)
        for data, figures in (
            ("CLEVR", (0.58, 0.95, 1.00)), ("PUG:SPAR", (0.53, 0.97, 1.00)), ("PUG:SPARE", (0.50, 0.94, 1.00)),
        )
        for method, figure in zip(("CLIP", "LABCLIP, paper's recipe", "fine-tuned"), figures, strict=True)
    },
    **{
        (f"{data}, cosine of the probes", method): (figure, "ViT-L/14", PAPER)
        for data, figures in (("CLEVR", (0.20, 0.75)), ("PUG:SPAR", (0.18, 0.78)), ("PUG:SPARE", (0.09, 0.65)))
        for method, figure in zip(("CLIP", "LABCLIP, paper's recipe"), figures, strict=True)
    },
    **{
        (what, method): (figure, "ViT-B/32", PAPER)
        for what, figures in (
            ("VG-A, all pairs of 25 and more", (0.63, 0.69, 0.71)), ("VG-R, all relations", (0.63, 0.82, 0.81)),
            ("replace, mean", (0.80, 0.82, 0.85)), ("swap, mean", (0.62, 0.74, 0.75)),
            ("text to image, recall@1", (0.30, 0.41, 0.41)),
        )
        for method, figure in zip(("CLIP", "LABCLIP, paper's recipe", "NegCLIP"), figures, strict=True)
    },
    **{
        (subset, "CLIP"): (round(figure / 100, 4), "ViT-B/32", RELEASED)
        for subset, figure in (
            ("replace_obj", 90.92), ("replace_att", 80.08), ("replace_rel", 69.20), ("swap_obj", 61.38),
            ("swap_att", 63.96), ("add_obj", 77.21), ("add_att", 68.79),
        )
    },
    ("image to text, recall@1", "CLIP"): (0.5012, "ViT-B/32", OPEN_CLIP),
}  # fmt: skip
# open_clip's names of the models that figures were reported for.
SAME_MODEL = {
    "ViT-L/14": ("ViT-L-14/openai", "ViT-L-14-quickgelu/openai"),
    "ViT-B/32": ("ViT-B-32/openai", "ViT-B-32-quickgelu/openai"),
}
