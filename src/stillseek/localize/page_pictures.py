"""What a page shows of a video, in the page itself: frames, clips, and room for so many of them."""

import base64
import io
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from stillseek.errors import MediaError, UsageError
from stillseek.localize.localization import format_time
from stillseek.localize.panels import VERMILION
from stillseek.localize.query_image import Box
from stillseek.media import frames_at
from stillseek.media.preview import write_preview
from stillseek.timeline import Segment

_FRAMES_SHOWN, _STRIP_FRAMES = 6, 8
_FRAME_PIXELS, _STRIP_PIXELS, _CLIP_PIXELS = 320, 240, 480
# Frames that are closer look the same.
_LEAST_APART_SECONDS = 0.25
# Longer clips take minutes to make, and most of a page.
_LONGEST_CLIP_SECONDS = 120.0


@dataclass(slots=True)
class Room:
    """What may still go into a page.

    Attributes:
        num_bytes: Bytes that are left.
        clip_seconds: How long a clip may be for which it is worth to try.
    """

    num_bytes: int
    clip_seconds: float = _LONGEST_CLIP_SECONDS

    def take(self, text: str) -> bool:
        """Whether a text has room; then it has taken it."""
        if len(text) > self.num_bytes:
            return False
        self.num_bytes -= len(text)
        return True


def picture_uri(
    pixels: UInt8[np.ndarray, "height width 3"], side_pixels: int, box: Box | None = None
) -> str:
    """A picture as a small JPEG in an address, with a frame around the part that is meant."""
    picture = Image.fromarray(pixels)
    if box is not None:
        left, top, width, height = box
        line = max(2, round(max(picture.size) / 160))
        corners = (left, top, left + width - 1, top + height - 1)
        ImageDraw.Draw(picture).rectangle(corners, outline=VERMILION, width=line)
    picture.thumbnail((side_pixels, side_pixels))
    buffer = io.BytesIO()
    picture.save(buffer, format="JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def strip_of(video: Path, duration_seconds: float) -> list[str]:
    """Frames from the middle of equal parts of the video."""
    part = duration_seconds / _STRIP_FRAMES
    times = [part * (index + 0.5) for index in range(_STRIP_FRAMES)]
    return [picture_uri(frame, _STRIP_PIXELS) for frame in frames_at(video, times)]


def frames_of(video: Path, segment: Segment, room: Room) -> list[dict[str, str]]:
    """Frames spread over a segment, each from the middle of an equal part of it, or none.

    Raises:
        MediaError: The video can no longer be read.
    """
    if room.num_bytes <= 0:
        return []
    number = min(_FRAMES_SHOWN, max(1, round(segment.duration_seconds / _LEAST_APART_SECONDS)))
    part = segment.duration_seconds / number
    times = [segment.start_seconds + part * (index + 0.5) for index in range(number)]
    frames = [
        {"time": format_time(seconds, decimals=1), "uri": picture_uri(frame, _FRAME_PIXELS)}
        for seconds, frame in zip(times, frames_at(video, times), strict=True)
    ]
    if not room.take("".join(frame["uri"] for frame in frames)):
        room.num_bytes = 0
        return []
    return frames


def clip_uri(video: Path, segment: Segment, room: Room) -> str | None:
    """A segment as a small clip in an address; None where there is no room, or it does not play."""
    if segment.duration_seconds > room.clip_seconds:
        return None
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "clip.mp4"
        try:
            write_preview(video, segment, place, side_pixels=_CLIP_PIXELS)
        except (MediaError, UsageError):
            return None
        uri = f"data:video/mp4;base64,{base64.b64encode(place.read_bytes()).decode()}"
    if room.take(uri):
        return uri
    # Of many moments, only shorter ones may still fit.
    room.clip_seconds = segment.duration_seconds / 2
    return None
