"""Other ways to "select a segment randomly" (section 6.3), each a set of equally likely segments.

The paper does not say how its Random draws. Two uniform times have exact averages of their own
(`expected_random_scores`); the ways here are finite sets, so their averages are sums.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from stillseek.data.sample import Sample
from stillseek.errors import UsageError
from stillseek.evaluation.overlap import THRESHOLDS, temporal_iou
from stillseek.evaluation.priors import relative_bounds

Scores = tuple[float, dict[float, float]]

# A few megabytes of IoUs at a time.
_CANDIDATES_AT_ONCE = 2_000_000


def grid_pairs(num_steps: int) -> Float[np.ndarray, "candidate 2"]:
    """Every segment from one step to the same or a later one, as shares of the video."""
    first, last = np.triu_indices(num_steps)
    return np.stack([first, last + 1], axis=1) / num_steps


def training_lengths(
    train: Sequence[Sample], *, num_lengths: int = 200, num_places: int = 101
) -> Float[np.ndarray, "candidate 2"]:
    """Segments as long as training ones, as shares of the video, evenly placed.

    Args:
        train: Training samples.
        num_lengths: Quantiles that stand for the distribution of the lengths.
        num_places: Places of each, from the start of the video to its end.

    Raises:
        UsageError: There is no sample, or one is not of the training split.
    """
    if not train or any(sample.split != "train" for sample in train):
        raise UsageError("lengths are taken from training samples only, at least one")
    bounds = relative_bounds(train)
    levels = (np.arange(num_lengths) + 0.5) / num_lengths
    lengths = np.quantile(bounds[:, 1] - bounds[:, 0], levels)[:, None]
    starts = np.linspace(0, 1, num_places) * (1 - lengths)
    return np.stack([starts, starts + lengths], axis=-1).reshape(-1, 2)


def mean_scores(samples: Sequence[Sample], candidates: Float[np.ndarray, "candidate 2"]) -> Scores:
    """MIoU and IoU@R, by R, over all candidates: what drawing one of them gives on average."""
    # The samples of one video have one answer.
    targets, numbers = np.unique(relative_bounds(samples), axis=0, return_counts=True)
    means = np.empty((len(targets), 1 + len(THRESHOLDS)))
    step = max(1, _CANDIDATES_AT_ONCE // len(candidates))
    for first in range(0, len(targets), step):
        part = targets[first : first + step, None]
        shape = (len(part), len(candidates), 2)
        ious = temporal_iou(np.broadcast_to(candidates, shape), np.broadcast_to(part, shape))
        above = [(ious > threshold).mean(axis=1) for threshold in THRESHOLDS]
        means[first : first + step] = np.stack([ious.mean(axis=1), *above], axis=1)
    return _scores(np.average(means, axis=0, weights=numbers))


def drawn_scores(
    samples: Sequence[Sample], candidates: Float[np.ndarray, "candidate 2"], *, seed: int
) -> Scores:
    """MIoU and IoU@R, by R, of one random candidate for each sample."""
    rng = np.random.default_rng(seed)
    drawn = candidates[rng.integers(len(candidates), size=len(samples))]
    ious = temporal_iou(drawn, relative_bounds(samples))
    return _scores(np.array([ious.mean(), *((ious > r).mean() for r in THRESHOLDS)]))


def _scores(means: Float[np.ndarray, " score"]) -> Scores:
    return float(means[0]), dict(zip(THRESHOLDS, means[1:].tolist(), strict=True))
