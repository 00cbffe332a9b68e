"""One matrix between the towers: LABCLIP.

labclip: the matrix itself: applying it, writing and reading it
pairs: images, captions and hard negatives that belong together, as embeddings
closed_form: a LABCLIP from a formula, without training
loudness: matrices that turn CLIP's directions, or bring them to one loudness
fit: fitting a LABCLIP: the authors' recipes, and a faster one
checkpoint: writing and reading the state of a fit, so that an interrupted one resumes
scene_task: the book's task for LABCLIP, and its measures
statement_task: the same for relations, sizes, counts and negation
reports: what the verb `train` reports
"""

from labclip_lib.base.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        "labclip": "LABCLIP",
        "pairs": "Pairs examine_pairs",
        "closed_form": "STRENGTHS discriminant_map fit_closed_form ridged",
        "loudness": "directions_or_loudness moves",
        "fit": "fit_labclip fit_pairs",
        "scene_task": "binding_task examine examine_groups fit_task",
        "statement_task": "COLOURS choice_of_caption one_reading_accuracy one_reading_tables statement_probes "
        "swap_and_match task_of",
        "reports": "train_on_scenes train_on_tables",
    },
)
