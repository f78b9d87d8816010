"""Fits calibrations and says how good they are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from stillseek.models.calibration import sigmoid

# Of the regression: keeps weights finite where classes can be told apart without error.
_PENALTY = 1.0
_ROUNDS = 50


def fit_logistic(
    terms: Float[np.ndarray, "example term"],
    labels: Bool[np.ndarray, " example"],
    counts: Float[np.ndarray, " example"] | None = None,
) -> Float[np.ndarray, " weight"]:
    """Weights of a logistic regression and, last, its bias; by Newton's method.

    Terms are standardised for the penalty on their weights, so that their units play no part.

    Args:
        terms: What the log odds are a weighted sum of.
        labels: What is to be told.
        counts: How often each example counts; once where not given.
    """
    counts = np.ones(len(terms)) if counts is None else counts
    mean = np.average(terms, axis=0, weights=counts)
    deviation = np.average((terms - mean) ** 2, axis=0, weights=counts) ** 0.5 + 1e-9
    design = np.concatenate(((terms - mean) / deviation, np.ones((len(terms), 1))), axis=1)
    penalty = np.append(np.full(terms.shape[1], _PENALTY), 0.0)
    weights = np.zeros(design.shape[1])
    for _ in range(_ROUNDS):
        probability = sigmoid(design @ weights)
        spread = design * (counts * probability * (1 - probability))[:, None]
        slope = design.T @ (counts * (probability - labels)) + penalty * weights
        weights -= np.linalg.solve(design.T @ spread + np.diag(penalty + 1e-9), slope)
    scaled = weights[:-1] / deviation
    return np.append(scaled, weights[-1] - scaled @ mean)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBin:
    """Answers whose probability lies in one tenth of [0, 1].

    Attributes:
        low: Least probability of the tenth.
        count: How many answers.
        mean_probability: Mean of their probabilities; None where there are none.
        share_right: Share of them that is right; None where there are none.
    """

    low: float
    count: int
    mean_probability: float | None
    share_right: float | None


def reliability(
    probabilities: Float[np.ndarray, " answer"], is_right: Bool[np.ndarray, " answer"]
) -> tuple[ReliabilityBin, ...]:
    """Ten bins of equal width (DeGroot and Fienberg 1983)."""
    place = np.minimum((probabilities * 10).astype(int), 9)
    members = [place == number for number in range(10)]
    return tuple(
        ReliabilityBin(
            low=number / 10,
            count=int(inside.sum()),
            mean_probability=float(probabilities[inside].mean()) if inside.any() else None,
            share_right=float(is_right[inside].mean()) if inside.any() else None,
        )
        for number, inside in enumerate(members)
    )


def calibration_error(bins: Sequence[ReliabilityBin]) -> float:
    """Expected calibration error (Naeini et al. 2015): mean distance of the bins from truth."""
    total = sum(each.count for each in bins)
    return sum(
        each.count * abs(each.mean_probability - each.share_right)
        for each in bins
        if each.mean_probability is not None and each.share_right is not None
    ) / max(total, 1)


def auroc(
    present: Float[np.ndarray, " present"], absent: Float[np.ndarray, " absent"]
) -> float | None:
    """Chance that a present activity gets more than an absent one; ties count half.

    None where one of the two is empty.
    """
    if not len(present) or not len(absent):
        return None
    ordered = np.sort(absent)
    below = np.searchsorted(ordered, present, side="left")
    not_above = np.searchsorted(ordered, present, side="right")
    return float((below + not_above).mean() / 2 / len(absent))
