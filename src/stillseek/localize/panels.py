"""What figures of a result are made of: panels over time, pictures with boxes, texts."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MultipleLocator

from stillseek.localize.localization import Localization, Similarity, format_score, format_time
from stillseek.media.lettering import lettering
from stillseek.timeline import Moment, Segment

DPI = 150
MOMENTS_SHOWN = 10
UNCALIBRATED_THRESHOLD = 0.5
"""Value of an uncalibrated curve from which a clip is like the query (see `Similarity`)."""

# Okabe and Ito's palette: told apart by colour-blind readers too.
BLUE, VERMILION, GREEN, INK, FAINT = "#0072B2", "#D55E00", "#009E73", "#222222", "#737373"
PALE_GREEN = "#8FD3BE"
"""For all moments but the best."""

Place = tuple[float, float, float, float]
"""Left, bottom, width, height in inches, from the lower left corner of a figure."""

_TICK_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
_MAX_TICKS = 12
_LONGEST_NAME = 60


def add_axes(figure: Figure, place: Place, *, sharex: Axes | None = None) -> Axes:
    """Axes at a place in inches."""
    (left, bottom, width, height), (all_width, all_height) = place, figure.get_size_inches()
    corner = left / all_width, bottom / all_height
    return figure.add_axes((*corner, width / all_width, height / all_height), sharex=sharex)


def write(
    figure: Figure,
    text: str,
    left: float,
    bottom: float,
    *,
    size: float = 12.0,
    color: str = INK,
    bold: bool = False,
    align: str = "left",
) -> None:
    """Writes a line at a place in inches; names of files come as they are."""
    drawn, families = lettering(text)
    all_width, all_height = figure.get_size_inches()
    figure.text(
        left / all_width,
        bottom / all_height,
        drawn,
        fontfamily=families,
        parse_math=False,
        ha=align,
        color=color,
        fontsize=size,
        fontweight="bold" if bold else "normal",
    )


def shortened(name: str, longest: int = _LONGEST_NAME) -> str:
    """A name with its middle left out where it would run into what stands beside it."""
    if len(name) <= longest:
        return name
    half = longest // 2
    return f"{name[: half - 1]}\u2026{name[-half:]}"


def draw_picture(axes: Axes, pixels: UInt8[np.ndarray, "height width 3"]) -> None:
    """Shows a picture without distortion, in a thin frame."""
    axes.imshow(pixels, interpolation="antialiased")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_color(FAINT)


def curve_points(
    similarity: Similarity, duration_seconds: float
) -> tuple[Sequence[float], Sequence[float]]:
    """The curve from the beginning to the end of the video, also of one clip."""
    values = similarity.values
    times = np.concatenate(([0.0], similarity.times_seconds, [duration_seconds]))
    return times.tolist(), np.concatenate((values[:1], values, values[-1:])).tolist()


def draw_curve(
    axes: Axes,
    similarity: Similarity,
    *,
    duration_seconds: float,
    moments: Sequence[Moment],
    true_segment: Segment | None,
) -> None:
    """Draws similarity over time with its threshold, the moments by rank, and the truth."""
    times, values = curve_points(similarity, duration_seconds)
    axes.fill_between(times, values, color=BLUE, alpha=0.18, linewidth=0)
    axes.plot(times, values, color=BLUE, linewidth=1.6, label="similarity")
    threshold = similarity.threshold
    level = UNCALIBRATED_THRESHOLD if threshold is None else threshold
    axes.axhline(level, color=INK, linewidth=1, linestyle=(0, (4, 3)), label="threshold")
    says = f"in this video\nfrom {format_score(threshold)}"
    axes.annotate(
        "compares\ninside this\nvideo only" if threshold is None else says,
        (1, level),
        xycoords=axes.get_yaxis_transform(),
        xytext=(6, 0),
        textcoords="offset points",
        va="center",
        color=INK,
        fontsize=8.5,
        annotation_clip=False,
    )
    shade_moments(axes, moments)
    if true_segment is not None:
        mark_truth(axes, true_segment, "true")
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 0.5, 1])
    axes.set_ylabel("similarity", color=INK)
    draw_time_axis(axes, duration_seconds)


def shade_moments(axes: Axes, moments: Sequence[Moment]) -> None:
    """Shades moments, and writes the rank of each above it."""
    # The best one last, so that it is not hidden.
    for rank, moment in reversed(list(enumerate(moments, start=1))):
        best = rank == 1
        axes.axvspan(
            moment.start_seconds,
            moment.end_seconds,
            color=GREEN if best else PALE_GREEN,
            alpha=0.3,
            linewidth=0,
        )
        axes.annotate(
            f"{rank}",
            ((moment.start_seconds + moment.end_seconds) / 2, 1),
            xycoords=axes.get_xaxis_transform(),
            xytext=(0, 2),
            textcoords="offset points",
            ha="center",
            va="bottom",
            color=GREEN if best else FAINT,
            fontsize=10,
            fontweight="bold" if best else "normal",
            annotation_clip=False,
        )


def mark_truth(axes: Axes, true: Segment, label: str) -> None:
    """Marks the annotated segment."""
    for seconds in (true.start_seconds, true.end_seconds):
        axes.axvline(seconds, color=INK, linewidth=1.2, linestyle=":")
    ends = true.start_seconds, true.end_seconds
    axes.axvspan(*ends, ymax=0.06, color=FAINT, linewidth=0, label=label)


def draw_boundaries(axes: Axes, localization: Localization) -> None:
    """Draws the start and end distributions over the steps of the model."""
    duration = localization.duration_seconds
    edges = [step.start_seconds for step in localization.steps] + [duration]
    for name, chances, color in (
        ("start", localization.start_probabilities, BLUE),
        ("end", localization.end_probabilities, VERMILION),
    ):
        axes.stairs(chances, edges, fill=True, color=color, alpha=0.3, linewidth=0)
        axes.stairs(chances, edges, color=color, linewidth=1.6, label=name)
    axes.set_ylim(bottom=0)
    look = "probability,\nfrom afar" if localization.looked_closer else "probability"
    axes.set_ylabel(look, color=INK)
    axes.legend(frameon=False, ncols=2, loc="best", borderaxespad=0.2)
    draw_time_axis(axes, duration)


def draw_time_axis(axes: Axes, duration_seconds: float) -> None:
    """Minutes and seconds along the whole video."""
    axes.set_xlim(0, duration_seconds)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK)
    axes.xaxis.set_major_locator(MultipleLocator(tick_seconds(duration_seconds)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: format_time(max(0.0, seconds))))


def tick_seconds(duration_seconds: float, max_ticks: int = _MAX_TICKS) -> float:
    """The finest round interval that gives a readable number of ticks."""
    readable = (float(step) for step in _TICK_SECONDS if duration_seconds / step <= max_ticks)
    return next(readable, duration_seconds / max_ticks)
