"""Answers that look at no picture and no frame: Random, the whole video, the centre."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from stillseek.data.manifest import Sample
from stillseek.errors import UsageError
from stillseek.evaluation.overlap import THRESHOLDS, segment_bounds, temporal_iou
from stillseek.evaluation.predictions import Prediction, Predictions, PredictionsHeader

# Relative lengths that the centre prior chooses from.
_CENTRE_LENGTHS = np.arange(1, 101) / 100
# Midpoints an axis of the quadrature over random ends; halving it moves mIoU by less than 1e-3.
_QUADRATURE_POINTS = 128
_CHUNK_SAMPLES = 64


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
    return _predictions(
        samples, ends, PredictionsHeader(model=name, checkpoint=None, decode="uniform", seed=seed)
    )


def whole_video_prior(samples: Sequence[Sample]) -> Predictions:
    """The whole video."""
    ends = np.tile([0.0, 1.0], (len(samples), 1))
    return _predictions(
        samples,
        ends,
        PredictionsHeader(model="whole-video", checkpoint=None, decode="whole", seed=0),
    )


def centre_prior(samples: Sequence[Sample], *, relative_length: float) -> Predictions:
    """The middle part of the video, of a length fitted by `fit_centre_length`."""
    if not 0 < relative_length <= 1:
        raise UsageError(f"relative_length must lie in (0, 1], got {relative_length}")
    ends = np.tile([0.5 - relative_length / 2, 0.5 + relative_length / 2], (len(samples), 1))
    return _predictions(
        samples,
        ends,
        PredictionsHeader(
            model="centre", checkpoint=None, decode=f"length {relative_length:g}", seed=0
        ),
    )


def fit_centre_length(samples: Sequence[Sample]) -> float:
    """The relative length that gives the centre prior its best mIoU on training samples.

    Raises:
        UsageError: There is no sample, or one is not of the training split.
    """
    if not samples or any(sample.split != "train" for sample in samples):
        raise UsageError("the centre prior is fitted on training samples only, at least one")
    half = _CENTRE_LENGTHS[:, None] / 2
    candidates = np.stack([0.5 - half, 0.5 + half], axis=-1)
    targets = np.broadcast_to(_relative_bounds(samples), (len(half), len(samples), 2))
    ious = temporal_iou(np.broadcast_to(candidates, targets.shape), targets)
    return float(_CENTRE_LENGTHS[int(ious.mean(axis=1).argmax())])


def expected_random_scores(
    samples: Sequence[Sample], *, ordered: bool = True
) -> tuple[float, dict[float, float]]:
    """The mIoU and IoU@R that Random has on average, by numeric integration over its two ends."""
    points = (np.arange(_QUADRATURE_POINTS) + 0.5) / _QUADRATURE_POINTS
    start, end = (axis.ravel() for axis in np.meshgrid(points, points))
    ends = np.stack([start, end], axis=-1)
    if ordered:
        ends = np.sort(ends, axis=1)
    targets = _relative_bounds(samples)
    totals = np.zeros(1 + len(THRESHOLDS))
    for first in range(0, len(targets), _CHUNK_SAMPLES):
        chunk = targets[first : first + _CHUNK_SAMPLES, None]
        shape = (len(chunk), len(ends), 2)
        ious = temporal_iou(np.broadcast_to(ends, shape), np.broadcast_to(chunk, shape))
        totals += [ious.mean(axis=1).sum(), *((ious > r).mean(axis=1).sum() for r in THRESHOLDS)]
    miou, *above = (totals / len(targets)).tolist()
    return miou, dict(zip(THRESHOLDS, above, strict=True))


def _relative_bounds(samples: Sequence[Sample]) -> Float[np.ndarray, "sample 2"]:
    durations = np.array([sample.duration_seconds for sample in samples])
    return segment_bounds(samples) / durations[:, None]


def _predictions(
    samples: Sequence[Sample], ends: Float[np.ndarray, "sample 2"], header: PredictionsHeader
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
    return Predictions(header=header, rows=rows)
