"""Temporal segments drawn with the VGG Image Annotator (VIA), version 3.

Read are a saved project (JSON) and both CSV exports: all annotations ("VIA3 CSV") and "only
temporal segments as CSV". VIA 1 and 2 annotate images and have no such segments.

Abhishek Dutta and Andrew Zisserman, "The VIA Annotation Software for Images, Audio and Video",
ACM Multimedia 2019.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stillseek.data.own_videos.annotated_files import file_name
from stillseek.data.own_videos.table import Rows, collect
from stillseek.errors import DatasetError, UsageError
from stillseek.records import parse_json

# What VIA calls them: an attribute of a temporal segment, an attribute with several answers, and
# a file whose name (not its address) is known.
_SEGMENT_ANCHOR = "FILE1_Z2_XY0"
_CHECKBOX = 2
_ADDRESSED = (2, 3)
_UNANSWERED = ("", "_DEFAULT")
_HEADER, _ATTRIBUTES = "# CSV_HEADER = ", "# ATTRIBUTE = "


@dataclass(frozen=True, slots=True, kw_only=True)
class _Annotation:
    """What VIA calls metadata: times, and the answers to attributes by their id."""

    where: str
    files: list[str]
    times: Sequence[object]
    answers: Mapping[str, object]


def is_via_project(value: object) -> bool:
    """Whether a JSON value is a project of VIA 3."""
    return isinstance(value, dict) and {"view", "metadata", "attribute", "file"} <= value.keys()


def read_via_project(project: Mapping[str, Any], path: Path, attribute: str | None) -> Rows:
    """Temporal segments of a VIA 3 project.

    Args:
        project: The JSON value of the file.
        path: The file, for messages.
        attribute: Name of the attribute that holds the labels; None for the only one.

    Raises:
        DatasetError: The project is broken, or the attribute is not there or not the only one.
    """
    annotations: list[_Annotation] = []
    problems: list[tuple[str, object]] = []
    try:
        for key, metadata in project["metadata"].items():
            where = f"{path}, metadata {key!r}"
            try:
                files = [
                    _source(project["file"][str(name)])
                    for name in project["view"][str(metadata["vid"])]["fid_list"]
                ]
            except KeyError as error:
                what = f"its view or file {error} is not in the project"
                problems.append((where, UsageError(what)))
                continue
            annotations.append(
                _Annotation(where=where, files=files, times=metadata["z"], answers=metadata["av"])
            )
        labelled = _labelled(annotations, project["attribute"], path, attribute)
    except (AttributeError, KeyError, TypeError) as error:
        raise DatasetError(
            f"{path} has not the layout of a VIA 3 project ({error}); save it again with VIA 3"
        ) from error
    return collect((*problems, *labelled), elsewhere=True)


def read_via_csv(text: str, path: Path, attribute: str | None) -> Rows:
    """Temporal segments of a CSV file exported by VIA 3; the arguments as in `read_via_project`.

    Raises:
        DatasetError: The file is not such an export, or the attribute is not there or not the
            only one.
    """
    # Not splitlines: JSON strings may hold other Unicode line separators.
    lines = text.split("\n")
    header = next((line for line in lines if line.startswith(_HEADER)), None)
    if header is None:
        raise DatasetError(
            f"{path} starts with '#' as an export of VIA 3 does, but has no line {_HEADER!r}; "
            "export it again, or remove the comments from a table of your own"
        )
    columns = header.removeprefix(_HEADER).strip().rstrip(",").split(",")
    annotations: list[_Annotation] = []
    problems: list[tuple[str, object]] = []
    for number, line in enumerate(lines, start=1):
        where = f"{path}, line {number}"
        if line.strip() and not line.startswith("#"):
            try:
                annotations.append(_parse_line(line, columns, where))
            except (ValueError, KeyError, csv.Error) as error:
                problems.append((where, UsageError(f"not a line of a VIA 3 export ({error})")))
    attributes = next((line for line in lines if line.startswith(_ATTRIBUTES)), None)
    if attributes is not None:
        described = parse_json(attributes.removeprefix(_ATTRIBUTES), f"{path}, # ATTRIBUTE")
    else:
        # This export names attributes and does not describe them; their answers are text.
        names = dict.fromkeys(name for each in annotations for name in each.answers)
        described = {name: {"aname": name, "anchor_id": _SEGMENT_ANCHOR} for name in names}
    try:
        labelled = _labelled(annotations, described, path, attribute)
    except (AttributeError, KeyError, TypeError) as error:
        raise DatasetError(f"{path}: VIA's attributes are broken ({error})") from error
    return collect((*problems, *labelled), elsewhere=True)


def _parse_line(line: str, columns: list[str], where: str) -> _Annotation:
    cells = dict(zip(columns, next(csv.reader([line], strict=True)), strict=False))
    if "temporal_coordinates" in cells:
        times = json.loads(cells["temporal_coordinates"])
    else:
        both = cells["temporal_segment_start"], cells["temporal_segment_end"]
        times = [time for time in both if time]
    files, answers = json.loads(cells["file_list"]), json.loads(cells["metadata"])
    if not (isinstance(files, list) and isinstance(times, list) and isinstance(answers, dict)):
        raise ValueError("file_list and times must be lists, metadata an object")
    return _Annotation(where=where, files=files, times=times, answers=answers)


def _source(file: Mapping[str, Any]) -> str:
    return file["src"] if file["loc"] in _ADDRESSED else file["fname"]


def _labelled(
    annotations: Iterable[_Annotation], attributes: Any, path: Path, attribute: str | None
) -> list[tuple[str, object]]:
    """The annotations that are segments, with their labels."""
    chosen = _choose(attributes, path, attribute)
    others = attributes.keys() - {chosen}
    # A point in time marks a region of a frame, no time at all a remark on the file.
    segments = [each for each in annotations if len(each.times) == 2]
    entries: list[tuple[str, object]] = []
    for each in segments:
        labels = list(_answers(each, attributes[chosen], chosen))
        if not labels and any(each.answers.get(other) for other in others):
            continue
        entries += [(each.where, _values(each, label)) for label in labels or [None]]
    return entries


def _choose(attributes: Any, path: Path, attribute: str | None) -> str:
    """Id of the attribute that holds the labels."""
    of_segments = {
        key: value["aname"]
        for key, value in attributes.items()
        if value["anchor_id"] == _SEGMENT_ANCHOR
    }
    names = ", ".join(repr(name) for name in of_segments.values()) or "none"
    fitting = [key for key, name in of_segments.items() if attribute in (None, name)]
    if len(fitting) == 1:
        return fitting[0]
    if attribute is not None:
        raise DatasetError(
            f"{path}: no attribute of segments is called {attribute!r}; it has {names}"
        )
    raise DatasetError(
        f"{path}: the labels must be in one attribute of temporal segments, it has {names}; "
        "choose one with --attribute"
    )


def _answers(annotation: _Annotation, attribute: Mapping[str, Any], key: str) -> Iterator[str]:
    """The labels of a segment: text as it is, options by what they say."""
    answer = annotation.answers.get(key)
    if not isinstance(answer, str):
        return
    options = attribute.get("options") or {}
    for part in answer.split(",") if attribute.get("type") == _CHECKBOX else [answer]:
        if part not in _UNANSWERED:
            yield options.get(part, part)


def _values(annotation: _Annotation, label: str | None) -> Mapping[str, object] | UsageError:
    if len(annotation.files) != 1:
        return UsageError(f"a segment of {len(annotation.files)} files, expected one video")
    start, end = annotation.times
    video = file_name(annotation.files[0])
    return {"video": video, "start": start, "end": end, "label": label}
