"""The papers' tables, with the papers' figures beside one's own: from pictures on a disk to rows of a report.

`python -m labclip_lib reproduce --table all` runs it. With PocketCLIP and no data it writes the book's world in each
benchmark's own format first, so that every step runs, on toys. The papers' figures are in `REPORTED`.
"""

import math
from typing import NamedTuple

import numpy as np
import torch

from labclip_lib.base.locks import one_at_a_time
from labclip_lib.benchmarks.evaluation import ALL_FOUR, BOTH_CAPTIONS, CHOICE, PARAPHRASE
from labclip_lib.benchmarks.formats import aro, clevr, coco, cola, sugarcrepe, valse
from labclip_lib.benchmarks.reproduce.names import check_names
from labclip_lib.benchmarks.reproduce.papers import REPORTED, SAME_MODEL
from labclip_lib.benchmarks.reproduce.study import METHODS
from labclip_lib.diagnosis.cross_modal import diagnose_embeddings
from labclip_lib.measures.intervals import Estimate
from labclip_lib.measures.measure import Measure
from labclip_lib.probing.protocols import split_by_combination
from labclip_lib.probing.scene_probes import probe_attribute_sets, probe_attributes, weight_cosine


class Row(NamedTuple):
    """A row of a table: the task and the method, our figure with its interval, and the paper's figure.

    ours: None where only a paper has a figure. reported, reported_by, source: the paper's figure, its model, and our
    source for it. comparable: whether model and data are those of the paper.
    """

    what: str
    method: str
    ours: Estimate | None
    items: int = 0
    chance: float = math.nan
    bag_of_words: float = math.nan
    reported: float | None = None
    reported_by: str = ""
    source: str = ""
    comparable: bool = False


class Table(NamedTuple):
    """One of TABLES with its rows. note: how to read it. missing: why it could not be made, or ""."""

    name: str
    title: str
    note: str
    rows: list
    missing: str = ""


# The tables


def probes(study):
    """Which object has which attribute? Linear probes of images and of captions, on held-out combinations."""
    (names, without), rows = study.at_hand(), []
    for name in names:
        _, tables = study.scenes(name)
        split = split_by_combination(tables.attribute, tables.object)
        for side, features in (("image", tables.embeddings["images"]), ("text", tables.embeddings["captions"])):
            probe = probe_attributes(features, tables.attribute, tables.object, split)
            rows.append(_row(study, name, f"{side} probe", probe.measure))
    for n in range(3, 11):
        if not (study.root / "clevr" / f"output_{n}obj.csv").is_file():
            continue
        what = f"CLEVR, {n} objects"
        _, tables = study.scenes(what, lambda root, n=n: clevr.load(root, n))
        split = split_by_combination(tables.attribute, tables.object)
        for side, features in (("image", tables.embeddings["images"]), ("text", tables.embeddings["captions"])):
            measures = probe_attribute_sets(features, tables.attribute, tables.object, split)
            rows.append(_row(study, what, f"{side} probe", measures["size known"]))
    _need_some(rows, without)
    note = (
        "With more than two objects the answer is the set of colours of all instances of a shape, and its size is "
        "given away, as in the paper. A probe far above the bag-of-words ceiling shows that the binding is *there*, "
        "not that CLIP uses it. A text probe may read it off the places of the words."
    )
    return Table("probes", "What a linear probe finds on each side", _joined(note, *without), rows)


def _row(study, what, method, measure, ours=None):
    """A row of a table. measure: a Measure. ours: our Estimate, if it is not the mean of the measure."""
    reported, model, source = REPORTED.get((what, method), (None, "", ""))
    same = not study.toy and study.backbone.name in SAME_MODEL.get(model, ())
    return Row(
        what, method, ours or measure.estimate(), len(measure.values), measure.chance, measure.bag_of_words,
        reported, model, source, same,
    )  # fmt: skip


def _reported(what, method):
    """A row for which only the paper has a figure."""
    figure, model, source = REPORTED[what, method]
    return Row(what, method, None, reported=figure, reported_by=model, source=source)


def crossmodal(study):
    """Does an image choose its caption, or the one with the attributes exchanged?"""
    (names, without), rows = study.at_hand(), []
    _need_some(names, without)
    for name in names:
        scenes, tables = study.scenes(name)
        split = split_by_combination(tables.attribute, tables.object)
        rows_to_test = split.test & scenes.swappable()
        images, captions, swapped = (tables.unit(n)[rows_to_test] for n in ("images", "captions", "swapped"))
        for method in METHODS:
            align = study.scene_labclip(name, method)
            with torch.no_grad():
                diagnosis = diagnose_embeddings(images, align(captions), align(swapped), split.cluster[rows_to_test])
            rows.append(_row(study, f"{name}, swap", method, diagnosis["accuracy"]))
        rows.append(_reported(f"{name}, swap", "fine-tuned"))
    note = (
        "Combinations that no matrix was fitted to; scenes of two equal attributes are left out; a tie counts half. "
        "LABCLIP-SB is the control for what the hard negatives add. Fine-tuning all weights is not run here. In "
        "PUG:SPAR the true captions name Blue before Red and Grass before Stone. So there a caption of the other order "
        "can be told without the picture, and a preference for one order moves a model off one half."
    )
    title = "Choosing between a caption and the same with its attributes exchanged"
    return Table("crossmodal", title, _joined(note, *without), rows)


def alignment(study):
    """Do the probes of images and of captions look in the same direction, before and after the matrix?"""
    (names, without), rows = study.at_hand(), []
    _need_some(names, without)
    for name in names:
        _, tables = study.scenes(name)
        labels = tables.attribute, tables.object, split_by_combination(tables.attribute, tables.object)
        length = tables.embeddings["images"].shape[1] ** 0.5  # makes entries about one in size, as in the paper

        def probe(features, labels=labels, length=length):
            return probe_attributes(length * features, *labels, solver="sgd")

        of_images = probe(tables.unit("images"))
        for method in ("CLIP", "LABCLIP, paper's recipe", "LABCLIP"):
            align = study.scene_labclip(name, method)
            with torch.no_grad():
                texts = align(tables.unit("captions"))
            values = weight_cosine(of_images, probe(texts)).cpu().double()
            clusters = torch.arange(len(values))[:, None].expand_as(values)
            measure = Measure(values.flatten().numpy(), clusters.flatten().numpy(), 0.0)
            rows.append(_row(study, f"{name}, cosine of the probes", method, measure))
    note = (
        "Probes as the paper trains them, by SGD. The interval is over objects. A probe's weights are no picture of "
        "where things lie (chapter 2): read this as a sign that the two sides say it alike, not as a measure of it."
    )
    return Table("alignment", "Cosine of image probes and caption probes", _joined(note, *without), rows)


CONVENTIONS = {
    ("VG-A", "LABCLIP"): "VG-A, all pairs of 25 and more",
    ("VG-R", "ARO"): "VG-R, without symmetric relations",
    ("VG-R", "LABCLIP"): "VG-R, all relations",
}


def aro_table(study):
    """ARO: attributes, relations and word order."""
    rows, without = [], []
    for task in aro.TASKS:
        try:
            records = aro.load(study.root, task, jobs=study.jobs, progress=study.progress)
        except ValueError as error:
            why = "PocketCLIP has no words for relations." if study.toy and task == "VG-R" else error
            without.append(f"{task} was not run: {why}")
            continue
        for method, results in study.results(task, records).items():
            if task.endswith("Order"):
                rows.append(_row(study, task, method, results.micro()))
                continue
            groups = results.answers[CHOICE].groups
            for (of, convention), what in CONVENTIONS.items():
                if of == task:
                    keep = aro.kept(groups, task, convention)
                    rows.append(_row(study, what, method, *_macro(results, CHOICE, keep)))
        for (of, _), what in CONVENTIONS.items():
            if of == task and (what, "NegCLIP") in REPORTED:
                rows.append(_reported(what, "NegCLIP"))
    _need_some(rows, without)
    order = list(dict.fromkeys(row.what for row in rows))
    rows.sort(key=lambda row: order.index(row.what))
    note = (
        "VG-A and VG-R are means of the groups' means, as ARO reports them; on symmetric relations, of which both "
        "captions are true, ARO's notebook and LABCLIP's differ, so both are here. The order tasks have up to "
        "four distractors. LABCLIP's training negatives come from the generator of the first of them."
    )
    return Table("aro", "ARO: attributes, relations, word order", _joined(note, *without, study.without), rows)


def _need_some(rows, without):
    if not rows:
        raise ValueError(without[0])


def _joined(*sentences):
    return " ".join(sentence for sentence in sentences if sentence)


def _macro(results, question, keep=slice(None)):
    """(Measure of the items in `keep`, with chance and ceiling averaged over groups; Estimate of the macro average)."""
    part = results.only(results.answers[question].keys[keep])
    levels = ([getattr(m, name) for m in part.measures(question).values()] for name in ("chance", "bag_of_words"))
    measure = part.micro(question)._replace(**dict(zip(("chance", "bag_of_words"), map(np.mean, levels), strict=True)))
    return measure, part.macro(question)


def sugarcrepe_table(study):
    """SugarCrepe by subset, and the means that papers quote."""
    rows, by_method = [], study.results("SugarCrepe", sugarcrepe.load(study.root))
    for subset in next(iter(by_method.values())).measures():
        rows += [_row(study, subset, method, results.measures()[subset]) for method, results in by_method.items()]
    for kind in ("replace", "swap", "add"):
        for method, results in by_method.items():
            keep = np.char.startswith(results.answers[CHOICE].groups, kind)
            rows.append(_row(study, f"{kind}, mean", method, *_macro(results, CHOICE, keep)))
        if (f"{kind}, mean", "NegCLIP") in REPORTED:
            rows.append(_reported(f"{kind}, mean", "NegCLIP"))
    note = (
        "The means are of subsets, not of items. Before a gain is read as binding, look at LABCLIP-SB, which saw no "
        "hard negative: chapter 6 shows how much of a gain needs none."
    )
    return Table("sugarcrepe", "SugarCrepe: replace, swap and add", _joined(note, study.without), rows)


def further(study):
    """SugarCrepe++, VALSE and COLA: of these the papers have no figure that we know."""
    rows, without = [], []
    for name, load, questions in (
        ("SugarCrepe++", sugarcrepe.load_pp, {CHOICE: "both captions win", PARAPHRASE: "text to text"}),
        ("VALSE", valse.load, {CHOICE: "caption against foil"}),
        ("COLA", cola.load, {BOTH_CAPTIONS: "captions choose", ALL_FOUR: "all four"}),
    ):
        try:
            records = load(study.root)
        except ValueError as error:
            without.append(f"{name} was not run: {error}")
            continue
        by_method = study.results(name, records)
        for question, label in questions.items():
            for method, results in by_method.items():
                rows.append(_row(study, f"{name}, {label}", method, *_macro(results, question)))
    _need_some(rows, without)
    note = (
        "SugarCrepe++ has a paraphrase to each caption: image and text must prefer both to the negative. SugarCrepe++ "
        "and VALSE are means of the subsets' means."
    )
    return Table("further", "Hard positives, foils and pairs of pictures", _joined(note, *without, study.without), rows)


def retrieval(study):
    """COCO, Karpathy's test split, both ways."""
    rows, by_method = [], study.results("COCO retrieval", coco.load(study.root))
    for question in next(iter(by_method.values())).answers:
        rows += [_row(study, question, method, results.micro(question)) for method, results in by_method.items()]
        if (question, "NegCLIP") in REPORTED:
            rows.append(_reported(question, "NegCLIP"))
    n = len(by_method["CLIP"].answers["image to text, recall@1"].keys)
    note = f"{n:,} images, up to five captions each. A paper's figure may rest on other captions or another resizing."
    return Table("retrieval", "COCO: images find captions, captions find images", _joined(note, study.without), rows)


TABLES = {
    "probes": probes, "crossmodal": crossmodal, "alignment": alignment, "aro": aro_table,
    "sugarcrepe": sugarcrepe_table, "retrieval": retrieval, "further": further,
}  # fmt: skip


def reproduce(names, study):
    """Make the tables of these names, a list. Of several, one that lacks its data says so and does not stop the rest.

    Waits for another run in the study's folder. Raises ValueError for an unknown name and, if there is one name only,
    for missing data.
    """
    check_names(names)
    with one_at_a_time(study.out, "reproduce"):
        return _tables(names, study)


def _tables(names, study):
    out = []
    for name in names:
        try:
            out.append(TABLES[name](study))
        except ValueError as error:
            if len(names) == 1:
                raise
            out.append(Table(name, TABLES[name].__doc__.partition("\n")[0].rstrip("."), "", [], str(error)))
    return out
