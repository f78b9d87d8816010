"""Small clips of a video, to look at on a page."""

from fractions import Fraction
from itertools import chain
from pathlib import Path

from stillseek.media.container import FALLBACK_RATE, TimedFrame
from stillseek.media.cut import shown_in
from stillseek.media.pixels import PixelConverter, displayed_size
from stillseek.media.source import VideoSource
from stillseek.media.write import VideoWriter
from stillseek.timeline import Segment

# Enough to see what happens; a second takes some 20 kB.
_CRF = 30
_MOST_FRAMES_A_SECOND = 30


def write_preview(path: Path, segment: Segment, out: Path, *, side_pixels: int) -> None:
    """Writes a segment of a video as a small MP4 without sound, at most 30 frames a second.

    Its longest side has `side_pixels` at most.

    Raises:
        MediaError: The video does not decode, or the clip cannot be written.
        UsageError: The segment starts after the video ends.
    """
    with VideoSource(path) as source:
        shown = shown_in(source, segment)
        first = next(shown)
        rate = min(source.frame_rate or FALLBACK_RATE, Fraction(_MOST_FRAMES_A_SECOND))
        convert = PixelConverter(_size(first[0], source, side_pixels), source.pixel_aspect)
        with VideoWriter(out, frame_rate=rate, crf=_CRF, preset="veryfast") as writer:
            waiting, held = None, 0.0
            for timed, duration_seconds in chain([first], shown):
                waiting, held = waiting or timed, held + duration_seconds
                # Of frames that come faster, every second or third one stays for the others.
                if held >= 0.9 / rate:
                    writer.write(convert(waiting.frame), duration_seconds=held)
                    waiting, held = None, 0.0
            if waiting is not None:
                writer.write(convert(waiting.frame), duration_seconds=held)


def _size(timed: TimedFrame, source: VideoSource, side_pixels: int) -> tuple[int, int]:
    """Width and height with the frame's proportions, both even."""
    width, height = displayed_size(timed.frame, source.pixel_aspect)
    scale = min(1.0, side_pixels / max(width, height))
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)
