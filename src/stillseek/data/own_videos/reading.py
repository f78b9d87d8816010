"""Annotation files in any layout that is known."""

from pathlib import Path
from typing import cast

from stillseek.data.activitynet import ActivityNet, read_activitynet
from stillseek.data.own_videos.table import Row, Rows, read_csv, read_entries
from stillseek.data.own_videos.via import is_via_project, read_via_csv, read_via_project
from stillseek.data.records import parse_json, read_text
from stillseek.errors import DatasetError, UsageError

# ActivityNet's ids often have this before them in the names of the files.
_ACTIVITYNET_PREFIX = "v_"


def read_annotations(path: Path, *, attribute: str | None = None) -> Rows:
    """Activities of an annotation file; its suffix and content say which layout it has.

    Args:
        path: A CSV or JSON table, a project or export of VIA 3, or ActivityNet's JSON.
        attribute: Attribute of VIA that holds the labels; None for the only one.

    Raises:
        DatasetError: The file as a whole cannot be read.
        UsageError: The suffix is unknown, or there is an attribute and no VIA file.
    """
    text = read_text(path)
    match path.suffix.lower():
        case ".csv" if text.startswith("#"):
            return read_via_csv(text, path, attribute)
        case ".csv":
            rows = read_csv(text, path)
        case ".json":
            value = parse_json(text, str(path))
            if is_via_project(value):
                return read_via_project(cast("dict[str, object]", value), path, attribute)
            rows = _read_json(value, path)
        case suffix:
            raise UsageError(f"{path} ends in {suffix!r}; expected annotations in .csv or .json")
    if attribute is not None:
        raise UsageError(f"{path} is not a file of VIA, so --attribute has no effect; remove it")
    return rows


def _read_json(value: object, path: Path) -> Rows:
    if isinstance(value, list):
        return read_entries(value, path)
    videos = value.get("database", value) if isinstance(value, dict) else None
    if (
        not videos
        or not isinstance(videos, dict)
        or not all(isinstance(video, dict) for video in videos.values())
        or not any("annotations" in video for video in videos.values())
    ):
        raise DatasetError(
            f"{path} has no layout that is known; expected a list of objects with video, start, "
            "end and label, a project of VIA 3, or ActivityNet's layout"
        )
    return _of_activitynet(read_activitynet(path), path)


def _of_activitynet(found: ActivityNet, path: Path) -> Rows:
    rows = [
        Row(
            where=f"{path}, video {video.video_id!r}",
            video=video.video_id,
            start_seconds=activity.segment.start_seconds,
            end_seconds=activity.segment.end_seconds,
            label=activity.label,
        )
        for video in found.videos
        for activity in video.activities
    ]
    return Rows(
        rows=tuple(rows),
        problems=(),
        prefix=_ACTIVITYNET_PREFIX,
        taxonomy=found.taxonomy,
        cleaning=found.cleaning,
        num_unlabelled=found.num_unlabelled,
    )
