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


def test_the_weights_have_the_least_penalised_loss():
    rng = np.random.default_rng(3)
    terms = rng.normal([3.0, -50.0], [1.0, 20.0], (31, 2))
    labels = rng.random(31) < sigmoid(terms[:, 0] - 3)

    weights, deviation = fit_logistic(terms, labels), terms.std(axis=0)

    def loss(change: np.ndarray) -> float:
        slopes, bias = weights[:-1] + change[:-1] / deviation, weights[-1] + change[-1]
        bias -= change[:-1] / deviation @ terms.mean(axis=0)
        logits = terms @ slopes + bias
        return np.logaddexp(0, -np.where(labels, logits, -logits)).sum() + (
            0.5 * (slopes * deviation) @ (slopes * deviation)
        )

    for change in 0.01 * np.concatenate([np.eye(3), -np.eye(3)]):
        assert loss(change) > loss(np.zeros(3))


def test_the_units_of_a_term_play_no_part():
    rng = np.random.default_rng(3)
    terms, labels = rng.normal(size=(31, 2)), rng.random(31) < 0.5

    small = fit_logistic(terms * [1e-3, 1.0], labels)

    assert small * [1e-3, 1.0, 1.0] == pytest.approx(fit_logistic(terms, labels), rel=1e-4)


def test_classes_that_never_meet_give_finite_weights():
    terms = np.array([[0.0], [1.0], [2.0], [3.0]])
    weights = fit_logistic(terms, np.array([False, False, True, True]))
    assert np.isfinite(weights).all()
    assert weights[0] > 0


def test_reliability_and_its_error_by_hand():
    probabilities = np.array([0.05, 0.05, 0.95, 1.0])
    bins = reliability(probabilities, np.array([False, True, True, True]))

    assert [each.count for each in bins] == [2, 0, 0, 0, 0, 0, 0, 0, 0, 2]
    assert [each.low for each in bins] == [number / 10 for number in range(10)]
    assert bins[0].share_right == 0.5
    assert bins[1].mean_probability is None
    assert calibration_error(bins) == pytest.approx((2 * 0.45 + 2 * 0.025) / 4)


def test_every_tenth_has_its_answers():
    middles = np.arange(10) / 10 + 0.05
    bins = reliability(middles, np.ones(10, dtype=bool))

    assert [each.mean_probability for each in bins] == middles.tolist()
    assert calibration_error(()) == 0


def test_auroc_by_hand():
    assert auroc(np.array([3.0, 1.0]), np.array([2.0, 1.0])) == pytest.approx(2.5 / 4)
    assert auroc(np.array([]), np.array([2.0])) is None


def test_examples_count_as_often_as_they_are_said_to():
    rng = np.random.default_rng(5)
    terms, counts = rng.normal(size=(60, 2)), rng.integers(1, 5, size=60)
    labels = terms @ [1.0, -0.5] + rng.normal(size=60) > 0

    found = fit_logistic(terms, labels, counts.astype(float))

    repeated = fit_logistic(np.repeat(terms, counts, axis=0), np.repeat(labels, counts))
    assert found == pytest.approx(repeated)
    assert fit_logistic(terms, labels) != pytest.approx(repeated, rel=0.1)
