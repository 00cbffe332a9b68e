import os
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from bindable import unit
from PIL import Image

from labclip_lib.alignment.labclip import LABCLIP
from labclip_lib.benchmarks.evaluation import (
    ALL_FOUR,
    BOTH_CAPTIONS,
    BOTH_IMAGES,
    CHOICE,
    PARAPHRASE,
    bag,
    cosines,
    embed_records,
    evaluate,
    first_choice,
)
from labclip_lib.benchmarks.records import Record
from labclip_lib.benchmarks.toy_pictures import save_pictures
from labclip_lib.embeddings.real_clip import load_real_clip
from labclip_lib.models.backbones import load_backbone
from labclip_lib.models.image_files import Picture
from labclip_lib.world.scenes import World


@pytest.fixture(scope="module")
def scenes():
    return World().sample(12, 2, seed=3)


@pytest.fixture(scope="module")
def pictures(scenes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    paths = [folder / f"{i}.png" for i in range(len(scenes))]
    save_pictures(scenes, paths)
    return [Picture(str(path)) for path in paths]


@pytest.fixture(scope="module")
def choices(scenes, pictures):
    said = zip(pictures, scenes.captions(), scenes.swapped().captions(), strict=True)
    return [
        Record(str(i), picture, (caption,), (negative,), "even" if i % 2 == 0 else "odd", str(i // 2))
        for i, (picture, caption, negative) in enumerate(said)
    ]


def by_hand(backbone, pictures, texts):
    images = backbone.encode_images([picture.read() for picture in pictures]).double()
    return images @ backbone.encode_texts(texts).double().T


class Known:
    """A backbone that knows its embeddings: of texts by their names, of pictures by their one pixel, a number."""

    name, fingerprint, device = "known", "f" * 64, torch.device("cpu")

    def __init__(self, texts, pictures):
        self.texts, self.pictures = (torch.tensor(list(part.values())) for part in (texts, pictures))
        self.number, self.dim = {text: row for row, text in enumerate(texts)}, self.texts.shape[1]
        self.model = SimpleNamespace(encode_image=self.pictures.__getitem__)

    def preprocess(self, image):
        return torch.tensor(int.from_bytes(image.tobytes(), "big"))

    def tokenize(self, captions, name):
        return torch.tensor([self.number[text] for text in captions]), [False] * len(captions)

    def encode_tokens(self, tokens):
        return self.texts[tokens]


@pytest.fixture
def known(tmp_path, monkeypatch):
    """Ask about records whose images and texts have these embeddings: {name of a picture or text: vector}."""
    monkeypatch.chdir(tmp_path)

    def ask(records, vectors, labclip=None, chance=False):
        texts, pictures = ({k: v for k, v in vectors.items() if isinstance(k, kind)} for kind in (str, Picture))
        for number, picture in enumerate(pictures):
            Image.frombytes("RGB", (1, 1), number.to_bytes(3, "big")).save(picture.path, "PNG")
        found = evaluate(Known(texts, pictures), records, labclip, workers=0)
        outcomes, guessed = (
            {question: getattr(answers, what).tolist() for question, answers in found.answers.items()}
            for what in ("outcomes", "chance")
        )
        return (outcomes, guessed) if chance else outcomes

    return ask


A, B, C = Picture("a.jpg"), Picture("b.jpg"), Picture("c.jpg")


class TestChoices:
    def test_one_caption_against_one_negative(self, tiny, choices, pictures):
        found = evaluate(tiny, choices, benchmark="ours")
        answers = found.answers[CHOICE]
        texts = [text for record in choices for text in (*record.captions, *record.negatives)]
        cosines = by_hand(tiny, pictures, texts).reshape(12, 12, 2)[range(12), range(12)]
        assert np.array_equal(answers.outcomes, (cosines[:, 0] > cosines[:, 1]).double().numpy())
        assert answers.keys.tolist() == [str(i) for i in range(12)]
        assert answers.chance.tolist() == [0.5] * 12
        assert answers.bag_of_words.tolist() == [0.5] * 12  # the same words: a bag of them cannot tell
        assert (found.benchmark, found.model, found.truncated) == ("ours", tiny.name, 0)

    def test_many_negatives_and_a_bag_of_words(self, tiny, choices, scenes):
        other = scenes.replaced("color", 0).captions()
        records = [r._replace(negatives=(*r.negatives, new)) for r, new in zip(choices, other, strict=True)]
        answers = evaluate(tiny, records).answers[CHOICE]
        assert answers.chance == pytest.approx(1 / 3)
        assert answers.bag_of_words.tolist() == [0.5] * 12  # of the two negatives only the swapped one ties

    def test_a_text_that_is_both_right_and_wrong_ties(self, tiny, choices):
        records = [record._replace(negatives=record.captions) for record in choices]
        assert evaluate(tiny, records).answers[CHOICE].outcomes.tolist() == [0.5] * 12

    def test_a_transform_is_applied(self, tiny, choices):
        matrix = LABCLIP(tiny.dim)
        matrix.set_matrix(-torch.eye(tiny.dim))
        plain, turned = (evaluate(tiny, choices, transform) for transform in (None, matrix))
        assert np.array_equal(turned.answers[CHOICE].outcomes, 1 - plain.answers[CHOICE].outcomes)
        assert turned.model == f"{tiny.name} with LABCLIP"

    def test_paraphrases(self, tiny, choices, scenes):
        longer = scenes.captions(template="a photo of a {attr1} {obj1} and a {attr2} {obj2}")
        records = [
            r._replace(captions=(*r.captions, new), negatives=(*r.negatives, wrong))
            for r, new, wrong in zip(choices, longer, scenes.replaced("color", 0).captions(), strict=True)
        ]
        answers = evaluate(tiny, records).answers
        texts = [
            torch.stack([tiny.encode_texts([text])[0].double() for text in (*r.captions, *r.negatives)])
            for r in records
        ]
        within = [t @ t.T for t in texts]
        expected = [float(s[0, 1] > s[:2, 2:].max()) for s in within]
        assert answers[PARAPHRASE].outcomes.tolist() == expected
        assert answers[PARAPHRASE].chance == pytest.approx(1 / 5) and answers[CHOICE].chance == pytest.approx(1 / 6)

    def test_neither_caption_may_be_closer_to_the_negative(self, known):
        """The image finds both; but the second is like the negative."""
        vectors = {A: (1.0, 0.1), "one": (1.0, 0.0), "again": (0.6, 0.8), "wrong": (0.0, 1.0)}
        for captions in (("one", "again"), ("again", "one")):
            assert known([Record("0", A, captions, ("wrong",))], vectors) == {CHOICE: [1], PARAPHRASE: [0]}

    def test_records_of_several_lengths(self, known):
        vectors = {A: (1.0, 0.0), "one": (0.9, 0.0), "again": (0.8, 0.0), "wrong": (0.7, 0.0), "worse": (0.6, 0.0)}
        records = [Record("0", A, ("one",), ("wrong",)), Record("1", A, ("one", "again"), ("wrong", "worse"))]
        assert known(records, vectors) == {CHOICE: [1, 1]}

    def test_a_box_is_cut_out(self, tiny, choices, pictures, tmp_path):
        whole = Image.new("RGB", (200, 150), "white")
        whole.paste(pictures[0].read(), (40, 30))
        whole.save(tmp_path / "whole.png")
        boxed = Picture(str(tmp_path / "whole.png"), box=(40, 30, 104, 94))
        assert np.array_equal(np.asarray(boxed.read()), np.asarray(pictures[0].read()))

    def test_the_cache_serves_what_was_embedded_and_never_something_else(self, tiny, choices, tmp_path, monkeypatch):
        first = evaluate(tiny, choices, cache=tmp_path)
        monkeypatch.setattr(tiny.model, "encode_image", lambda batch: pytest.fail("embedded again"))
        assert np.array_equal(
            evaluate(tiny, choices, cache=tmp_path).answers[CHOICE].outcomes, first.answers[CHOICE].outcomes
        )
        monkeypatch.undo()
        turned = [record._replace(captions=record.negatives, negatives=record.captions) for record in choices]
        again = evaluate(tiny, turned, cache=tmp_path)
        assert np.array_equal(again.answers[CHOICE].outcomes, 1 - first.answers[CHOICE].outcomes)

    def test_another_model_box_or_picture_is_embedded_anew(self, tiny, choices, scenes, tiny_clip, tmp_path):
        def tables(backbone, box=()):
            records = [record._replace(image=Picture(str(tmp_path / "a.png"), box=box)) for record in choices]
            return embed_records(backbone, records, tmp_path / "cache")[0].table

        save_pictures(scenes[:1], [tmp_path / "a.png"])
        first = tables(tiny)
        assert not torch.equal(tables(tiny, (0, 0, 32, 32)), first)
        assert not torch.equal(tables(load_backbone(f"tiny-clip/{tiny_clip[1]}", "cpu")), first)
        size = []
        for colour in ("red", "blue"):  # two files of one size, as BMP has it, and of one time
            Image.new("RGB", (64, 64), colour).save(tmp_path / "a.png", "BMP")
            os.utime(tmp_path / "a.png", (0, 0))
            size.append((tmp_path / "a.png").stat().st_size)
            other = tables(tiny)
            assert not torch.equal(other, first)
            first = other
        assert size[0] == size[1]
        os.utime(tmp_path / "a.png", (1, 1))
        kept = len(list((tmp_path / "cache").iterdir()))
        assert torch.equal(tables(tiny), first) and len(list((tmp_path / "cache").iterdir())) == kept

    def test_kinds_are_not_mixed(self, tiny, choices, raises_saying):
        with raises_saying(ValueError, "records of one kind"):
            evaluate(tiny, [*choices, choices[0]._replace(negatives=())])
        with raises_saying(ValueError, "records of one kind"):
            evaluate(tiny, [choices[0]._replace(negatives=(), other_image=choices[1].image)])


@pytest.fixture(scope="module")
def pairs(tiny, scenes, pictures, tmp_path_factory):
    folder = tmp_path_factory.mktemp("other")
    paths = [folder / f"{i}.png" for i in range(12)]
    save_pictures(scenes.swapped(), paths)
    others = [Picture(str(path)) for path in paths]
    said = zip(pictures, others, scenes.captions(), scenes.swapped().captions(), strict=True)
    records = [Record(str(i), a, (c,), (n,), other_image=b) for i, (a, b, c, n) in enumerate(said)]
    squares = [by_hand(tiny, (r.image, r.other_image), [*r.captions, *r.negatives]) for r in records]
    return evaluate(tiny, records).answers, squares


class TestPairs:
    def test_each_question(self, pairs):
        answers, squares = pairs
        for i, s in enumerate(squares):
            assert answers[BOTH_IMAGES].outcomes[i] == float(s[0, 0] > s[0, 1] and s[1, 1] > s[1, 0])
            assert answers[BOTH_CAPTIONS].outcomes[i] == float(s[0, 0] > s[1, 0] and s[1, 1] > s[0, 1])
            assert answers[ALL_FOUR].outcomes[i] == float(min(s[0, 0], s[1, 1]) > max(s[0, 1], s[1, 0]))

    @pytest.mark.parametrize(
        ("mine", "other", "expected"),
        [((0.9, 0.1), (0.8, 0.2), [1, 0, 0]), ((0.9, 0.8), (0.1, 0.2), [0, 1, 0]), ((0.9, 0.1), (0.2, 0.8), [1, 1, 1])],
    )
    def test_images_that_choose_and_captions_that_choose(self, known, mine, other, expected):
        """mine, other: how well each caption fits the first image and the second."""
        record = Record("0", A, ("mine",), ("other",), other_image=B)
        found = known([record], {A: (1.0, 0.0), B: (0.0, 1.0), "mine": mine, "other": other})
        assert [found[question] for question in (BOTH_IMAGES, BOTH_CAPTIONS, ALL_FOUR)] == [[it] for it in expected]

    def test_chance_is_that_of_equal_numbers(self, pairs):
        answers, _ = pairs
        for question, chance in ((BOTH_IMAGES, 1 / 4), (BOTH_CAPTIONS, 1 / 4), (ALL_FOUR, 1 / 6)):
            assert answers[question].chance == pytest.approx(chance)
            assert answers[question].bag_of_words == pytest.approx(chance)


@pytest.fixture(scope="module")
def retrieval(scenes, pictures):
    words = zip(pictures, scenes.captions(), scenes.captions("random", seed=1), strict=True)
    return [
        Record(str(i), picture, tuple(dict.fromkeys(said)), cluster=str(i // 2))
        for i, (picture, *said) in enumerate(words)
    ]


class TestRetrieval:
    def test_both_ways(self, tiny, retrieval, pictures):
        answers = evaluate(tiny, retrieval).answers
        owner = [i for i, record in enumerate(retrieval) for _ in record.captions]
        cosines = by_hand(tiny, pictures, [text for record in retrieval for text in record.captions])
        for k in (1, 5, 10):
            found = [any(owner[j] == i for j in row.topk(k).indices.tolist()) for i, row in enumerate(cosines)]
            back = [owner[j] in column.topk(k).indices.tolist() for j, column in enumerate(cosines.T)]
            for question, expected, rows in (("image to text", found, cosines), ("text to image", back, cosines.T)):
                # Where the last that is looked at and the next one differ by no more than rounding, either is right.
                last, following = rows.topk(k + 1).values[:, k - 1 :].T
                sure = (last - following > 1e-5).numpy()
                outcomes = answers[f"{question}, recall@{k}"].outcomes
                assert sure.mean() > 0.8 and (outcomes == np.array(expected, float))[sure].all()
        assert answers["text to image, recall@1"].chance == pytest.approx(1 / 12)
        assert answers["text to image, recall@1"].clusters.tolist() == [str(i // 2) for i in owner]
        assert (
            len(answers["text to image, recall@1"].keys)
            == len(owner)
            == len(set(answers["text to image, recall@1"].keys))
        )

    def test_a_recall_that_nobody_can_miss_is_not_asked(self, tiny, retrieval):
        assert list(evaluate(tiny, retrieval[:5]).answers) == ["image to text, recall@1", "text to image, recall@1"]

    def test_an_encoder_that_knows_nothing_gets_chance(self, tiny, retrieval, monkeypatch):
        monkeypatch.setattr(tiny.model, "encode_image", lambda batch: torch.ones(len(batch), tiny.dim))
        answers = evaluate(tiny, retrieval).answers
        for question in ("text to image, recall@1", "text to image, recall@5"):
            assert answers[question].outcomes.mean() == pytest.approx(answers[question].chance.mean())
        monkeypatch.setattr(tiny.model, "encode_text", lambda batch: torch.ones(len(batch), tiny.dim))
        for found in evaluate(tiny, retrieval).answers.values():
            assert found.outcomes == pytest.approx(found.chance)
        n, m = sum(len(record.captions) for record in retrieval), len(retrieval[0].captions)
        missed = (
            (n - m) / n * (n - m - 1) / (n - 1) * (n - m - 2) / (n - 2) * (n - m - 3) / (n - 3) * (n - m - 4) / (n - 4)
        )
        assert answers["image to text, recall@5"].chance[0] == pytest.approx(1 - missed) and m == 2


@pytest.mark.parametrize(
    ("right", "wrong", "expected"),
    [
        ([3], [1, 2], 1),
        ([1], [2, 0], 0),
        ([2], [2], 1 / 2),
        ([2], [2, 2], 1 / 3),
        ([2], [2, 1], 1 / 2),
        ([2, 2], [2], 1 / 3),
        ([3, 2], [2], 1 / 2),
    ],
)
def test_ties_are_shared(right, wrong, expected):
    """What a draw among what ties would give on average."""
    assert first_choice(torch.tensor([right]), torch.tensor([wrong]))[0] == pytest.approx(expected)


def test_a_bag_of_words_counts_them():
    assert bag("A cat, a dog.") == bag("a dog a cat") != bag("a dog cat")


def test_too_long_captions_are_counted(pictures, tiny_clip):
    backbone = load_backbone(f"tiny-clip/{tiny_clip[1]}", "cpu")
    records = [
        Record("0", pictures[0], ("a very long caption " * 40,), ("short",)),
        Record("1", pictures[1], ("a dog",), ("a cat",)),
    ]
    assert evaluate(backbone, records).truncated == 1


def test_the_golden_softmax_comes_from_the_same_code(real_data):
    """OpenAI's ViT-B/32, one picture and three prompts: the published shares."""
    real = load_real_clip()
    logits = 100 * cosines(real.golden_image, real.golden_text, torch.tensor([[0, 1, 2]]))
    assert [round(float(share), 4) for share in logits.softmax(1)[0]] == [0.9928, 0.0042, 0.0030]


# What cannot be told apart


@pytest.mark.parametrize(
    ("captions", "negatives", "question", "chance"),
    [(1, 4, CHOICE, 1 / 5), (2, 1, CHOICE, 1 / 3), (2, 1, PARAPHRASE, 1 / 3), (1, 1, CHOICE, 1 / 2)],
)
@pytest.mark.parametrize("mapped", [False, True])
def test_a_text_tower_that_is_blind_to_order_gets_chance(known, captions, negatives, question, chance, mapped):
    """On many records, as on COCO-Order and SugarCrepe++."""
    rows, vectors, records = unit(0, 1000, 512).tolist(), {}, []
    for n in range(500):
        picture, said = Picture(f"{n}.png"), tuple(f"{n}, order {i}" for i in range(captions + negatives))
        vectors |= {picture: rows[n]} | dict.fromkeys(said, rows[500 + n])
        records.append(Record(str(n), picture, said[:captions], said[captions:]))
    labclip = LABCLIP(512)
    labclip.set_matrix(unit(3, 512, 512))
    found = known(records, vectors, labclip if mapped else None)
    assert np.mean(found[question]) == pytest.approx(chance)


def test_captions_that_a_text_tower_cannot_tell_apart_are_found_by_luck(known):
    rows, texts = unit(0, 24, 512).tolist(), [f"text {i}" for i in range(24)]
    pictures = [Picture(f"{i}.png") for i in range(24)]
    records = [Record(str(i), p, (t,)) for i, (p, t) in enumerate(zip(pictures, texts, strict=True))]
    found = known(records, dict(zip(pictures, rows, strict=True)) | dict.fromkeys(texts, rows[0]))
    for k in (1, 5, 10):
        assert found[f"image to text, recall@{k}"] == pytest.approx([k / 24] * 24)


def test_a_caption_said_of_two_pictures_is_one_caption(known):
    """By its words: another text of the same embedding is another."""
    vectors = {A: (1.0, 0.0), B: (0.0, 1.0), "said of both": (0.6, 0.8), "only of A": (1.0, 0.0), "C": (0.6, 0.8)}
    records = [Record("0", A, ("said of both", "only of A")), Record("1", B, ("said of both",)), Record("2", C, ("C",))]
    found = known(records, vectors | {C: (-1.0, 0.0)})
    assert found["image to text, recall@1"] == [1, 0.5, 0.5]
    assert found["text to image, recall@1"] == [1, 1, 1, 0]


def test_a_text_that_is_there_twice_counts_once(known):
    """Twice among the negatives; and by a mistake of the data among the right ones and the wrong."""
    vectors = {A: (1.0, 0.0), **dict.fromkeys(("true", "false", "other"), (0.0, 1.0))}
    assert known([Record("0", A, ("true",), ("false", "false", "other"))], vectors)[CHOICE] == pytest.approx([1 / 3])
    found, chance = known([Record("0", A, ("true", "other"), ("other",))], vectors | {"true": (1.0, 0.0)}, chance=True)
    assert found[CHOICE] == [0.5] and chance[CHOICE] == [0.25]
