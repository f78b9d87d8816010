"""Whether a video looks drawn: what the encoder of ``pocket`` learned from looks like nothing else.

Drawn figures are even areas with sharp borders in colour. Filmed pictures have texture, and their
colours blend where they meet, as cameras and codecs keep colour at half the resolution.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from stillseek.errors import MediaError, NotDrawnWarning
from stillseek.media import frames_at

# Both shares are means over a few frames. On 50 rendered videos of validation classes they are at
# least .52 and .05; of 260 videos made of photographs 257 miss one of the two, and so do all of 18
# real videos of people on asphalt, which is as even as a drawing but not as colourful.
_LEAST_EVEN, _LEAST_ABRUPT = 0.5, 0.04
_SIDE_PIXELS, _NUM_FRAMES = 128, 5
# Differences of neighbours, of 255: compression noise on an even area; any change of colour;
# a border between two colours.
_EVEN, _CHANGED, _BORDER = 3, 4, 24


def looks_drawn(frames: Sequence[UInt8[np.ndarray, "height width 3"]]) -> bool:
    """Whether frames of a video look drawn.

    Args:
        frames: A few frames of it, RGB, of about 128 x 128 pixels.
    """
    shares = [_shares(frame.astype(np.int16)) for frame in frames]
    even, abrupt = np.mean(shares, axis=0)
    return bool(even >= _LEAST_EVEN and abrupt >= _LEAST_ABRUPT)


def warn_unless_drawn(video: Path, duration_seconds: float) -> None:
    """Warns that ``pocket`` is not meant for a video that does not look drawn.

    Args:
        video: The video file.
        duration_seconds: How far it can be decoded.
    """
    times = [duration_seconds * (place + 0.5) / _NUM_FRAMES for place in range(_NUM_FRAMES)]
    try:
        frames = frames_at(video, times, size=(_SIDE_PIXELS, _SIDE_PIXELS))
    except MediaError:
        # Damaged between frames that could be read: the answer is there, and says so itself.
        return
    if not looks_drawn(frames):
        warnings.warn(
            "recipe pocket learned from drawn figures only, and this does not look drawn; use "
            "--recipe lite, the default, for recorded video",
            NotDrawnWarning,
            stacklevel=3,
        )


def _shares(frame: np.ndarray) -> tuple[float, float]:
    """Share of pixels that are like their neighbours; of changes of colour that are borders."""
    red, green, blue = (frame[..., channel] for channel in range(3))
    even = _steps(frame).max(axis=2) <= _EVEN
    colour = _steps(np.stack((red - green, blue - green), axis=2)).max(axis=2)
    changes = np.count_nonzero(colour > _CHANGED)
    return float(even.mean()), np.count_nonzero(colour > _BORDER) / max(1, changes)


def _steps(picture: np.ndarray) -> np.ndarray:
    """The larger difference of each pixel to its neighbours at the right and below."""
    right = np.abs(np.diff(picture, axis=1))[:-1]
    below = np.abs(np.diff(picture, axis=0))[:, :-1]
    return np.maximum(right, below)
