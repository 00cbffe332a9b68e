import math

import numpy as np

from labclip_lib.measures.intervals import estimate
from labclip_lib.measures.measure import Measure


def test_the_interval_of_a_measure_draws_its_clusters_whole():
    values, clusters = np.repeat(np.random.default_rng(0).random(30), 4), np.arange(120) // 4
    measure = Measure(values, clusters)
    assert measure.estimate() == estimate(values, clusters) == measure.estimate()
    mean, low, high = Measure(values, np.arange(120)).estimate()
    assert mean == measure.estimate().mean and high - low < 0.6 * (measure.estimate().high - measure.estimate().low)


def test_levels_that_are_not_known_are_no_numbers():
    measure = Measure(np.zeros(2), np.arange(2))
    assert math.isnan(measure.chance) and math.isnan(measure.bag_of_words)
