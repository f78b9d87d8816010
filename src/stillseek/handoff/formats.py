"""Lists of selections for other programs: one function, and a format by the name of the file."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from stillseek.errors import UsageError
from stillseek.files import MADE_BY, replacing, shown_name
from stillseek.handoff.edl import edl_text
from stillseek.handoff.fcpxml import fcpxml_text
from stillseek.handoff.lists import TABLE_COLUMNS, csv_text, edits_json_text, vtt_text
from stillseek.handoff.markers import premiere_text, resolve_text
from stillseek.handoff.otio import otio_text
from stillseek.handoff.selection import (
    Edit,
    Selection,
    check_reel,
    check_selections,
    edits_of,
    selections_of,
)
from stillseek.localize.arguments import (
    check_choice,
    check_localization,
    check_type,
    checked_output,
)
from stillseek.localize.localization import Localization
from stillseek.outputs import Output

HandoffFormat = Literal["edl", "fcpxml", "otio", "premiere", "resolve", "vtt", "csv", "json"]


@dataclass(frozen=True, slots=True)
class _Kind:
    """A format: the end of its files' names, and what is written of a title and edits."""

    suffix: str
    text: Callable[[str, Sequence[Edit]], str]
    is_of_one: bool = False  # a file holds one video only
    has_timecode: bool = True
    has_reel: bool = False
    encoding: str = "utf-8"
    mark: str = MADE_BY  # text in a file that says that stillseek wrote it


_KINDS: dict[HandoffFormat, _Kind] = {
    "edl": _Kind(".edl", edl_text, has_reel=True),
    "fcpxml": _Kind(".fcpxml", fcpxml_text),
    "otio": _Kind(".otio", otio_text, has_reel=True),
    "premiere": _Kind(".premiere.csv", premiere_text, is_of_one=True, encoding="utf-16"),
    "resolve": _Kind(".resolve.csv", resolve_text, is_of_one=True, has_reel=True),
    "vtt": _Kind(".vtt", vtt_text, is_of_one=True, has_timecode=False),
    "csv": _Kind(".csv", csv_text, mark=",".join(TABLE_COLUMNS)),
    "json": _Kind(".json", edits_json_text, has_reel=True),
}


def handoff_output(
    path: Path,
    *,
    format: HandoffFormat | None = None,
    num_videos: int,
    start_at_zero: bool = False,
    reel: str | None = None,
    name: str = "path",
) -> Output:
    """What `write_selections` writes, for `check_outputs`.

    Of at most ``num_videos`` videos; people call the path ``name``.

    Raises:
        UsageError: The format holds one video only, or what is asked for has no place in it.
    """
    kind = _kind_of(path, format)
    if kind is None:
        suffixes = tuple(kind.suffix for kind in _KINDS.values())
        return Output(name=name, path=path, suffixes=suffixes)
    if kind.is_of_one and num_videos > 1:
        raise UsageError(
            f"{name} {path}: {kind.suffix} is of one video, not of {num_videos}; write "
            ".edl, .fcpxml, .otio, .csv or .json, or one file a video"
        )
    if start_at_zero and not kind.has_timecode:
        raise UsageError(
            f"{name} {path}: {kind.suffix} always counts from the beginning of the file; leave "
            "the start at zero out"
        )
    if reel is not None:
        check_reel(reel)
        if not kind.has_reel:
            raise UsageError(f"{name} {path}: {kind.suffix} has no reel names; leave the reel out")
    return Output(
        name=name, path=path, suffixes=(f".{kind.suffix.rpartition('.')[2]}",), mark=kind.mark
    )


def write_selections(
    selections: Sequence[Selection],
    path: Path | str,
    *,
    format: HandoffFormat | None = None,
    pad_seconds: float = 0.0,
    start_at_zero: bool = False,
    reel: str | None = None,
    overwrite: bool = False,
) -> None:
    """Writes parts of videos as a list that another program reads, in the order given.

    ====================  =========================================================
    ``.edl``              CMX 3600 edit decision list
    ``.fcpxml``           Final Cut Pro XML
    ``.otio``             OpenTimelineIO
    ``.premiere.csv``     markers as Premiere Pro writes them, of one video
    ``.resolve.csv``      markers as DaVinci Resolve writes them, of one video
    ``.vtt``              WebVTT chapters, of one video
    ``.csv``, ``.json``   times, frames and time codes, plain
    ====================  =========================================================

    Ends are exclusive. Frames are counted as `Footage` says, from the source time code of the file.

    Args:
        selections: The parts; they may be of several videos.
        path: Where to; the suffix chooses the format.
        format: The format, where the suffix does not say it: markers may end in plain ``.csv``.
        pad_seconds: Handles: so much more before and after every part, as far as the video goes.
        start_at_zero: Whether to count from zero whatever source time code a file has.
        reel: Name of the source, of one video: at most 8 letters, digits and underscores. Where it
            is not given, each video is named after its file.
        overwrite: Whether a file that stillseek did not write may be replaced.

    Raises:
        UsageError: An argument is of the wrong type, or cannot take effect in the format; the
            suffix is another; the format counts no such frame rate, or in one only;
            a part starts after its video; the file is one of the videos, or exists and may not be
            replaced.
        MediaError: A video can't be read.
        OSError: The file can't be written.
    """
    check_selections(selections)
    inputs = [selection.video for selection in selections]
    _write(selections, path, format, pad_seconds, start_at_zero, reel, overwrite, inputs=inputs)


def write_handoff(
    results: Sequence[Localization],
    path: Path | str,
    *,
    format: HandoffFormat | None = None,
    pad_seconds: float = 0.0,
    start_at_zero: bool = False,
    reel: str | None = None,
    overwrite: bool = False,
) -> None:
    """Writes the moments that were found, best first, as `write_selections` does.

    The results are one a video, as of `Localizer.locate` or in a `Ranking`. All else is said, and
    all errors are raised, as there.
    """
    check_type("results", results, Sequence, "a sequence of Localization")
    for found in results:
        check_localization("a result", found)
    selections = selections_of(results)
    inputs = [file for found in results for file in found.files]
    _write(selections, path, format, pad_seconds, start_at_zero, reel, overwrite, inputs=inputs)


def check_pad(pad_seconds: object) -> None:
    """Refuses handles that are no length.

    Raises:
        UsageError: They are no number, not finite or negative.
    """
    if not isinstance(pad_seconds, int | float) or not 0 <= pad_seconds < math.inf:
        raise UsageError(f"handles must be 0 or more seconds, got {pad_seconds!r}")


def _write(
    selections: Sequence[Selection],
    path: Path | str,
    format: HandoffFormat | None,
    pad_seconds: float,
    start_at_zero: bool,
    reel: str | None,
    overwrite: bool,
    *,
    inputs: Iterable[Path],
) -> None:
    check_choice("format", format, HandoffFormat)
    check_pad(pad_seconds)
    check_type("start_at_zero", start_at_zero, bool, "True or False")
    check_type("reel", reel, str | None, "a text, or None")
    num_videos = len({selection.video for selection in selections})
    place = checked_output(
        path,
        lambda place: handoff_output(
            place, format=format, num_videos=num_videos, start_at_zero=start_at_zero, reel=reel
        ),
        inputs=inputs,
        overwrite=overwrite,
    )
    kind = _kind_of(place, format)
    assert kind is not None, "checked_output refuses other suffixes"
    edits = edits_of(selections, pad_seconds=pad_seconds, start_at_zero=start_at_zero, reel=reel)
    title = shown_name(place.name[: -len(kind.suffix)] or place.name)
    text = kind.text(title, edits)
    with replacing(place) as temporary:
        temporary.write_text(text, encoding=kind.encoding, newline="")


def _kind_of(path: Path, format: HandoffFormat | None) -> _Kind | None:
    """The format of a file; None where its name ends in none."""
    if format is not None:
        return _KINDS[format]
    fitting = [kind for kind in _KINDS.values() if path.name.lower().endswith(kind.suffix)]
    return max(fitting, key=lambda kind: len(kind.suffix), default=None)


def has_timecode(path: Path) -> bool:
    """Whether files of this name have source time code, which a start at zero changes."""
    kind = _kind_of(path, None)
    return kind is not None and kind.has_timecode


def has_reel(path: Path) -> bool:
    """Whether files of this name have names of reels."""
    kind = _kind_of(path, None)
    return kind is not None and kind.has_reel
