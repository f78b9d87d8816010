import numpy as np
import pytest

from stillseek.evaluation.fit_calibration import auroc, calibration_error, fit_logistic, reliability
from stillseek.models.calibration import sigmoid


def test_logistic_regression_finds_the_odds_it_was_drawn_from():
    rng = np.random.default_rng(0)
    terms = rng.normal([3.0, -50.0], [1.0, 20.0], (40_000, 2))
    labels = rng.random(40_000) < sigmoid(1.5 * terms[:, 0] - 0.05 * terms[:, 1] - 6)

    weights = fit_logistic(terms, labels)

    # Three standard errors of so many draws.
    assert weights == pytest.approx([1.5, -0.05, -6], rel=0.06)


def test_classes_that_never_meet_give_finite_weights():
    terms = np.array([[0.0], [1.0], [2.0], [3.0]])
    weights = fit_logistic(terms, np.array([False, False, True, True]))
    assert np.isfinite(weights).all()
    assert weights[0] > 0


def test_reliability_and_its_error_by_hand():
    probabilities = np.array([0.05, 0.05, 0.95, 1.0])
    bins = reliability(probabilities, np.array([False, True, True, True]))

    assert [each.count for each in bins] == [2, 0, 0, 0, 0, 0, 0, 0, 0, 2]
    assert bins[0].share_right == 0.5
    assert bins[1].mean_probability is None
    assert calibration_error(bins) == pytest.approx((2 * 0.45 + 2 * 0.025) / 4)


def test_auroc_by_hand():
    assert auroc(np.array([3.0, 1.0]), np.array([2.0, 1.0])) == pytest.approx(2.5 / 4)
    assert auroc(np.array([]), np.array([2.0])) is None
