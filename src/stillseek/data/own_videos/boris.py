"""State events coded with BORIS: a project, or its exports of events as a table.

Read are a project (``.boris``, JSON), and as CSV or TSV the exports "aggregated events" (a row a
state, with start and stop) and "tabular events" (a row a START or STOP). Point events last no time.

Olivier Friard and Marco Gamba, "BORIS: a free, versatile open-source event-logging software for
video/audio coding and live observations", Methods in Ecology and Evolution, 2016.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from stillseek.data.own_videos.annotated_files import file_name
from stillseek.data.own_videos.table import DELIMITERS, Rows, collect, parse_seconds
from stillseek.errors import DatasetError, UsageError

_AGGREGATED = {"Behavior", "Start (s)", "Stop (s)"}
_STATUS = ("Behavior type", "Status")
_MEDIA = ("Media file name", "Media file path", "Media file")
# Of the table, after what older releases write about the observation.
_MOST_LINES_BEFORE = 200
_Entry = tuple[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Media:
    """The videos of an observation, which play one after the other.

    Attributes:
        files: Their names, in order.
        lengths: Of each in seconds; empty where they are not known.
        offset_seconds: What BORIS added to the time of the first one.
    """

    files: Sequence[str]
    lengths: Sequence[float]
    offset_seconds: float = 0.0

    def place(self, start: object, stop: object, label: object) -> Mapping[str, object]:
        """A state in the time of the video that shows it."""
        begin, end = (
            parse_seconds(time, name) - self.offset_seconds
            for time, name in ((start, "start"), (stop, "stop"))
        )
        if not self.files:
            raise UsageError("the observation has no video; expected one of media files")
        if len(self.files) > 1 and len(self.lengths) != len(self.files):
            raise UsageError(
                f"the observation plays {len(self.files)} videos one after the other, and their "
                "lengths are not there; import the project (.boris) with its media information"
            )
        for file, length in zip(self.files[:-1], self.lengths, strict=False):
            if begin < length:
                if end > length:
                    raise UsageError(f"it runs over the end of {file}, into the next video")
                break
            begin, end = begin - length, end - length
        else:
            file = self.files[-1]
        return {"video": file_name(file), "start": begin, "end": end, "label": label}


class _Mark(NamedTuple):
    """The start or the stop of a state; None where a project leaves open which."""

    where: str
    key: tuple[object, ...]
    time: object
    status: str | None
    label: object
    media: _Media


def is_boris_project(value: object) -> bool:
    """Whether a JSON value is a project of BORIS."""
    return isinstance(value, dict) and {"behaviors_conf", "observations"} <= value.keys()


def read_boris_project(project: Mapping[str, Any], path: Path) -> Rows:
    """State events of a BORIS project, in the videos of its first player.

    Args:
        project: The JSON value of the file.
        path: The file, for messages.

    Raises:
        DatasetError: The file has not the layout of a project.
    """
    try:
        kinds = {each["code"]: str(each["type"]) for each in project["behaviors_conf"].values()}
        marks: list[_Mark] = []
        problems: list[_Entry] = []
        for name, observation in project["observations"].items():
            of_video = observation.get("type", "MEDIA") == "MEDIA"
            media = _media_of(observation) if of_video else _Media(files=(), lengths=())
            events = sorted(enumerate(observation["events"], start=1), key=lambda each: each[1][0])
            for number, (time, subject, code, modifiers, *_) in events:
                where = f"{path}, observation {name!r}, event {number}"
                if code not in kinds:
                    problems.append(
                        (where, UsageError(f"behavior {code!r} is not in the ethogram"))
                    )
                elif kinds[code].lower().startswith("state"):
                    key = name, subject, code, modifiers
                    marks.append(_Mark(where, key, time, None, code, media))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DatasetError(
            f"{path} has not the layout of a BORIS project ({error!r}); save it with BORIS 7 or 8"
        ) from error
    return collect((*problems, *_paired(marks)), elsewhere=True)


def _media_of(observation: Mapping[str, Any]) -> _Media:
    files = observation["file"]["1"]
    lengths = observation.get("media_info", {}).get("length", {})
    return _Media(
        files=files,
        lengths=[float(lengths[file]) for file in files if file in lengths],
        offset_seconds=float(observation.get("time offset", 0.0)),
    )


def find_boris_table(text: str) -> tuple[int, str] | None:
    """The line on which an export of BORIS has its header, from 0, and what is between columns."""
    for number, line in enumerate(text.split("\n")[:_MOST_LINES_BEFORE]):
        for delimiter in DELIMITERS:
            names = {name.strip().strip('"') for name in line.split(delimiter)}
            is_tabular = {"Behavior", "Time"} <= names and not names.isdisjoint(_STATUS)
            if names >= _AGGREGATED or is_tabular:
                return number, delimiter
    return None


def read_boris_table(text: str, header: int, delimiter: str, path: Path) -> Rows:
    """State events of a table that BORIS exported; where it is, says `find_boris_table`.

    Raises:
        DatasetError: The file is no CSV.
    """
    lines = "\n".join(text.split("\n")[header:])
    reader = csv.reader(io.StringIO(lines, newline=""), delimiter=delimiter)
    entries: list[_Entry] = []
    marks: list[_Mark] = []
    rows: list[tuple[str, dict[str, str]]] = []
    try:
        names = [name.strip() for name in next(reader)]
        for cells in reader:
            if any(cells):
                where = f"{path}, line {header + reader.line_num}"
                rows.append((where, dict(zip(names, map(str.strip, cells), strict=False))))
    except csv.Error as error:
        raise DatasetError(f"{path}: not valid CSV ({error}); export it again") from error
    media = _media_of_rows(row for _, row in rows)
    for where, row in rows:
        name, label = row.get("Observation id", ""), row.get("Behavior")
        status = next((row[column] for column in _STATUS if row.get(column)), "")
        if status == "STATE":
            times = row.get("Start (s)"), row.get("Stop (s)")
            entries.append((where, partial(media[name].place, *times, label)))
        elif status in ("START", "STOP"):
            modifiers = [value for column, value in row.items() if column.startswith("Modifier")]
            key = name, row.get("Subject"), label, *modifiers
            marks.append(_Mark(where, key, row.get("Time"), status, label, media[name]))
        elif status != "POINT":
            what = f"the behavior type is {status!r}, expected STATE, START, STOP or POINT"
            entries.append((where, UsageError(what)))
    return collect((*entries, *_paired(marks)), elsewhere=True)


def _media_of_rows(rows: Iterable[Mapping[str, str]]) -> dict[str, _Media]:
    """The videos of every observation: of its first player, or those that its rows name."""
    found: dict[str, _Media] = {}
    named: dict[str, dict[str, None]] = defaultdict(dict)
    for row in rows:
        name = row.get("Observation id", "")
        file = next((row[column] for column in _MEDIA if row.get(column)), None)
        if file is not None:
            named[name][file] = None
        if name not in found and (source := row.get("Source", "")):
            files = source.split("|")[0].removeprefix("player #1:").split(";")
            found[name] = _Media(
                files=[each.strip() for each in files],
                lengths=_numbers(row.get("Media duration (s)", "")),
                offset_seconds=next(iter(_numbers(row.get("Time offset (s)", ""))), 0.0),
            )
        found.setdefault(name, _Media(files=(), lengths=()))
    return {
        name: media if media.files else _Media(files=list(named[name]), lengths=())
        for name, media in found.items()
    }


def _numbers(text: str) -> list[float]:
    """Numbers of the first player; none where one of them is not known."""
    try:
        return [float(part) for part in text.split("|")[0].split(";")]
    except ValueError:
        return []


def _paired(marks: Iterable[_Mark]) -> Iterator[_Entry]:
    """Every start with its stop: the next mark of the same behavior, subject and modifiers."""
    opened: dict[tuple[object, ...], _Mark] = {}
    endless = UsageError("the state starts and does not stop; mend it in BORIS")
    for mark in marks:
        start = opened.pop(mark.key, None)
        if mark.status == "START" or (mark.status is None and start is None):
            if start is not None:
                yield start.where, endless
            opened[mark.key] = mark
        elif start is None:
            yield mark.where, UsageError("the state stops and did not start; mend it in BORIS")
        else:
            yield start.where, partial(mark.media.place, start.time, mark.time, mark.label)
    for start in opened.values():
        yield start.where, endless
