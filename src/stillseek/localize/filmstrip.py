"""Thumbnails of a video side by side, each in the place of the time that it shows."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from stillseek.media import frames_at

_GAP_PIXELS = 3
# Wide frames lose their sides: twice as many thumbnails say more than their corners.
_WIDEST = 1.1


def filmstrip(
    video: Path, duration_seconds: float, *, width: int, height: int, start_seconds: float = 0.0
) -> UInt8[np.ndarray, "height width 3"]:
    """Thumbnails side by side, each from the middle of the time that it covers.

    Args:
        video: The video file.
        duration_seconds: Time that the strip covers.
        width: Of the strip, in pixels.
        height: Of the strip, in pixels.
        start_seconds: Time of the video at which that begins.
    """
    (first,) = frames_at(video, [start_seconds])
    aspect = min(first.shape[1] / first.shape[0], _WIDEST)
    slots = max(1, round(width / (height * aspect)))
    edges = [round(width * slot / slots) for slot in range(slots + 1)]
    times = [start_seconds + duration_seconds * (slot + 0.5) / slots for slot in range(slots)]
    strip = np.full((height, width, 3), 255, dtype=np.uint8)
    for left, right, frame in zip(edges, edges[1:], frames_at(video, times), strict=False):
        shown = right - left - (_GAP_PIXELS if right < width else 0)
        # What sticks out on two sides is cut.
        image = ImageOps.fit(Image.fromarray(frame), (shown, height), Image.Resampling.LANCZOS)
        strip[:, left : left + shown] = np.asarray(image)
    return strip
