"""The book's texts and each benchmark: where their parts are published, and where they lie below the data folder.

Sizes are approximate and the publishers' own; None where they give none. `get.py` fetches the parts.
"""

import json
from collections.abc import Callable
from typing import NamedTuple

from labclip_lib.base.published_files import ADDRESSES, PINNED

_DRIVE = "https://drive.usercontent.google.com/download?id={}&export=download&confirm=t"
_COCO = "http://images.cocodataset.org/zips"
_KARPATHY = "https://cs.stanford.edu/people/karpathy/deepimagesent/caption_datasets.zip"
_CLEVR = "https://github.com/kdariina/CLIP-not-BoW-unimodally"


class Part(NamedTuple):
    """One file or folder of a benchmark.

    path: where it lies below the folder of all data, with / between; a folder ends in /.
    file: the name of the download; an archive (.zip, .tar.gz) is unpacked. url: its address, or "" where only a
    person can get it, as `by_hand` says. gigabytes: of the download; 0 when it is small, None when not published.
    sha256: of the file, where known. member: the one file of the archive that is wanted, "" for all. sign: a file
    in the folder that shows it is complete. pictures: the part whose JSON lists the pictures of this folder, each
    downloaded on its own from below `url`. cut: a function from the downloaded bytes to those of the file, or None.
    """

    path: str
    file: str
    url: str = ""
    gigabytes: float | None = 0
    sha256: str | None = None
    member: str = ""
    sign: str = ""
    pictures: str = ""
    by_hand: str = ""
    cut: Callable | None = None

    @property
    def is_folder(self):
        return self.path.endswith("/")


class Benchmark(NamedTuple):
    """What one name gets: title, parts (each a Part), and licence, which is shown before a download.

    terms: what the licence leaves unsaid. size: of the downloads, "" where the sizes of the parts say it.
    """

    title: str
    licence: str
    parts: tuple
    terms: str = ""
    size: str = ""


def _drive(path, file, key, gigabytes=None):
    return Part(path, file, _DRIVE.format(key), gigabytes)


def _by_hand(path, how):
    return Part(path, path.rstrip("/").rpartition("/")[2], by_hand=how, gigabytes=None)


def _class_names(published):
    """names.json as bytes: the names of LVIS's classes in the order of their ids, and those of the photos."""
    photos = [path.rpartition("/")[2] for path in ADDRESSES if path.startswith("real_clip_vitb32/photos/")]
    classes = [entry["name"] for entry in sorted(json.loads(published), key=lambda entry: entry["id"])]
    return json.dumps({"photos": photos, "lvis_classes": classes}, indent=0).encode()


_CUT = {"real_clip_vitb32/names.json": _class_names}


def _pinned(*folders):
    """Parts for the files of `base/published_files.py` in some folders, or in all."""
    return tuple(
        Part(path, url.rpartition("/")[2], url, sha256=PINNED[path], cut=_CUT.get(path))
        for path, url in ADDRESSES.items()
        if not folders or path.partition("/")[0] in folders
    )


def _clevr():
    how = f"output_{{n}}obj.csv and images_{{n}}obj/ for 2 to 10 objects, by the authors' links in {_CLEVR}"
    for n in range(2, 11):
        yield _by_hand(f"clevr/output_{n}obj.csv", how)
        yield _by_hand(f"clevr/images_{n}obj/", how)


_VAL2017 = Part("coco/val2017/", "val2017.zip", f"{_COCO}/val2017.zip", 1)
_VAL2014 = Part("coco/val2014/", "val2014.zip", f"{_COCO}/val2014.zip", 6)
_TRAIN2014 = Part("coco/train2014/", "train2014.zip", f"{_COCO}/train2014.zip", 13)
_COCO_LICENCE = "COCO's annotations CC BY 4.0, its photos under their owners' Flickr terms"
_PUG_LICENCE = "CC BY-NC 4.0: no commercial use; it must not be used for generative AI"

BENCHMARKS = {
    "texts": Benchmark(
        "all that the book's chapters read, and no benchmark's pictures",
        "MIT, Apache 2.0, CC BY 4.0; one part states none",
        _pinned(),
        f"MIT of SugarCrepe, SugarCrepe++, VALSE, COLA, ARO, BiVLC, NPCLIP and clip-retrieval, Apache 2.0 of Detic; "
        f"{_COCO_LICENCE}; vl_compo, the scores of 202 models, states no licence: it is yours to read, and not to "
        "pass on.",
        "about 20 MB",
    ),
    "clevr": Benchmark(
        "CLEVR scenes of 2 to 10 objects, as the LABCLIP authors made them",
        "as the authors' page says",
        tuple(_clevr()),
    ),
    "pug_spare": Benchmark(
        "PUG:SPARE, two coloured animals in four worlds",
        _PUG_LICENCE,
        (
            _drive("pug_spare/PUG_SPARE.csv", "PUG_SPARE.csv", "1lGkG51-wKRhiIb__NkftvOud9QXEc41e"),
            _drive("pug_spare/Desert/", "Desert.zip", "1JW0sApth_vaHgMrX1zhHa-L9SZVfUF1H"),
            _drive("pug_spare/Island/", "Island.zip", "17GuDFHt0z8nofC2TXDOxQnb1Wp9O4Ws4"),
            _drive("pug_spare/MountainRange/", "MountainRange.zip", "18xaLyYq1hEEUuOe6KoSKfjvHsqvMitfA"),
            _drive("pug_spare/Spaceship/", "Spaceship.zip", "1mVEg_eLWkGjeuCd3iXPbpx5MFdXgqBnu"),
        ),
    ),
    "pug_spar": Benchmark(
        "PUG:SPAR, two textured animals in ten worlds",
        _PUG_LICENCE,
        (
            Part(
                "pug_spar/",
                "PUG_SPAR.tar.gz",
                "https://dl.fbaipublicfiles.com/large_objects/pug/PUG_SPAR.tar.gz",
                16,
                sign="labels.csv",
            ),
        ),
    ),
    "coco": Benchmark(
        "COCO captions in Karpathy's splits",
        _COCO_LICENCE,
        (
            Part("coco/dataset_coco.json", "caption_datasets.zip", _KARPATHY, None, member="dataset_coco.json"),
            _TRAIN2014,
            _VAL2014,
        ),
    ),
    "flickr30k": Benchmark(
        "Flickr30k captions in Karpathy's splits",
        "the photos under their owners' Flickr terms, for non-commercial research and teaching",
        (
            Part(
                "flickr30k/dataset_flickr30k.json",
                "caption_datasets.zip",
                _KARPATHY,
                None,
                member="dataset_flickr30k.json",
            ),
            _by_hand("flickr30k/flickr30k-images/", "ask for them at https://forms.illinois.edu/sec/229675"),
        ),
    ),
    "aro": Benchmark(
        "ARO: relations, attributes and word order",
        "MIT; images from Visual Genome, CC BY 4.0",
        (
            *_pinned("aro"),
            _drive("aro/visual_genome_relation.json", "visual_genome_relation.json",
                   "1kX2iCHEv0CADL8dSO1nMdW-V0NqIAiP3"),
            _drive("aro/visual_genome_attribution.json", "visual_genome_attribution.json",
                   "13tWvOrNOLHxl3Rm9cR3geAdHx2qR3-Tw"),
            _drive("aro/images/", "vgr_vga_images.zip", "1qaPlrwhGNMrR3a11iopZUT_GPP_LrgP9", 1),
        ),
    ),
    "sugarcrepe": Benchmark(
        "SugarCrepe: swapped, replaced and added words",
        f"MIT; {_COCO_LICENCE}",
        (*_pinned("sugarcrepe"), _VAL2017),
    ),
    "sugarcrepe_pp": Benchmark(
        "SugarCrepe++: the same beside a paraphrase",
        f"MIT; {_COCO_LICENCE}",
        (*_pinned("sugarcrepe_pp"), _VAL2017),
    ),
    "valse": Benchmark(
        "VALSE: six linguistic phenomena",
        f"MIT; {_COCO_LICENCE}",
        (
            *_pinned("valse"),
            _VAL2017,
            _VAL2014,
            _TRAIN2014,
            *(
                _by_hand(f"valse/images/{name}/", "https://github.com/Heidelberg-NLP/VALSE says where its photos are")
                for name in ("visual7w", "SWiG", "VisDial_v1.0")
            ),
        ),
        "The photos that are not of COCO: as their publishers say.",
    ),
    "cola": Benchmark(
        "COLA: two pictures, two captions of several objects",
        "MIT; images from Visual Genome, CC BY 4.0",
        (
            *_pinned("cola"),
            Part("cola/images/", "images", "https://cs-people.bu.edu/array/data/vg_gqa_images/",
                 pictures="cola/COLA_multiobjects_matching_benchmark.json"),
        ),
    ),
}  # fmt: skip
