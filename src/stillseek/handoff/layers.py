"""What files of annotations share: labels, bounds, ways to videos, layers without overlaps."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from stillseek.files import shown_name
from stillseek.handoff.selection import Selection

OfVideo = Mapping[Path, Sequence[Selection]]
"""The moments of each video."""

_UNNAMED = "moment"
# A microsecond, far below any frame.
DIGITS = 6


def label_of(item: Selection) -> str:
    """What a moment is annotated with, as text in one line."""
    return shown_name(item.name or "").strip() or _UNNAMED


def bounds_of(item: Selection) -> list[float]:
    """Start and end of a moment in seconds, without the noise of float arithmetic."""
    segment = item.segment
    return [round(segment.start_seconds, DIGITS), round(segment.end_seconds, DIGITS)]


def beside(video: Path, path: Path) -> str:
    """The way from a file to a video."""
    try:
        way = Path(os.path.relpath(video.absolute(), path.absolute().parent)).as_posix()
    except ValueError:  # it is on another drive
        return video.name
    return way if way.startswith("..") else f"./{way}"


def layers_of(items: Sequence[Selection]) -> list[list[Selection]]:
    """Moments by start, each in the first layer whose moments it does not overlap."""
    layers: list[list[Selection]] = []
    for item in sorted(items, key=lambda each: each.segment.start_seconds):
        start = item.segment.start_seconds
        for layer in layers:
            if layer[-1].segment.end_seconds <= start:
                layer.append(item)
                break
        else:
            layers.append([item])
    return layers
