import numpy as np
import pytest

from stillseek.errors import UsageError
from stillseek.evaluation.overlap import THRESHOLDS, segment_bounds, temporal_iou
from stillseek.evaluation.priors import (
    best_prior,
    centre_prior,
    expected_random_scores,
    fit_centre_length,
    random_iou_above,
    random_iou_mean,
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
    ordered, above = expected_random_scores(samples)
    unordered, unordered_above = expected_random_scores(samples, ordered=False)
    assert unordered == ordered / 2
    assert unordered_above == {threshold: share / 2 for threshold, share in above.items()}


def test_the_whole_video_as_truth_by_hand():
    # IoU is y - x: mean 1/3, above R with probability (1 - R)^2.
    whole = np.array([[0.0, 1.0]])
    np.testing.assert_allclose(random_iou_mean(whole), 1 / 3)
    np.testing.assert_allclose(random_iou_above(whole, 0.3), 0.7**2)


@pytest.mark.parametrize(
    ("start", "end"),
    [(0.0, 0.3), (0.75, 1.0), (0.2, 0.5), (0.45, 0.55), (0.05, 0.98), (0.9, 0.92), (0.0, 1.0)],
)
def test_closed_form_agrees_with_quadrature(start, end):
    points = (np.arange(1000) + 0.5) / 1000
    first, second = np.meshgrid(points, points, indexing="ij")
    drawn = np.stack([np.minimum(first, second), np.maximum(first, second)], axis=-1)
    bounds = np.array([[start, end]])
    ious = temporal_iou(drawn, np.broadcast_to(bounds[0], drawn.shape))
    # The midpoint rule errs by the cells on the edges of the cases, about one point in 1000.
    np.testing.assert_allclose(random_iou_mean(bounds), ious.mean(), atol=1e-4)
    for threshold in (0.1, *THRESHOLDS, 0.95):
        share = (ious > threshold).mean()
        np.testing.assert_allclose(random_iou_above(bounds, threshold), share, atol=1e-3)


def test_shares_add_up_to_the_mean():
    # E[IoU] is the integral of P(IoU > R): the two closed forms check each other.
    bounds = np.random.default_rng(0).random((101, 2))
    bounds.sort(axis=1)
    midpoints = (np.arange(500) + 0.5) / 500
    integral = np.mean([random_iou_above(bounds, r) for r in midpoints], axis=0)
    # 500 midpoints leave an error of at most 1e-5.
    np.testing.assert_allclose(random_iou_mean(bounds), integral, atol=1e-5)


def test_best_prior_is_what_a_head_has_to_beat(make_sample):
    # Half of the video in its middle: the centre is exact, and the whole video half right.
    training = [make_sample(i, start=15.0, end=45.0, split="train") for i in range(3)]
    middle = [make_sample(9, start=25.0, end=75.0, duration=100.0)]
    assert best_prior(training, middle) == ("centre", pytest.approx(1.0))
    # A segment that the centre overlaps by 30 of 80 s: the whole video has 60 of 100.
    early = [make_sample(9, start=0.0, end=60.0, duration=100.0)]
    assert best_prior(training, early) == ("whole-video", pytest.approx(0.6))
