"""One backbone on one folder of benchmarks: what the papers' tables share, computed once and stored."""

import dataclasses
from pathlib import Path

import torch

import labclip_lib
from labclip_lib.alignment.fit import fit_pairs
from labclip_lib.alignment.labclip import LABCLIP, Unaligned
from labclip_lib.alignment.pairs import Pairs
from labclip_lib.base.files import digest
from labclip_lib.base.locks import one_at_a_time
from labclip_lib.base.progress import track
from labclip_lib.benchmarks.evaluation import embed_records, evaluate
from labclip_lib.benchmarks.formats import aro, clevr, coco, cola, pug, sugarcrepe, valse
from labclip_lib.benchmarks.records import Record
from labclip_lib.benchmarks.toy_pictures import TOY, mark_toys
from labclip_lib.embeddings.feed import text_ids
from labclip_lib.probing.protocols import split_by_combination

SCENES = {
    "CLEVR": clevr.load,
    "PUG:SPAR": lambda root: pug.load(root, "SPAR"),
    "PUG:SPARE": lambda root: pug.load(root, "SPARE"),
}
RECIPE = {"CLEVR": "paper", "PUG:SPAR": "paper-pug", "PUG:SPARE": "paper-pug", "COCO": "paper-coco"}
# Method -> (mode, whether it uses the authors' recipe for that data); None is CLIP without LABCLIP.
METHODS = {
    "CLIP": None,
    "LABCLIP-SB, paper's recipe": ("SB", True),
    "LABCLIP, paper's recipe": ("HNB", True),
    "LABCLIP": ("HNB", False),
}


class Study:
    """One backbone on one folder of data: what the tables share, computed once and stored in a folder.

    root: the data, laid out as `benchmarks.catalog` says. out: for embeddings, matrices and answers. labclip: the
    path of a LABCLIP to examine on real captions, instead of fitting some on COCO. jobs: number of
    processes that make negatives, -1 for one per core. how: as of `evaluate`.
    """

    def __init__(self, backbone, root, out, labclip=None, jobs=-1, progress=True, **how):
        self.backbone, self.root, self.out = backbone, Path(root), Path(out)
        self.labclip, self.jobs, self.progress, self.how = labclip, jobs, progress, how
        self._cache, self.without = {}, ""

    @property
    def toy(self):
        """Whether the data are the book's world, and not the published benchmarks."""
        return (self.root / TOY).is_file()

    def scenes(self, name, load=None):
        """(LabelledImages, tables.Tables) of a benchmark of labelled scenes."""
        if name not in self._cache:
            scenes = (load or SCENES[name])(self.root)
            items = zip(scenes.images, scenes.captions(), scenes.swapped(), strict=True)
            records = [Record(str(i), image, (true,), (swapped,)) for i, (image, true, swapped) in enumerate(items)]
            images, texts, _ = embed_records(self.backbone, records, self.out / "embeddings", self.progress, **self.how)
            rows = [images.row[record.image] for record in records]
            true, swapped = ([texts.row[getattr(r, side)[0]] for r in records] for side in ("captions", "negatives"))
            tables = scenes.tables(images.table[rows], texts.table[true], texts.table[swapped])
            self._cache[name] = scenes, tables
        return self._cache[name]

    def at_hand(self):
        """Of SCENES, the names of those that can be read, and a sentence about each of the others."""
        names, without = [], []
        for name in SCENES:
            try:
                self.scenes(name)
                names.append(name)
            except ValueError as error:
                without.append(f"{name} was not run: {error}")
        return names, without

    def scene_labclip(self, name, method):
        """A LABCLIP fitted to the training combinations of a benchmark of scenes; for "CLIP" there is none to fit."""
        if METHODS[method] is None:
            return Unaligned()
        scenes, tables = self.scenes(name)
        split = split_by_combination(tables.attribute, tables.object)
        swappable = scenes.swappable()
        of_rows = [tables.unit(name) for name in ("images", "captions", "swapped")]
        of_rows += [None, text_ids(scenes.captions()), text_ids(scenes.swapped())]
        parts = (Pairs(*(table if table is None else table[rows & swappable] for table in of_rows))
                 for rows in (split.train, split.validation))  # fmt: skip
        return self._fit(name, method, *parts)

    def coco_labclip(self, method):
        """A LABCLIP fitted to COCO's training images, with hard negatives like NegCLIP's."""
        return self._fit("COCO", method, self._coco_pairs(), None)

    def _coco_pairs(self):
        if "COCO" not in self._cache:
            records, _ = coco.training_pairs(self.root, jobs=self.jobs)
            images, texts, _ = embed_records(self.backbone, records, self.out / "embeddings", self.progress, **self.how)
            rows = [(images.row[r.image], texts.row[c], texts.row[n])
                    for r in records for c, n in zip(r.captions, r.negatives, strict=True)]  # fmt: skip
            image, caption, negative = torch.tensor(rows).T
            embedded = images.table, texts.table[caption], texts.table[negative]
            self._cache["COCO"] = Pairs(*embedded, image, caption, negative)
        return self._cache["COCO"]

    def methods(self):
        """The METHODS to evaluate on real captions; only CLIP when COCO is missing (`without` then says why)."""
        if self.labclip:
            return ("CLIP", "LABCLIP")
        try:
            self._coco_pairs()
        except ValueError as error:
            self.without = f"LABCLIP was not run, for want of something to fit it to: {error}"
            return ("CLIP",)
        return tuple(METHODS)

    def _fit(self, name, method, pairs, validation):
        mode, authors = METHODS[method]
        recipe = RECIPE[name] if authors else "default"
        tables = [table for part in (pairs, validation) if part for table in vars(part).values()]
        digests = [None if it is None else digest(tuple(it.shape), it.cpu().numpy().tobytes()) for it in tables]
        key = digest(labclip_lib.__version__, self.backbone.fingerprint, *digests)
        path = self.out / "matrices" / f"{name.replace(':', '-')}-{mode}-{recipe}-{key[:16]}.safetensors"
        if not path.is_file():
            device = self.backbone.device
            pairs, validation = pairs.to(device), validation and validation.to(device)
            # A toy has fewer pairs than a batch of the recipe's size.
            small = {} if recipe != "default" and len(pairs) >= 2048 else {"batch_size": min(512, len(pairs) // 4)}
            checkpoint = path.with_suffix(".checkpoint")
            path.parent.mkdir(parents=True, exist_ok=True)
            labclip = fit_pairs(
                pairs, validation, mode=mode, recipe=recipe, checkpoint=checkpoint, progress=self.progress, **small,
            )  # fmt: skip
            labclip.save(path)
            checkpoint.unlink(missing_ok=True)
        return LABCLIP.load(path)

    def results(self, benchmark, records):
        """Evaluate each method on real captions: {method: Results}, also saved in the folder, item by item."""
        out = {}
        for method in self.methods():
            transform = None
            if method != "CLIP":
                transform = LABCLIP.load(self.labclip) if self.labclip else self.coco_labclip(method)
            results = evaluate(
                self.backbone, records, transform, benchmark=benchmark, cache=self.out / "embeddings",
                progress=self.progress, **self.how,
            )  # fmt: skip
            out[method] = dataclasses.replace(results, model=f"{self.backbone.name}, {method}")
            name = f"{benchmark}-{method}".lower().replace(" ", "-").replace(",", "").replace("'", "")
            (self.out / "answers").mkdir(parents=True, exist_ok=True)
            out[method].save(self.out / "answers" / f"{name}.csv")
        return out


def check_labclip(path, backbone):
    """Fail early, with ValueError or OSError, if the LABCLIP at a path (or None) cannot be read or does not fit."""
    size = path and len(LABCLIP.load(path).linear.weight)
    if size and size != backbone.dim:
        raise ValueError(
            f"{path} is for embeddings of {size}, those of {backbone.name!r} have {backbone.dim}; give another."
        )


def write_toys(root, progress=True):
    """Write the book's world in the format of each benchmark, in PocketCLIP's words; data that exists stays."""
    root = Path(root)
    steps = [(clevr,), (pug, "SPAR"), (pug, "SPARE"), (coco,), (aro,), (sugarcrepe,), (valse,), (cola,)]
    with one_at_a_time(root, "reproduce"):
        for benchmark, *which in track(steps, desc="writing toys", unit="benchmark", shows=progress):
            benchmark.write_toy(root, *which)
        mark_toys(root)
