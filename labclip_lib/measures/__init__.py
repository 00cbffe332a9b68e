"""Counting right answers, and how sure one can be.

outcomes: outcomes of comparisons and retrieval, what a tie is worth, and the chance level
bags: what a bag of words can score
groups: outcomes on groups of images and their captions: group score and group match
ranks: where each of many models stands on a score, and whether two scores agree
intervals: means with bootstrap intervals, which resample dependent items together
measure: outcomes with chance and the bag-of-words ceiling
markdown: Markdown tables, of Measures too; Measures as plain data for JSON
lengths: checking and normalising rows of embeddings, however long or short
"""

from labclip_lib.base.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        "outcomes": "pairwise_accuracy pairwise_outcomes recall_at_k recall_outcomes",
        "bags": "count_alike pairwise_ceiling recall_ceiling same_words",
        "groups": "group_match_bounds group_match_outcomes group_score_outcomes",
        "ranks": "percentile_ranks rank_correlations",
        "intervals": "Estimate bootstrap_ci estimate paired_difference",
        "measure": "Measure",
        "markdown": "as_columns as_rows as_table markdown_table",
    },
)
