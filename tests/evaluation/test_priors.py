import numpy as np
import pytest

from stillseek.errors import UsageError
from stillseek.evaluation.overlap import segment_bounds, temporal_iou
from stillseek.evaluation.priors import (
    centre_prior,
    expected_random_scores,
    fit_centre_length,
    random_prior,
    whole_video_prior,
)


def test_whole_video(make_sample):
    samples = [make_sample(0, duration=61.0), make_sample(1, duration=37.0)]
    assert whole_video_prior(samples).bounds_for(samples).tolist() == [[0.0, 61.0], [0.0, 37.0]]


def test_centre_is_fitted_on_training_segments(make_sample):
    train = [make_sample(i, start=20.0, end=40.0, split="train") for i in range(3)]
    length = fit_centre_length(train)
    assert length == 0.33
    test = [make_sample(9, duration=100.0)]
    np.testing.assert_allclose(
        centre_prior(test, relative_length=length).bounds_for(test), [[33.5, 66.5]]
    )


def test_centre_refuses_test_samples(make_sample):
    train = make_sample(0, split="train")
    for samples in ([], [train, make_sample(1)]):
        with pytest.raises(UsageError, match="training samples only"):
            fit_centre_length(samples)
    with pytest.raises(UsageError, match="relative_length"):
        centre_prior([train], relative_length=1.5)


def test_random_is_seeded_and_inside_the_video(make_sample):
    samples = [make_sample(i) for i in range(101)]
    first = random_prior(samples, seed=1)
    assert random_prior(samples, seed=1) == first
    assert random_prior(samples, seed=2).rows != first.rows
    bounds = first.bounds_for(samples)
    assert (bounds >= 0).all()
    assert (bounds <= 60).all()
    assert (bounds[:, 0] < bounds[:, 1]).all()
    ends = random_prior(samples, seed=1, ordered=False).bounds_for(samples)
    assert 0.3 < (ends[:, 0] > ends[:, 1]).mean() < 0.7


@pytest.mark.parametrize("ordered", [True, False])
def test_expected_scores_are_what_draws_approach(make_sample, ordered):
    samples = [make_sample(i, start=5.0 + i % 17, end=25.0) for i in range(4001)]
    few = samples[:17]
    miou, above = expected_random_scores(few, ordered=ordered)
    drawn = random_prior(samples, seed=0, ordered=ordered).bounds_for(samples)
    ious = temporal_iou(drawn, segment_bounds(samples))
    # The standard error of 4001 draws is below 0.007 for the mean and 0.008 for a share.
    assert abs(ious.mean() - miou) < 0.02
    for threshold, share in above.items():
        assert abs((ious > threshold).mean() - share) < 0.025


def test_unordered_ends_score_half_of_ordered_ones(make_sample):
    samples = [make_sample(0)]
    ordered, _ = expected_random_scores(samples)
    unordered, _ = expected_random_scores(samples, ordered=False)
    # The quadrature has points on the diagonal, which have no length.
    assert abs(unordered / ordered - 0.5) < 1e-12
