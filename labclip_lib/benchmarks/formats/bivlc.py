"""BiVLC (Miranda et al., 2024): SugarCrepe's items with a generated image for each negative, and one model's answers.

The images are not read here, only what its authors publish: how OpenAI's ViT-B/32 answered, item by item.
"""

import numpy as np

from labclip_lib.base.published_files import pinned_file
from labclip_lib.benchmarks.evaluation import ALL_FOUR, BOTH_CAPTIONS, BOTH_IMAGES, bag
from labclip_lib.benchmarks.records import read_csv
from labclip_lib.benchmarks.results import Answers, Results

# Question -> (column, chance). Then the four single choices: photo and generated image, caption and negative.
QUESTIONS = {
    BOTH_IMAGES: ("text_score", 1 / 4),
    BOTH_CAPTIONS: ("image_score", 1 / 4),
    ALL_FOUR: ("group_score", 1 / 6),
    "the photo chooses": ("text_score_i0", 1 / 2),
    "the generated image chooses": ("text_score_i1", 1 / 2),
    "the caption chooses": ("image_score_c0", 1 / 2),
    "the negative chooses": ("image_score_c1", 1 / 2),
}


def published():
    """Results of OpenAI's ViT-B/32 on BiVLC's 2,933 items; groups are add, replace and swap, clusters the captions.

    Raises ValueError when the file is not there (see `base/published_files.py`).
    """
    columns = ("caption", "negative_caption", "type", "subtype", *(column for column, _ in QUESTIONS.values()))
    rows = [row for _, row in read_csv(pinned_file("bivlc/BiVLC_ViT-B-32.csv"), "sugarcrepe", columns)]
    keys = np.array([f"{row['type']}_{row['subtype']}/{i}" for i, row in enumerate(rows)])
    groups, clusters = (np.array([row[name] for row in rows]) for name in ("type", "caption"))
    same = np.array([bag(row["caption"]) == bag(row["negative_caption"]) for row in rows])
    answers = {}
    for question, (column, chance) in QUESTIONS.items():
        outcomes = np.array([row[column] == "True" for row in rows], float)
        answers[question] = Answers(
            keys, groups, clusters, outcomes, np.full(len(rows), chance), np.where(same, chance, 1.0)
        )
    return Results("BiVLC", "ViT-B/32", answers)
