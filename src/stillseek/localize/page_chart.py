"""The drawing over time on the page of one video."""

import numpy as np

from stillseek.localize.localization import Localization, Similarity, format_score, format_time
from stillseek.localize.page_pictures import strip_of
from stillseek.localize.panels import (
    MOMENTS_SHOWN,
    UNCALIBRATED_THRESHOLD,
    curve_points,
    tick_seconds,
)
from stillseek.timeline import Segment

# Points of the curve, about two a pixel of a wide page; marks below it that a narrow one has room
# for.
_MOST_POINTS, _MAX_TICKS = 2000, 6


def chart_of(localization: Localization, true: Segment | None) -> dict[str, object]:
    """What is drawn over time; places in percent, as the drawing stretches with the page."""
    duration = localization.duration_seconds
    similarity = localization.similarity

    def place(segment: Segment) -> dict[str, float]:
        left = 100 * segment.start_seconds / duration
        right = min(100.0, 100 * segment.end_seconds / duration)
        return {"left": round(left, 3), "width": round(right - left, 3)}

    level = None
    if similarity is not None:
        level = UNCALIBRATED_THRESHOLD if similarity.threshold is None else similarity.threshold
    step = tick_seconds(duration, _MAX_TICKS)
    ticks = [step * tick for tick in range(int(duration / step) + 1)]
    return {
        "points": None if similarity is None else _points(similarity, duration),
        "level": level,
        "is_calibrated": similarity is not None and similarity.threshold is not None,
        "level_name": None if level is None else format_score(level),
        "moments": [place(moment.segment) for moment in localization.moments[:MOMENTS_SHOWN]],
        "truth": None if true is None else place(true),
        "strip": strip_of(localization.video, duration),
        "ticks": [
            {"left": round(100 * tick / duration, 3), "text": format_time(tick)} for tick in ticks
        ],
    }


def _points(similarity: Similarity, duration: float) -> str:
    """The curve as points of SVG, 100 wide and 100 high; peaks stay where there are too many."""
    times, values = map(np.asarray, curve_points(similarity, duration))
    parts = np.array_split(np.arange(len(times)), min(len(times), _MOST_POINTS))
    chosen = [int(part[values[part].argmax()]) for part in parts]
    return " ".join(
        f"{100 * time / duration:.2f},{100 * (1 - value):.1f}"
        for time, value in zip(times[chosen], values[chosen], strict=True)
    )
