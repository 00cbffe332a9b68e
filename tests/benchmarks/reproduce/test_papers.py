from labclip_lib.benchmarks.formats.sugarcrepe import published
from labclip_lib.benchmarks.reproduce.papers import REPORTED, SAME_MODEL


def test_figures_are_shares_or_cosines_with_a_model_and_a_source():
    for figure, model, source in REPORTED.values():
        assert 0 <= figure <= 1 and model in SAME_MODEL and source


def test_figures_that_can_be_computed_are(real_data):
    for subset, measure in published("ViT-B/32").measures().items():
        assert REPORTED[subset, "CLIP"][0] == round(float(measure.values.mean()), 4)


MORE = {
    ("CLEVR", "image probe"): 0.96, ("CLEVR", "text probe"): 1.0,
    ("CLEVR, swap", "CLIP"): 0.58, ("PUG:SPAR, swap", "CLIP"): 0.53, ("PUG:SPARE, swap", "CLIP"): 0.5,
    ("PUG:SPAR, swap", "LABCLIP, paper's recipe"): 0.97, ("PUG:SPARE, swap", "LABCLIP, paper's recipe"): 0.94,
    ("PUG:SPAR, swap", "fine-tuned"): 1.0, ("CLEVR, cosine of the probes", "CLIP"): 0.2,
    ("CLEVR, cosine of the probes", "LABCLIP, paper's recipe"): 0.75,
    ("PUG:SPAR, cosine of the probes", "LABCLIP, paper's recipe"): 0.78,
    ("VG-A, all pairs of 25 and more", "LABCLIP, paper's recipe"): 0.69,
    ("VG-A, all pairs of 25 and more", "NegCLIP"): 0.71, ("VG-R, all relations", "NegCLIP"): 0.81,
    ("replace, mean", "LABCLIP, paper's recipe"): 0.82, ("replace, mean", "NegCLIP"): 0.85,
    ("swap, mean", "CLIP"): 0.62, ("text to image, recall@1", "CLIP"): 0.3,
    ("image to text, recall@1", "CLIP"): 0.5012,
}  # fmt: skip


def test_some_figures_stand_as_they_were_reported():
    """One of each kind, so that a row that slipped is noticed."""
    assert {row: REPORTED[row][0] for row in MORE} == MORE
    assert all(REPORTED[row][1] == "ViT-L/14" for row in REPORTED if row[0].startswith(("CLEVR", "PUG")))
    assert [len(names) for names in SAME_MODEL.values()] == [2, 2]
    assert all(name.endswith("/openai") for names in SAME_MODEL.values() for name in names)
    assert REPORTED["CLEVR, swap", "LABCLIP, paper's recipe"][:2] == (0.95, "ViT-L/14")
    assert REPORTED["PUG:SPARE, cosine of the probes", "CLIP"][0] == 0.09
    assert REPORTED["VG-R, all relations", "LABCLIP, paper's recipe"][:2] == (0.82, "ViT-B/32")
    assert REPORTED["swap, mean", "NegCLIP"][0] == 0.75
    assert REPORTED["replace_rel", "CLIP"][0] == 0.692
    assert REPORTED["text to image, recall@1", "LABCLIP, paper's recipe"][0] == 0.41
