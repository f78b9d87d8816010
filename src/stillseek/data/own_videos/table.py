"""Annotations that people write themselves: a CSV or JSON table of (video, start, end, label)."""

import csv
import io
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast, get_args

from stillseek.data.annotations import Cleaning
from stillseek.data.sample import Split
from stillseek.data.taxonomy import Taxonomy
from stillseek.errors import DatasetError, UsageError
from stillseek.timeline import clock_seconds

COLUMNS = ("video", "start", "end", "label")
OPTIONAL_COLUMNS = ("image", "split")
_KNOWN = {*COLUMNS, *OPTIONAL_COLUMNS}
_DECIMAL_COMMA = re.compile(r"[0-9]+,[0-9]+")
# Spreadsheets write semicolons where a comma is the decimal point.
DELIMITERS = (",", ";", "\t")
# A microsecond, far below any frame: times keep no noise of float arithmetic.
DIGITS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One activity as an annotation file says it.

    Attributes:
        where: File and line or entry, for messages.
        video: The video as it is written there.
        start_seconds: When the activity begins, at least 0.
        end_seconds: When it ends, after its start.
        label: Its class.
        image: Query image as it is written there.
        split: Split that the file asks for.
    """

    where: str
    video: str
    start_seconds: float
    end_seconds: float
    label: str
    image: str | None = None
    split: Split | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What an annotation file holds.

    Attributes:
        rows: The activities that can be read.
        problems: One line for each one that cannot.
        unread: Columns of a table that mean nothing here.
        prefix: What files may have before the name of their video.
        taxonomy: The file's own class tree.
        cleaning: What reading mended or dropped in place of refusing it.
        num_unlabelled: Videos of the file that have no annotations.
        elsewhere: Whether paths of videos begin where an annotator had them: their first folders
            need not be here.
    """

    rows: tuple[Row, ...]
    problems: tuple[str, ...]
    unread: tuple[str, ...] = ()
    prefix: str = ""
    taxonomy: Taxonomy | None = None
    cleaning: Cleaning | None = None
    num_unlabelled: int = 0
    elsewhere: bool = False


def read_csv(text: str, path: Path) -> Rows:
    """Activities of a CSV file with a header line; columns in any order.

    Between them are commas, semicolons or tabs, whichever makes the header whole.

    Raises:
        DatasetError: The header lacks a column or has one twice, or the file is no CSV.
    """
    delimiter = _delimiter(text)
    reader = csv.reader(
        io.StringIO(text, newline=""), strict=True, skipinitialspace=True, delimiter=delimiter
    )
    try:
        names = [name.strip().lower() for name in next(reader, [])]
        _check_header(names, path)
        # Spreadsheets write rows of nothing but commas below their last one.
        entries = [
            (f"{path}, line {reader.line_num}", cells)
            for cells in reader
            if any(cell.strip() for cell in cells)
        ]
    except csv.Error as error:
        raise DatasetError(f"{path}, line {reader.line_num}: not valid CSV ({error})") from error
    read = collect((where, _named(names, cells, delimiter)) for where, cells in entries)
    unread = tuple(name for name in names if name not in _KNOWN)
    return replace(read, unread=unread)


def read_entries(entries: Sequence[object], path: Path) -> Rows:
    """Activities of a JSON list of objects that have the table's columns as keys."""
    read = collect((f"{path}, entry {n}", entry) for n, entry in enumerate(entries, start=1))
    keys = {str(key) for entry in entries if isinstance(entry, dict) for key in entry}
    return replace(read, unread=tuple(sorted(keys - _KNOWN)))


def collect(entries: Iterable[tuple[str, object]], *, elsewhere: bool = False) -> Rows:
    """Entries as rows; of each one that is broken, what is wrong with it.

    Args:
        entries: File and line or entry, and the values under the names of the columns; or, in
            place of the values, what gives them, or the error that they gave.
        elsewhere: As of `Rows`.
    """
    rows, problems = [], []
    for where, values in entries:
        try:
            rows.append(_parse_row(values() if callable(values) else values, where))
        except (DatasetError, UsageError) as error:
            problems.append(f"{where}: {error}")
    return Rows(rows=tuple(rows), problems=tuple(problems), elsewhere=elsewhere)


def parse_seconds(value: object, name: str) -> float:
    """A time from a number, or from text like ``12.5``, ``1:02.5`` or ``1:00:02.5``.

    The decimal point of a clock may be a comma; of plain seconds, it might part thousands.

    Raises:
        UsageError: It is none of these, negative or not finite.
    """
    seconds = math.nan
    if isinstance(value, str) and (clock := clock_seconds(value.strip())) is not None:
        seconds = clock
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        try:
            seconds = float(value)
        except (ValueError, OverflowError):
            seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise UsageError(
            f"{name} is {value!r}, expected seconds (12.5) or [h:]mm:ss (1:02:03.5) of at least 0"
        )
    return round(seconds, DIGITS)


def _check_header(names: Sequence[str], path: Path) -> None:
    if missing := [column for column in COLUMNS if column not in names]:
        raise DatasetError(
            f"{path}, line 1: the header has no column {missing[0]!r}, got {','.join(names)!r}; "
            f"expected {','.join(COLUMNS)} in any order, and if wanted "
            f"{','.join(OPTIONAL_COLUMNS)}, with commas, semicolons or tabs between them"
        )
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DatasetError(f"{path}, line 1: the header has column {twice[0]!r} twice; remove one")


def _delimiter(text: str) -> str:
    """What stands between columns: what gives the header most of those that are known."""
    header = text.partition("\n")[0].lower()

    def num_known(delimiter: str) -> int:
        names = {name.strip().strip('"').strip() for name in header.split(delimiter)}
        return len(names & _KNOWN)

    return max(DELIMITERS, key=num_known)


def _named(
    names: Sequence[str], cells: Sequence[str], delimiter: str
) -> Mapping[str, str] | UsageError:
    if len(cells) != len(names):
        between = {",": "a comma", ";": "a semicolon", "\t": "a tab"}[delimiter]
        return UsageError(
            f"{len(cells)} columns where the header has {len(names)}; put text that holds "
            f"{between} in double quotes"
        )
    named = dict(zip(names, cells, strict=True))
    if delimiter != ",":
        for name in ("start", "end"):
            if _DECIMAL_COMMA.fullmatch(named[name].strip()):
                named[name] = named[name].replace(",", ".")
    return named


def _parse_row(values: object, where: str) -> Row:
    if isinstance(values, UsageError):
        raise values
    if not isinstance(values, Mapping):
        raise UsageError(f"expected an object, got {values!r}")
    start = parse_seconds(_required(values, "start"), "start")
    end = parse_seconds(_required(values, "end"), "end")
    if end <= start:
        raise UsageError(f"the end, {end} s, is not after the start, {start} s")
    split = _text(values, "split")
    if split is not None and split not in get_args(Split):
        raise UsageError(f"split is {split!r}, expected {', '.join(get_args(Split))}")
    return Row(
        where=where,
        video=str(_required(values, "video", text=True)),
        start_seconds=start,
        end_seconds=end,
        label=str(_required(values, "label", text=True)),
        image=_text(values, "image"),
        split=cast("Split | None", split),
    )


def _required(values: Mapping[str, object], name: str, *, text: bool = False) -> object:
    value = _text(values, name) if text else values.get(name)
    if value is None or value == "":
        raise UsageError(f"{name} is missing")
    return value


def _text(values: Mapping[str, object], name: str) -> str | None:
    value = values.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise UsageError(f"{name} is {value!r}, expected text")
    return value.strip() or None
