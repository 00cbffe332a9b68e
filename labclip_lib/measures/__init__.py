"""Counting right answers, and how sure one can be.

outcomes: who wins a comparison, what a tie is worth, what guessing gets
bags: what a bag of words would get
intervals: means with bootstrap intervals that resample what belongs together
measure: outcomes beside chance and the bag-of-words ceiling
markdown: Markdown tables, and Measures as such or as data for JSON
lengths: which embeddings have a direction, however long or short
"""

from labclip_lib.base.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        "outcomes": "pairwise_accuracy pairwise_outcomes recall_at_k recall_outcomes",
        "bags": "count_alike pairwise_ceiling recall_ceiling same_words",
        "intervals": "Estimate bootstrap_ci estimate paired_difference",
        "measure": "Measure",
        "markdown": "as_columns as_rows as_table markdown_table",
    },
)
