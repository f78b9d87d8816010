"""How long composed videos and their targets are: as ActivityIBAL's training windows."""

import numpy as np

# Quantiles at these levels, from benchmarks/activity_ibal.py (docs/reproduce.md).
# Close together at the end: one window is twice as long as nearly all others, and a straight line
# to it would make long videos of many.
LEVELS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.97, 0.99, 0.999, 1.0)
# fmt: off
VIDEO_SECONDS = (
    11.5, 24.6, 31.6, 38.3, 45.5, 53.8, 61.9, 72.4, 88.3, 118.2, 148.4, 169.9, 210.2, 237.4, 483.4,
)
# fmt: on
# Percent of the video that a target fills, a row for each fifth of the videos by length.
TARGET_PERCENT = (
    (27.5, 37.4, 41.9, 46.2, 50.2, 54.9, 59.0, 63.2, 67.3, 72.1, 74.1, 75.6, 77.1, 77.7, 77.7),
    (19.4, 26.5, 31.5, 36.3, 41.5, 46.7, 51.6, 58.0, 63.4, 70.9, 75.0, 76.1, 77.6, 78.0, 78.0),
    (14.1, 20.1, 25.4, 31.0, 37.9, 45.5, 53.5, 59.7, 66.0, 71.3, 75.0, 75.9, 77.2, 77.9, 77.9),
    (10.6, 15.5, 20.6, 26.3, 32.9, 39.1, 45.7, 51.0, 56.5, 64.4, 68.1, 70.1, 74.6, 76.3, 77.5),
    (3.6, 9.2, 11.9, 15.3, 18.0, 21.7, 25.3, 29.5, 34.6, 41.3, 46.4, 48.5, 51.9, 54.7, 55.1),
)

_SHORTEST_TARGET, _LONGEST_TARGET = 8.5, 50.0


def draw_lengths(rng: np.random.Generator) -> tuple[float, float]:
    """Seconds of a video and of its target.

    Videos have the lengths of ActivityIBAL's training windows, and targets the shares that they
    have in windows of about that length, within the bounds of `WindowFilter`.
    """
    place = rng.random()
    video = float(np.interp(place, LEVELS, VIDEO_SECONDS))
    percents = TARGET_PERCENT[int(place * len(TARGET_PERCENT))]
    target = video * float(np.interp(rng.random(), LEVELS, percents)) / 100
    return video, float(np.clip(target, _SHORTEST_TARGET, _LONGEST_TARGET))
