import csv
import hashlib
import io
import json
import re
from collections import Counter

import joblib
import pytest

from labclip_lib.base.published_files import ADDRESSES
from labclip_lib.benchmarks import hard_negatives
from labclip_lib.benchmarks.hard_negatives import SUBSETS, HardNegatives, cover_benchmarks, load_hard_negatives

# As the projects count them; of VALSE the valid items.
COUNTS = {
    "SugarCrepe/add_att": 692, "SugarCrepe/add_obj": 2062, "SugarCrepe/replace_att": 788,
    "SugarCrepe/replace_obj": 1652, "SugarCrepe/replace_rel": 1406, "SugarCrepe/swap_att": 666,
    "SugarCrepe/swap_obj": 245,
    "SugarCrepe++/replace_att": 788, "SugarCrepe++/replace_obj": 1652, "SugarCrepe++/replace_rel": 1406,
    "SugarCrepe++/swap_att": 666, "SugarCrepe++/swap_obj": 245,
    "VALSE/actant-swap": 949, "VALSE/action-replacement": 648, "VALSE/coreference-hard": 104,
    "VALSE/coreference-standard": 708, "VALSE/counting-adversarial": 691, "VALSE/counting-hard": 868,
    "VALSE/counting-small-quant": 900, "VALSE/existence": 505, "VALSE/foil-it": 943, "VALSE/plurals": 851,
    "VALSE/relations": 535,
    "COLA/multi-object": 210, "NegCLIP/validation": 7370,
}  # fmt: skip


def test_every_subset_is_counted_here():
    assert set(SUBSETS) == set(COUNTS)
    valse = [count for name, count in COUNTS.items() if name.startswith("VALSE/")]
    assert len(valse) == 11 and sum(valse) == 7702


@pytest.mark.parametrize("name", SUBSETS)
def test_pairs_of_a_subset(real_data, name):
    captions, negatives, paraphrases, images = load_hard_negatives(name)
    assert len(captions) == len(negatives) == len(images) == COUNTS[name]
    assert all(re.search(r"\d\.jpg$", image) for image in images)
    assert all(isinstance(text, str) and text.strip() for text in captions + negatives)
    assert (paraphrases is not None) == name.startswith("SugarCrepe++/")
    if paraphrases is not None:
        assert len(paraphrases) == COUNTS[name] and all(text.strip() for text in paraphrases)


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("SugarCrepe/swap_att", "52475bfaf0417319"),
        ("VALSE/coreference-standard", "ec2a60e681d84b36"),
        ("COLA/multi-object", "b7ea871203ad8dfe"),
        ("NegCLIP/validation", "959d010f7c405f94"),
    ],
)
def test_a_pair_stands_in_the_file_like_this(real_data, name, digest):
    """To the letter; the sentences themselves are not ours to print."""
    found = load_hard_negatives(name)
    pairs = zip(found.captions, found.negatives, strict=True)
    assert digest in {hashlib.sha256("|".join(pair).encode()).hexdigest()[:16] for pair in pairs}


def test_sugarcrepe_plus_plus_gives_the_other_true_caption(real_data):
    """A paraphrase is neither the caption nor its negative, but for a few slips of its authors."""
    rows = list(zip(*load_hard_negatives("SugarCrepe++/swap_obj")[:3], strict=True))
    assert sum(len(set(texts)) == 3 for texts in rows) >= len(rows) - 5


def test_valse_leaves_out_what_its_annotators_rejected(real_data):
    items = json.loads((real_data / "valse" / "relations.json").read_text(encoding="utf-8")).values()
    assert {item["mturk"]["caption"] for item in items} == {0, 1, 2, 3}
    votes = {(item["caption"], item["foil"]): item["mturk"]["caption"] for item in items}
    found = load_hard_negatives("VALSE/relations")
    assert {votes[pair] for pair in zip(found.captions, found.negatives, strict=True)} == {2, 3}


def test_negclip_has_one_to_five_negatives_a_caption(real_data):
    with (real_data / "aro" / "valid_neg_clip.tsv").open(encoding="utf-8", newline="") as lines:
        titles = [row["title"] for row in csv.DictReader(lines, delimiter="\t")]
    captions = load_hard_negatives("NegCLIP/validation").captions
    assert len(titles) == 4839 and list(dict.fromkeys(captions)) == list(dict.fromkeys(titles))
    rows, pairs = Counter(titles), Counter(captions)
    assert {pairs[title] for title in titles if rows[title] == 1} == {1, 2, 3, 4, 5}


@pytest.mark.parametrize(
    ("name", "seen"), [("SugarCrepe/swap_at", "'SugarCrepe/swap_att'?"), ("Winoground", "SUBSETS"), (None, "None")]
)
def test_unknown_name(name, seen, raises_saying):
    with raises_saying(ValueError, repr(name), seen):
        load_hard_negatives(name)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LABCLIP_DATA", str(tmp_path))
    (tmp_path / "cola").mkdir()
    return tmp_path


def test_missing_file(folder, raises_saying):
    with raises_saying(ValueError, "cola/COLA_multiobjects_matching_benchmark.json", str(folder), "get texts"):
        load_hard_negatives("COLA/multi-object")


def test_wrong_checksum(folder, raises_saying):
    path = folder / "cola" / "COLA_multiobjects_matching_benchmark.json"
    path.write_text("[]")
    with raises_saying(ValueError, str(path), "checksum"):
        load_hard_negatives("COLA/multi-object")


# What each project's file looks like: where it is published, its text, and what comes out.
LOOKS = {
    "SugarCrepe/swap_obj": (
        "RAIVNLab/sugar-crepe/0047054b243992f0fad63d6f64f7544862daf846/data/swap_obj.json",
        json.dumps({"0": {"filename": "1.jpg", "caption": "naïve café", "negative_caption": "café naïve"}}),
        (["naïve café"], ["café naïve"], None, ["1.jpg"]),
    ),
    "SugarCrepe++/swap_obj": (
        "Sri-Harsha/scpp/c083bbf039a5ca215acaf25e7ee736d2ea6f3864/data/swap_obj.json",
        json.dumps(
            [{"filename": "1.jpg", "caption": "one ½", "caption2": "½ of one", "negative_caption": "½ one"}],
            ensure_ascii=False,
        ),
        (["one ½"], ["½ one"], ["½ of one"], ["1.jpg"]),
    ),
    "VALSE/plurals": (
        "Heidelberg-NLP/VALSE/2152d90d4aecd11f7f74cf03420abcb63efff9c5/data/plurals.json",
        json.dumps({str(votes): {"caption": f"it’s {votes}", "foil": f"they’re {votes}", "mturk": {"caption": votes},
                                 "image_file": f"{votes}.jpg"}
                    for votes in range(4)}, ensure_ascii=False),
        (["it’s 2", "it’s 3"], ["they’re 2", "they’re 3"], None, ["2.jpg", "3.jpg"]),
    ),
    "COLA/multi-object": (
        "arijitray1993/COLA/1fa52fba9cff4e6ffb7bfcf3550838748347273b/data/COLA_multiobjects_matching_benchmark.json",
        json.dumps([["1.jpg", "a jalapeño", "2.jpg", "a piñata"]], ensure_ascii=False),
        (["a jalapeño"], ["a piñata"], None, ["1.jpg"]),
    ),
    "NegCLIP/validation": (
        "mertyg/vision-language-models-are-bows/81fdd20dc5b6f434aa5a4a971717bc80d1cedb0d/temp_data/valid_neg_clip.tsv",
        "\ttitle\tfilepath\tneg_caption\tneg_image\n"
        "0\ta café\t1.jpg\t[\"café 'a'\", 'of a café']\t[2]\n"
        '1\t"two\r\nlines, ""quoted"""\t2.jpg\t[\'lines two\']\t[1]\n',
        (["a café", "a café", 'two\r\nlines, "quoted"'], ["café 'a'", "of a café", "lines two"], None,
         ["1.jpg", "1.jpg", "2.jpg"]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LOOKS)
def test_each_form_is_read(name, pin, monkeypatch):
    """Letters outside ASCII survive whatever the system's own encoding is."""
    monkeypatch.setattr(io, "text_encoding", lambda encoding, *_: encoding or "cp1252")
    where, text, want = LOOKS[name]
    assert ADDRESSES[SUBSETS[name]] == f"https://raw.githubusercontent.com/{where}"
    pin(SUBSETS[name], text)
    assert tuple(load_hard_negatives(name)) == want


def test_nothing_is_downloaded(to_download, raises_saying):
    with raises_saying(ValueError, "valse/existence.json", str(to_download), "get texts"):
        load_hard_negatives("VALSE/existence")


def test_every_subset_is_covered_once(monkeypatch):
    read = []

    def toy(name):
        read.append(name)
        return HardNegatives(["a red star", "a dog"], ["a blue star", "no dog"], None, ["1.jpg", "2.jpg"])

    monkeypatch.setattr(hard_negatives, "load_hard_negatives", toy)
    cover_benchmarks.cache_clear()
    try:
        with joblib.parallel_config("threading"):  # processes take seconds to start
            found = cover_benchmarks()
        assert cover_benchmarks() is found and read == list(found) == list(SUBSETS)
    finally:
        cover_benchmarks.cache_clear()
    for name, subset in found.items():
        assert subset.name == name
        assert [e.steps for e in subset.explanations] == [("replace attribute",), ("add negation",)]
