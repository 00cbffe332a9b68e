"""Relations, sizes, counts and negation: does one matrix do for them what it does for colours?"""

import torch

from labclip_lib.alignment.closed_form import discriminant_map
from labclip_lib.alignment.fit import fit_pairs
from labclip_lib.alignment.labclip import LABCLIP
from labclip_lib.alignment.pairs import Pairs
from labclip_lib.alignment.statement_task import (
    COLOURS,
    choice_of_caption,
    one_reading_accuracy,
    one_reading_tables,
    statement_probes,
    swap_and_match,
    task_of,
)
from labclip_lib.measures.outcomes import pairwise_outcomes
from labclip_lib.world.scenes import World
from labclip_lib.world.statements import KINDS

# How much of the formula's matrix is added to the identity. `fit_closed_form` chooses its strength by retrieval, which
# hides the matrices that bind; so here all are shown, and one is chosen by the twins alone.
STRENGTHS = (0, 5, 20, 80, 320, 1280)


def relations(backbone, seed=0, n=2000, world=World()):
    """Every kind before and after a matrix: {kind: {"probes", "dial" or a method: {measure: Measure}}}.

    Methods: "CLIP"; "LABCLIP" and "formula", each fitted to the pairs of "this kind", or of "all kinds"; and the
    formula from all kinds and "as few pairs" as one kind has. The formula is the identity and the closed form for
    twins, at the strength of STRENGTHS at which most validation images are closer to their caption than to its twin, of
    equals the weakest. "dial": the formula for this kind at each strength, {strength: {measure: Measure}}.
    Held out: unseen scenes, with their twins and all that have the same words.
    """
    kinds = (COLOURS, *KINDS)
    tasks = {kind: task_of(backbone, kind, n, [seed, k], world) for k, kind in enumerate(kinds)}
    words = {kind: one_reading_tables(backbone, kind, seed=seed, world=world) for kind in KINDS}

    def measured(kind, labclip=None):
        out = swap_and_match(tasks[kind], labclip) | choice_of_caption(tasks[kind], labclip)
        return out | ({} if kind == COLOURS else {"one reading": one_reading_accuracy(words[kind], labclip)})

    every = _together(tasks.values())
    shared = {
        "LABCLIP, all kinds": fit_pairs(*every, seed=seed),
        "formula, all kinds": _best(_dial(every[0]), every[1]),
        "formula, all kinds, as few pairs": _best(_dial(_together(tasks.values(), len(tasks))[0]), every[1]),
    }
    out = {}
    for kind, task in tasks.items():
        own = _together([task])
        dial = _dial(own[0])
        methods = {
            "CLIP": None,
            "LABCLIP, this kind": fit_pairs(*own, seed=seed),
            "formula, this kind": _best(dial, own[1]),
        }
        out[kind] = {"probes": statement_probes(task)}
        out[kind] |= {name: measured(kind, labclip) for name, labclip in (methods | shared).items()}
        out[kind]["dial"] = {str(strength): measured(kind, labclip) for strength, labclip in dial.items()}
    return out


def _dial(pairs):
    """The formula's LABCLIP at each strength."""
    matrix, out = discriminant_map(pairs), {}
    identity = torch.eye(len(matrix), device=matrix.device)
    for strength in STRENGTHS:
        out[strength] = LABCLIP(len(matrix)).to(matrix.device)
        out[strength].set_matrix(identity + strength * matrix)
    return out


def _best(dial, validation):
    def right(labclip):
        with torch.no_grad():
            images = labclip.align_images(validation.images)
            true, twin = (labclip.align_texts(texts) for texts in (validation.texts, validation.negatives[:, 0]))
        return pairwise_outcomes((images * true).sum(1), (images * twin).sum(1)).mean()

    return max(dial.values(), key=right)  # of equals the first


def _together(tasks, share=1):
    """The training and the validation pairs of all tasks, or of each the first, one in so many."""
    out = []
    for part in ("train", "validation"):
        each = [task.pairs(part, most=int(getattr(task.split, part).sum()) // share) for task in tasks]
        tables = [[vars(pairs)[name] for pairs in each] for name in
                  ("images", "texts", "negatives", "text_ids", "negative_ids")]  # fmt: skip
        images, texts, negatives, *ids = (torch.cat(table) for table in tables)
        out.append(Pairs(images, texts, negatives, None, *ids))
    return out
