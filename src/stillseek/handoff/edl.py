"""CMX 3600 edit decision lists.

Written here and not by OpenTimelineIO: its adapter writes every list at 29.97 and 59.94 in
drop-frame time code, also of sources that count without, and no ``FCM`` line that says so. The
tests read these lists with it.
"""

from collections.abc import Sequence

from stillseek.errors import UsageError
from stillseek.files import MADE_BY
from stillseek.handoff.selection import Edit
from stillseek.handoff.timecode import timecode

# Event numbers have three digits.
_MOST_EVENTS = 999


def edl_text(title: str, edits: Sequence[Edit]) -> str:
    """The list: one event an edit, joined without gaps from 00:00:00:00; out points are exclusive.

    The record side counts like the first source. ``FCM`` says before an event where its source
    counts otherwise than the one before.

    Raises:
        UsageError: There are more than 999 edits, or their videos differ in their frame rate.
    """
    _check(edits)
    is_drop = bool(edits) and edits[0].footage.is_drop
    lines = [f"TITLE: {title}", _frame_code_mode(is_drop), ""]
    record, record_drops = 0, is_drop
    for event, edit in enumerate(edits, start=1):
        footage = edit.footage
        if footage.is_drop != is_drop:
            is_drop = footage.is_drop
            lines.append(_frame_code_mode(is_drop))
        bounds = (record, record := record + len(edit.frames))
        recorded = [timecode(frame, footage.rate, is_drop=record_drops) for frame in bounds]
        channels = "AA/V" if footage.has_audio else "V"
        lines += [
            f"{event:03d}  {edit.reel:<8} {channels:<5} C        "
            + " ".join((*edit.timecodes, *recorded)),
            f"* FROM CLIP NAME: {edit.clip_name}",
            f"* COMMENT: {edit.label}",
        ]
    lines.append(f"* COMMENT: {MADE_BY}")
    return "\n".join(lines) + "\n"


def _frame_code_mode(is_drop: bool) -> str:
    return "FCM: DROP FRAME" if is_drop else "FCM: NON-DROP FRAME"


def _check(edits: Sequence[Edit]) -> None:
    if len(edits) > _MOST_EVENTS:
        raise UsageError(
            f"an edit decision list has at most {_MOST_EVENTS} events, not {len(edits)}; write "
            "fewer at a time, or .fcpxml or .otio"
        )
    for edit in edits:
        edit.footage.check_countable("an edit decision list")
        first, other = edits[0].footage, edit.footage
        if first.rate != other.rate:
            raise UsageError(
                f"an edit decision list counts in one frame rate, but {first.video} has "
                f"{float(first.rate):.5g} a second and {other.video} {float(other.rate):.5g}; "
                "write .fcpxml or .otio, or a list for each rate"
            )
