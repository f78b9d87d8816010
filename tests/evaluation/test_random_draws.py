import numpy as np
import pytest

from stillseek.errors import UsageError
from stillseek.evaluation.overlap import THRESHOLDS
from stillseek.evaluation.priors import expected_random_scores
from stillseek.evaluation.random_draws import (
    drawn_scores,
    grid_pairs,
    mean_scores,
    training_lengths,
)


def test_pairs_of_a_small_grid_by_hand():
    assert grid_pairs(1).tolist() == [[0, 1]]
    assert (grid_pairs(2) * 2).tolist() == [[0, 1], [0, 2], [1, 2]]


def test_means_by_hand(make_sample):
    sample = make_sample(0, start=0.0, end=20.0, duration=40.0)
    miou, above = mean_scores([sample], grid_pairs(2))

    assert miou == pytest.approx((1 + 0.5 + 0) / 3)
    # An IoU of exactly 0.5 is not above 0.5.
    assert above == pytest.approx({0.3: 2 / 3, 0.5: 1 / 3, 0.7: 1 / 3})


def test_samples_count_as_often_as_they_are_there(make_sample):
    first, second = make_sample(0, end=20.0), make_sample(1, start=40.0, end=41.0)
    pairs = grid_pairs(7)
    one, other = mean_scores([first], pairs)[0], mean_scores([second], pairs)[0]

    assert mean_scores([first, second, first], pairs)[0] == pytest.approx((2 * one + other) / 3)


def test_a_fine_grid_is_two_sorted_times(make_sample):
    samples = [make_sample(i, start=5.0 + i, end=25.0) for i in range(3)]
    grid, ends = mean_scores(samples, grid_pairs(400)), expected_random_scores(samples)

    # A step of 1/400 moves an end by an eighth of a percent of the video on average.
    assert grid[0] == pytest.approx(ends[0], abs=0.003)
    assert grid[1] == pytest.approx(ends[1], abs=0.01)


def test_training_lengths_are_placed_evenly(make_sample):
    train = [make_sample(i, start=0.0, end=15.0, split="train") for i in range(3)]
    candidates = training_lengths(train, num_lengths=2, num_places=3)

    assert candidates.tolist() == [[0, 0.25], [0.375, 0.625], [0.75, 1]] * 2
    with pytest.raises(UsageError, match="training samples only"):
        training_lengths([make_sample(0)])
    with pytest.raises(UsageError, match="at least one"):
        training_lengths([])


def test_draws_approach_the_mean(make_sample):
    samples = [make_sample(i, start=10.0, end=30.0) for i in range(4001)]
    miou, above = drawn_scores(samples, grid_pairs(50), seed=3)
    expected = mean_scores(samples, grid_pairs(50))

    # Four standard errors of a mean of 4001 values in [0, 1].
    assert miou == pytest.approx(expected[0], abs=4 * 0.5 / np.sqrt(4001))
    assert above == pytest.approx(expected[1], abs=4 * 0.5 / np.sqrt(4001))
    assert tuple(above) == THRESHOLDS
    assert drawn_scores(samples, grid_pairs(50), seed=3) == (miou, above)
