"""The import paths of versions before 0.2.0: a sentence names the new one instead of "No module named ..."."""

import importlib.abc
import sys

# Wing -> the old modules whose names it now holds, and single names of a module that is a wing now. A module that was
# split stands with several wings.
WINGS = {
    "alignment": "binding_task closed_form pairs reports training",
    "base": "csv_tables data distributed listing pinned progress text_files threads",
    "benchmarks": "benchmarks.evaluate benchmarks.labelled benchmarks.pictures blind hard_negatives",
    "benchmarks.formats": (
        "benchmarks.aro benchmarks.bivlc benchmarks.clevr benchmarks.coco benchmarks.cola benchmarks.pug "
        "benchmarks.sugarcrepe benchmarks.valse"
    ),
    "benchmarks.getting": "benchmarks.catalog benchmarks.download benchmarks.inventory benchmarks.unpack",
    "benchmarks.reproduce": "reported reproduce scoreboard study table_figure",
    "book": "blind_game checks exercises panel plots widgets",
    "cli": "commands course.commands doctor",
    "course.grader": (
        "course.batch course.grading course.inside course.matching course.plain course.running course.sandbox "
        "course.steps course.submission course.talk"
    ),
    "course.notebooks": "course.products course.setup_cell",
    "embeddings": "data embed feed shards sources tables",
    "kept": "acceptance comparison dial support",
    "measures": (
        "directions outcomes diagnosis.Estimate diagnosis.Measure diagnosis.as_columns diagnosis.as_rows "
        "diagnosis.as_table diagnosis.bootstrap_ci diagnosis.estimate diagnosis.paired_difference "
        "diagnosis.pairwise_accuracy diagnosis.pairwise_outcomes diagnosis.recall_at_k diagnosis.recall_outcomes"
    ),
    "models": "backbones losses pictures pocket pretrain pretrained",
    "operators": "atoms coverage inflection language substitutes",
    "probing": "probes protocols",
    "studies": "acceptance comparison dial support",
    "theory": "identifiability",
    "world": "captions protocols scenes shapes support",
}
MOVED = {
    f"labclip_lib.{old}": [f"labclip_lib.{wing}" for wing, modules in WINGS.items() if old in modules.split()]
    for old in " ".join(WINGS.values()).split()
}


class _OldPathFinder(importlib.abc.MetaPathFinder):
    """An import finder that comes last, for modules that no other finder knows."""

    def find_spec(self, name, path=None, target=None):
        if name in MOVED:
            # The error's `name` stays unset, or `from package import module` would hide this message.
            wings = " or ".join(f"`from {wing} import ...`" for wing in MOVED[name])
            raise ModuleNotFoundError(f"{name} moved in version 0.2.0: write {wings}.")
        return None


def tell():
    """Let imports of old paths fail with a message that names the new path; called when labclip_lib is imported."""
    if not any(isinstance(finder, _OldPathFinder) for finder in sys.meta_path):
        sys.meta_path.append(_OldPathFinder())
