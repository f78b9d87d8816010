"""Tables of markers, as Premiere Pro and DaVinci Resolve write them.

Neither program reads a table of markers by itself: panels and scripts that import markers take
the tables that the programs write, and those are what is written here.
"""

import csv
from collections.abc import Iterable, Sequence
from io import StringIO

from stillseek.files import MADE_BY, spreadsheet_cell
from stillseek.handoff.selection import Edit

_PREMIERE = ("Marker Name", "Description", "In", "Out", "Duration", "Marker Type")
_RESOLVE = (
    *("#", "Reel", "Match", "V", "C", "Dur", "Source In", "Source Out", "Record In", "Record Out"),
    *("Name", "Comments", "Source Start", "Source End", "Source Duration", "Codec", "Source FPS"),
    *("Resolution", "Color", "Notes", "EDL Clip Name", "Marker Keywords"),
)
_COLOUR = "Blue"


def premiere_text(title: str, edits: Sequence[Edit]) -> str:
    """Markers as ``File > Export > Markers`` writes them: tabs between six columns, no quotes.

    In and Out are source time code, Out and Duration exclusive of the frame after the marker. The
    file is UTF-16 with a byte order mark, also where it ends in ``.csv``.
    """
    del title
    rows = [
        (
            edit.label,
            f"{edit.clip_name}, {MADE_BY}",
            *edit.timecodes,
            edit.footage.timecode(len(edit.frames)),
            "Comment",
        )
        for edit in _checked(edits)
    ]
    return "".join("\t".join(map(spreadsheet_cell, row)) + "\n" for row in (_PREMIERE, *rows))


def resolve_text(title: str, edits: Sequence[Edit]) -> str:
    """Markers as ``Timelines > Export > Edit Index`` writes those of a time line.

    The time line is the whole video from its own time code, so that source and record times are
    equal; what Resolve knows of the file and this does not (codec, match) stays empty.
    """
    del title
    out = StringIO()
    table = csv.DictWriter(out, _RESOLVE, lineterminator="\n", restval="")
    table.writeheader()
    for number, edit in enumerate(_checked(edits), start=1):
        footage, (start, end) = edit.footage, edit.timecodes
        row = {
            "#": str(number),
            "Reel": edit.reel,
            "V": "V1",
            "C": "C",
            "Dur": footage.timecode(len(edit.frames)),
            "Source In": start,
            "Source Out": end,
            "Record In": start,
            "Record Out": end,
            "Name": edit.label,
            "Comments": MADE_BY,
            "Source Start": footage.timecode(footage.first_number),
            "Source End": footage.timecode(footage.first_number + footage.num_frames),
            "Source Duration": footage.timecode(footage.num_frames),
            "Source FPS": f"{float(footage.rate):.3f}",
            "Resolution": f"{footage.width}x{footage.height}",
            "Color": _COLOUR,
            "Notes": edit.label,
            "EDL Clip Name": edit.clip_name,
        }
        table.writerow({name: spreadsheet_cell(value) for name, value in row.items()})
    return out.getvalue()


def _checked(edits: Sequence[Edit]) -> Iterable[Edit]:
    for edit in edits:
        edit.footage.check_countable("a table of markers")
    return edits
