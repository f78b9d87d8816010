"""JSON records on disk: typed, checked, written in one step; errors name file and line."""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

import msgspec

from stillseek.errors import DatasetError, StillseekError, UsageError
from stillseek.files import replacing
from stillseek.timeline import Segment

_T = TypeVar("_T")
_SEGMENT = tuple(field.name for field in fields(Segment))


def write_text_atomic(path: Path, text: str) -> None:
    """Writes a text file in one step: a reader sees the old file or the new one, never half."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, without the mark that some programs put before it.

    Raises:
        DatasetError: The file cannot be read or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DatasetError(f"cannot read {path}: {error.strerror}; check the path") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path} is not UTF-8 text; save or build it as UTF-8") from error


def parse_json(text: str, where: str) -> object:
    """A JSON value from text.

    Raises:
        DatasetError: The text is no JSON, or an object has a key twice, of which one would be
            lost; the message starts with ``where``.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values = dict(pairs)
        if len(values) < len(pairs):
            counts = Counter(key for key, _ in pairs)
            twice = next(key for key, number in counts.items() if number > 1)
            raise DatasetError(
                f"{where}: {twice!r} is there {counts[twice]} times in one JSON object, and all "
                "but the last would be lost; join what they hold, or rename them"
            )
        return values

    try:
        return json.loads(text, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise DatasetError(
            f"{where}: not valid JSON at {place} ({error.msg}); is the file cut?"
        ) from error
    except ValueError as error:  # of a number with thousands of digits
        raise DatasetError(f"{where}: not valid JSON ({error}); is this the file?") from error
    except RecursionError as error:
        raise DatasetError(f"{where}: the JSON is nested too deeply; is this the file?") from error


def parse_object(text: str, where: str) -> dict[str, Any]:
    """A JSON object from text.

    Raises:
        DatasetError: The text is no JSON object; the message starts with ``where``.
    """
    value = parse_json(text, where)
    if not isinstance(value, dict):
        raise DatasetError(f"{where}: expected a JSON object, got {type(value).__name__}")
    return value


def iterate_objects(text: str, path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of JSON Lines text, each with ``FILE, line N`` for messages."""
    # Not splitlines: JSON strings may hold other Unicode line separators.
    for number, line in enumerate(text.removesuffix("\n").split("\n") if text else [], start=1):
        where = f"{path}, line {number}"
        yield where, parse_object(line, where)


def parse_values(item: object, keys: Sequence[str], where: str, *, layout: str) -> list[Any]:
    """The values of some keys of a JSON object that may have others.

    Args:
        item: The object.
        keys: The keys, all of which it must have.
        where: The place, for messages.
        layout: What was expected, for messages.

    Raises:
        DatasetError: It is no object, or a key is missing.
    """
    if not isinstance(item, dict):
        raise DatasetError(f"{where}: expected an object, got {item!r:.60}")
    for key in keys:
        if key not in item:
            raise DatasetError(f"{where}: key {key!r} is missing; expected {layout}")
    return [item[key] for key in keys]


def parse_number(value: Any, where: str, *, what: str = "a time in seconds") -> float:
    """A finite number.

    Raises:
        DatasetError: It is none; the message starts with ``where``.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    # Whole numbers of JSON may be larger than any float.
    if not is_number or not abs(value) < sys.float_info.max:
        raise DatasetError(f"{where}: expected {what}, got {value!r:.60}")
    return float(value)


def parse_name(value: object, where: str, *, what: str) -> str:
    """A text that is not empty and can be written; JSON may hold halves of characters.

    Raises:
        DatasetError: It is none; the message starts with ``where``.
    """
    if isinstance(value, str) and value:
        try:
            value.encode()
        except UnicodeEncodeError:
            pass
        else:
            return value
    raise DatasetError(f"{where} must be {what}, got {value!r}")


def dump_record(record: object) -> dict[str, Any]:
    """A dataclass as JSON values in field order; a segment becomes ``[start, end]``."""
    values: dict[str, Any] = {}
    for field in fields(record):  # pyright: ignore[reportArgumentType]
        value = getattr(record, field.name)
        if isinstance(value, Segment):
            value = [value.start_seconds, value.end_seconds]
        values[field.name] = value
    return values


def parse_record(
    cls: type[_T],
    values: Mapping[str, Any],
    where: str,
    *,
    error: type[StillseekError] = DatasetError,
    advice: str = "build the file again",
) -> _T:
    """A dataclass from JSON values, of which a pair of times may be a segment.

    Args:
        cls: The dataclass; its types are those that JSON has, and records, paths and tuples of
            them.
        values: The values by the names of the fields.
        where: The place, for messages.
        error: What is raised.
        advice: What to do, for messages.

    Raises:
        StillseekError: The kind ``error``: a key is unknown or missing, or a value is of another
            type or refused by the record; the message starts with ``where``.
    """
    names, segments = _fields_of(cls)
    if unknown := sorted(values.keys() - set(names)):
        raise error(
            f"{where}: unknown key {unknown[0]!r}, expected {', '.join(names)}; use the stillseek "
            "version that wrote it"
        )
    values = dict(values)
    for name in segments:
        value = values.get(name)
        if isinstance(value, list) and len(value) == len(_SEGMENT):
            values[name] = dict(zip(_SEGMENT, value, strict=True))
    try:
        return msgspec.convert(values, cls, dec_hook=_from_text)
    except msgspec.ValidationError as fault:
        says, _, place = str(fault).partition(" - at `$.")
        says = says.replace("Object missing required field", "missing key")
        at = f"{place.rstrip('`')}: " if place else ""
        raise error(f"{where}: {at}{says}; {advice}") from fault
    except UsageError as fault:
        raise error(f"{where}: {fault}") from fault


@cache
def _fields_of(cls: type[Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of all fields of a dataclass, and of those that are segments."""
    hints = get_type_hints(cls)
    names = tuple(field.name for field in fields(cls))
    return names, tuple(n for n in names if Segment in (hints[n], *get_args(hints[n])))


def _from_text(kind: type[Any], value: Any) -> Any:
    """What JSON has as a text, such as a path."""
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise ValueError(f"expected {kind.__name__}, got {value!r:.60}")
