"""Plain lists of edits: chapters for players, a table, and JSON."""

import csv
from collections.abc import Sequence
from io import StringIO
from math import ceil, floor

from stillseek.files import MADE_BY, json_text, spreadsheet_cell
from stillseek.handoff.selection import Edit

TABLE_COLUMNS = (
    *("video", "name", "start_timecode", "end_timecode", "start_frame", "end_frame", "frame_rate"),
    *("start_seconds", "end_seconds", "score"),
)
"""Header of the table: `csv_text` says what is in it."""


def vtt_text(title: str, edits: Sequence[Edit]) -> str:
    """WebVTT chapters of one video, in order of time.

    Times are those that players count, from the beginning of the file. They have milliseconds: a
    start is rounded up and an end down, so that a player shows the first frame, and the last one.
    """
    del title
    blocks = ["WEBVTT", f"NOTE {MADE_BY}"]
    ordered = sorted(edits, key=lambda edit: (edit.frames.start, edit.frames.stop))
    for number, edit in enumerate(ordered, start=1):
        start, end = edit.bounds_seconds
        # A float that is a little above a whole millisecond is that.
        times = _clock(ceil(1000 * start - 1e-6)), _clock(floor(1000 * end + 1e-6))
        text = edit.label.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        blocks.append(f"{number}\n{times[0]} --> {times[1]}\n{text}")
    return "\n\n".join(blocks) + "\n"


def csv_text(title: str, edits: Sequence[Edit]) -> str:
    """A table with a row an edit.

    ``start_frame`` counts from 0 at the beginning of the file, time codes from its source time
    code, seconds in its own time; ends are exclusive; ``frame_rate`` is a fraction such as
    30000/1001. ``score`` is empty where there is none.
    """
    del title
    out = StringIO()
    table = csv.DictWriter(out, TABLE_COLUMNS, lineterminator="\n", extrasaction="ignore")
    table.writeheader()
    for edit in edits:
        row = _record(edit)
        row |= {name: spreadsheet_cell(str(row[name] or "")) for name in ("video", "name")}
        table.writerow(row)
    return out.getvalue()


def edits_json_text(title: str, edits: Sequence[Edit]) -> str:
    """One object: ``selections`` has the rows of the table, and ``drop_frame`` and ``reel``."""
    records = [
        _record(edit) | {"drop_frame": edit.footage.is_drop, "reel": edit.reel} for edit in edits
    ]
    return json_text({"title": title, "comment": MADE_BY, "selections": records}, indent=2) + "\n"


def _record(edit: Edit) -> dict[str, object]:
    (start_timecode, end_timecode), (start, end) = edit.timecodes, edit.bounds_seconds
    return {
        "video": str(edit.footage.video),
        "name": edit.name,
        "start_timecode": start_timecode,
        "end_timecode": end_timecode,
        "start_frame": edit.frames.start,
        "end_frame": edit.frames.stop,
        "frame_rate": str(edit.footage.rate),
        "start_seconds": start,
        "end_seconds": end,
        "score": edit.score,
    }


def _clock(milliseconds: int) -> str:
    seconds, rest = divmod(max(0, milliseconds), 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}.{rest:03d}"
