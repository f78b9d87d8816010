"""How long composed videos and their targets are."""

import numpy as np

# Near Table 1: a mean of 64 s for videos and of 22.5 s for targets.
_MEDIAN_VIDEO_SECONDS, _VIDEO_SPREAD = 56.5, 0.5
_SHORTEST_VIDEO, _LONGEST_VIDEO = 15.0, 200.0
_MEAN_SHARE, _SHARE_CONCENTRATION = 0.372, 5.0
_SHORTEST_TARGET, _LONGEST_TARGET = 8.0, 50.0
_LARGEST_SHARE = 0.8


def draw_lengths(rng: np.random.Generator) -> tuple[float, float]:
    """Seconds of a video and of its target.

    Videos are log-normal, targets take a beta-distributed share of their video; both are clipped
    to the range that ActivityIBAL has, and a target fills at most 80% of its video.
    """
    video = rng.lognormal(np.log(_MEDIAN_VIDEO_SECONDS), _VIDEO_SPREAD)
    video = float(np.clip(video, _SHORTEST_VIDEO, _LONGEST_VIDEO))
    share = rng.beta(_MEAN_SHARE * _SHARE_CONCENTRATION, (1 - _MEAN_SHARE) * _SHARE_CONCENTRATION)
    target = float(np.clip(video * share, _SHORTEST_TARGET, _LONGEST_TARGET))
    return video, min(target, _LARGEST_SHARE * video)
