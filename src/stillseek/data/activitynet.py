"""ActivityNet's annotation files: who does what, when, in 14,950 untrimmed videos."""

import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from stillseek.data.annotations import AnnotatedVideo, Cleaning, RawActivity, clean
from stillseek.data.file_hashes import text_sha256
from stillseek.data.taxonomy import Taxonomy, parse_taxonomy, read_taxonomy
from stillseek.errors import DatasetError, MediaError, TruncatedMediaWarning
from stillseek.media import probe
from stillseek.media.folder import find_video
from stillseek.records import parse_name, parse_number, parse_object, parse_values, read_text

# Annotations are rounded, and containers disagree with their streams about where a video ends.
DURATION_TOLERANCE_SECONDS = 0.5
_LAYOUT = "ActivityNet's official layout or videos by name with duration_second and annotations"
# Here a video without annotations has lost them.
_LABELLED_SUBSETS = ("training", "train", "validation", "val")


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityNet:
    """An annotation file in one of ActivityNet's layouts.

    Attributes:
        videos: The annotated videos, sorted by name.
        taxonomy: The class tree; None if the file has none and none was given.
        num_unlabelled: Videos without annotation (ActivityNet's test subset), left out.
        cleaning: What was broken.
        sha256: Hash of the annotation file.
    """

    videos: tuple[AnnotatedVideo, ...]
    taxonomy: Taxonomy | None
    num_unlabelled: int
    cleaning: Cleaning
    sha256: str


def read_activitynet(path: Path, *, taxonomy: Path | None = None) -> ActivityNet:
    """Reads and cleans an annotation file.

    Two layouts are read: the official one (``activity_net.v1-3.min.json``: ``database`` with a
    ``duration`` a video, and ``taxonomy``), and the one of common copies, videos by name with
    ``duration_second``. A video has ``annotations``: ``segment`` ``[start, end]`` in seconds and
    ``label``; only those of a subset with labels (training, validation) must have them. An empty
    taxonomy is none. Names of ActivityNet's own file get the ``v_`` that its videos have.

    Args:
        path: The annotation file.
        taxonomy: File with the class tree; the annotation file's own where not given.

    Raises:
        DatasetError: A file cannot be read or is broken; the message names the place. Segments
            that cannot be (an end before its start, times after the video) are no such failure:
            they are mended or dropped, and counted.
    """
    text = read_text(path)
    value = parse_object(text, str(path))
    tree = None
    if taxonomy is not None:
        tree = read_taxonomy(taxonomy)
    elif value.get("taxonomy") not in (None, [], {}):
        tree = parse_taxonomy(value["taxonomy"], str(path))
    official = "database" in value
    about = ("taxonomy", "version")
    database = value["database"] if official else {k: v for k, v in value.items() if k not in about}
    if not isinstance(database, dict) or not database:
        raise DatasetError(f"{path}: expected videos by name, got {database!r:.60}")
    if str(value.get("version", "")).startswith("VERSION"):
        database = {f"v_{name}": video for name, video in database.items()}
    duration_key = "duration" if official else "duration_second"
    raw = list(_parse_videos(database, duration_key, tree, str(path)))
    videos, cleaning = clean(video for video in raw if video[2])
    return ActivityNet(
        videos=tuple(sorted(videos, key=lambda video: video.video_id)),
        taxonomy=tree,
        num_unlabelled=len(raw) - len(videos),
        cleaning=cleaning,
        sha256=text_sha256(text),
    )


def keep_present(
    videos: Sequence[AnnotatedVideo],
    folder: Path,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[tuple[AnnotatedVideo, ...], dict[str, int]]:
    """The videos whose files are in a folder and whole, by the names of these files.

    Many videos of public data sets no longer exist. A file is named like the video, with or
    without the ``v_`` of ActivityNet before its id. One that cannot be read, or that ends before
    the annotated video, is not the annotated one.

    Args:
        videos: The annotated videos.
        folder: Where the files are.
        on_progress: Called with the videos done and the videos in total.

    Returns:
        These videos, and how many were there, were not, or were left out.

    Raises:
        DatasetError: There is none.
    """
    if not folder.is_dir():
        raise DatasetError(f"there is no folder {folder}; give the one that holds the videos")
    present: list[AnnotatedVideo] = []
    faults: Counter[str] = Counter()
    with ThreadPoolExecutor() as pool:
        found = pool.map(partial(_look_for, folder), videos)
        for done, (name, fault) in enumerate(found, start=1):
            if fault is None:
                present.append(replace(videos[done - 1], video_id=name))
            else:
                faults[fault] += 1
            if on_progress is not None:
                on_progress(done, len(videos))
    if not present:
        raise DatasetError(
            f"{folder} has none of the {len(videos)} annotated videos whole; expected files "
            f"such as {videos[0].video_id}.mp4"
        )
    counts = {"videos annotated": len(videos), "videos there": len(present)}
    counts |= {f"videos left out: {fault}": number for fault, number in sorted(faults.items())}
    return tuple(present), counts


def _look_for(folder: Path, video: AnnotatedVideo) -> tuple[str, str | None]:
    """The name of a video's file, and what is wrong with it; None if nothing is."""
    for name in (video.video_id, video.video_id.removeprefix("v_")):
        path = find_video(folder, name)
        if not path.is_file():
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", TruncatedMediaWarning)
                duration_seconds = probe(path).duration_seconds
        except MediaError:
            return name, "unreadable"
        if duration_seconds < video.duration_seconds - DURATION_TOLERANCE_SECONDS:
            return name, "shorter than annotated"
        return name, None
    return video.video_id, "not there"


def _parse_videos(
    database: Mapping[str, Any], duration_key: str, taxonomy: Taxonomy | None, path: str
) -> Iterator[tuple[str, float, list[RawActivity]]]:
    for video_id, video in database.items():
        where = f"{path}: video {video_id!r}"
        if _is_unlabelled(video):
            yield video_id, 0.0, []
            continue
        duration, annotations = parse_values(
            video, (duration_key, "annotations"), where, layout=_LAYOUT
        )
        seconds = parse_number(duration, f"{where}: {duration_key}")
        if seconds <= 0:
            raise DatasetError(f"{where}: {duration_key} must be positive, got {seconds}")
        if not isinstance(annotations, list):
            raise DatasetError(f"{where}: annotations must be a list, got {annotations!r:.60}")
        activities = [
            _parse_activity(item, taxonomy, f"{where}, annotation {number}")
            for number, item in enumerate(annotations, start=1)
        ]
        yield video_id, seconds, activities


def _is_unlabelled(video: Any) -> bool:
    """Whether a video has no annotations, and need not have any."""
    if not isinstance(video, dict) or video.get("annotations") is not None:
        return False
    return str(video.get("subset") or "").lower() not in _LABELLED_SUBSETS


def _parse_activity(item: Any, taxonomy: Taxonomy | None, where: str) -> RawActivity:
    segment, label = parse_values(item, ("segment", "label"), where, layout=_LAYOUT)
    if not isinstance(segment, list) or len(segment) != 2:
        raise DatasetError(f"{where}: segment must be [start, end] in seconds, got {segment!r:.60}")
    start, end = (parse_number(time, f"{where}: segment") for time in segment)
    label = parse_name(label, f"{where}: label", what="the name of a class")
    if taxonomy is not None and label not in taxonomy:
        raise DatasetError(
            f"{where}: label {label!r} is no class of the taxonomy; check its name, or give the "
            "taxonomy that belongs to this file"
        )
    return RawActivity(start_seconds=start, end_seconds=end, label=label)
