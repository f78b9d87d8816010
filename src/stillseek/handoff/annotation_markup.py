"""Moments as files of ELAN and CVAT, which are XML."""

import mimetypes
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

from stillseek.errors import UsageError
from stillseek.files import MADE_BY, shown_name
from stillseek.handoff.layers import OfVideo, beside, label_of, layers_of
from stillseek.handoff.selection import Selection
from stillseek.media import VideoInfo, probe

_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_EAF_SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
_LINGUISTIC_TYPE = "default-lt"
_TIER = "stillseek"


def elan_text(of_video: OfVideo, path: Path) -> str:
    """A document of ELAN (EAF 3.0) of one video: a tier of moments, more for those that overlap."""
    ((video, items),) = of_video.items()
    ET.register_namespace("xsi", _XSI)
    root = ET.Element(
        "ANNOTATION_DOCUMENT",
        {
            "AUTHOR": MADE_BY,
            "DATE": datetime.now(UTC).isoformat(timespec="seconds"),
            "FORMAT": "3.0",
            "VERSION": "3.0",
            f"{{{_XSI}}}noNamespaceSchemaLocation": _EAF_SCHEMA,
        },
    )
    header = ET.SubElement(root, "HEADER", MEDIA_FILE="", TIME_UNITS="milliseconds")
    name = shown_name(beside(video, path))
    kind = mimetypes.guess_type(name)[0] or "unknown"
    ET.SubElement(
        header, "MEDIA_DESCRIPTOR", MEDIA_URL=name, MIME_TYPE=kind, RELATIVE_MEDIA_URL=name
    )
    count = ET.SubElement(header, "PROPERTY", NAME="lastUsedAnnotationId")
    count.text = str(len(items))
    order = ET.SubElement(root, "TIME_ORDER")
    times: list[tuple[int, str]] = []
    for layer, parts in enumerate(layers_of(items), start=1):
        name = _TIER if layer == 1 else f"{_TIER} {layer}"
        tier = ET.SubElement(root, "TIER", LINGUISTIC_TYPE_REF=_LINGUISTIC_TYPE, TIER_ID=name)
        for item in parts:
            times += _add_annotation(tier, item, number=len(times) // 2 + 1)
    for milliseconds, slot in sorted(times):
        ET.SubElement(order, "TIME_SLOT", TIME_SLOT_ID=slot, TIME_VALUE=str(milliseconds))
    ET.SubElement(
        root,
        "LINGUISTIC_TYPE",
        GRAPHIC_REFERENCES="false",
        LINGUISTIC_TYPE_ID=_LINGUISTIC_TYPE,
        TIME_ALIGNABLE="true",
    )
    return _document(root)


def _add_annotation(tier: ET.Element, item: Selection, *, number: int) -> list[tuple[int, str]]:
    """Adds a moment to a tier; gives its times in milliseconds, and the names of their slots."""
    start = round(1000 * item.segment.start_seconds)
    stop = max(start + 1, round(1000 * item.segment.end_seconds))
    slots = f"ts{2 * number - 1}", f"ts{2 * number}"
    aligned = ET.SubElement(
        ET.SubElement(tier, "ANNOTATION"),
        "ALIGNABLE_ANNOTATION",
        ANNOTATION_ID=f"a{number}",
        TIME_SLOT_REF1=slots[0],
        TIME_SLOT_REF2=slots[1],
    )
    ET.SubElement(aligned, "ANNOTATION_VALUE").text = label_of(item)
    return [(start, slots[0]), (stop, slots[1])]


def cvat_text(of_video: OfVideo, path: Path) -> str:
    """A file "CVAT for video 1.1" of one video: a track a moment, of a box over the whole picture.

    Raises:
        UsageError: The video tells no frame rate.
        MediaError: It can no longer be read.
    """
    ((video, items),) = of_video.items()
    info = probe(video)
    rate = info.frame_rate
    if rate is None:
        raise UsageError(
            f"{info.path} tells no frame rate, and CVAT counts frames; convert the video, or take "
            "another format"
        )
    size = info.num_frames or max(1, round(info.duration_seconds * rate))
    root = ET.Element("annotations")
    root.append(ET.Comment(f" {MADE_BY} "))
    ET.SubElement(root, "version").text = "1.1"
    root.append(_meta(items, info, size))
    for number, item in enumerate(items):
        track = ET.SubElement(root, "track", id=str(number), label=label_of(item), source="auto")
        start = min(round(item.segment.start_seconds * rate), size - 1)
        stop = max(start + 1, round(item.segment.end_seconds * rate))
        # Without a last box, a track is visible until the video ends.
        for frame in (start, stop) if stop < size else (start,):
            ET.SubElement(
                track,
                "box",
                frame=str(frame),
                keyframe="1",
                outside=str(int(frame == stop)),
                occluded="0",
                xtl="0.00",
                ytl="0.00",
                xbr=f"{info.width:.2f}",
                ybr=f"{info.height:.2f}",
                z_order="0",
            )
    return _document(root)


def _meta(items: Sequence[Selection], info: VideoInfo, size: int) -> ET.Element:
    """What CVAT writes of the task: the video, its frames, and the labels."""
    meta = ET.Element("meta")
    task = ET.SubElement(meta, "task")
    name = shown_name(info.path.name)
    for tag, text in (
        ("name", name),
        ("size", str(size)),
        ("mode", "interpolation"),
        ("overlap", "0"),
        ("start_frame", "0"),
        ("stop_frame", str(size - 1)),
        ("frame_filter", ""),
    ):
        ET.SubElement(task, tag).text = text
    labels = ET.SubElement(task, "labels")
    for label in dict.fromkeys(map(label_of, items)):
        entry = ET.SubElement(labels, "label")
        ET.SubElement(entry, "name").text = label
        ET.SubElement(entry, "attributes")
    shown = ET.SubElement(task, "original_size")
    ET.SubElement(shown, "width").text = str(info.width)
    ET.SubElement(shown, "height").text = str(info.height)
    ET.SubElement(meta, "source").text = name
    return meta


def _document(root: ET.Element) -> str:
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'
