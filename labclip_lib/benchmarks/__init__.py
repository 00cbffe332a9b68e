"""Real pictures and captions, and the papers' tables.

records: the one face of all benchmarks: an image, what is right to say of it, what is wrong
results: answers item by item, kept, averaged and compared
evaluation: asking a backbone
labelled_images: images with a label for each object, in CLEVR's and PUG's way
toy_pictures: writing the pictures of a toy
hard_negatives: real captions with their hard negatives, as five projects publish them
blind: models of text alone: what a benchmark gives away without its pictures
"""

from labclip_lib.base.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        "records": "Record",
        "results": "Answers Results compare",
        "evaluation": "ALL_FOUR BOTH_CAPTIONS BOTH_IMAGES bag cosines evaluate",
        "hard_negatives": "SUBSETS load_hard_negatives",
        "blind": "Detector NGrams blind_outcomes other_captions shorter",
    },
)
