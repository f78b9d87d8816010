"""A picture of a result: filmstrip, start and end distributions, query, found segments."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MultipleLocator
from PIL import Image

from stillseek.files import FIGURE_SUFFIXES, Output, check_outputs
from stillseek.localize.localization import Localization, format_score, format_span, format_time
from stillseek.localize.query_image import pixels_of
from stillseek.media import frames_at
from stillseek.media.lettering import lettering
from stillseek.media.picture_files import save_figure
from stillseek.timeline import Moment, Segment

# Places in inches, from the lower left corner: left, bottom, width, height. They are fixed, so
# that thumbnails are cut for exactly the strip that they fill. Rows of bars beyond two make the
# picture higher and move up what is above them.
_DPI = 150
_SIZE = (12.8, 4.9)
_QUERY_PLACE = (0.15, 0.15, 2.45, 4.35)
_STRIP_PLACE = (3.35, 3.3, 9.3, 1.2)
_BARS_PLACE = (3.35, 2.6, 9.3, 0.6)
_CHANCES_PLACE = (3.35, 0.4, 9.3, 2.1)
_TITLE_INCHES = 4.62
_BAR_INCHES = 0.3

_QUERIES_SHOWN, _MOMENTS_SHOWN = 3, 10
_LONGEST_NAME = 60
_QUERY_GAP_INCHES = 0.12
_THUMBNAIL_GAP_PIXELS = 3
# Wide frames lose their sides: twice as many thumbnails say more than their corners.
_WIDEST_THUMBNAIL = 1.1

# Okabe and Ito's palette: told apart by colour-blind readers too.
_START, _END, _FOUND, _INK, _FAINT = "#0072B2", "#D55E00", "#009E73", "#222222", "#737373"
_OTHER = "#8FD3BE"  # the green of what was found, paler, for all moments but the best

# Share of the video from which on a bar is wide enough for its text.
_LONG_BAR = 0.4

_Place = tuple[float, float, float, float]
# A segment, what its bar says, and its colour.
_BarRow = tuple[Segment, str, str]

_TICK_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
_MAX_TICKS = 12


def plot_localization(
    localization: Localization,
    path: Path,
    *,
    true_segment: Segment | None = None,
    overwrite: bool = False,
) -> None:
    """Draws a result to a file.

    Args:
        localization: The result; its video and images are read again for the pictures.
        path: Where to; the suffix chooses the format (one of `FIGURE_SUFFIXES`).
        true_segment: The annotated segment, where it is known.
        overwrite: Whether a file that stillseek did not write may be replaced.

    Raises:
        UsageError: The suffix is not one of `FIGURE_SUFFIXES`, the file is the video or an image,
            or it exists and may not be replaced.
        MediaError: The video or an image can no longer be read.
        OSError: The file can't be written.
    """
    output = Output(name="plot", path=path, suffixes=FIGURE_SUFFIXES)
    check_outputs([output], inputs=localization.files, overwrite=overwrite)
    figure = draw_localization(localization, true_segment=true_segment)
    save_figure(figure, path, dpi=_DPI)


def draw_localization(localization: Localization, *, true_segment: Segment | None = None) -> Figure:
    """The figure that `plot_localization` saves.

    Raises:
        MediaError: The video or an image can no longer be read.
    """
    rows = _bar_rows(localization, true_segment)
    lift = _BAR_INCHES * max(0, len(rows) - 2)
    figure = Figure(figsize=(_SIZE[0], _SIZE[1] + lift))
    left, bottom, width, height = _BARS_PLACE
    chances = _add_axes(figure, _CHANCES_PLACE)
    _draw_chances(chances, localization)
    bars = _add_axes(figure, (left, bottom, width, height + lift), sharex=chances)
    _draw_bars(bars, rows, localization.duration_seconds)
    _draw_strip(_add_axes(figure, _STRIP_PLACE, lift=lift, sharex=chances), localization)
    _draw_queries(figure, localization, lift)
    _write_titles(figure, localization)
    return figure


def _add_axes(
    figure: Figure, place: _Place, *, lift: float = 0.0, sharex: Axes | None = None
) -> Axes:
    (left, bottom, width, height), (all_width, all_height) = place, figure.get_size_inches()
    return figure.add_axes(
        (
            left / all_width,
            (bottom + lift) / all_height,
            width / all_width,
            height / all_height,
        ),
        sharex=sharex,
    )


def _write_titles(figure: Figure, localization: Localization) -> None:
    hidden = len(localization.images) - _QUERIES_SHOWN
    query = "query" if hidden <= 0 else f"query (and {hidden} more)"
    heads = f"model {localization.model}, recipe {localization.recipe}"
    left, _, width, _ = _STRIP_PLACE
    all_width, all_height = figure.get_size_inches()
    for text, inches, align, color, size, weight in (
        (query, _QUERY_PLACE[0], "left", _INK, 12, "bold"),
        (_shortened(localization.video.name), left, "left", _INK, 12, "bold"),
        (heads, left + width, "right", _FAINT, 9, "normal"),
    ):
        drawn, families = lettering(text)
        figure.text(
            inches / all_width,
            1 - (_SIZE[1] - _TITLE_INCHES) / all_height,
            drawn,
            fontfamily=families,
            parse_math=False,
            ha=align,
            color=color,
            fontsize=size,
            fontweight=weight,
        )


def _shortened(name: str) -> str:
    """A name with its middle left out where it would run into what stands beside it."""
    if len(name) <= _LONGEST_NAME:
        return name
    half = _LONGEST_NAME // 2
    return f"{name[: half - 1]}\u2026{name[-half:]}"


def _draw_queries(figure: Figure, localization: Localization, lift: float) -> None:
    """Puts the query images below each other, each with its box."""
    images = localization.images[:_QUERIES_SHOWN]
    left, bottom, width, height = _QUERY_PLACE
    slot = (height + _QUERY_GAP_INCHES) / len(images)
    for row, (image, box) in enumerate(zip(images, localization.boxes, strict=False)):
        side = slot - _QUERY_GAP_INCHES
        place = (left, bottom + height - row * slot - side, width, side)
        axes = _add_axes(figure, place, lift=lift)
        axes.imshow(pixels_of(image), interpolation="antialiased")
        axes.set_anchor("NW")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_color(_FAINT)
        if box is not None:
            axes.add_patch(Rectangle(box[:2], box[2], box[3], fill=False, color=_END, lw=2))


def _draw_strip(axes: Axes, localization: Localization) -> None:
    """Draws thumbnails over the timeline, pale outside the moments."""
    duration = localization.duration_seconds
    width, height = (round(inches * _DPI) for inches in _STRIP_PLACE[2:])
    axes.imshow(
        filmstrip(localization.video, duration, width=width, height=height),
        extent=(0, duration, 0, 1),
        aspect="auto",
        interpolation="antialiased",
    )
    axes.set_axis_off()
    found = localization.best
    if found is None:
        return
    covered = 0.0
    for moment in sorted(_shown(localization), key=lambda moment: moment.start_seconds):
        _pale(axes, covered, moment.start_seconds)
        covered = max(covered, moment.end_seconds)
    _pale(axes, covered, duration)
    corner, size = (found.start_seconds, 0), (found.duration_seconds, 1)
    axes.add_patch(Rectangle(corner, *size, fill=False, color=_FOUND, lw=2.5, clip_on=False))


def _pale(axes: Axes, start_seconds: float, end_seconds: float) -> None:
    if start_seconds < end_seconds:
        axes.axvspan(start_seconds, end_seconds, color="white", alpha=0.6, linewidth=0)


def _shown(localization: Localization) -> tuple[Moment, ...]:
    return localization.moments[:_MOMENTS_SHOWN]


def filmstrip(
    video: Path, duration_seconds: float, *, width: int, height: int
) -> UInt8[np.ndarray, "height width 3"]:
    """Thumbnails side by side, each from the middle of the time that it covers.

    Args:
        video: The video file.
        duration_seconds: Time that the strip covers.
        width: Of the strip, in pixels.
        height: Of the strip, in pixels.
    """
    (first,) = frames_at(video, [0.0])
    aspect = min(first.shape[1] / first.shape[0], _WIDEST_THUMBNAIL)
    slots = max(1, round(width / (height * aspect)))
    edges = [round(width * slot / slots) for slot in range(slots + 1)]
    times = [duration_seconds * (slot + 0.5) / slots for slot in range(slots)]
    strip = np.full((height, width, 3), 255, dtype=np.uint8)
    for left, right, frame in zip(edges, edges[1:], frames_at(video, times), strict=False):
        shown = right - left - (_THUMBNAIL_GAP_PIXELS if right < width else 0)
        strip[:, left : left + shown] = cover(frame, width=shown, height=height)
    return strip


def cover(
    frame: UInt8[np.ndarray, "rows columns 3"], *, width: int, height: int
) -> UInt8[np.ndarray, "height width 3"]:
    """A picture scaled to cover a size exactly; what sticks out on two sides is cut."""
    rows, columns = frame.shape[:2]
    scale = max(width / columns, height / rows)
    crop_width, crop_height = width / scale, height / scale
    left, top = (columns - crop_width) / 2, (rows - crop_height) / 2
    image = Image.fromarray(frame).resize(
        (width, height),
        Image.Resampling.LANCZOS,
        box=(left, top, left + crop_width, top + crop_height),
    )
    return np.asarray(image)


def _bar_rows(localization: Localization, true: Segment | None) -> list[_BarRow]:
    """What the bars say: the moments, best first, then the annotation."""
    rows: list[_BarRow] = []
    for rank, moment in enumerate(_shown(localization), start=1):
        name, color = ("found", _FOUND) if rank == 1 else (f"{rank}", _OTHER)
        text = f"{name}  {format_span(moment.segment)}   score {format_score(moment.score)}"
        rows.append((moment.segment, text, color))
    hidden = len(localization.moments) - len(rows)
    if hidden > 0:
        segment, text, color = rows[-1]
        rows[-1] = (segment, f"{text}   (and {hidden} more)", color)
    if true is not None:
        found = localization.best
        overlap = 0.0 if found is None else true.iou(found)
        rows.append((true, f"true  {format_span(true)}   IoU {overlap:.2f}", _FAINT))
    return rows


def _draw_bars(axes: Axes, rows: list[_BarRow], duration: float) -> None:
    """Draws one bar a segment, each with its times beside it."""
    for row, (segment, text, color) in enumerate(rows):
        length = segment.duration_seconds
        axes.barh(-row, length, left=segment.start_seconds, height=0.62, color=color)
        _label_bar(axes, segment, -row, text, duration, inside=_INK if color == _OTHER else "white")
    axes.set_ylim(-max(1, len(rows)) + 0.4, 0.6)
    axes.set_axis_off()


def _label_bar(
    axes: Axes, segment: Segment, row: int, text: str, duration: float, *, inside: str
) -> None:
    """Writes beside a bar where there is more room, and into a bar that leaves none."""
    if segment.duration_seconds > _LONG_BAR * duration:
        middle = (segment.start_seconds + segment.end_seconds) / 2
        axes.text(middle, row, text, ha="center", va="center", color=inside, fontsize=10)
        return
    before = segment.start_seconds > duration - segment.end_seconds
    axes.annotate(
        text,
        (segment.start_seconds if before else segment.end_seconds, row),
        xytext=(-8 if before else 8, 0),
        textcoords="offset points",
        ha="right" if before else "left",
        va="center",
        color=_INK,
        fontsize=10,
    )


def _draw_chances(axes: Axes, localization: Localization) -> None:
    """Draws the start and end distributions over the steps of the model."""
    duration = localization.duration_seconds
    edges = [step.start_seconds for step in localization.steps] + [duration]
    if (found := localization.best) is not None:
        axes.axvspan(found.start_seconds, found.end_seconds, color=_FOUND, alpha=0.12, linewidth=0)
    for name, chances, color in (
        ("start", localization.start_probabilities, _START),
        ("end", localization.end_probabilities, _END),
    ):
        axes.stairs(chances, edges, fill=True, color=color, alpha=0.3, linewidth=0)
        axes.stairs(chances, edges, color=color, linewidth=1.6, label=name)
    axes.set_xlim(0, duration)
    axes.set_ylim(bottom=0)
    look = "probability,\nfrom afar" if localization.looked_closer else "probability"
    axes.set_ylabel(look, color=_INK)
    axes.legend(frameon=False, ncols=2, loc="best", borderaxespad=0.2)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=_INK)
    axes.xaxis.set_major_locator(MultipleLocator(_tick_seconds(duration)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: format_time(max(0.0, seconds))))


def _tick_seconds(duration_seconds: float) -> float:
    """The finest round interval that gives a readable number of ticks."""
    for seconds in _TICK_SECONDS:
        if duration_seconds / seconds <= _MAX_TICKS:
            return float(seconds)
    return duration_seconds / _MAX_TICKS
