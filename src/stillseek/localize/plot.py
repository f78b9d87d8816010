"""A picture of a result: query, similarity over time, filmstrip, and the moments."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from stillseek.files import FIGURE_SUFFIXES
from stillseek.localize.arguments import check_localization, check_type, checked_output
from stillseek.localize.filmstrip import filmstrip
from stillseek.localize.localization import (
    Localization,
    format_score,
    format_span,
    presence_in_words,
)
from stillseek.localize.panels import (
    DPI,
    FAINT,
    GREEN,
    INK,
    MOMENTS_SHOWN,
    PALE_GREEN,
    VERMILION,
    add_axes,
    draw_boundaries,
    draw_curve,
    draw_picture,
    shade_moments,
    shortened,
    write,
)
from stillseek.localize.query_image import pixels_of
from stillseek.media.picture_files import save_figure
from stillseek.outputs import Output
from stillseek.timeline import Moment, Segment

# Inches. Places are fixed, so that thumbnails are cut for exactly the strip that they fill; every
# row of bars makes the picture higher and moves up what is above it.
_WIDTH = 12.8
_LEFT, _ACROSS = 3.35, 8.4
_ROW, _BELOW = 0.3, 0.12
_STRIP, _CURVE = 1.15, 1.75
# From the top edge: names, what is said of presence, and the upper edge of the curve.
_NAMES, _WORDS, _TOP = 0.3, 0.56, 0.9
_TICKS, _GAP = 0.33, 0.1
_QUERY_LEFT, _QUERY_ACROSS, _QUERY_GAP, _QUERY_TOP = 0.15, 2.45, 0.12, 0.42

_QUERIES_SHOWN = 3

# Share of the video from which on a bar is wide enough for its text.
_LONG_BAR = 0.4

# A segment, what its bar says, and its colour.
_BarRow = tuple[Segment, str, str]


def plot_localization(
    localization: Localization,
    path: Path | str,
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
        UsageError: An argument is of the wrong type;
            the suffix is not one of `FIGURE_SUFFIXES`, the file is the video or an image,
            or it exists and may not be replaced.
        MediaError: The video or an image can no longer be read.
        OSError: The file can't be written.
    """
    check_localization("localization", localization)
    check_type("true_segment", true_segment, Segment | None, "a Segment, or None")
    path = checked_output(
        path,
        lambda place: Output(name="plot", path=place, suffixes=FIGURE_SUFFIXES),
        inputs=localization.files,
        overwrite=overwrite,
    )
    figure = draw_localization(localization, true_segment=true_segment)
    save_figure(figure, path, dpi=DPI)


def draw_localization(localization: Localization, *, true_segment: Segment | None = None) -> Figure:
    """The figure that `plot_localization` saves.

    The first panel is the similarity over time; the start and end distributions where the recipe
    compares no clips with pictures.

    Raises:
        MediaError: The video or an image can no longer be read.
    """
    rows = _bar_rows(localization, true_segment)
    bars = (_LEFT, _BELOW, _ACROSS, _ROW * max(1, len(rows)))
    strip = (_LEFT, bars[1] + bars[3] + _GAP, _ACROSS, _STRIP)
    curve = (_LEFT, strip[1] + _STRIP + _TICKS, _ACROSS, _CURVE)
    figure = Figure(figsize=(_WIDTH, curve[1] + _CURVE + _TOP))
    first = add_axes(figure, curve)
    if localization.similarity is None:
        draw_boundaries(first, localization)
        shade_moments(first, _shown(localization))
    else:
        draw_curve(
            first,
            localization.similarity,
            duration_seconds=localization.duration_seconds,
            moments=_shown(localization),
            true_segment=true_segment,
        )
    _draw_strip(add_axes(figure, strip, sharex=first), localization)
    _draw_bars(add_axes(figure, bars, sharex=first), rows, localization.duration_seconds)
    _draw_queries(figure, localization)
    _write_titles(figure, localization)
    return figure


def _write_titles(figure: Figure, localization: Localization) -> None:
    hidden = len(localization.images) - _QUERIES_SHOWN
    query = "query" if hidden <= 0 else f"query (and {hidden} more)"
    heads = f"model {localization.model}, recipe {localization.recipe}"
    top = figure.get_figheight()
    write(figure, query, _QUERY_LEFT, top - _NAMES, bold=True)
    write(figure, shortened(localization.video.name), _LEFT, top - _NAMES, bold=True)
    write(figure, heads, _WIDTH - _QUERY_LEFT, top - _NAMES, size=9.0, color=FAINT, align="right")
    color = VERMILION if localization.found is False else INK
    write(figure, presence_in_words(localization), _LEFT, top - _WORDS, size=11.0, color=color)


def _draw_queries(figure: Figure, localization: Localization) -> None:
    """Puts the query images below each other, each with its box."""
    images = localization.images[:_QUERIES_SHOWN]
    top = figure.get_figheight() - _QUERY_TOP
    slot = (top - _BELOW + _QUERY_GAP) / len(images)
    for row, (image, box) in enumerate(zip(images, localization.boxes, strict=False)):
        side = slot - _QUERY_GAP
        axes = add_axes(figure, (_QUERY_LEFT, top - row * slot - side, _QUERY_ACROSS, side))
        draw_picture(axes, pixels_of(image))
        axes.set_anchor("NW")
        if box is not None:
            axes.add_patch(Rectangle(box[:2], box[2], box[3], fill=False, color=VERMILION, lw=2))


def _draw_strip(axes: Axes, localization: Localization) -> None:
    """Draws thumbnails over the timeline, pale outside the moments."""
    duration = localization.duration_seconds
    width, height = round(_ACROSS * DPI), round(_STRIP * DPI)
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
    axes.add_patch(Rectangle(corner, *size, fill=False, color=GREEN, lw=2.5, clip_on=False))


def _pale(axes: Axes, start_seconds: float, end_seconds: float) -> None:
    if start_seconds < end_seconds:
        axes.axvspan(start_seconds, end_seconds, color="white", alpha=0.6, linewidth=0)


def _shown(localization: Localization) -> tuple[Moment, ...]:
    return localization.moments[:MOMENTS_SHOWN]


def _bar_rows(localization: Localization, true: Segment | None) -> list[_BarRow]:
    """What the bars say: the moments, best first, then the annotation."""
    rows: list[_BarRow] = []
    for rank, moment in enumerate(_shown(localization), start=1):
        score = "" if moment.score is None else f"   score {format_score(moment.score)}"
        text = f"{rank}   {format_span(moment.segment)}{score}"
        rows.append((moment.segment, text, GREEN if rank == 1 else PALE_GREEN))
    hidden = len(localization.moments) - len(rows)
    if hidden > 0:
        segment, text, color = rows[-1]
        rows[-1] = (segment, f"{text}   (and {hidden} more)", color)
    if true is not None:
        found = localization.best
        overlap = 0.0 if found is None else true.iou(found)
        rows.append((true, f"true   {format_span(true)}   IoU {overlap:.2f}", FAINT))
    return rows


def _draw_bars(axes: Axes, rows: list[_BarRow], duration: float) -> None:
    """Draws one bar a segment, each with its times beside it."""
    for row, (segment, text, color) in enumerate(rows):
        length = segment.duration_seconds
        axes.barh(-row, length, left=segment.start_seconds, height=0.62, color=color)
        inside = INK if color == PALE_GREEN else "white"
        _label_bar(axes, segment, -row, text, duration, inside=inside)
    axes.set_ylim(-max(1, len(rows)) + 0.5, 0.5)
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
        color=INK,
        fontsize=10,
    )
