import pytest
import torch
from torch.nn.functional import cosine_similarity, cross_entropy, normalize

from labclip_lib.book.checks import check_exercise
from labclip_lib.book.exercises import EXERCISES, CheckFailed


def loss(images, texts, scale):
    logits = scale * images @ texts.T
    target = torch.arange(len(logits))
    return (cross_entropy(logits, target) + cross_entropy(logits.T, target)) / 2


def zero_shot(images, classes):
    return (normalize(images, dim=-1) @ normalize(classes, dim=-1).T).argmax(1)


def accuracy(positive, negative):
    return ((positive > negative).float() + 0.5 * (positive == negative).float()).mean()


def leak(cluster, train, test):
    return torch.isin(cluster[test], cluster[train]).double().mean()


def make_blind(texts, support, partner):
    own = torch.arange(len(texts))
    source = torch.where(support[partner], partner, torch.minimum(own, partner))
    return texts[torch.where(support, own, source)]


def spread(x):
    return torch.cov(x.T, correction=0)


def criterion(W, u, v, foils, of=lambda v, foils: torch.cat([v, foils]), power=0.5):
    margin = (u @ W * (v - foils)).sum(1).mean()
    return margin / (spread(u) @ W @ spread(of(v, foils)) @ W.T).trace() ** power


def choices(u, v, negatives, scale):
    """What the images choose, and what the captions choose."""
    return rows(u, torch.cat([v, negatives.flatten(0, -2)]), scale), rows(v, u, scale)


def group_means(values, groups):
    rows = [torch.tensor([group == name for group in groups]) for name in dict.fromkeys(groups)]
    return torch.stack([values[row].mean() for row in rows])


def pair_scores(s):
    """Per item: do the pictures choose, do the sentences, do all four?"""
    images = (s[:, 0, 0] > s[:, 0, 1]) & (s[:, 1, 1] > s[:, 1, 0])
    sentences = (s[:, 0, 0] > s[:, 1, 0]) & (s[:, 1, 1] > s[:, 0, 1])
    return torch.stack([images, sentences, images & sentences], 1)


def first_of_each(s):
    images, sentences = s[:, 0, 0] > s[:, 0, 1], s[:, 0, 0] > s[:, 1, 0]
    return torch.stack([images, sentences, images & sentences], 1).double().mean(0)


def everyone_chooses(u, v, negatives, scale):
    """The negatives too must find the image that they were made for."""
    own = torch.cat([torch.arange(len(u)), torch.arange(len(u)).repeat_interleave(negatives.shape[1])])
    back = cross_entropy(scale * torch.cat([v, negatives.flatten(0, -2)]) @ u.T, own)
    return (choices(u, v, negatives, scale)[0] + back) / 2


RIGHT = {
    "info_nce": loss,
    "zero_shot": zero_shot,
    "accuracy_with_ties": accuracy,
    "best_guess": lambda colors: max(colors.count(c) for c in colors) / len(colors),
    "leak": leak,
    "order_blind": lambda caption: " ".join(sorted(caption.split())),
    "make_blind": make_blind,
    "criterion": lambda W, u, v, foils: criterion(W, u - u.mean(0), v, foils),
    "hnb": lambda u, v, n, s: sum(choices(u, v, n, s)) / 2,
    "macro": lambda values, groups: group_means(values, groups).mean(),
    "pair_scores": lambda s: pair_scores(s).double().mean(0),
    "auc": lambda p, a: (higher(p, a) + (p[:, None] == a).double() / 2).mean(),
    "exchange_object": lambda scenes, old, new: normalize(scenes - old + new, dim=-1),
    "part_score": lambda parts, phrases: (parts @ phrases.T).amax(0).mean(),
    "share_of_way": lambda patched, own, twin: (patched - own) @ (twin - own) / (twin - own).square().sum(),
}


def higher(present, absent):
    return (present[:, None] > absent).double()


def rows(images, texts, scale):
    logits = scale * images @ texts.T
    return cross_entropy(logits, torch.arange(len(logits)))


def in_place(texts, support, partner):
    texts[:] = make_blind(texts.clone(), support, partner)
    return texts


def mean_of_both(texts, support, partner):
    return (texts + texts[partner]) / 2


# Exercise, the slip, and the words of the hint that name it.
SLIPS = [
    ("info_nce", rows, "only the images choose"),
    ("info_nce", lambda i, t, s: rows(t, i, s), "only the captions choose"),
    ("info_nce", lambda i, t, s: 2 * loss(i, t, s), "added"),
    ("info_nce", lambda i, t, s: loss(i, t, 1.0), "scale is missing"),
    ("info_nce", lambda i, t, s: -loss(i, t, s), "sign"),
    ("info_nce", lambda i, t, s: s * i @ t.T, "shape (6, 6)"),
    ("zero_shot", lambda i, c: (i @ c.T).argmax(1), "unit length"),
    ("zero_shot", lambda i, c: (normalize(i, dim=-1) @ c.T).argmax(1), "unit length"),
    ("zero_shot", lambda i, c: zero_shot(c, i), "shape (5,)"),
    ("accuracy_with_ties", lambda p, n: (p >= n).float().mean(), "ties count as wins"),
    ("accuracy_with_ties", lambda p, n: (p > n).float().mean(), "ties count as losses"),
    ("accuracy_with_ties", lambda p, n: 6 * accuracy(p, n), "divide"),
    ("accuracy_with_ties", lambda p, n: p > n, "shape (6,)"),
    ("best_guess", lambda colors: 1 / 8, "knows nothing"),
    ("best_guess", lambda colors: 1 / len(set(colors)), "counts alike"),
    ("best_guess", lambda colors: max(colors.count(c) for c in colors), "divide"),
    ("best_guess", lambda colors: 1 / len(colors), "most* frequent"),
    ("leak", lambda c, train, test: leak(c, test, train), "count test scenes"),
    ("leak", lambda c, train, test: (torch.isin(c, c[train]) & test).double().mean(), "share of all"),
    ("leak", lambda c, train, test: (train & test)[test].double().mean(), "*pair*"),
    ("leak", lambda c, train, test: 1 - leak(c, train, test), "does not leak"),
    ("leak", lambda c, train, test: torch.isin(c[test], c[train]).sum(), "divide"),
    ("order_blind", lambda caption: caption, "in another order"),
    ("order_blind", lambda caption: "words", "loses or adds"),
    ("order_blind", lambda caption: " ".join(sorted(set(caption.split()))), "keeps count"),
    ("order_blind", lambda caption: sorted(caption.split()), "expected a caption"),
    ("make_blind", lambda t, s, p: make_blind(t, s, p) * (s | s[p])[:, None], "neither theirs"),
    ("make_blind", in_place, "changes its input"),
    ("make_blind", mean_of_both, "changes 2 of the 3"),
    ("make_blind", lambda t, support, partner: t[partner], "changes 2 of the 3"),
    ("make_blind", lambda t, support, partner: torch.zeros_like(t), "changes 3 of the 3"),
    ("make_blind", lambda t, support, partner: normalize(t.float(), dim=-1), "bit for bit"),
    ("make_blind", lambda t, support, partner: t.clone(), "leaves 6 captions that differ from their partner"),
    ("make_blind", lambda t, support, partner: torch.where(support[:, None], t, t[partner]), "leaves 2 captions"),
    ("make_blind", lambda t, support, partner: t[support], "shape (3, 4)"),
    ("criterion", criterion, "not centred"),
    ("criterion", lambda W, u, v, f: criterion(W, u - u.mean(0), v, f, lambda v, f: v), "captions *and* negatives"),
    ("criterion", lambda W, u, v, f: criterion(W, u - u.mean(0), v, f, lambda v, f: v - f), "not over their diff"),
    ("criterion", lambda W, u, v, f: criterion(W, u - u.mean(0), v, f, power=1.0), "square root"),
    ("criterion", lambda W, u, v, f: -RIGHT["criterion"](W, u, v, f), "was expected."),
    ("criterion", lambda W, u, v, f: (u @ W * (v - f)).sum(1), "shape (50,)"),
    ("hnb", lambda u, v, n, s: loss(u, v, s), "no negatives"),
    ("hnb", lambda u, v, n, s: choices(u, v, n, s)[0], "only the images choose"),
    ("hnb", lambda u, v, n, s: sum(choices(u, v, n, s)), "sum of the two"),
    ("hnb", lambda u, v, n, s: sum(choices(u, v, n[:, 0], s)) / 2, "the first only"),
    ("hnb", everyone_chooses, "negatives choose no image"),
    ("hnb", lambda u, v, n, s: RIGHT["hnb"](u, v, n, 1.0), "was expected."),
    ("macro", lambda values, groups: values.mean(), "micro average"),
    ("macro", lambda values, groups: group_means(values, groups).sum(), "divide"),
    ("macro", lambda values, groups: group_means(values, groups).max(), "best group"),
    ("macro", lambda values, groups: (group_means(values, groups) * torch.tensor([25, 4, 1])).sum() / 64, "weighted"),
    ("macro", group_means, "shape (3,)"),
    ("pair_scores", lambda s: RIGHT["pair_scores"](s.mT), "first two are exchanged"),
    ("pair_scores", first_of_each, "both must"),
    ("pair_scores", lambda s: pair_scores(s).sum(0), "counts"),
    ("pair_scores", lambda s: RIGHT["pair_scores"](s) * torch.tensor([1, 1, 1.2]), "no product"),
    ("pair_scores", pair_scores, "shape (5, 3)"),
    ("auc", lambda p, a: higher(p, a).mean(), "count as losses"),
    ("auc", lambda p, a: (p[:, None] >= a).double().mean(), "count as wins"),
    ("auc", lambda p, a: 12 * RIGHT["auc"](p, a), "divide"),
    ("auc", lambda p, a: RIGHT["auc"](a, p), "turned round"),
    ("auc", lambda p, a: float(p.mean() > a.mean()), "pair by pair"),
    ("auc", higher, "shape (4, 3)"),
    ("exchange_object", lambda scenes, old, new: scenes - old + new, "unit length"),
    ("exchange_object", lambda scenes, old, new: RIGHT["exchange_object"](scenes, new, old), "exchanged"),
    ("exchange_object", lambda scenes, old, new: normalize(scenes + new, dim=-1), "still there"),
    ("exchange_object", lambda scenes, old, new: normalize(scenes - old, dim=-1), "missing"),
    ("exchange_object", lambda s, o, n: RIGHT["exchange_object"](s, normalize(o), normalize(n)), "their lengths count"),
    ("exchange_object", lambda scenes, old, new: scenes, "was expected."),
    ("part_score", lambda parts, phrases: (parts @ phrases.T).amax(0).sum(), "take their mean"),
    ("part_score", lambda parts, phrases: (parts @ phrases.T).amax(1).mean(), "its best part"),
    ("part_score", lambda parts, phrases: (parts @ phrases.T).mean(), "should take the best"),
    ("part_score", lambda parts, phrases: (parts @ phrases.T).max(), "over all"),
    ("part_score", lambda parts, phrases: parts @ phrases.T, "shape (5, 3)"),
    ("share_of_way", lambda patched, own, twin: (patched - own).norm() / (twin - own).norm(), "to the side"),
    ("share_of_way", lambda p, own, twin: (p - own) @ (twin - own) / (twin - own).norm(), "square"),
    ("share_of_way", lambda p, own, twin: cosine_similarity(p - own, twin - own, dim=0), "this is the cosine"),
    ("share_of_way", lambda p, own, twin: RIGHT["share_of_way"](p, twin, own), "from the twin"),
    ("share_of_way", lambda patched, own, twin: patched - own, "shape (8,)"),
    ("hnb", lambda u, v, n, s: s * u @ torch.cat([v, n.flatten(0, 1)]).T, "shape (6, 24)"),
]


def test_every_exercise_has_a_solution_and_a_slip_here():
    assert set(RIGHT) == set(EXERCISES) == {name for name, _, _ in SLIPS}


@pytest.mark.parametrize("name", EXERCISES)
def test_right_answers_pass(name, capsys):
    check_exercise(name, RIGHT[name])
    assert "passed" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "answer", "hint"), SLIPS)
def test_slips_get_the_hint_that_names_them(name, answer, hint, capsys):
    with pytest.raises(CheckFailed) as failed:
        check_exercise(name, answer)
    assert hint in str(failed.value) and "passed" not in capsys.readouterr().out


@pytest.mark.parametrize("name", EXERCISES)
@pytest.mark.parametrize("stub", [lambda *args: None, lambda *args: ...], ids=["None", "dots"])
def test_stubs_are_told_to_write_a_body(name, stub):
    with pytest.raises(CheckFailed, match="returned nothing"):
        check_exercise(name, stub)


@pytest.mark.parametrize("name", EXERCISES)
def test_answer_that_stops_is_told_where(name):
    def answer(*args):
        raise NotImplementedError("write me")

    with pytest.raises(CheckFailed, match="answer stopped with NotImplementedError: write me"):
        check_exercise(name, answer)


def test_zero_shot_must_not_reward_long_classes():
    """An answer that looks right while no class vector is longer than another is found out."""
    with pytest.raises(CheckFailed, match="unit length"):
        check_exercise("zero_shot", lambda images, classes: (images @ classes.T).argmax(1))


def test_either_of_two_unseen_partners_may_give_its_own():
    def answer(texts, support, partner):
        own = torch.arange(len(texts))
        source = torch.where(support[partner], partner, torch.maximum(own, partner))
        return texts[torch.where(support, own, source)]

    check_exercise("make_blind", answer)
