"""Does what chapter 5 found hold in a second world, of shaded solids on a floor?"""

from labclip_lib.alignment.scene_task import binding_task, examine, examine_groups, fit_task
from labclip_lib.studies.acceptance import ORDERS
from labclip_lib.studies.comparison import LAYOUTS, METHODS

FITTED = ("CLIP", "SB, closed form", "HNB, closed form", "SB", "HNB")


def second_world(backbone, seed=0, layouts=LAYOUTS, methods=FITTED):
    """Methods of `studies.comparison` in the backbone's own world: {order: {method: {measure: Measure}}}.

    Held out are combinations, as in `binding_task`. seed: of the fits; the scenes are the same for each.
    """
    task, out = binding_task(backbone, layouts=layouts), {}
    for order in ORDERS:
        out[order] = {}
        for name in methods:
            how = METHODS[name]
            labclip = None if how is None else fit_task(task, order, seed=seed, **how)
            out[order][name] = examine(task, labclip, order) | examine_groups(task, labclip, order)
    return out
