"""A model's answers item by item, in a table, so that any two models can be compared on the same items."""

import dataclasses
from pathlib import Path
from typing import NamedTuple

import numpy as np

from labclip_lib.base.csv_tables import as_csv, read_table
from labclip_lib.base.files import write_text
from labclip_lib.measures.intervals import Estimate, estimate
from labclip_lib.measures.measure import Measure


class Answers(NamedTuple):
    """The outcomes of one question on N items. keys, groups, clusters: (N,) str, as in `Record`.

    outcomes: (N,) float64 in [0, 1], expected values under random tie-breaking. chance: (N,) what guessing would get.
    bag_of_words: (N,) what a perfect bag of words would get, NaN where that is not known.
    """

    keys: np.ndarray
    groups: np.ndarray
    clusters: np.ndarray
    outcomes: np.ndarray
    chance: np.ndarray
    bag_of_words: np.ndarray


@dataclasses.dataclass(frozen=True)
class Results:
    """A model's answers to the questions of a benchmark, made by `evaluate` or read by `load`.

    benchmark, model: their names. answers: {question: Answers}. truncated: how many texts were cut to the model's
    context length.
    """

    benchmark: str
    model: str
    answers: dict
    truncated: int = 0

    def measures(self, question=None):
        """{group: Measure} of a question, by default the first, with the clusters of its items."""
        answers = self._of(question)
        return {str(group): _measure(answers, answers.groups == group) for group in dict.fromkeys(answers.groups)}

    def micro(self, question=None):
        """A Measure over all items: each item has the same weight."""
        answers = self._of(question)
        return _measure(answers, np.ones(len(answers.keys), bool))

    def macro(self, question=None, seed=0):
        """Estimate of the mean of the groups' means: each group has the same weight."""
        answers = self._of(question)
        return macro_estimate(answers.outcomes, answers.groups, answers.clusters, seed)

    def only(self, keys):
        """The Results of the items with these keys, in their own order."""
        keys, answers = set(keys), {}
        for question, part in self.answers.items():
            rows = np.array([key in keys for key in part.keys.tolist()])
            answers[question] = Answers(*(column[rows] for column in part))
        return dataclasses.replace(self, answers=answers)

    def save(self, path):
        """Write a CSV file with one line per item and question, whole or not at all."""
        rows = [COLUMNS]
        for question, answers in self.answers.items():
            front = (self.benchmark, self.model, self.truncated, question)
            rows += [(*front, *row) for row in zip(*(part.tolist() for part in answers), strict=True)]
        write_text(path, as_csv(rows))

    @classmethod
    def load(cls, path):
        """Read what `save` wrote. ValueError, in one sentence, for anything else."""
        path = Path(path)
        if not path.is_file():
            raise ValueError(f"There is no file {path}; give one that `reproduce` or Results.save wrote.")
        rows = [row for _, row in read_table(path, COLUMNS).rows]
        if not rows:
            raise ValueError(f"{path} holds no answers; make it again.")
        by_question = {}
        for row in rows:
            by_question.setdefault(row["question"], []).append(row)
        try:
            answers = {
                question: Answers(
                    *(np.array([row[name] for row in part]) for name in WORDS),
                    *(np.array([row[name] for row in part], float) for name in NUMBERS),
                )
                for question, part in by_question.items()
            }
            return cls(rows[0]["benchmark"], rows[0]["model"], answers, int(rows[0]["truncated"]))
        except (ValueError, TypeError):
            raise ValueError(f"{path} holds a line without a number where one must be; make it again.") from None

    def _of(self, question):
        question = question or next(iter(self.answers))
        if question not in self.answers:
            known = ", ".join(map(repr, self.answers))
            raise ValueError(f"{self.benchmark} was not asked {question!r}; it was asked {known}.")
        return self.answers[question]


WORDS, NUMBERS = ("key", "group", "cluster"), ("outcome", "chance", "bag_of_words")
COLUMNS = ("benchmark", "model", "truncated", "question", *WORDS, *NUMBERS)


def compare(first, second, question=None, seed=0):
    """Paired difference of two models, first minus second: {"all": Estimate, group: Estimate, ...}.

    first, second: Results of the same items. Raises ValueError when they are not.
    """
    a, b = first._of(question), second._of(question)
    row = {key: i for i, key in enumerate(b.keys.tolist())}
    if set(row) != set(a.keys.tolist()) or len(a.keys) != len(b.keys):
        raise ValueError(
            f"{first.model} and {second.model} were asked different items ({len(a.keys):,} and {len(b.keys):,}, "
            f"{len(set(row) & set(a.keys.tolist())):,} of them in both); compare results of one benchmark."
        )
    difference = a.outcomes - b.outcomes[[row[key] for key in a.keys.tolist()]]
    out = {"all": estimate(difference, a.clusters, seed)}
    for group in dict.fromkeys(a.groups.tolist()):
        rows = a.groups == group
        out[group] = estimate(difference[rows], a.clusters[rows], seed)
    return out


def macro_estimate(values, groups, clusters, seed=0, draws=2000):
    """The mean of the groups' means, with its 95 % bootstrap interval over whole clusters.

    values: (N,) outcomes, or differences of outcomes. groups, clusters: (N,) labels. Returns an Estimate. A group
    without items in a bootstrap draw is left out of that draw.
    """
    values = np.asarray(values, float)
    names, group = np.unique(groups, return_inverse=True)
    if not len(values) or not len(values) == len(group) == len(clusters):
        raise ValueError(f"macro_estimate needs equal (N,) arrays, got {len(values)}, {len(group)}, {len(clusters)}.")
    cluster = _numbers(clusters)
    total, count = (np.zeros((cluster.max() + 1, len(names))) for _ in range(2))
    np.add.at(total, (cluster, group), values)
    np.add.at(count, (cluster, group), 1)
    rng, means = np.random.default_rng(seed), []
    for _ in range(draws):
        weight = np.bincount(rng.integers(0, len(total), len(total)), minlength=len(total))
        drawn = (n := weight @ count) > 0
        means.append(((weight @ total)[drawn] / n[drawn]).mean())
    low, high = np.percentile(means, [2.5, 97.5])
    return Estimate(float((total.sum(0) / count.sum(0)).mean()), float(low), float(high))


def _measure(answers, rows):
    bag = answers.bag_of_words[rows]
    return Measure(
        answers.outcomes[rows], _numbers(answers.clusters[rows]), float(answers.chance[rows].mean()), float(bag.mean())
    )


def _numbers(labels):
    return np.unique(labels, return_inverse=True)[1]
