"""Annotations of ELAN: time-aligned annotations on tiers, in an ``.eaf`` file.

Han Sloetjes and Peter Wittenburg, "Annotation by Category: ELAN and ISO DCR", LREC 2008; the
schema is EAF 3.0 (https://www.mpi.nl/tools/elan/EAFv3.0.xsd), which older files meet, too.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from xml.etree import ElementTree as ET

from stillseek.data.own_videos.annotated_files import file_name
from stillseek.data.own_videos.markup import attribute_of, read_xml, whole_number
from stillseek.data.own_videos.table import Rows, collect
from stillseek.errors import DatasetError

_UNIT = "whole number of milliseconds"


def read_elan(path: Path, tier: str | None) -> Rows:
    """Activities of an ELAN file: what an annotation says is the label, or its tier if it is empty.

    Annotations without times of their own, which refer to others, are passed over.

    Args:
        path: The ``.eaf`` file.
        tier: Name of the tier to read; None reads all.

    Raises:
        DatasetError: The file is broken, names no video, or has no such tier.
    """
    root = read_xml(path)
    header = root.find("HEADER")
    if root.tag != "ANNOTATION_DOCUMENT" or header is None:
        raise DatasetError(
            f"{path} is no file of ELAN: it has no ANNOTATION_DOCUMENT with a HEADER"
        )
    if (units := header.get("TIME_UNITS", "milliseconds")) != "milliseconds":
        raise DatasetError(
            f"{path}: times are in {units}, expected milliseconds; save it with ELAN"
        )
    media = header.find("MEDIA_DESCRIPTOR")
    if media is None:
        raise DatasetError(f"{path} names no video; link one in ELAN (Edit > Linked Files)")
    video = media.get("RELATIVE_MEDIA_URL") or attribute_of(media, "MEDIA_URL", str(path))
    origin = whole_number(media.get("TIME_ORIGIN", "0"), f"{path}, TIME_ORIGIN", what=_UNIT)
    slots = {
        attribute_of(slot, "TIME_SLOT_ID", str(path)): slot.get("TIME_VALUE")
        for slot in root.iterfind("TIME_ORDER/TIME_SLOT")
    }
    tiers = {attribute_of(each, "TIER_ID", str(path)): each for each in root.iterfind("TIER")}
    if tier is not None and tier not in tiers:
        names = ", ".join(map(repr, tiers)) or "none"
        raise DatasetError(f"{path}: there is no tier {tier!r}; it has {names}")

    def values(annotation: ET.Element, name: str) -> dict[str, object]:
        start, end = (
            _seconds(annotation, f"TIME_SLOT_REF{number}", slots, origin) for number in (1, 2)
        )
        label = (annotation.findtext("ANNOTATION_VALUE") or "").strip() or name
        return {"video": file_name(video), "start": start, "end": end, "label": label}

    entries = (
        (where, partial(values, annotation, name))
        for name in (tiers if tier is None else [tier])
        for where, annotation in _aligned(tiers[name], path)
    )
    return collect(entries, elsewhere=True)


def _aligned(tier: ET.Element, path: Path) -> Iterator[tuple[str, ET.Element]]:
    for annotation in tier.iterfind("ANNOTATION/ALIGNABLE_ANNOTATION"):
        name = annotation.get("ANNOTATION_ID", "without a name")
        yield f"{path}, annotation {name!r} of tier {tier.get('TIER_ID')!r}", annotation


def _seconds(
    annotation: ET.Element, reference: str, slots: dict[str, str | None], origin: int
) -> float:
    """When an annotation begins or ends, in the time of the video."""
    slot = attribute_of(annotation, reference, reference)
    if (value := slots.get(slot)) is None:
        raise DatasetError(f"{reference} is {slot!r}, which has no time; align it in ELAN")
    return (whole_number(value, f"time slot {slot!r}", what=_UNIT) + origin) / 1000
