"""Final Cut Pro XML, version 1.8, which Final Cut Pro 10.4 and later and DaVinci Resolve read.

Written here and not by OpenTimelineIO: at 23.976, 29.97 and 59.94 its adapter writes an empty
``frameDuration``, and reads frames at ``int(29.97)``; it knows no drop-frame format, and asks an
installed ``ffprobe`` for the size of pictures.
"""

import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from xml.etree.ElementTree import Comment, Element, SubElement, indent, tostring

from stillseek.files import MADE_BY
from stillseek.handoff.footage import Footage
from stillseek.handoff.selection import Edit
from stillseek.handoff.timecode import STANDARD_RATES, can_drop

# What XML cannot hold, and names may have besides control characters.
_NO_XML = re.compile("[\ufffe\uffff]")
# Of a time line that nothing is on.
_EMPTY_RATE = Fraction(25)


def fcpxml_text(title: str, edits: Sequence[Edit]) -> str:
    """A project whose time line has the edits one after the other, from zero.

    Times are rational seconds on frames: ``start`` on those of the source, counted from its time
    code, ``offset`` and ``duration`` on those of the time line. The time line has the rate of the
    first video, or the next higher rate of editing programs whose frames include all of its.
    """
    for edit in edits:
        edit.footage.check_countable("Final Cut Pro XML")
    rate = _timeline_rate(edits[0].footage.rate) if edits else _EMPTY_RATE
    is_drop = bool(edits) and edits[0].footage.is_drop and can_drop(rate)
    root = Element("fcpxml", version="1.8")
    root.append(Comment(f" {MADE_BY} "))
    resources = SubElement(root, "resources")
    main = edits[0].footage if edits else None
    _add_format(resources, "r1", rate, main)
    assets = _add_assets(resources, edits)
    event = SubElement(SubElement(root, "library"), "event", name=title)
    project = SubElement(event, "project", name=title)
    sequence = SubElement(project, "sequence", format="r1", tcStart="0s", tcFormat=_mode(is_drop))
    spine = SubElement(sequence, "spine")
    offset = 0
    for edit in edits:
        footage = edit.footage
        length = max(1, round(len(edit.frames) / footage.rate * rate))
        SubElement(
            spine,
            "asset-clip",
            name=edit.label,
            ref=assets[footage.video],
            offset=_seconds(offset / rate),
            start=_seconds(edit.source.start / footage.rate),
            duration=_seconds(length / rate),
            tcFormat=_mode(footage.is_drop),
        )
        offset += length
    sequence.set("duration", _seconds(offset / rate))
    indent(root)
    text = _NO_XML.sub("\ufffd", tostring(root, encoding="unicode"))
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n{text}\n'


def _add_assets(resources: Element, edits: Sequence[Edit]) -> dict[Path, str]:
    """Adds a format and an asset for every video; gives the ids of the assets."""
    assets: dict[Path, str] = {}
    for edit in edits:
        footage = edit.footage
        if footage.video in assets:
            continue
        number = 2 * len(assets) + 2
        _add_format(resources, f"r{number}", footage.rate, footage)
        assets[footage.video] = f"r{number + 1}"
        asset = SubElement(
            resources,
            "asset",
            id=f"r{number + 1}",
            name=edit.clip_name,
            src=footage.video.absolute().as_uri(),
            start=_seconds(footage.first_number / footage.rate),
            duration=_seconds(footage.num_frames / footage.rate),
            hasVideo="1",
            format=f"r{number}",
        )
        if footage.has_audio:
            asset.set("hasAudio", "1")
    return assets


def _add_format(resources: Element, id: str, rate: Fraction, footage: Footage | None) -> None:
    width, height = (footage.width, footage.height) if footage else (1920, 1080)
    SubElement(
        resources,
        "format",
        id=id,
        frameDuration=_seconds(1 / rate),
        width=str(width),
        height=str(height),
    )


def _timeline_rate(rate: Fraction) -> Fraction:
    """The lowest rate of editing programs that has all frames of a rate, or else the highest."""
    return next((r for r in STANDARD_RATES if (r / rate).denominator == 1), STANDARD_RATES[-1])


def _mode(is_drop: bool) -> str:
    return "DF" if is_drop else "NDF"


def _seconds(seconds: Fraction) -> str:
    whole = seconds.denominator == 1
    return f"{seconds.numerator}s" if whole else f"{seconds.numerator}/{seconds.denominator}s"
