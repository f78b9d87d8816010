"""A result as one HTML page that needs no other file and no network."""

import base64
import io
from importlib.metadata import version
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from stillseek.files import MADE_BY, REPORT_SUFFIXES, Output, check_outputs, replacing, shown_name
from stillseek.localize.localization import Localization, format_score, format_span, format_time
from stillseek.localize.plot import draw_localization
from stillseek.localize.query_image import VideoFrame, pixels_of
from stillseek.media import frames_at
from stillseek.timeline import Moment, Segment

_FRAMES_SHOWN = 6
_QUERY_PIXELS, _FRAME_PIXELS = 480, 320
_PLOT_DPI = 130
# Enough to compare by eye: as stillseek store ls shows it.
_FINGERPRINT_DIGITS = 16


def write_report(
    localization: Localization,
    path: Path,
    *,
    true_segment: Segment | None = None,
    overwrite: bool = False,
) -> None:
    """Writes the page: query, plot, found segment with its frames, and what found it.

    Args:
        localization: The result; its video and images are read again for the pictures.
        path: Where to.
        true_segment: The annotated segment, where it is known.
        overwrite: Whether a file that stillseek did not write may be replaced.

    Raises:
        UsageError: The suffix is not one of `REPORT_SUFFIXES`, the file is the video or an image,
            or it exists and may not be replaced.
        MediaError: The video or an image can no longer be read.
        OSError: The file can't be written.
    """
    output = Output(name="report", path=path, suffixes=REPORT_SUFFIXES)
    check_outputs([output], inputs=localization.files, overwrite=overwrite)
    environment = Environment(
        loader=PackageLoader("stillseek.localize"), autoescape=True, undefined=StrictUndefined
    )
    found = localization.best
    page = environment.get_template("report.html").render(
        video_name=shown_name(localization.video.name),
        duration=format_time(localization.duration_seconds),
        presence=None if localization.presence is None else f"{localization.presence:.2f}",
        moments=[_moment_row(moment) for moment in localization.moments],
        truth=_truth(true_segment, found),
        queries=_queries(localization),
        plot_uri=_plot_uri(localization, true_segment),
        frames=[] if found is None else _frames(localization.video, found),
        facts=_facts(localization),
        made_by=MADE_BY,
    )
    with replacing(path) as place:
        place.write_text(page, encoding="utf-8")


def _moment_row(moment: Moment) -> dict[str, str]:
    return {
        "span": format_span(moment.segment),
        "length": f"{moment.segment.duration_seconds:.1f} s",
        "score": format_score(moment.score),
    }


def _truth(true: Segment | None, found: Segment | None) -> dict[str, str] | None:
    if true is None:
        return None
    overlap = 0.0 if found is None else true.iou(found)
    return {"span": format_span(true), "iou": f"{overlap:.2f}"}


def _queries(localization: Localization) -> list[dict[str, str | None]]:
    return [
        {
            "name": shown_name(image.name) if isinstance(image, Path | VideoFrame) else "picture",
            "uri": _picture_uri(pixels_of(image), _QUERY_PIXELS),
            "box": None if box is None else ",".join(map(str, box)),
        }
        for image, box in zip(localization.images, localization.boxes, strict=True)
    ]


def _frames(video: Path, segment: Segment) -> list[dict[str, str]]:
    """Frames spread over a segment, each from the middle of an equal part of it."""
    part = segment.duration_seconds / _FRAMES_SHOWN
    times = [segment.start_seconds + part * (index + 0.5) for index in range(_FRAMES_SHOWN)]
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


def _plot_uri(localization: Localization, true_segment: Segment | None) -> str:
    figure = draw_localization(localization, true_segment=true_segment)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_PLOT_DPI, facecolor="white")
    return _data_uri("image/png", buffer.getvalue())


def _picture_uri(pixels: UInt8[np.ndarray, "height width 3"], side_pixels: int) -> str:
    picture = Image.fromarray(pixels)
    picture.thumbnail((side_pixels, side_pixels))
    buffer = io.BytesIO()
    picture.save(buffer, format="JPEG", quality=85)
    return _data_uri("image/jpeg", buffer.getvalue())


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
