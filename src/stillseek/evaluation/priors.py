"""Answers that look at no picture and no frame: Random, the whole video, the centre."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Float

from stillseek.data.sample import Sample
from stillseek.errors import UsageError
from stillseek.evaluation.overlap import THRESHOLDS, segment_bounds, temporal_iou
from stillseek.evaluation.predictions import Prediction, Predictions, PredictionsHeader

# Relative lengths that the centre prior chooses from.
_CENTRE_LENGTHS = np.arange(1, 101) / 100


def random_prior(samples: Sequence[Sample], *, seed: int, ordered: bool = True) -> Predictions:
    """A random segment: two uniform times of the video ("selecting a segment randomly").

    Args:
        samples: The questions.
        seed: Seed; the draw of a sample depends on its position.
        ordered: Whether the earlier time is the start. Unordered ends score 0 half of the time,
            as a random start and a random end do; the paper does not say which it used.
    """
    ends = np.random.default_rng(seed).random((len(samples), 2))
    if ordered:
        ends = np.sort(ends, axis=1)
    name = "random" if ordered else "random-ends"
    return _predictions(samples, ends, name, "uniform", seed=seed)


def whole_video_prior(samples: Sequence[Sample]) -> Predictions:
    """The whole video."""
    ends = np.tile([0.0, 1.0], (len(samples), 1))
    return _predictions(samples, ends, "whole-video", "whole")


def centre_prior(samples: Sequence[Sample], *, relative_length: float) -> Predictions:
    """The middle part of the video, of a length fitted by `fit_centre_length`."""
    if not 0 < relative_length <= 1:
        raise UsageError(f"relative_length must lie in (0, 1], got {relative_length}")
    ends = np.tile([0.5 - relative_length / 2, 0.5 + relative_length / 2], (len(samples), 1))
    return _predictions(samples, ends, "centre", f"length {relative_length:g}")


def fit_centre_length(samples: Sequence[Sample]) -> float:
    """The relative length that gives the centre prior its best mIoU on training samples.

    Raises:
        UsageError: There is no sample, or one is not of the training split.
    """
    if not samples or any(sample.split != "train" for sample in samples):
        raise UsageError("the centre prior is fitted on training samples only, at least one")
    return _best_centre_length(samples)


def best_prior(
    training: Sequence[Sample], validation: Sequence[Sample]
) -> tuple[Literal["whole-video", "centre"], float]:
    """The best answer to validation samples that looks at no picture and no frame.

    Args:
        training: What the length of the centre prior is fitted on.
        validation: The questions.

    Returns:
        Its name and its mIoU: what a head has to beat.
    """
    length = _best_centre_length(training)
    priors = whole_video_prior(validation), centre_prior(validation, relative_length=length)
    whole, centre = (
        float(temporal_iou(prior.bounds_for(validation), segment_bounds(validation)).mean())
        for prior in priors
    )
    return ("whole-video", whole) if whole >= centre else ("centre", centre)


def _best_centre_length(samples: Sequence[Sample]) -> float:
    half = _CENTRE_LENGTHS[:, None] / 2
    candidates = np.stack([0.5 - half, 0.5 + half], axis=-1)
    targets = np.broadcast_to(relative_bounds(samples), (len(half), len(samples), 2))
    ious = temporal_iou(np.broadcast_to(candidates, targets.shape), targets)
    return float(_CENTRE_LENGTHS[int(ious.mean(axis=1).argmax())])


def expected_random_scores(
    samples: Sequence[Sample], *, ordered: bool = True
) -> tuple[float, dict[float, float]]:
    """The mIoU and IoU@R that Random has on average, exactly (`random_iou_mean`).

    Args:
        samples: The questions.
        ordered: Whether the earlier time is the start. Unordered ends are reversed, and score 0,
            half of the time.
    """
    bounds = relative_bounds(samples)
    share = 1.0 if ordered else 0.5
    above = {r: share * float(random_iou_above(bounds, r).mean()) for r in THRESHOLDS}
    return share * float(random_iou_mean(bounds).mean()), above


def random_iou_mean(bounds: Float[np.ndarray, "sample 2"]) -> Float[np.ndarray, " sample"]:
    """Mean IoU of a segment with two sorted uniform times of [0, 1].

    For a truth ``[a, b)`` of length ``l``, the times ``x < y`` have density 2, and the IoU is
    ``(y - x) / l`` inside the truth, ``l / (y - x)`` around it, ``(y - a) / (b - x)`` over its
    start and ``(b - x) / (y - a)`` over its end. The integrals are, in this order,
    ``l^2 / 3``, ``2 l (l log l - b log b - (1 - a) log(1 - a))``, ``l^2 log(b / l)`` and
    ``l^2 log((1 - a) / l)``.

    Args:
        bounds: ``a`` and ``b`` of each truth, in [0, 1].
    """
    before, after, length = _around(bounds)
    end, rest = length + before, length + after  # b and 1 - a
    around = 2 * length * (length * np.log(length) - end * np.log(end) - rest * np.log(rest))
    over = length**2 * (np.log(end / length) + np.log(rest / length))
    return length**2 / 3 + around + over


def random_iou_above(
    bounds: Float[np.ndarray, "sample 2"], threshold: float
) -> Float[np.ndarray, " sample"]:
    """Probability that two sorted uniform times of [0, 1] have more than this IoU with a segment.

    Twice the area, in the plane of the two times, of the four cases of `random_iou_mean`: inside,
    a triangle with sides ``l (1 - R)``; around, what the two ends stick out, which may be ``m =
    l (1 - R) / R`` together and no more than there is room for on each side; over the start, the
    sum over what it sticks out, up to ``m`` or the room, of ``l (1 - R) - R p``; over the end
    likewise.

    Args:
        bounds: ``a`` and ``b`` of each truth, in [0, 1].
        threshold: ``R``, in (0, 1).
    """
    before, after, length = _around(bounds)
    slack = length * (1 - threshold)
    most = slack / threshold

    def triangle(side: Float[np.ndarray, " sample"]) -> Float[np.ndarray, " sample"]:
        return np.maximum(side, 0.0) ** 2 / 2

    inside = triangle(slack)
    around = (
        triangle(most)
        - triangle(most - before)
        - triangle(most - after)
        + triangle(most - before - after)
    )
    out = np.minimum(np.stack([before, after]), most)
    over = (slack * out - threshold * out**2 / 2).sum(axis=0)
    return 2 * (inside + around + over)


def _around(bounds: Float[np.ndarray, "sample 2"]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Time before each truth, time after it, and its length; a share of the video each."""
    return bounds[:, 0], np.maximum(1 - bounds[:, 1], 0.0), bounds[:, 1] - bounds[:, 0]


def relative_bounds(samples: Sequence[Sample]) -> Float[np.ndarray, "sample 2"]:
    """Start and end of the true segments, as shares of their videos."""
    durations = np.array([sample.duration_seconds for sample in samples])
    return segment_bounds(samples) / durations[:, None]


def _predictions(
    samples: Sequence[Sample],
    ends: Float[np.ndarray, "sample 2"],
    model: str,
    decode: str,
    *,
    seed: int = 0,
) -> Predictions:
    rows = tuple(
        Prediction(
            sample_id=sample.sample_id,
            start_seconds=float(start * sample.duration_seconds),
            end_seconds=float(end * sample.duration_seconds),
            score=1.0,
        )
        for sample, (start, end) in zip(samples, ends, strict=True)
    )
    header = PredictionsHeader(model=model, checkpoint=None, decode=decode, seed=seed)
    return Predictions(header=header, rows=rows)
