"""A result as one HTML page that needs no other file and no network."""

import base64
import io
from importlib.metadata import version
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image, ImageDraw

from stillseek.errors import MediaError, UsageError
from stillseek.files import MADE_BY, REPORT_SUFFIXES, Output, replacing, shown_name
from stillseek.localize.arguments import (
    check_localization,
    check_true_segment,
    check_type,
    checked_output,
)
from stillseek.localize.localization import (
    Localization,
    Similarity,
    format_score,
    format_span,
    format_time,
    presence_in_words,
)
from stillseek.localize.panels import (
    MOMENTS_SHOWN,
    UNCALIBRATED_THRESHOLD,
    VERMILION,
    curve_points,
    tick_seconds,
)
from stillseek.localize.query_image import VideoFrame, pixels_of
from stillseek.localize.ranking import Ranking
from stillseek.media import frames_at
from stillseek.timeline import Segment

_FRAMES_SHOWN, _STRIP_FRAMES = 6, 8
_QUERY_PIXELS, _FRAME_PIXELS, _STRIP_PIXELS = 480, 320, 240
# Frames that are closer look the same.
_LEAST_APART_SECONDS = 0.25
# Points of the curve, about two a pixel of a wide page; marks below it that a narrow one has room
# for.
_MOST_POINTS, _MAX_TICKS = 2000, 6
# Enough to compare by eye: as stillseek store ls shows it.
_FINGERPRINT_DIGITS = 16


def write_report(
    localization: Localization,
    path: Path | str,
    *,
    true_segment: Segment | None = None,
    overwrite: bool = False,
) -> None:
    """Writes the page: query, similarity over time, every moment with its frames, what found it.

    Args:
        localization: The result; its video and images are read again for the pictures.
        path: Where to.
        true_segment: The annotated segment, where it is known.
        overwrite: Whether a file that stillseek did not write may be replaced.

    Raises:
        UsageError: An argument is of the wrong type;
            the suffix is not one of `REPORT_SUFFIXES`, the file is the video or an image,
            or it exists and may not be replaced.
        MediaError: The video or an image can no longer be read.
        OSError: The file can't be written.
    """
    check_localization("localization", localization)
    check_true_segment(true_segment)
    path = checked_output(
        path,
        lambda place: Output(name="report", path=place, suffixes=REPORT_SUFFIXES),
        inputs=localization.files,
        overwrite=overwrite,
    )
    page = _render(
        "report.html",
        title=shown_name(localization.video.name),
        video_name=shown_name(localization.video.name),
        duration=format_time(localization.duration_seconds),
        presence=presence_in_words(localization),
        is_absent=localization.found is False,
        moments=_moments(localization),
        truth=_truth(true_segment, localization.best),
        queries=_queries(localization),
        chart=_chart(localization, true_segment),
        # Where presence is None, its words say why already.
        no_scores=None if localization.presence is None else localization.uncalibrated,
        facts=_facts(localization),
    )
    with replacing(path) as place:
        place.write_text(page, encoding="utf-8")


def write_ranking_report(ranking: Ranking, path: Path | str, *, overwrite: bool = False) -> None:
    """Writes a page of many videos, best first, with frames of every moment.

    A video that can no longer be read is there without frames.

    Args:
        ranking: The videos, at least one.
        path: Where to.
        overwrite: Whether a file that stillseek did not write may be replaced.

    Raises:
        UsageError: As for `write_report`, or there is no video.
        MediaError: An image can no longer be read.
        OSError: The file can't be written.
    """
    check_type("ranking", ranking, Ranking, "a Ranking, such as locate_many returns")
    if not ranking.results:
        raise UsageError("there is no video to show; search videos that can be read")
    path = checked_output(
        path,
        lambda place: Output(name="report", path=place, suffixes=REPORT_SUFFIXES),
        inputs=[file for found in ranking.results for file in found.files],
        overwrite=overwrite,
    )
    first = ranking.results[0]
    facts = {
        name: fact for name, fact in _facts(first).items() if name not in ("video", "duration")
    }
    page = _render(
        "ranking.html",
        title=f"{len(ranking.results)} videos, best first",
        queries=_queries(first),
        videos=[_video(found) for found in ranking.results],
        facts=facts,
    )
    with replacing(path) as place:
        place.write_text(page, encoding="utf-8")


def _render(template: str, **values: object) -> str:
    environment = Environment(
        loader=PackageLoader("stillseek.localize"), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template(template).render(made_by=MADE_BY, **values)


def _video(localization: Localization) -> dict[str, object]:
    moments, error = [], None
    try:
        moments = _moments(localization)
    except MediaError as failure:
        error = str(failure)
    return {
        "name": shown_name(str(localization.video)),
        "presence": presence_in_words(localization),
        "is_absent": localization.found is False,
        "moments": moments,
        "error": error,
    }


def _moments(localization: Localization) -> list[dict[str, object]]:
    """What is said and shown of every moment, best first."""
    return [
        {
            "span": format_span(moment.segment),
            "length": f"{moment.segment.duration_seconds:.1f} s",
            "score": None if moment.score is None else format_score(moment.score),
            "frames": _frames(localization.video, moment.segment),
        }
        for moment in localization.moments
    ]


def _chart(localization: Localization, true: Segment | None) -> dict[str, object]:
    """What is drawn over time; places in percent, as the drawing stretches with the page."""
    duration = localization.duration_seconds
    similarity = localization.similarity

    def place(segment: Segment) -> dict[str, float]:
        left = 100 * segment.start_seconds / duration
        right = min(100.0, 100 * segment.end_seconds / duration)
        return {"left": round(left, 3), "width": round(right - left, 3)}

    level = None
    if similarity is not None:
        level = UNCALIBRATED_THRESHOLD if similarity.threshold is None else similarity.threshold
    step = tick_seconds(duration, _MAX_TICKS)
    ticks = [step * tick for tick in range(int(duration / step) + 1)]
    return {
        "points": None if similarity is None else _points(similarity, duration),
        "level": level,
        "is_calibrated": similarity is not None and similarity.threshold is not None,
        "level_name": None if level is None else format_score(level),
        "moments": [place(moment.segment) for moment in localization.moments[:MOMENTS_SHOWN]],
        "truth": None if true is None else place(true),
        "strip": [_picture_uri(frame, _STRIP_PIXELS) for frame in _strip(localization)],
        "ticks": [
            {"left": round(100 * tick / duration, 3), "text": format_time(tick)} for tick in ticks
        ],
    }


def _points(similarity: Similarity, duration: float) -> str:
    """The curve as points of SVG, 100 wide and 100 high; peaks stay where there are too many."""
    times, values = map(np.asarray, curve_points(similarity, duration))
    parts = np.array_split(np.arange(len(times)), min(len(times), _MOST_POINTS))
    chosen = [int(part[values[part].argmax()]) for part in parts]
    return " ".join(
        f"{100 * time / duration:.2f},{100 * (1 - value):.1f}"
        for time, value in zip(times[chosen], values[chosen], strict=True)
    )


def _strip(localization: Localization) -> list[UInt8[np.ndarray, "height width 3"]]:
    """Frames from the middle of equal parts of the video."""
    part = localization.duration_seconds / _STRIP_FRAMES
    times = [part * (index + 0.5) for index in range(_STRIP_FRAMES)]
    return frames_at(localization.video, times)


def _truth(true: Segment | None, found: Segment | None) -> dict[str, str] | None:
    if true is None:
        return None
    overlap = 0.0 if found is None else true.iou(found)
    return {"span": format_span(true), "iou": f"{overlap:.2f}"}


def _queries(localization: Localization) -> list[dict[str, str | None]]:
    return [
        {
            "name": shown_name(image.name) if isinstance(image, Path | VideoFrame) else "picture",
            "uri": _picture_uri(pixels_of(image), _QUERY_PIXELS, box),
            "box": None if box is None else ",".join(map(str, box)),
        }
        for image, box in zip(localization.images, localization.boxes, strict=True)
    ]


def _frames(video: Path, segment: Segment) -> list[dict[str, str]]:
    """Frames spread over a segment, each from the middle of an equal part of it."""
    number = min(_FRAMES_SHOWN, max(1, round(segment.duration_seconds / _LEAST_APART_SECONDS)))
    part = segment.duration_seconds / number
    times = [segment.start_seconds + part * (index + 0.5) for index in range(number)]
    return [
        {"time": format_time(seconds, decimals=1), "uri": _picture_uri(frame, _FRAME_PIXELS)}
        for seconds, frame in zip(times, frames_at(video, times), strict=True)
    ]


def _facts(localization: Localization) -> dict[str, str]:
    return {
        "video": shown_name(localization.video.name),
        "duration": f"{localization.duration_seconds:.1f} s",
        "model": shown_name(localization.model),
        "recipe": localization.recipe,
        "fingerprint": localization.fingerprint[:_FINGERPRINT_DIGITS],
        "stillseek": version("stillseek"),
    }


def _picture_uri(
    pixels: UInt8[np.ndarray, "height width 3"],
    side_pixels: int,
    box: tuple[int, int, int, int] | None = None,
) -> str:
    picture = Image.fromarray(pixels)
    if box is not None:
        left, top, width, height = box
        line = max(2, round(max(picture.size) / 160))
        corners = (left, top, left + width - 1, top + height - 1)
        ImageDraw.Draw(picture).rectangle(corners, outline=VERMILION, width=line)
    picture.thumbnail((side_pixels, side_pixels))
    buffer = io.BytesIO()
    picture.save(buffer, format="JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
