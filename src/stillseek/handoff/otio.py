"""Time lines of OpenTimelineIO, in its JSON.

Written here, so that nobody needs to install OpenTimelineIO for a few nested objects; the tests
read them with it. The schemas are those of its first stable release, which every later one reads.
"""

from collections.abc import Sequence
from fractions import Fraction

from stillseek.files import MADE_BY, json_text
from stillseek.handoff.selection import Edit


def otio_text(title: str, edits: Sequence[Edit]) -> str:
    """A time line with one video track that has the edits one after the other.

    Times are whole frames at the rate of each source, counted from its time code. OpenTimelineIO
    keeps rates as doubles: 30000/1001 is the nearest one.
    """
    track = {
        "OTIO_SCHEMA": "Track.1",
        "name": "V1",
        "kind": "Video",
        "children": [_clip(edit) for edit in edits],
        **_empty(),
    }
    stack = {"OTIO_SCHEMA": "Stack.1", "name": "tracks", "children": [track], **_empty()}
    timeline = {
        "OTIO_SCHEMA": "Timeline.1",
        "name": title,
        "global_start_time": None,
        "tracks": stack,
        "metadata": {"stillseek": {"comment": MADE_BY}},
    }
    return json_text(timeline, indent=2) + "\n"


def _clip(edit: Edit) -> dict[str, object]:
    footage = edit.footage
    first = footage.first_number
    whole = range(first, first + footage.num_frames)
    return {
        "OTIO_SCHEMA": "Clip.1",
        "name": edit.label,
        "media_reference": {
            "OTIO_SCHEMA": "ExternalReference.1",
            "name": edit.clip_name,
            "target_url": footage.video.absolute().as_uri(),
            "available_range": _range(whole, footage.rate),
            "metadata": {},
        },
        **_empty(),
        "source_range": _range(edit.source, footage.rate),
        "metadata": {
            "cmx_3600": {"reel": edit.reel},
            "stillseek": {"name": edit.name, "score": edit.score, "drop_frame": footage.is_drop},
        },
    }


def _empty() -> dict[str, object]:
    return {"source_range": None, "effects": [], "markers": [], "metadata": {}}


def _range(frames: range, rate: Fraction) -> dict[str, object]:
    return {
        "OTIO_SCHEMA": "TimeRange.1",
        "start_time": _time(frames.start, rate),
        "duration": _time(len(frames), rate),
    }


def _time(frame: int, rate: Fraction) -> dict[str, object]:
    return {"OTIO_SCHEMA": "RationalTime.1", "rate": float(rate), "value": float(frame)}
