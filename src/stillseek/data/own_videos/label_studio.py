"""Time spans of videos that were marked with Label Studio, from its JSON export.

Read are the regions of ``TimelineLabels`` (https://labelstud.io/tags/timelinelabels), which count
frames from 1 with the last one included, and regions that have a start and an end in seconds, such
as those of ``Labels`` on sound that plays with a video.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from stillseek.data.own_videos.annotated_files import VideoFolder, file_name
from stillseek.data.own_videos.table import Rows, collect
from stillseek.errors import DatasetError, UsageError
from stillseek.media.folder import is_video_name

# What Label Studio puts before the name of a file that is uploaded to it.
_UPLOAD = re.compile(r"^/data/upload/.*?([0-9a-f]{8}-)?([^/]+)$")
_Region = tuple[str, object]


def is_label_studio(value: object) -> bool:
    """Whether a JSON value is an export of Label Studio, or what it imports."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(task, dict) and "data" in task for task in value)
    )


def read_label_studio(
    tasks: Sequence[Mapping[str, Any]], path: Path, videos: VideoFolder, tag: str | None
) -> Rows:
    """Activities of an export of Label Studio.

    Predictions of a model count only in tasks that know no annotations, as they are imported.

    Args:
        tasks: The JSON value of the file.
        path: The file, for messages.
        videos: The videos; their frame rates give frames their time.
        tag: Name of the control tag that holds the labels; None reads all.

    Raises:
        DatasetError: The file has not the layout of an export, or no region is of the tag.
    """
    names: set[str] = set()
    entries: list[_Region] = []
    for number, task in enumerate(tasks, start=1):
        where = f"{path}, task {task.get('id', number)}"
        try:
            results = list(_results(task))
            names |= {str(result["from_name"]) for result in results if "from_name" in result}
            if chosen := [each for each in results if tag in (None, each.get("from_name"))]:
                entries += _of_task(task["data"], chosen, where, videos)
        except (AttributeError, KeyError, TypeError) as error:
            raise DatasetError(
                f"{where}: not the layout of Label Studio's JSON export ({error!r}); export again"
            ) from error
    if tag is not None and tag not in names:
        listed = ", ".join(map(repr, sorted(names))) or "none"
        raise DatasetError(f"{path}: no region is of a control tag {tag!r}; it has {listed}")
    return collect(entries, elsewhere=True)


def _results(task: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    given = task["annotations"] if "annotations" in task else task.get("predictions", [])
    for annotation in given:
        if not annotation.get("was_cancelled", False):
            yield from annotation["result"]


def _of_task(
    data: Mapping[str, Any], results: Sequence[Mapping[str, Any]], where: str, videos: VideoFolder
) -> Iterator[_Region]:
    video = _video(data)
    for number, result in enumerate(results, start=1):
        place = f"{where}, region {result.get('id', number)}"
        value = result["value"]
        labels = value.get(result.get("type"), value.get("labels"))
        if not isinstance(labels, list) or not (
            "ranges" in value or {"start", "end"} <= set(value)
        ):
            continue
        if video is None:
            yield place, UsageError(f"the task's data names no video, got {data!r:.80}")
            continue
        try:
            times = list(_times(value, video, videos))
        except UsageError as error:
            yield place, error
            continue
        for start, end in times:
            for label in labels or [None]:
                yield place, {"video": video, "start": start, "end": end, "label": label}


def _times(
    value: Mapping[str, Any], video: str, videos: VideoFolder
) -> Iterator[tuple[object, object]]:
    """Starts and ends of a region in seconds, as `collect` takes them."""
    if "ranges" not in value:
        yield value["start"], value["end"]
        return
    rate = videos.frame_rate(video)
    for each in value["ranges"]:
        match each["start"], each["end"]:
            case int() as first, int() as last if (
                not isinstance(first, bool) and 0 <= first <= last
            ):
                yield float(max(0, first - 1) / rate), float(last / rate)
            case first, last:
                raise UsageError(f"a range from {first!r} to {last!r}, expected numbers of frames")


def _video(data: Mapping[str, Any]) -> str | None:
    """The task's video, wherever its data has it, as the annotator's own files were called."""
    values = [data.get("video"), *data.values()]
    texts = [value for value in values if isinstance(value, str)]
    source = next((text for text in texts if is_video_name(Path(urlsplit(text).path))), None)
    if source is None:
        # A file of local storage is an argument of the address.
        local = [name for text in texts for name in parse_qs(urlsplit(text).query).get("d", [])]
        return next((name for name in local if is_video_name(Path(name))), None)
    if upload := _UPLOAD.match(urlsplit(source).path):
        return upload[2]
    return file_name(source)
