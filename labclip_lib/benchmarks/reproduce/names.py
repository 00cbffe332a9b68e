"""The names of the papers' tables, and what is in each."""

from labclip_lib.base.messages import did_you_mean

CONTENTS = {
    "probes": "CLEVR, PUG:SPAR and PUG:SPARE: what linear probes find in images and in captions",
    "crossmodal": "CLEVR, PUG:SPAR and PUG:SPARE: does an image choose its caption or the swapped one?",
    "alignment": "CLEVR, PUG:SPAR and PUG:SPARE: the cosine of image probes and caption probes",
    "aro": "ARO: attributes (VG-A), relations (VG-R) and word order",
    "sugarcrepe": "SugarCrepe: replaced, swapped and added words",
    "retrieval": "COCO: images find captions, captions find images",
    "further": "SugarCrepe++, VALSE and COLA",
}


def check_names(names):
    """Raise ValueError for a name that is not in CONTENTS; of a benchmark it says which tables have it."""
    for name in names:
        if name not in CONTENTS:
            of = {table: _plain(what.partition(": ")[0]) for table, what in CONTENTS.items()}
            tables = [repr(table) for table, benchmarks in of.items() if len(name) > 2 and _plain(name) in benchmarks]
            otherwise = did_you_mean(name, [*CONTENTS, "all"])
            hint = f"it is part of {' and of '.join(tables)}." if tables else otherwise
            raise ValueError(f"There is no table {name!r}; {hint}")


def _plain(text):
    """Letters alone, because people write "SugarCrepe++", "sugarcrepe_pp" and "PUG-SPAR"."""
    return "".join(filter(str.isalpha, text.casefold().replace("+", "p")))
