"""Real pictures and captions, and the papers' tables.

records: what all benchmarks are read into: an image, its true captions and its false ones
results: a model's answers item by item, saved, averaged and compared
evaluation: evaluating a backbone on records
labelled_images: images with a label for each object, in CLEVR's and PUG's way
toy_pictures: writing the book's scenes as the pictures of a benchmark
hard_negatives: real captions with their hard negatives, as five projects publish them
many_models: the scores of 202 published models on many benchmarks
blind: models of text alone: what a benchmark gives away without its pictures
"""

from labclip_lib.base.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        "records": "Record",
        "results": "Answers Results compare",
        "evaluation": "ALL_FOUR BOTH_CAPTIONS BOTH_IMAGES bag cosines evaluate",
        "hard_negatives": "SUBSETS cover_benchmarks load_hard_negatives",
        "many_models": "KINDS load_many_models",
        "blind": "Detector NGrams blind_outcomes other_captions shorter",
    },
)
