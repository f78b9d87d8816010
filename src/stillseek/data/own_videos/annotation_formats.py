"""Annotation files in any layout that is known."""

from pathlib import Path
from typing import Any, cast

from stillseek.data.activitynet import ActivityNet, read_activitynet
from stillseek.data.own_videos.annotated_files import VideoFolder
from stillseek.data.own_videos.boris import (
    find_boris_table,
    is_boris_project,
    read_boris_project,
    read_boris_table,
)
from stillseek.data.own_videos.cvat import read_cvat
from stillseek.data.own_videos.decisions import read_decisions
from stillseek.data.own_videos.elan import read_elan
from stillseek.data.own_videos.label_studio import is_label_studio, read_label_studio
from stillseek.data.own_videos.table import Row, Rows, read_csv, read_entries
from stillseek.data.own_videos.via import is_via_project, read_via_csv, read_via_project
from stillseek.errors import DatasetError, UsageError
from stillseek.records import parse_json, read_text

# ActivityNet's ids often have this before them in the names of the files.
_ACTIVITYNET_PREFIX = "v_"


def read_annotations(path: Path, videos: VideoFolder, *, attribute: str | None = None) -> Rows:
    """Activities of an annotation file; its suffix and content say which layout it has.

    Args:
        path: A CSV, TSV or JSON table, ``labels.jsonl`` of the page, ActivityNet's JSON, or what
            VIA 3, ELAN, BORIS, Label Studio or CVAT wrote.
        videos: The videos; their frame rates give the frames that some tools count a time.
        attribute: What holds the labels: an attribute of VIA, a tier of ELAN, a control tag of
            Label Studio; None for the only one of VIA, and all of the others.

    Raises:
        DatasetError: The file as a whole cannot be read.
        UsageError: The suffix is unknown, or ``attribute`` has no effect.
    """
    match path.suffix.lower():
        case ".eaf":
            return read_elan(path, attribute)
        case ".csv" | ".tsv":
            text = read_text(path)
            if text.startswith("#"):
                return read_via_csv(text, path, attribute)
            header = find_boris_table(text)
            rows = read_boris_table(text, *header, path) if header else read_csv(text, path)
        case ".json" | ".boris":
            value = parse_json(read_text(path), str(path))
            if is_via_project(value):
                return read_via_project(cast("dict[str, Any]", value), path, attribute)
            if is_label_studio(value):
                return read_label_studio(cast("list[Any]", value), path, videos, attribute)
            rows = _read_json(value, path)
        case ".jsonl":
            rows = read_decisions(read_text(path), path)
        case ".xml":
            rows = read_cvat(path, videos)
        case suffix:
            raise UsageError(
                f"{path} ends in {suffix!r}; expected annotations in .csv, .tsv, .json, .jsonl, "
                ".eaf (ELAN), .boris (BORIS) or .xml (CVAT)"
            )
    if attribute is not None:
        raise UsageError(
            f"{path} is no file of VIA, ELAN or Label Studio, so --attribute has no effect; remove "
            "it"
        )
    return rows


def _read_json(value: object, path: Path) -> Rows:
    if isinstance(value, list):
        return read_entries(value, path)
    if is_boris_project(value):
        return read_boris_project(cast("dict[str, Any]", value), path)
    videos = value.get("database", value) if isinstance(value, dict) else None
    if (
        not videos
        or not isinstance(videos, dict)
        or not all(isinstance(video, dict) for video in videos.values())
        or not any("annotations" in video for video in videos.values())
    ):
        raise DatasetError(
            f"{path} has no layout that is known; expected a list of objects with video, start, "
            "end and label, a project of VIA 3 or BORIS, an export of Label Studio, or "
            "ActivityNet's layout"
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
