"""Temporal IoU of many segments at once."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from stillseek.data.sample import Sample

# Section 6.2 reports IoU@R for these R.
THRESHOLDS = (0.3, 0.5, 0.7)


def segment_bounds(samples: Sequence[Sample]) -> Float[np.ndarray, "sample 2"]:
    """Start and end of the true segments in seconds."""
    bounds = [(s.segment.start_seconds, s.segment.end_seconds) for s in samples]
    return np.array(bounds, dtype=np.float64).reshape(-1, 2)


def overlap_seconds(
    predicted: Float[np.ndarray, "*shape 2"], target: Float[np.ndarray, "*shape 2"]
) -> Float[np.ndarray, "*shape"]:
    """Seconds that both segments cover; 0 for a reversed or empty prediction."""
    end = np.minimum(predicted[..., 1], target[..., 1])
    return np.maximum(end - np.maximum(predicted[..., 0], target[..., 0]), 0.0)


def temporal_iou(
    predicted: Float[np.ndarray, "*shape 2"], target: Float[np.ndarray, "*shape 2"]
) -> Float[np.ndarray, "*shape"]:
    """Intersection over union in seconds (section 6.2), in float64.

    Args:
        predicted: Start and end in seconds; an end at or before its start scores 0.
        target: Start and end in seconds, the end after the start.
    """
    predicted, target = predicted.astype(np.float64), target.astype(np.float64)
    overlap = overlap_seconds(predicted, target)
    lengths = np.maximum(predicted[..., 1] - predicted[..., 0], 0.0)
    # In this order rounding cannot push an IoU above 1.
    return overlap / (lengths + (target[..., 1] - target[..., 0]) - overlap)
