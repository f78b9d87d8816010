"""Windows: parts of untrimmed videos that hold one activity each (section 5)."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from stillseek.data.annotations import Activity, AnnotatedVideo, merge_overlapping
from stillseek.errors import UsageError
from stillseek.timeline import Segment

# Annotations are clicked by hand: a millisecond is far below their precision, and keeps the sums
# and differences of times readable.
_DIGITS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A part of a video that holds exactly one activity.

    Attributes:
        video_id: The video.
        span: The part, in seconds of the video.
        activity: What happens in it, in seconds of the video, too.
    """

    video_id: str
    span: Segment
    activity: Activity

    @property
    def segment(self) -> Segment:
        """The activity's segment relative to the window."""
        start, whole = self.span.start_seconds, self.activity.segment
        return Segment(
            round(whole.start_seconds - start, _DIGITS), round(whole.end_seconds - start, _DIGITS)
        )

    @property
    def duration_seconds(self) -> float:
        """Length of the window."""
        return round(self.span.duration_seconds, _DIGITS)


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowFilter:
    """Which windows are kept ("discard some videos with too short or long action segments").

    The paper does not print its bounds. These were fitted to its Table 1 by
    ``benchmarks/activity_ibal.py``.

    Attributes:
        min_seconds: Shortest activity.
        max_seconds: Longest activity.
        max_coverage: Largest share of its window that an activity may fill.

    Raises:
        UsageError: Nothing could pass.
    """

    min_seconds: float = 8.5
    max_seconds: float = 50.0
    max_coverage: float = 0.78

    def __post_init__(self) -> None:
        if not 0 <= self.min_seconds < self.max_seconds < math.inf:
            raise UsageError(
                "a filter needs 0 <= min_seconds < max_seconds, got "
                f"{self.min_seconds} and {self.max_seconds}"
            )
        if not 0 < self.max_coverage <= 1:
            raise UsageError(f"max_coverage must lie in (0, 1], got {self.max_coverage}")

    def fault(self, window: Window) -> Literal["short", "long", "covering"] | None:
        """Why a window is not kept; None if it is."""
        seconds = window.activity.segment.duration_seconds
        if seconds < self.min_seconds:
            return "short"
        if seconds > self.max_seconds:
            return "long"
        return "covering" if seconds > self.max_coverage * window.span.duration_seconds else None


def split_video(video: AnnotatedVideo) -> tuple[Window, ...]:
    """Cuts a video into windows with one activity each ("several independent videos").

    Activities of one label that overlap are merged first. A window runs from the end of the
    activity before to the start of the one after, so windows of one video may share idle time.
    An activity that overlaps one of another label has no window.
    """
    activities = merge_overlapping(_rounded(activity) for activity in video.activities)
    windows = []
    for activity in activities:
        start, end = activity.segment.start_seconds, activity.segment.end_seconds
        others = [other.segment for other in activities if other is not activity]
        if any(activity.segment.overlap_seconds(other) > 0 for other in others):
            continue
        before = [other.end_seconds for other in others if other.end_seconds <= start]
        after = [other.start_seconds for other in others if other.start_seconds >= end]
        # Rounding may put the end of an activity a little after that of its video.
        last = max(round(video.duration_seconds, _DIGITS), end)
        span = Segment(max(before, default=0.0), min(after, default=last))
        windows.append(Window(video_id=video.video_id, span=span, activity=activity))
    return tuple(windows)


def split_videos(
    videos: Iterable[AnnotatedVideo], keep: WindowFilter
) -> tuple[tuple[Window, ...], dict[str, int]]:
    """The windows of all videos that pass a filter, and what was left out.

    A video with activities of several labels is left out whole: its windows could fall into
    several splits, and a localizer would see one video in training and in a test.
    """
    kept: list[Window] = []
    counts: Counter[str] = Counter()
    for video in videos:
        counts["videos"] += 1
        counts["activities"] += len(video.activities)
        if len(video.labels) > 1:
            counts["videos of several labels"] += 1
            continue
        windows = split_video(video)
        counts["windows"] += len(windows)
        for window in windows:
            fault = keep.fault(window)
            if fault is None:
                kept.append(window)
            else:
                counts[f"windows left out: {fault}"] += 1
    counts["windows kept"] = len(kept)
    return tuple(kept), dict(counts)


def _rounded(activity: Activity) -> Activity:
    start = round(activity.segment.start_seconds, _DIGITS)
    end = round(activity.segment.end_seconds, _DIGITS)
    # What is shorter than half a millisecond stays a segment.
    return Activity(
        segment=Segment(start, max(end, round(start + 10**-_DIGITS, _DIGITS))), label=activity.label
    )
