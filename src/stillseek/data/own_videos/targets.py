"""From annotated activities to what is asked: checked against the files, joined, and windowed."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from stillseek.data.annotations import Activity, merge_overlapping
from stillseek.data.own_videos.annotated_files import VideoFolder
from stillseek.data.own_videos.table import Row, Rows
from stillseek.data.sample import Split
from stillseek.errors import MediaError, UsageError
from stillseek.media import probe, read_image
from stillseek.timeline import Segment


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One activity that can be asked for.

    Attributes:
        name: Unique; the video and the place of the activity in it.
        video_id: Its video, as in a manifest.
        duration_seconds: Length of the file.
        segment: When it happens, in the time of the file.
        window: Part of the file in which its label happens once; None for all of it.
        label: Its class.
        images: Query images that its annotation gives.
        split: Split that its annotation gives.
    """

    name: str
    video_id: str
    duration_seconds: float
    segment: Segment
    window: Segment | None
    label: str
    images: tuple[Path, ...]
    split: Split | None


@dataclass(slots=True)
class Found:
    """What `find_targets` made of rows.

    Attributes:
        targets: In the order of their names.
        problems: One line for each row that cannot be used.
        num_cut: Activities cut because they ended after their video.
        num_joined: Activities that became part of one that they overlap.
    """

    targets: list[Target] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    num_cut: int = 0
    num_joined: int = 0


def find_targets(
    read: Rows,
    folder: VideoFolder,
    *,
    images_from: Path,
    on_progress: Callable[[int, int], None] | None = None,
) -> Found:
    """Checks rows against their videos and images, and makes targets of those that are right.

    Args:
        read: The annotations.
        folder: The videos.
        images_from: Folder that images in the rows are relative to.
        on_progress: Called with the videos opened and the videos in total.
    """
    found = Found()
    videos: dict[str, list[Row]] = defaultdict(list)
    needs_split = any(row.split is not None for row in read.rows)
    for row in read.rows:
        try:
            if needs_split and row.split is None:
                raise UsageError("split is missing; give one in every row or in none")
            video_id = folder.find(row.video, prefix=read.prefix, elsewhere=read.elsewhere)
            videos[video_id].append(row)
        except UsageError as error:
            found.problems.append(f"{row.where}: {error}")
    known_error = cache(image_error)
    for done, (video_id, rows) in enumerate(sorted(videos.items()), start=1):
        try:
            duration_seconds = probe(folder.path(video_id)).duration_seconds
        except MediaError as error:
            found.problems += [f"{row.where}: {error}" for row in rows]
        else:
            checker = _Checker(duration_seconds, images_from, known_error)
            usable = []
            for row in rows:
                try:
                    checker.check(row)
                except (UsageError, MediaError) as error:
                    found.problems.append(f"{row.where}: {error}")
                else:
                    usable.append(row)
            _add_targets(found, video_id, duration_seconds, usable, images_from)
        if on_progress is not None:
            on_progress(done, len(videos))
    return found


@dataclass(slots=True)
class _Checker:
    """What can be wrong with the rows of one video, beside their text."""

    duration_seconds: float
    images_from: Path
    image_error: Callable[[Path], MediaError | None]
    seen: dict[tuple[float, float, str], Row] = field(default_factory=dict)
    splits: dict[str, Row] = field(default_factory=dict)

    def check(self, row: Row) -> None:
        if row.start_seconds >= self.duration_seconds:
            raise UsageError(
                f"the activity starts at {row.start_seconds} s, after its video ends at "
                f"{self.duration_seconds} s"
            )
        first = self.seen.setdefault((row.start_seconds, row.end_seconds, row.label), row)
        if first is not row:
            raise UsageError(f"the same activity as in {first.where}")
        other = self.splits.setdefault(row.label, row)
        if other.split != row.split:
            raise UsageError(
                f"split {row.split!r} contradicts {other.split!r} in {other.where}, of the same "
                "video and label"
            )
        if row.image is not None and (error := self.image_error(self.images_from / row.image)):
            raise error


def image_error(path: Path) -> MediaError | None:
    """Why an image cannot be read; None where it can."""
    try:
        read_image(path)
    except MediaError as error:
        return error
    return None


def _add_targets(
    found: Found, video_id: str, duration_seconds: float, rows: Sequence[Row], images_from: Path
) -> None:
    activities: dict[Activity, list[Row]] = defaultdict(list)
    for row in rows:
        end = min(row.end_seconds, duration_seconds)
        found.num_cut += end < row.end_seconds
        activities[Activity(segment=Segment(row.start_seconds, end), label=row.label)].append(row)
    merged = merge_overlapping(activities)
    found.num_joined += len(rows) - len(merged)
    for place, (activity, window) in enumerate(
        zip(merged, _windows(merged, duration_seconds), strict=True), start=1
    ):
        parts = [
            row
            for part, of_part in activities.items()
            if part.label == activity.label and part.segment.overlap_seconds(activity.segment) > 0
            for row in of_part
        ]
        images = dict.fromkeys(row.image for row in parts if row.image is not None)
        found.targets.append(
            Target(
                name=f"{video_id}#{place}",
                video_id=video_id,
                duration_seconds=duration_seconds,
                segment=activity.segment,
                window=window,
                label=activity.label,
                images=tuple(images_from / image for image in images),
                split=parts[0].split,
            )
        )


def _windows(activities: Sequence[Activity], duration_seconds: float) -> list[Segment | None]:
    """Where each activity is the only one of its label: between the ones before and after it."""
    windows: list[Segment | None] = []
    for activity in activities:
        same = [other.segment for other in activities if other.label == activity.label]
        place = same.index(activity.segment)
        start = same[place - 1].end_seconds if place > 0 else 0.0
        end = same[place + 1].start_seconds if place + 1 < len(same) else duration_seconds
        windows.append(Segment(start, end) if len(same) > 1 else None)
    return windows
