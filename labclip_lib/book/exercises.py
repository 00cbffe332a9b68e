"""How each exercise is tried: test inputs, what must come out, and the likely mistakes by name."""

import torch

from labclip_lib.models.losses import hard_negative_info_nce, info_nce


class CheckFailed(AssertionError):
    """A self-check that did not come out. Notebooks show this one sentence instead of a traceback."""

    def _render_traceback_(self):
        return [f"✗ {self}"]


def _returned(answer, value, want):
    """The returned value as a tensor; CheckFailed when it is missing or of another shape."""
    _not_nothing(answer, value)
    value = torch.as_tensor(value).detach()
    if tuple(value.shape) != want:
        raise CheckFailed(f"{answer.__name__} returned shape {tuple(value.shape)}; expected {want}.")
    return value


def _not_nothing(answer, value):
    if value is None or value is ...:
        raise CheckFailed(f"{answer.__name__} returned nothing; write its body and end it with a return.")


def _unit(seed, *shape):
    values = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.nn.functional.normalize(values, dim=-1)


def _try_info_nce(answer):
    images, texts = _unit(0, 6, 8), _unit(1, 6, 8)
    value = float(_returned(answer, answer(images, texts, 10.0), ()))
    want = float(info_nce(images, texts, 10.0))
    target = torch.arange(6)
    logits = 10.0 * images @ texts.T
    slips = {
        "only the images choose; let the captions choose too and average": _ce(logits, target),
        "only the captions choose; let the images choose too and average": _ce(logits.T, target),
        "the two directions are added; take their mean": 2 * want,
        "the logit scale is missing": float(info_nce(images, texts, 1.0)),
        "the sign is turned round; a loss is minus the log probability": -want,
    }
    _compare(answer, value, want, slips)


def _ce(logits, target):
    return float(torch.nn.functional.cross_entropy(logits, target))


def _try_zero_shot(answer):
    images, classes = _unit(2, 40, 8), _unit(3, 5, 8)
    value = _returned(answer, answer(3.0 * images, 7.0 * classes), (40,))
    want = (images @ classes.T).argmax(1)
    if bool((value == want).all()):
        stretched = classes * torch.tensor([9.0, 1, 1, 1, 1], dtype=torch.float64)[:, None]
        value = _returned(answer, answer(images, stretched), (40,))
    if not bool((value == want).all()):
        share = float((value == want).double().mean())
        hint = "Did you bring both sides to unit length? A long class vector must not win for its length."
        raise CheckFailed(f"{answer.__name__} picks the nearest class for {share:.0%} of the images. {hint}")


def _try_accuracy_with_ties(answer):
    positive = torch.tensor([0.9, 0.2, 0.5, 0.5, 0.7, 0.1])
    negative = torch.tensor([0.1, 0.8, 0.5, 0.5, 0.3, 0.1])
    value = float(_returned(answer, answer(positive, negative), ()))
    slips = {
        "ties count as wins; an encoder that ignores word order would look perfect": 5 / 6,
        "ties count as losses; an encoder that ignores word order would look worse than a guess": 2 / 6,
        "this is a count; divide by the number of pairs": 3.5,
    }
    _compare(answer, value, 3.5 / 6, slips)


def _try_best_guess(answer):
    for colors, want in (
        (["red", "blue"], 1 / 2),
        (["red", "blue", "red"], 2 / 3),
        (["pink", "green", "cyan", "blue"], 1 / 4),
        (["red", "blue", "red", "blue", "blue", "red", "pink"], 3 / 7),
        (["red"], 1.0),
    ):
        value = float(_returned(answer, answer(list(colors)), ()))
        slips = {
            "this is the guess of someone who knows nothing; a bag of words knows which colours there are": 1 / 8,
            "every colour counts alike; a colour that two objects have is the better guess": 1 / len(set(colors)),
            "this is a count; divide by the number of objects": want * len(colors),
            "the best guess is the *most* frequent colour": 1 / len(colors),
        }
        _compare(answer, value, want, slips)


def _try_leak(answer):
    rng = torch.Generator().manual_seed(4)
    cluster = torch.randint(0, 30, (200,), generator=rng)
    test = torch.rand(200, generator=rng) < 0.3
    train = ~test & (cluster > 5)
    value = float(_returned(answer, answer(cluster, train, test), ()))
    known = torch.isin(cluster, cluster[train])
    slips = {
        "this is the share of training scenes; count test scenes": float(
            torch.isin(cluster[train], cluster[test]).double().mean()
        ),
        "this is a share of all scenes; divide by the number of test scenes": float((known & test).double().mean()),
        "these are scenes that are in both parts; ask whether their *pair* is": float((train & test).double().mean()),
        "this is the share that does not leak": 1 - float(known[test].double().mean()),
        "this is a count; divide by the number of test scenes": float(known[test].sum()),
    }
    _compare(answer, value, float(known[test].double().mean()), slips)


def _try_order_blind(answer):
    pairs = [("red circle and blue square", "blue circle and red square"), ("a cross", "cross a")]
    for first, second in pairs:
        ours, theirs = answer(first), answer(second)
        _not_nothing(answer, ours)
        if not isinstance(ours, str) or not ours.strip():
            raise CheckFailed(f"{answer.__name__} returned {ours!r}; expected a caption, a str.")
        if ours != theirs:
            raise CheckFailed(
                f"{answer.__name__} gives {ours!r} for {first!r} but {theirs!r} for {second!r}. "
                "The same words in another order must come out the same."
            )
    words = sorted(["red", "circle", "and", "blue", "square"])
    if sorted(answer(" ".join(words)).split()) != words:
        raise CheckFailed(f"{answer.__name__} loses or adds words; only their order may change.")
    if answer("red circle and red square").split().count("red") != 2:
        raise CheckFailed(f"{answer.__name__} drops a word that occurs twice; a bag keeps count.")


def _try_make_blind(answer):
    texts = _unit(7, 8, 4)
    support = torch.tensor([True, False, False, True, False, False, True, False])
    partner = torch.tensor([1, 0, 3, 2, 5, 4, 6, 7])  # one pair lies off the support; two captions are alone
    given = texts.clone()
    value = _returned(answer, answer(given, support.clone(), partner.clone()), (8, 4))
    if not torch.equal(given, texts):
        raise CheckFailed(f"{answer.__name__} changes its input; work on a copy, such as texts.clone().")
    if not torch.equal(value[support], texts[support]):
        moved = int((value != texts).any(1)[support].sum())
        raise CheckFailed(
            f"{answer.__name__} changes {moved} of the {int(support.sum())} captions on the support; there the loss "
            "looks, so they must stay bit for bit."
        )
    if not torch.equal(value, value[partner]):
        split = int((value != value[partner]).any(1).sum())
        raise CheckFailed(
            f"{answer.__name__} leaves {split} captions that differ from their partner. "
            "A caption off the support takes its partner's embedding; of two that are both off it, one gives its own."
        )
    allowed = (value == texts).all(1) | (value == texts[partner]).all(1)
    if not bool(allowed.all()):
        raise CheckFailed(
            f"{answer.__name__} gives {int((~allowed).sum())} captions an embedding that is neither theirs nor their "
            "partner's; take one of the two."
        )


def _compare(answer, value, want, slips):
    if abs(value - want) < 1e-6:
        return
    slip = next((text for text, wrong in slips.items() if abs(value - wrong) < 1e-6), None)
    hint = f" It looks as if {slip}." if slip else ""
    raise CheckFailed(f"{answer.__name__} returned {value:.4f} where {want:.4f} was expected.{hint}")


def _try_criterion(answer):
    u, v, negatives = (_unit(seed, 50, 6) + torch.arange(6) / 6 for seed in (11, 12, 13))
    W = _unit(14, 6, 6)

    def spread(x):
        x = x - x.mean(0)
        return x.T @ x / len(x)

    def ratio(images, captions, power=0.5):
        margin = (images @ W * (v - negatives)).sum(1).mean()
        return float(margin / (spread(u) @ W @ spread(captions) @ W.T).trace() ** power)

    both = torch.cat([v, negatives])
    value = float(_returned(answer, answer(W, u, v, negatives), ()))
    slips = {
        "the images are not centred; take their mean off": ratio(u, both),
        "the spread is over captions *and* negatives": ratio(u - u.mean(0), v),
        "the spread is over captions and negatives, not over their differences": ratio(u - u.mean(0), v - negatives),
        "divide by the square root of the trace": ratio(u - u.mean(0), both, 1.0),
    }
    _compare(answer, value, ratio(u - u.mean(0), both), slips)


def _try_hnb(answer):
    u, v, negatives = _unit(15, 6, 8), _unit(16, 6, 8), _unit(17, 6, 3, 8)
    value = float(_returned(answer, answer(u, v, negatives, 10.0), ()))
    logits = 10.0 * u @ torch.cat([v, negatives.flatten(0, 1)]).T
    among_images, target = 10.0 * v @ u.T, torch.arange(6)
    everyone = 10.0 * torch.cat([v, negatives.flatten(0, 1)]) @ u.T
    slips = {
        "there are no negatives in it": float(info_nce(u, v, 10.0)),
        "only the images choose; let the captions choose too and average": _ce(logits, target),
        "this is the sum of the two; take their mean": _ce(logits, target) + _ce(among_images, target),
        "each caption has all its negatives; this uses the first only": float(
            hard_negative_info_nce(u, v, negatives[:, 0], 10.0)
        ),
        "the negatives choose no image; only the captions do": (
            _ce(logits, target) + _ce(everyone, torch.cat([target, target.repeat_interleave(3)]))
        )
        / 2,
    }
    _compare(answer, value, float(hard_negative_info_nce(u, v, negatives, 10.0)), slips)


def _try_macro(answer):
    values = torch.tensor([1.0, 1, 1, 0, 0, 1, 0.5, 0.5])
    groups = ["big"] * 5 + ["small"] * 2 + ["one"]
    value = float(_returned(answer, answer(values, list(groups)), ()))
    slips = {
        "each item counts alike; that is the micro average": float(values.mean()),
        "this is the sum of the groups' means; divide by the number of groups": 0.6 + 0.75 + 0.5,
        "the groups are weighted by their size; each counts alike": (0.6 * 25 + 0.75 * 4 + 0.5) / 64,
        "this is the best group": 0.75,
    }
    _compare(answer, value, (0.6 + 0.75 + 0.5) / 3, slips)


def _try_pair_scores(answer):
    scores = torch.tensor([
        [[0.9, 0.1], [0.2, 0.8]], [[0.9, 0.8], [0.3, 0.7]], [[0.6, 0.7], [0.1, 0.9]], [[0.8, 0.3], [0.9, 0.95]],
        [[0.3, 0.2], [0.6, 0.5]],
    ])  # fmt: skip
    value = _returned(answer, answer(scores.clone()), (3,))
    images, sentences, four = 3 / 5, 2 / 5, 1 / 5
    slips = {
        (sentences, images, four): "the first two are exchanged; a row holds the scores of one picture",
        (4 / 5, 3 / 5, 2 / 5): "only one of the two has to choose rightly; both must",
        (images, sentences, round(images * sentences, 6)): "the third is no product of shares; ask item by item",
        (3.0, 2.0, 1.0): "these are counts; divide by the number of items",
    }
    shares = tuple(round(float(part), 6) for part in value)
    if shares == (images, sentences, four):
        return
    hint = next((f" It looks as if {slip}." for wrong, slip in slips.items() if shares == tuple(wrong)), "")
    raise CheckFailed(f"{answer.__name__} returned {shares} where {(images, sentences, four)} was expected.{hint}")


def _try_auc(answer):
    present, absent = torch.tensor([0.9, 0.5, 0.5, 0.2]), torch.tensor([0.5, 0.1, 0.2])
    value = float(_returned(answer, answer(present, absent), ()))
    slips = {
        "ties count as losses; a tie counts one half": 8 / 12,
        "ties count as wins; a tie counts one half": 11 / 12,
        "this is a count; divide by the number of pairs": 9.5,
        "it is turned round; the picture with the target should score higher": 2.5 / 12,
        "the means are compared; ask pair by pair": 1.0,
    }
    _compare(answer, value, 9.5 / 12, slips)


def _try_exchange_object(answer):
    scenes, old, new = _unit(18, 6, 8), 0.7 * _unit(19, 6, 8), 0.6 * _unit(20, 6, 8)
    value = _returned(answer, answer(scenes.clone(), old, new), (6, 8))
    unit = lambda x: torch.nn.functional.normalize(x, dim=-1)  # noqa: E731
    slips = {
        "the result is not of unit length": scenes - old + new,
        "old and new are exchanged": unit(scenes + old - new),
        "the old object is still there": unit(scenes + new),
        "the new object is missing": unit(scenes - old),
        "the vectors of objects were made of unit length; their lengths count": unit(scenes - unit(old) + unit(new)),
    }
    if not torch.allclose(value.double(), unit(scenes - old + new), atol=1e-5):
        hint = next((f" It looks as if {slip}." for slip, wrong in slips.items()
                     if torch.allclose(value.double(), wrong, atol=1e-5)), "")  # fmt: skip
        raise CheckFailed(f"{answer.__name__} does not return what was expected.{hint}")


def _try_part_score(answer):
    parts, phrases = _unit(21, 5, 8), _unit(22, 3, 8)
    value = float(_returned(answer, answer(parts, phrases), ()))
    cosines = parts @ phrases.T
    slips = {
        "the phrases are added; take their mean": float(cosines.amax(0).sum()),
        "each part takes its best phrase; each phrase should take its best part": float(cosines.amax(1).mean()),
        "each phrase takes the mean of the parts; it should take the best": float(cosines.mean()),
        "only the best phrase counts; take the mean over all": float(cosines.max()),
    }
    _compare(answer, value, float(cosines.amax(0).mean()), slips)


def _try_share_of_way(answer):
    own, twin, aside = _unit(23, 8), 0.8 * _unit(24, 8), _unit(25, 8)
    way = twin - own
    aside = aside - way * (aside @ way) / (way @ way)
    patched = own + 0.3 * way + 0.5 * aside
    value = float(_returned(answer, answer(patched, own, twin), ()))
    step = patched - own
    slips = {
        "steps to the side are counted, too; only the part in the twin's direction goes there": float(
            step.norm() / way.norm()
        ),
        "divide by the square of the length of the way": float(step @ way / way.norm()),
        "this is the cosine of the step with the way": float(step @ way / way.norm() / step.norm()),
        "it is counted from the twin; 0 is where the picture stayed": 0.7,
    }
    _compare(answer, value, 0.3, slips)


EXERCISES = {
    "info_nce": _try_info_nce,
    "zero_shot": _try_zero_shot,
    "accuracy_with_ties": _try_accuracy_with_ties,
    "best_guess": _try_best_guess,
    "leak": _try_leak,
    "order_blind": _try_order_blind,
    "make_blind": _try_make_blind,
    "criterion": _try_criterion,
    "hnb": _try_hnb,
    "macro": _try_macro,
    "pair_scores": _try_pair_scores,
    "auc": _try_auc,
    "exchange_object": _try_exchange_object,
    "part_score": _try_part_score,
    "share_of_way": _try_share_of_way,
}
