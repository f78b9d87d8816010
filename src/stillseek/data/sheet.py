"""A contact sheet of a data set: for every video its queries, and frames over time with labels."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from stillseek.data.annotations import Activity
from stillseek.data.manifest import Manifest
from stillseek.data.sample import Sample
from stillseek.errors import DatasetError, UsageError
from stillseek.files import IMAGE_SUFFIXES
from stillseek.media import frame_at, frames_at, read_image
from stillseek.media.picture_files import save_image
from stillseek.outputs import Output, check_outputs
from stillseek.records import parse_object, read_text
from stillseek.timeline import Segment

_CELL = (144, 108)
_CAPTION, _GAP, _TITLE = 14, 4, 16
_QUERIES, _FRAMES = 5, 10
_PAPER, _INK, _FAINT, _TARGET = "white", "#222222", "#777777", "#009E73"
_LETTERS = 24


def write_sheet(
    manifest: Manifest, path: Path, *, videos: int = 12, overwrite: bool = False
) -> int:
    """Draws the sheet as a picture: a row a video, evenly over the manifest.

    At the left are the queries of a video's first target, those of its own class framed, at the
    right its frames, each with what happens then: from ``annotations.json`` where the data set has
    one, else only what is asked for. Frames of the target are framed.

    Args:
        manifest: The data set; videos that are not on this machine are passed over.
        path: The picture; its suffix decides the format.
        videos: Most rows.
        overwrite: Whether a file that stillseek did not write may be replaced.

    Returns:
        The number of rows.

    Raises:
        DatasetError: None of the videos is there, or the annotations are broken.
        MediaError: A video or query image cannot be read.
        UsageError: No row is wanted, the suffix is not one of `IMAGE_SUFFIXES`, or the file exists
            and may not be replaced.
    """
    output = Output(name="out", path=path, suffixes=IMAGE_SUFFIXES)
    check_outputs([output], inputs=[manifest.folder], overwrite=overwrite)
    if videos < 1:
        raise UsageError(f"a sheet needs at least 1 video, got {videos}")
    # Everything that is asked about a video or window.
    rows: dict[tuple[str, Segment | None], list[Sample]] = defaultdict(list)
    for sample in manifest.samples:
        rows[sample.video_id, sample.window].append(sample)
    present = [row for (name, _), row in rows.items() if manifest.video_path(name).is_file()]
    if not present:
        raise DatasetError(
            f"none of the {len(rows)} videos of {manifest.folder} is there; expected files such as "
            f"{manifest.video_path(manifest.samples[0].video_id) if rows else 'VIDEO.mp4'}"
        )
    places = np.linspace(0, len(present) - 1, min(videos, len(present))).round().astype(int)
    annotations = _annotations(manifest.folder / "annotations.json")
    strips = [
        _strip(manifest, row, annotations.get(row[0].video_id, ()))
        for row in (present[place] for place in places)
    ]
    sheet = Image.new("RGB", (strips[0].width, sum(strip.height for strip in strips)), _PAPER)
    top = 0
    for strip in strips:
        sheet.paste(strip, (0, top))
        top += strip.height
    save_image(sheet, path)
    return len(strips)


def _annotations(path: Path) -> Mapping[str, Sequence[Activity]]:
    """What happens in the videos of a made benchmark; nothing where there is no such file."""
    if not path.exists():
        return {}
    database = parse_object(read_text(path), str(path)).get("database", {})
    try:
        return {
            video_id: [
                Activity(segment=Segment(*map(float, each["segment"])), label=each["label"])
                for each in video["annotations"]
            ]
            for video_id, video in database.items()
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DatasetError(
            f"{path}: expected ActivityNet's layout ({error!r}); build the data set again"
        ) from error


def _strip(manifest: Manifest, row: Sequence[Sample], annotated: Sequence[Activity]) -> Image.Image:
    first = row[0]
    start = 0.0 if first.window is None else first.window.start_seconds
    width = (_QUERIES + _FRAMES) * (_CELL[0] + _GAP) + 3 * _GAP
    strip = Image.new("RGB", (width, _TITLE + _CELL[1] + _CAPTION + 2 * _GAP), _PAPER)
    draw, font = ImageDraw.Draw(strip), ImageFont.load_default(11)
    draw.text(
        (_GAP, 1),
        f"{first.split}  {first.video_id}  {first.duration_seconds:.1f} s, asked for: {first.label}"
        f" [{first.segment.start_seconds:.1f}, {first.segment.end_seconds:.1f})",
        fill=_INK,
        font=font,
    )

    def place(column: int, pixels: np.ndarray, caption: str, colour: str) -> None:
        left = _GAP + column * (_CELL[0] + _GAP) + (2 * _GAP if column >= _QUERIES else 0)
        cell = ImageOps.pad(Image.fromarray(pixels), _CELL, color=_PAPER)
        strip.paste(cell, (left, _TITLE))
        bottom = _TITLE + _CELL[1]
        if colour == _TARGET:
            draw.rectangle((left, _TITLE, left + _CELL[0] - 1, bottom - 1), outline=colour, width=3)
        draw.text((left, bottom + 1), caption[-_LETTERS:], fill=colour, font=font)

    asking = [sample for sample in row if sample.segment == first.segment]
    for column, sample in enumerate(asking[:_QUERIES]):
        colour = _TARGET if sample.query_kind == "simple" else _FAINT
        place(column, _query(manifest, sample), sample.query_label, colour)
    times = [first.duration_seconds * (index + 0.5) / _FRAMES for index in range(_FRAMES)]
    frames = frames_at(manifest.video_path(first.video_id), [start + time for time in times])
    for index, (time, frame) in enumerate(zip(times, frames, strict=True)):
        labels = [each.label for each in annotated if _holds(each.segment, start + time)]
        labels += [each.label for each in row if _holds(each.segment, time)]
        colour = _TARGET if _holds(first.segment, time) else _FAINT
        place(_QUERIES + index, frame, labels[0] if labels else "", colour)
    return strip


def _query(manifest: Manifest, sample: Sample) -> np.ndarray:
    path = manifest.query_path(sample)
    if sample.query_seconds is None:
        return read_image(path)
    return frame_at(path, sample.query_seconds)


def _holds(segment: Segment, time: float) -> bool:
    return segment.start_seconds <= time < segment.end_seconds
