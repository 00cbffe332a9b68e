"""Blind baselines: models of text alone that try to tell a caption from its hard negative without the picture.

What a blind model gets right, a benchmark gives away (Hsieh et al., 2023). A score is a function of a list of texts,
higher for what the model takes to be true: `shorter`, `NGrams.log_probability`, `Detector.score`.
"""

import math
import re
from collections import Counter

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from labclip_lib.benchmarks.hard_negatives import SUBSETS, load_hard_negatives
from labclip_lib.measures.outcomes import pairwise_outcomes

_BEGIN, _END = "<s>", "</s>"  # no word can look like this
_WORD = r"\w+"


def words(text):
    """The words of a text, a tuple of str: lower-cased, without punctuation and spaces, in which benchmarks differ."""
    return tuple(re.findall(_WORD, text.lower()))


def blind_outcomes(score, captions, negatives):
    """Whether a blind model gets each pair right: (N,) float64, 1 right, 0.5 a tie, 0 wrong.

    score: a function of a list of texts that gives their (N,) scores. captions, negatives: (N,) str.
    """
    return pairwise_outcomes(score(captions), score(negatives))


def lengths(captions):
    """Number of words of each caption, its end counted as one more: (N,) int."""
    return np.array([len(words(caption)) + 1 for caption in _texts(captions)])


def shorter(captions):
    """The simplest blind model, which prefers the shorter text: (N,) scores, minus the number of words."""
    return -lengths(captions)


class NGrams:
    """Interpolated Kneser-Ney language model: how probable is a word after the `order` - 1 words before it?

    p_n(w | h) = (c(h w) - d) / c(h) + d k(h) / c(h) * p_n-1(w | h without its first word), where k(h) is the number
    of different words that follow h, and p_0 is uniform over the known words, the end, and one "unknown" word. In
    the highest order c counts how often, in the lower ones after how many different words ("Francisco" is
    frequent, but follows only "San"). Kneser and Ney (1995), interpolated as in Chen and Goodman (1999).
    """

    def __init__(self, order=3, discount=0.75):
        if order < 1 or not 0 < discount < 1:
            raise ValueError(f"NGrams needs order >= 1 and 0 < discount < 1, got {order} and {discount}.")
        self.order, self.discount = order, discount

    def fit(self, captions):
        """Count the n-grams of captions, (N,) str. Returns self."""
        sentences = [(_BEGIN, *words(caption), _END) for caption in _texts(captions)]
        self.known = {word for sentence in sentences for word in sentence[1:]}
        # Of each n-gram its count; of each context how many words, and how many different ones, follow.
        self.counts, self.totals, self.kinds = Counter(), Counter(), Counter()
        higher = ()
        for n in range(self.order, 0, -1):
            if n == self.order:
                counts = Counter(s[i : i + n] for s in sentences for i in range(n == 1, len(s) - n + 1))
            else:
                counts = Counter(gram[1:] for gram in higher)
                if n > 1:  # nothing stands before the beginning, so there it counts how often
                    counts.update(s[:n] for s in sentences if len(s) >= n)
            for gram, count in counts.items():
                self.totals[gram[:-1]] += count
                self.kinds[gram[:-1]] += 1
            self.counts.update(counts)
            higher = counts
        return self

    def probability(self, word, before=()):
        """p(word | the words before it) in (0, 1]; over all `known` words and one unknown it sums to one.

        before: tuple of str, "<s>" first if it reaches back to the beginning; "</s>" is the end.
        """
        p = 1 / (len(self.known) + 1)
        for n in range(min(self.order, len(before) + 1)):
            context = tuple(before[len(before) - n :])
            total = self.totals.get(context)
            if not total:  # then no longer context was seen either
                break
            seen = max(self.counts.get((*context, word), 0) - self.discount, 0)
            p = (seen + self.discount * self.kinds[context] * p) / total
        return p

    def log_probability(self, captions):
        """Natural logarithm of the probability of each whole caption, with its end: (N,) float64, finite.

        Divide by `lengths` for the mean per word.
        """
        if not hasattr(self, "known"):
            raise ValueError("This NGrams has seen no captions yet; call fit first.")
        memory, out = {}, []
        for caption in _texts(captions):
            sentence, logs = (_BEGIN, *words(caption), _END), []
            for i in range(1, len(sentence)):
                gram = sentence[max(0, i - self.order + 1) : i + 1]
                if gram not in memory:
                    memory[gram] = math.log(self.probability(gram[-1], gram[:-1]))
                logs.append(memory[gram])
            out.append(math.fsum(logs))  # the same words in another order tie exactly, as they should for order 1
        return np.array(out)

    def log_probability_per_word(self, captions):
        """Mean natural logarithm per word, the end counted as one: (N,) float64."""
        return self.log_probability(captions) / lengths(captions)


class Detector:
    """Logistic regression over the n-grams (up to three words) of captions and of *hard negatives*.

    Unlike `NGrams` it is trained on negatives, so it also learns the habits of whatever made them.
    """

    def __init__(self):
        counts = CountVectorizer(token_pattern=_WORD, ngram_range=(1, 3), binary=True, min_df=2)
        self.model = make_pipeline(counts, LogisticRegression(max_iter=1000))

    def fit(self, captions, negatives):
        """captions: (N,) str that are true. negatives: (M,) str that are not. Returns self."""
        texts = [*_texts(captions), *_texts(negatives)]
        self.model.fit(texts, np.arange(len(texts)) < len(captions))
        return self

    def score(self, texts):
        """(N,) float64 log-odds that each text is a true caption."""
        return self.model.decision_function(_texts(texts))


def other_captions(project):
    """True captions to train on before a project's benchmark is tested: those of all other projects, each once.

    project: "SugarCrepe" (with SugarCrepe++, whose captions are the same), "VALSE", "COLA" or "NegCLIP". A caption is
    left out if it has the same words as any text of this project, true or false, or describes one of its pictures.
    Pictures are the same when their file names end in the same number, so a picture that two data sets number
    differently is not noticed.
    Returns a list of str. Raises ValueError for another name; other errors as in `load_hard_negatives`.
    """
    tested = [name for name in SUBSETS if _same_project(name, project)]
    if not tested:
        raise ValueError(f"There is no project {project!r}; choose SugarCrepe, VALSE, COLA or NegCLIP.")
    tested_texts = {words(text) for name in tested for column in load_hard_negatives(name)[:3] for text in column or ()}
    tested_pictures = {picture for name in tested for picture in _pictures(load_hard_negatives(name).images)}
    out = {}
    for name in SUBSETS:
        if name not in tested:
            captions, _, paraphrases, images = load_hard_negatives(name)
            for column in (captions, paraphrases or ()):
                for text, picture in zip(column, _pictures(images), strict=False):
                    if words(text) not in tested_texts and picture not in tested_pictures:
                        out.setdefault(words(text), text)
    return list(out.values())


def _same_project(name, project):
    return name.split("/")[0].removesuffix("++") == str(project).removesuffix("++")


def _pictures(images):
    """(N,) str: the number at the end of each image's file name."""
    return [re.search(r"(\d+)\.jpg$", image)[1].lstrip("0") for image in images]


def _texts(captions):
    if isinstance(captions, str) or not len(captions):
        raise ValueError(f"A list of one or more captions is needed, got {captions!r}; wrap a single one in [ ].")
    return captions
