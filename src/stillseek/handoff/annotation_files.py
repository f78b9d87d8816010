"""Moments as annotations, in the files of the tools that people annotate videos with.

What is written here, ``stillseek dataset import`` reads again.
"""

import csv
import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import get_args
from urllib.parse import quote

from stillseek.errors import UsageError
from stillseek.files import (
    MADE_BY,
    AnnotationFormat,
    json_text,
    names_below,
    shown_name,
    spreadsheet_cell,
)
from stillseek.handoff.annotation_markup import cvat_text, elan_text
from stillseek.handoff.annotation_projects import boris_text, via_text
from stillseek.handoff.layers import DIGITS, OfVideo, bounds_of, label_of
from stillseek.handoff.selection import Selection
from stillseek.localize.arguments import check_choice, check_type, checked_output
from stillseek.media import probe
from stillseek.outputs import Output
from stillseek.records import write_text_atomic

_COLUMNS = ("video", "start", "end", "label", "score")
_OF_ONE_VIDEO = ("elan", "cvat")


def annotations_output(
    path: Path, format: AnnotationFormat | None = None, *, name: str = "annotations"
) -> Output:
    """What `write_annotations` writes, for `check_outputs`.

    Raises:
        UsageError: The format is unknown, or the suffix does not say which it is.
    """
    known = annotation_format(path, format)
    mark = ",".join(_COLUMNS) if known == "csv" else MADE_BY
    return Output(name=name, path=path, suffixes=(_FORMATS[known][0],), mark=mark)


def annotation_format(path: Path, format: AnnotationFormat | None = None) -> AnnotationFormat:
    """The format of a file: what was said, or the only one that has its suffix.

    Raises:
        UsageError: What was said is none, or no format or several have the suffix.
    """
    check_choice("annotation format", format, AnnotationFormat)
    if format is not None:
        return format
    fitting: list[AnnotationFormat] = [
        each for each, (suffix, _) in _FORMATS.items() if path.suffix.lower() == suffix
    ]
    if len(fitting) == 1:
        return fitting[0]
    choices = ", ".join(fitting or get_args(AnnotationFormat))
    raise UsageError(
        f"{path} does not say what annotations to write; choose with --annotation-format "
        f"(format): {choices}"
    )


def check_num_videos(path: Path, format: AnnotationFormat | None, num_videos: int) -> None:
    """Refuses to write several videos in a file that is of one.

    Raises:
        UsageError: The format has no room for them, or is not known.
    """
    known = annotation_format(path, format)
    if num_videos != 1 and known in _OF_ONE_VIDEO:
        raise UsageError(
            f"a file of {known} is of one video, got {num_videos}; write one for each, or take "
            "another format (boris, csv, label-studio, via, activitynet)"
        )


def write_annotations(
    items: Sequence[Selection],
    path: Path | str,
    format: AnnotationFormat | None = None,
    *,
    overwrite: bool = False,
) -> None:
    """Writes moments as annotations of a tool, in the order of their videos.

    The label is the selection's ``name``, or "moment". Videos are named by their way from the
    folder that holds them all, or from the file for tools that open them themselves: no file says
    where on this machine it was made. Times are in microseconds (BORIS and ELAN: milliseconds);
    CVAT and Label Studio count frames, and round to the nearest one.

    Args:
        items: The moments, at least one.
        path: Where to.
        format: Whose file; None where the suffix tells it.
        overwrite: Whether a file that stillseek did not write may be replaced.

    Raises:
        UsageError: An argument is of the wrong type, there is no moment, the format is of one
            video and there are several, a video has no frame rate and the format counts frames,
            the suffix is another, or the file exists and may not be replaced.
        MediaError: A video can no longer be read, and the format needs its length or its frames.
        OSError: The file can't be written.
    """
    check_type("items", items, Sequence, "a sequence of Selection")
    for place, item in enumerate(items):
        check_type(f"items[{place}]", item, Selection, "a Selection")
    if not items:
        raise UsageError("there is no moment to write; give at least one")
    videos = list(dict.fromkeys(item.video for item in items))
    path = checked_output(
        path, lambda place: annotations_output(place, format), inputs=videos, overwrite=overwrite
    )
    known = annotation_format(path, format)
    check_num_videos(path, known, len(videos))
    of_video = {video: [item for item in items if item.video == video] for video in videos}
    write_text_atomic(path, _FORMATS[known][1](of_video, path))


def _label_studio_text(of_video: OfVideo, path: Path) -> str:
    """Tasks with predictions, which annotators look through after the import."""
    names = names_below(list(of_video))
    tasks = []
    for video, items in of_video.items():
        rate = probe(video).frame_rate
        if rate is None:
            raise UsageError(
                f"{video} tells no frame rate, and Label Studio counts frames; convert the video, "
                "or take another format"
            )
        results = []
        for number, item in enumerate(items, start=1):
            first = round(item.segment.start_seconds * rate)
            last = max(first + 1, round(item.segment.end_seconds * rate))
            # Frames count from 1, and the last one is included.
            result: dict[str, object] = {
                "id": f"moment{number}",
                "type": "timelinelabels",
                "from_name": "videoLabels",
                "to_name": "video",
                "value": {
                    "ranges": [{"start": first + 1, "end": last}],
                    "timelinelabels": [label_of(item)],
                },
            }
            results.append(result if item.score is None else result | {"score": item.score})
        source = f"/data/local-files/?d={quote(os.fsencode(names[video]))}"
        prediction = {"model_version": MADE_BY, "result": results}
        tasks.append({"data": {"video": source}, "predictions": [prediction]})
    return json_text(tasks, indent=2) + "\n"


def _activitynet_text(of_video: OfVideo, path: Path) -> str:
    names = names_below(list(of_video))
    stems = {video: name.removesuffix(video.suffix) for video, name in names.items()}
    ids = stems if len(set(stems.values())) == len(stems) else names
    database = {
        ids[video]: {
            "duration": round(probe(video).duration_seconds, DIGITS),
            "subset": "testing",
            "annotations": [
                {"segment": bounds_of(item), "label": label_of(item)}
                | ({} if item.score is None else {"score": item.score})
                for item in items
            ],
        }
        for video, items in of_video.items()
    }
    value = {"version": MADE_BY, "taxonomy": [], "database": database}
    return json_text(value, indent=2) + "\n"


def _csv_text(of_video: OfVideo, path: Path) -> str:
    names = names_below(list(of_video))
    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\n")
    table.writerow(_COLUMNS)
    for video, items in of_video.items():
        name = shown_name(names[video])
        # A way, which readers take as the same, and spreadsheets for no formula.
        name = name if spreadsheet_cell(name) == name else f"./{name}"
        for item in items:
            label = spreadsheet_cell(label_of(item))
            table.writerow((name, *bounds_of(item), label, item.score))
    return buffer.getvalue()


_FORMATS: dict[AnnotationFormat, tuple[str, Callable[[OfVideo, Path], str]]] = {
    "elan": (".eaf", elan_text),
    "boris": (".boris", boris_text),
    "label-studio": (".json", _label_studio_text),
    "cvat": (".xml", cvat_text),
    "via": (".json", via_text),
    "activitynet": (".json", _activitynet_text),
    "csv": (".csv", _csv_text),
}
