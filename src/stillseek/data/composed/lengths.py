"""How long composed videos and their targets are: as ActivityIBAL's training windows."""

import math

import numpy as np

# Fitted by benchmarks/activity_ibal.py, which prints all of these (docs/data.md).
LEVELS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
_VIDEO_SECONDS = (11.5, 24.6, 31.6, 38.3, 45.5, 53.8, 61.9, 72.4, 88.3, 118.2, 148.4, 210.2, 483.4)
_TARGET_SECONDS = (8.5, 9.9, 11.6, 13.8, 16.3, 19.3, 23.1, 28.1, 33.9, 40.8, 45.3, 48.6, 50.0)
_RANK_CORRELATION = 0.512
# Of two normal numbers whose ranks are correlated like that.
_CORRELATION = 2 * math.sin(math.pi / 6 * _RANK_CORRELATION)
_LARGEST_SHARE = 0.78


def draw_lengths(rng: np.random.Generator) -> tuple[float, float]:
    """Seconds of a video and of its target.

    Both have the distribution of ActivityIBAL's training windows, and longer videos have longer
    targets as often as there; a target fills at most 78% of its video.
    """
    while True:
        first, second = rng.standard_normal(2)
        other = _CORRELATION * first + math.sqrt(1 - _CORRELATION**2) * second
        video = float(np.interp(_share_below(first), LEVELS, _VIDEO_SECONDS))
        target = float(np.interp(_share_below(other), LEVELS, _TARGET_SECONDS))
        if target <= _LARGEST_SHARE * video:
            return video, target


def _share_below(number: float) -> float:
    """Share of standard normal numbers that are smaller."""
    return (1 + math.erf(number / math.sqrt(2))) / 2
