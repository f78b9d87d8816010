"""Annotations of activities in untrimmed videos, whatever file they came from."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

from stillseek.timeline import Segment


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """One annotated activity.

    Attributes:
        segment: When it happens, inside the video.
        label: Its class.
    """

    segment: Segment
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatedVideo:
    """The activities of one untrimmed video.

    Attributes:
        video_id: Name of the video.
        duration_seconds: Length of the video.
        activities: Sorted by start, then end, then label; they may overlap.
    """

    video_id: str
    duration_seconds: float
    activities: tuple[Activity, ...]

    @property
    def labels(self) -> set[str]:
        """The classes that happen in the video."""
        return {activity.label for activity in self.activities}


@dataclass(frozen=True, slots=True, kw_only=True)
class RawActivity:
    """An activity as a file says it: its times may be broken."""

    start_seconds: float
    end_seconds: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaning:
    """What `clean` had to do.

    Attributes:
        reversed: Activities dropped because their end is not after their start.
        outside: Activities dropped because they start after their video ends.
        cut: Activities cut because they began before their video or ended after it.
        duplicates: Activities dropped because the same one was there already.
    """

    reversed: int
    outside: int
    cut: int
    duplicates: int


def clean(
    videos: Iterable[tuple[str, float, Sequence[RawActivity]]],
) -> tuple[tuple[AnnotatedVideo, ...], Cleaning]:
    """Mends or drops activities that cannot be, and counts what it did.

    Args:
        videos: Name, length in seconds and activities of each video; the times are finite.

    Returns:
        The videos in the order given, and what was done. A video may be left without activity.
    """
    counts: Counter[str] = Counter()
    cleaned = []
    for video_id, duration_seconds, raw in videos:
        found: set[Activity] = set()
        for activity in raw:
            start = max(0.0, activity.start_seconds)
            end = min(duration_seconds, activity.end_seconds)
            if activity.end_seconds <= activity.start_seconds:
                counts["reversed"] += 1
                continue
            if end <= start:
                counts["outside"] += 1
                continue
            counts["cut"] += (start, end) != (activity.start_seconds, activity.end_seconds)
            mended = Activity(segment=Segment(start, end), label=activity.label)
            counts["duplicates"] += mended in found
            found.add(mended)
        cleaned.append(
            AnnotatedVideo(
                video_id=video_id,
                duration_seconds=duration_seconds,
                activities=tuple(sorted(found, key=_order)),
            )
        )
    return tuple(cleaned), Cleaning(**{each.name: counts[each.name] for each in fields(Cleaning)})


def merge_overlapping(activities: Iterable[Activity]) -> tuple[Activity, ...]:
    """Joins activities of one label that overlap ("merge every two overlapped segments").

    Activities that only touch, and activities of different labels, stay apart.
    """
    merged: list[Activity] = []
    by_label = sorted(activities, key=lambda activity: (activity.label, *_order(activity)))
    for activity in by_label:
        same = merged[-1].segment if merged and merged[-1].label == activity.label else None
        if same is not None and activity.segment.start_seconds < same.end_seconds:
            end = max(same.end_seconds, activity.segment.end_seconds)
            merged[-1] = Activity(segment=Segment(same.start_seconds, end), label=activity.label)
        else:
            merged.append(activity)
    return tuple(sorted(merged, key=_order))


def _order(activity: Activity) -> tuple[float, float, str]:
    return activity.segment.start_seconds, activity.segment.end_seconds, activity.label
