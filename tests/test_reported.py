from labclip_lib.reported import REPORTED, SAME_MODEL


def test_figures_are_shares_or_cosines_with_a_model_and_a_source():
    for figure, model, source in REPORTED.values():
        assert 0 <= figure <= 1 and model in SAME_MODEL and source


def test_some_figures_stand_as_they_were_reported():
    """One of each kind, so that a row that slipped is noticed."""
    assert REPORTED["CLEVR, swap", "LABCLIP, paper's recipe"][:2] == (0.95, "ViT-L/14")
    assert REPORTED["PUG:SPARE, cosine of the probes", "CLIP"][0] == 0.09
    assert REPORTED["VG-R, all relations", "LABCLIP, paper's recipe"][:2] == (0.82, "ViT-B/32")
    assert REPORTED["swap, mean", "NegCLIP"][0] == 0.75
    assert REPORTED["replace_rel", "CLIP"][0] == 0.692
    assert REPORTED["text to image, recall@1", "LABCLIP, paper's recipe"][0] == 0.41
