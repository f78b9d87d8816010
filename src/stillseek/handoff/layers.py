"""Labels of moments, and moments in layers, for tools in which no two may overlap."""

from collections.abc import Sequence

from stillseek.files import shown_name
from stillseek.handoff.selection import Selection

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
