import itertools

import numpy as np
import pytest
import torch
from bindable import unit
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import top_k_accuracy_score
from synthetic import SMALL

from labclip_lib.alignment import scene_task as binding_task
from labclip_lib.alignment.labclip import LABCLIP
from labclip_lib.alignment.pairs import Pairs, examine_pairs
from labclip_lib.benchmarks import evaluation as evaluate
from labclip_lib.benchmarks.evaluation import cosines
from labclip_lib.benchmarks.records import Record
from labclip_lib.diagnosis.cross_modal import diagnose, diagnose_tables, twin_errors
from labclip_lib.embeddings.sources import Picture
from labclip_lib.embeddings.tables import Tables
from labclip_lib.measures.outcomes import (
    UNIT_ROWS,
    columns_of,
    first_choice,
    guessed_first_choice,
    guessed_recall,
    pairwise_accuracy,
    pairwise_outcomes,
    recall,
    recall_at_k,
    recall_outcomes,
    similarities,
    tie_width,
)
from labclip_lib.probing.reports import probe_tables

DIMS = (1, 2, 16, 64, 512, 768, 1024)


def alike(seed, n, dim):
    """(N, D) rows that have much in common, as CLIP's have."""
    return torch.nn.functional.normalize(unit(seed, n, dim) + unit(99, 1, dim), dim=-1)


# What ties


def test_a_text_tower_that_is_blind_to_word_order_gets_chance():
    """The same vector, scored alone and among four."""
    images, texts = unit(0, 2000, 512), unit(1, 2000, 512)
    one = torch.arange(2000)[:, None]
    right, wrong = cosines(images, texts, one, torch.inf), cosines(images, texts, one.expand(-1, 4))
    assert first_choice(right, wrong).mean() == pytest.approx(0.2)
    assert first_choice(right, wrong, UNIT_ROWS).mean() == pytest.approx(0.2)


@pytest.mark.parametrize("make", [unit, alike])
@pytest.mark.parametrize("dim", DIMS)
def test_equal_rows_tie_whatever_the_shape(dim, make, device):
    """Columns of a matrix of any height and width, and of sums of gathered rows."""
    images, texts = make(0, 300, dim).to(device), make(1, 300, dim).to(device)
    alone = (images * texts).sum(-1)
    for size in (1, 3, 31, 300):
        parts = zip(images.split(size), texts.split(size), strict=True)
        block = torch.cat([similarities(image, text.repeat(3, 1)).diagonal() for image, text in parts])
        assert pairwise_accuracy(alone[: len(block)], block) == 0.5
        assert first_choice(alone[:, None], block[:, None], UNIT_ROWS).mean() == 0.5


@pytest.mark.parametrize("dim", DIMS[2:])
def test_equal_columns_tie_in_a_big_matrix(dim):
    """Two texts of one embedding, far from each other in the dictionary: the right one is first by luck."""
    images, texts = alike(0, 700, dim), alike(1, 701, dim)
    texts = torch.cat([texts, texts[:700]])
    best = (images @ texts.T).argmax(1) % 701
    kept = best < 700  # the last has no double
    for matrix in (images @ texts.T, similarities(images, texts)):
        assert recall_at_k(matrix[kept], 1, best[kept]) == pytest.approx(0.5, abs=0.001)  # some other may tie by chance
        assert recall_at_k(matrix[kept], 2, best[kept]) == pytest.approx(1, abs=0.002)
        errors, rows = twin_errors(matrix[kept], torch.zeros(int(kept.sum()), dtype=torch.long), best[kept] + 701)
        assert errors.mean() == pytest.approx(0.5, abs=0.001) and len(rows) == int((best[kept] != 0).sum())


@pytest.mark.parametrize("dim", DIMS[2:])
def test_what_a_map_makes_equal_ties(dim):
    """Two texts that differ only in directions which the map takes away."""
    images, texts = alike(0, 2000, dim), alike(1, 2000, dim)
    gone = torch.linalg.qr(unit(2, dim, dim // 2)).Q
    others = torch.nn.functional.normalize(texts + unit(3, 2000, dim // 2) @ gone.T, dim=-1)
    labclip = LABCLIP(dim)
    labclip.set_matrix(torch.eye(dim) - gone @ gone.T)
    with torch.no_grad():
        true, foil = ((images * labclip(rows)).sum(-1)[:, None] for rows in (texts, others))
    assert first_choice(true, foil, UNIT_ROWS).mean() == 0.5


@pytest.mark.parametrize("make", [unit, alike])
@pytest.mark.parametrize("dim", [16, 512])
def test_nothing_else_ties(dim, make):
    """The outcomes are those of float64, where nothing is rounded."""
    images, texts = make(0, 400, dim), make(1, 400, dim)
    exact = images.double() @ texts.double().T
    for k in (1, 5):
        want = [float(i in row.topk(k).indices.tolist()) for i, row in enumerate(exact)]
        assert recall(similarities(images, texts), torch.arange(400)[:, None], (k,), UNIT_ROWS)[k].tolist() == want
    won = exact.diagonal()[:, None] > exact[torch.arange(400), torch.arange(400) - 1][:, None]
    matrix = similarities(images, texts)
    found = first_choice(matrix.diagonal()[:, None], matrix[torch.arange(400), torch.arange(400) - 1][:, None])
    assert found.tolist() == won[:, 0].double().tolist()


@pytest.mark.parametrize("scale", [1e-20, 1e-3, 100.0, 1e20])
def test_the_unit_of_the_similarities_does_not_matter(scale):
    true, foil = torch.tensor([0.3, 0.2, 0.1, 0.001]) * scale, torch.tensor([0.2, 0.3, 0.1, 0.002]) * scale
    assert pairwise_accuracy(true, foil) == 0.375
    assert pairwise_accuracy(true.double(), foil.double()) == 0.375
    assert pairwise_accuracy(true, foil.double()) == 0.375


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_rounded_once(dtype):
    values = torch.linspace(0.2, 0.3, 2000)
    halves = values.to(dtype)
    step = torch.finfo(dtype).eps * 0.3
    apart = torch.tensor([0.25], dtype=dtype)
    assert pairwise_accuracy(apart + 2 * step, apart) == 1
    assert pairwise_accuracy(halves, values) == 0.5


def test_integers_tie_when_they_are_equal():
    level = torch.tensor([[1_000_000_007]])
    assert tie_width(level).tolist() == [[0]]
    assert pairwise_accuracy(level[0], level[0] - 1) == 1 and pairwise_accuracy(level[0], level[0]) == 0.5


# What a tie is worth


def draws(similarity):
    """All orders, best first, of columns with these few levels, each as likely as the others."""
    levels = sorted(set(similarity), reverse=True)
    parts = [itertools.permutations([j for j, s in enumerate(similarity) if s == level]) for level in levels]
    return [list(itertools.chain(*order)) for order in itertools.product(*map(list, parts))]


@pytest.mark.parametrize("seed", range(20))
def test_an_outcome_is_the_share_of_all_draws(seed):
    rng = np.random.default_rng(seed)
    similarity = rng.integers(0, 3, 6).tolist()
    right = rng.permutation(6)[: rng.integers(1, 4)].tolist()
    wrong = [j for j in range(6) if j not in right]
    orders = draws(similarity)
    values = torch.tensor([similarity], dtype=torch.float)
    for k in (1, 2, 5):
        want = np.mean([any(j in right for j in order[:k]) for order in orders])
        assert recall(values, torch.tensor([[*right, -1]]), (k,))[k] == pytest.approx(want)
    want = np.mean([set(order[: len(right)]) == set(right) for order in orders])
    assert first_choice(values[:, right], values[:, wrong]) == pytest.approx(want)


def test_columns_belong_to_rows():
    rows, columns = torch.tensor([2, 0, 2, 2, 0]), torch.tensor([5, 1, 3, 5, 0])
    assert columns_of(rows, columns, 4).tolist() == [[0, 1], [-1, -1], [3, 5], [-1, -1]]


# What guessing gets


@pytest.mark.parametrize(("right", "wrong", "both"), [(1, 1, 0), (1, 4, 0), (2, 1, 0), (3, 2, 0), (1, 1, 1), (2, 1, 1),
                                                      (1, 4, 1), (2, 3, 1), (2, 2, 2)])  # fmt: skip
def test_guessing_at_a_first_choice(right, wrong, both):
    rng = np.random.default_rng(0)
    score = torch.from_numpy(rng.normal(size=(20_000, right + wrong - both)))
    found = first_choice(score[:, :right], score[:, right - both :])
    assert guessed_first_choice(right, wrong, both) == pytest.approx(found.mean(), abs=4 * found.std() / 140 + 1e-9)


@pytest.mark.parametrize(("right", "n", "k"), [(1, 7, 1), (1, 7, 5), (3, 7, 1), (3, 7, 4), (3, 7, 5)])
def test_guessing_at_a_recall(right, n, k):
    score = torch.from_numpy(np.random.default_rng(0).normal(size=(20_000, n)))
    found = recall(score, torch.arange(right).expand(20_000, -1), (k,))[k]
    assert guessed_recall(right, n, k) == pytest.approx(found.mean(), abs=4 * found.std() / 140 + 1e-9)


# Every chance level that the library prints is what guessing measures


class Guesser:
    """Gives every image, and every different text, an embedding at random."""

    device, dim, name = torch.device("cpu"), 24, "a guess"

    def __init__(self, seed):
        self.generator, self.known = torch.Generator().manual_seed(seed), {}

    def draw(self, things):
        return torch.nn.functional.normalize(torch.randn(len(things), self.dim, generator=self.generator), dim=-1)

    def encode_images(self, scenes):
        return self.draw(scenes)

    def encode_texts(self, texts):
        new = [text for text in dict.fromkeys(texts) if text not in self.known]
        self.known |= dict(zip(new, self.draw(new), strict=True))
        return torch.stack([self.known[text] for text in texts])


def at_chance(runs):
    """Whether measures {name: (values, chance)} of several runs, each of another guesser, are on average at chance."""
    seen = {}
    for run in runs:
        for name, (values, chance) in run.items():
            if not np.isnan(np.mean(chance)):
                seen.setdefault(name, []).append(np.mean(values) - np.mean(chance))
    for name, gaps in seen.items():
        assert abs(np.mean(gaps)) <= 5 * np.std(gaps, ddof=1) / len(gaps) ** 0.5 + 1e-9, (name, np.mean(gaps))
    return list(seen)


def levels(measures):
    return {name: (measure.values, measure.chance) for name, measure in measures.items()}


def test_guessing_at_pairs():
    """Five captions an image on average, some of them said of several images, three negatives each."""
    image, text = torch.arange(200) % 40, torch.arange(200) ** 2 % 150
    negatives = torch.arange(600).view(200, 3) + 1000

    def run(seed):
        guesser = Guesser(seed)
        rows = guesser.draw(range(150))[text]
        return Pairs(guesser.draw(range(45)), rows, guesser.draw(range(600)).view(200, 3, -1), image, text, negatives)

    assert len(at_chance(levels(examine_pairs(run(seed))) for seed in range(60))) == 3


@pytest.mark.parametrize("captions", [1, 5])
def test_guessing_at_embeddings_of_a_reader(captions):
    """Five captions an image, as on COCO: not one in so many captions, but five."""
    n = 100 * captions
    image = torch.arange(n) // captions
    drawn = [Pairs(unit(2 * s, 100, 16), unit(2 * s + 1, n, 16), None, image) for s in range(60)]
    runs = [levels(examine_pairs(pairs)) for pairs in drawn]
    assert len(at_chance(runs)) == 2
    chances = [run[f"image to text, recall@1 among {n}"][1] for run in runs]
    assert chances == pytest.approx([1 / 100] * 60)


KINDS = {
    "one against four": lambda n: ((f"t{n}",), tuple(f"f{n}.{k}" for k in range(4))),
    "one against one to four": lambda n: ((f"t{n}",), tuple(f"f{n}.{k}" for k in range(1 + n % 4))),
    "two against one": lambda n: ((f"t{n}", f"p{n}"), (f"f{n}",)),
    "a text that is right and wrong": lambda n: ((f"t{n}", f"p{n}"), (f"p{n}",) if n % 3 else (f"f{n}",)),
    "negatives twice": lambda n: ((f"t{n}",), (f"f{n}", f"f{n}", f"g{n}")),
    "retrieval": lambda n: (tuple(f"t{n * k % 90}" for k in range(1, 2 + n % 5)), ()),
}


# The questions that each kind of benchmark asks; a question that went missing would be at chance in vain.
ASKED = {
    "one against four": ["image to text"],
    "one against one to four": ["image to text"],
    "negatives twice": ["image to text"],
    "two against one": ["image to text", "text to text"],
    "a text that is right and wrong": ["image to text", "text to text"],
    "retrieval": [f"{way}, recall@{k}" for way in ("image to text", "text to image") for k in (1, 5, 10)],
    "two images": ["image to text, both", "text to image, both", "all four"],
}


@pytest.mark.parametrize("kind", ASKED)
def test_guessing_at_benchmarks(kind, monkeypatch):
    def run(seed):
        guesser, pictures = Guesser(seed), [Picture(f"{n // 2 if kind == 'retrieval' else n}.png") for n in range(120)]
        if kind == "two images":
            records = [
                Record(str(n), pictures[n], (f"t{n}",), (f"f{n}",), other_image=pictures[n + 60]) for n in range(60)
            ]
        else:
            records = [Record(str(n), pictures[n], *KINDS[kind](n)) for n in range(120)]
        said = list(dict.fromkeys(text for record in records for text in record.captions + record.negatives))
        seen = list(dict.fromkeys(pictures))
        tables = evaluate._Table(seen, guesser.draw(seen)), evaluate._Table(said, guesser.encode_texts(said)), 0
        monkeypatch.setattr(evaluate, "embed_records", lambda *args, **how: tables)
        answers = evaluate.evaluate(guesser, records).answers
        return {question: (found.outcomes, found.chance) for question, found in answers.items()}

    assert at_chance(run(seed) for seed in range(60)) == ASKED[kind]


@pytest.fixture
def guessers():
    return [Guesser(seed) for seed in range(12)]


def test_guessing_at_a_diagnosis(guessers):
    names = at_chance(levels(diagnose(guesser, SMALL)) for guesser in guessers)
    assert {"swap accuracy, fixed order", "recall@5 among 200 captions", "wrong first choices that are the twin"} < {
        *names
    }


@pytest.mark.parametrize("order", ["fixed", "random"])
def test_guessing_at_the_binding_task(guessers, order):
    tasks = (binding_task.binding_task(guesser, SMALL, 3) for guesser in guessers)
    assert len(at_chance(levels(binding_task.examine(task, None, order)) for task in tasks)) >= 8


def test_guessing_at_tables_of_a_reader():
    scenes = [SMALL.compositions(seed=k) for k in range(3)]
    labels = torch.cat([part.color for part in scenes]), torch.cat([part.shape for part in scenes])

    def run(seed):
        guesser = Guesser(seed)
        embeddings = {"images": guesser.draw(labels[0])}
        for name, parts in (("captions", scenes), ("swapped", [part.swapped() for part in scenes])):
            embeddings[name] = guesser.encode_texts([caption for part in parts for caption in part.captions()])
        tables = Tables(SMALL.colors, SMALL.shapes, *labels, embeddings)
        return levels(diagnose_tables(tables) | probe_tables(tables))

    names = at_chance(run(seed) for seed in range(12))
    assert {"swap accuracy", "recall@1 among 200 captions", "images probe", "captions probe, random labels"} < {*names}


@pytest.mark.parametrize("where", ["right", "wrong", "recall"])
def test_a_nan_is_no_win(where, raises_saying):
    similarity = torch.tensor([[0.1, 0.2], [0.3, 0.4]])
    spoilt = similarity.clone()
    spoilt[1, 1] = torch.nan
    with raises_saying(ValueError, "NaN", "not finite"):
        if where == "recall":
            recall(spoilt, torch.tensor([[0], [0]]), (1,))
        else:
            first_choice(*(spoilt if name == where else similarity for name in ("right", "wrong")))


def test_wins_ties_and_losses():
    positive, negative = torch.tensor([0.9, 0.5, 0.1]), torch.tensor([0.1, 0.5, 0.9])
    assert pairwise_outcomes(positive, negative).tolist() == [1.0, 0.5, 0.0]
    assert pairwise_accuracy(positive, negative) == 0.5
    assert pairwise_accuracy([0.9, 0.5], [0.1, 0.5]) == 0.75


@pytest.mark.parametrize("n", [1, 7, 1000])
def test_an_order_blind_encoder_is_at_chance_exactly(n):
    """It gives both captions one embedding, so every pair ties; counted as wins it would look perfect."""
    similarity = torch.randn(n, generator=torch.Generator().manual_seed(0))
    assert pairwise_accuracy(similarity, similarity.clone()) == 0.5


@given(st.lists(st.tuples(*[st.integers(-3, 3)] * 2), min_size=1))
def test_turning_the_pairs_round_turns_the_accuracy_round(pairs):
    positive, negative = (np.array(side, float) for side in zip(*pairs, strict=True))
    assert pairwise_accuracy(positive, negative) == pytest.approx(1 - pairwise_accuracy(negative, positive))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("side", [0, 1])
def test_similarities_that_are_no_numbers_are_refused(bad, side, raises_saying):
    pair = [np.zeros(3), np.zeros(3)]
    pair[side][1] = bad
    with raises_saying(ValueError, "1 similarities", "NaN"):
        pairwise_accuracy(*pair)


@pytest.mark.parametrize(("a", "b"), [((3,), (2,)), ((2, 2), (2, 2)), ((0,), (0,))])
def test_pairs_that_do_not_match_are_refused(a, b, raises_saying):
    with raises_saying(ValueError, str(a), str(b)):
        pairwise_accuracy(np.zeros(a), np.zeros(b))


@pytest.mark.parametrize("k", [1, 3, 9, 12])
def test_recall_agrees_with_scikit_learn(k):
    similarity = np.random.default_rng(0).normal(size=(12, 12)) + np.eye(12)
    want = top_k_accuracy_score(np.arange(12), similarity, k=k, labels=np.arange(12)) if k < 12 else 1.0
    assert recall_at_k(similarity, k) == pytest.approx(want)


@pytest.mark.parametrize(("k", "want"), [(1, 0.25), (2, 0.5), (4, 1.0)])
def test_recall_of_ties_is_the_luck_of_the_draw(k, want):
    assert recall_at_k(torch.zeros(4, 4), k) == pytest.approx(want)


def test_recall_of_partial_ties():
    # One column is better than the true one, which ties with one other: in the top two it has half a place.
    assert recall_at_k(torch.tensor([[0.5, 0.9, 0.5, 0.1]]), 2) == pytest.approx(0.5)


def test_recall_over_more_captions_than_images():
    assert recall_at_k(torch.eye(3, 5), 1) == 1.0


def test_rows_may_say_which_column_is_theirs():
    """Five images of three captions: the matrix is higher than wide."""
    own = torch.tensor([2, 0, 1, 2, 2])
    similarity = torch.eye(3)[own]
    assert recall_at_k(similarity, 1, own) == 1.0
    assert recall_outcomes(similarity, 1, torch.tensor([2, 0, 1, 2, 0])).tolist() == [1, 1, 1, 1, 0]
    square = torch.randn(6, 6, generator=torch.Generator().manual_seed(0))
    assert recall_at_k(square, 2, torch.arange(6)) == recall_at_k(square, 2)


def test_recall_is_the_mean_of_its_outcomes():
    similarity = torch.tensor([[0.5, 0.9, 0.5, 0.1], [0.0, 0.7, 0.1, 0.2], [0.3, 0.3, 0.3, 0.3]])
    outcomes = recall_outcomes(similarity, 2)
    assert outcomes.dtype == np.float64 and outcomes.tolist() == [0.5, 1.0, 0.5]
    assert recall_at_k(similarity, 2) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("similarity", "k", "seen"),
    [
        (torch.zeros(3, 2), 1, "(3, 2)"),
        (torch.zeros(3), 1, "(3,)"),
        (torch.zeros(3, 3), 0, "got 0"),
        (torch.zeros(3, 3), 4, "got 4"),
        (torch.full((2, 2), torch.nan), 1, "NaN"),
    ],
)
def test_recall_refuses_what_it_cannot_rank(similarity, k, seen, raises_saying):
    with raises_saying(ValueError, seen):
        recall_at_k(similarity, k)
