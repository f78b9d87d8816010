"""A picture of an explanation: what of the query is seen where, and where the moment begins."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import Normal, Stroke

from stillseek.errors import MediaError
from stillseek.files import FIGURE_SUFFIXES
from stillseek.localize.arguments import check_type, checked_output
from stillseek.localize.explanation import Explanation, FrameMatch, PixelBox
from stillseek.localize.localization import (
    Localization,
    format_score,
    format_span,
    format_time,
    presence_in_words,
)
from stillseek.localize.panels import (
    BLUE,
    DPI,
    FAINT,
    GREEN,
    INK,
    VERMILION,
    add_axes,
    draw_boundaries,
    draw_picture,
    shade_moments,
    shortened,
    write,
)
from stillseek.localize.query_image import pixels_of
from stillseek.media import frames_at
from stillseek.media.picture_files import save_figure
from stillseek.outputs import Output

# Inches: places from the lower left corner. Columns have the width of three, however many there
# are, so that pictures of short moments do not grow.
_WIDTH, _HEIGHT, _COLUMNS = 12.8, 9.3, 3
_MARGIN, _GAP, _PICTURE = 0.2, 0.2, 2.75
_FRAME_BOTTOM, _QUERY_BOTTOM = 2.35, 5.55
_CHANCES = (0.95, 0.4, 11.65, 1.3)
_TITLE, _WORDS, _CHANCES_TITLE = 8.98, 8.7, 1.95

# By rank: the pair of one colour in both pictures belongs together.
_COLORS = (VERMILION, BLUE, GREEN)


def plot_explanation(
    explanation: Explanation, path: Path | str, *, overwrite: bool = False
) -> None:
    """Draws an explanation to a file.

    Args:
        explanation: What `Localizer.explain` gave; video and images are read again.
        path: Where to; the suffix chooses the format (one of `FIGURE_SUFFIXES`).
        overwrite: Whether a file that stillseek did not write may be replaced.

    Raises:
        UsageError: An argument is of the wrong type;
            the suffix is not one of `FIGURE_SUFFIXES`, the file is the video or an image,
            or it exists and may not be replaced.
        MediaError: The video or an image can no longer be read, or no frame shows anything.
        OSError: The file can't be written.
    """
    check_type("explanation", explanation, Explanation, "an Explanation, such as explain returns")
    path = checked_output(
        path,
        lambda place: Output(name="explanation", path=place, suffixes=FIGURE_SUFFIXES),
        inputs=explanation.localization.files,
        overwrite=overwrite,
    )
    if not explanation.frames:
        raise MediaError(
            f"{explanation.localization.video} shows nothing to explain: the frames most like the "
            "picture are of one colour; give a video that shows something"
        )
    save_figure(draw_explanation(explanation), path, dpi=DPI)


def draw_explanation(explanation: Explanation) -> Figure:
    """The figure that `plot_explanation` saves.

    Above each frame is the query image; regions that match have one letter and colour in both.
    The last panel has the start and end distributions and the times of the frames.

    Raises:
        MediaError: The video or an image can no longer be read.
    """
    found = explanation.localization
    figure = Figure(figsize=(_WIDTH, _HEIGHT))
    _write_titles(figure, found)
    pictures = frames_at(found.video, [frame.seconds for frame in explanation.frames])
    side = (_WIDTH - 2 * _MARGIN - (_COLUMNS - 1) * _GAP) / _COLUMNS
    for column, (frame, pixels) in enumerate(zip(explanation.frames, pictures, strict=True)):
        left = _MARGIN + column * (side + _GAP)
        query = add_axes(figure, (left, _QUERY_BOTTOM, side, _PICTURE))
        draw_picture(query, pixels_of(found.images[frame.image]))
        seen = add_axes(figure, (left, _FRAME_BOTTOM, side, _PICTURE))
        draw_picture(seen, pixels)
        _mark_pairs(query, seen, frame)
        number = f" {frame.image + 1}" if len(found.images) > 1 else ""
        query.set_title(f"query{number}", loc="left", fontsize=10, color=FAINT, pad=3)
        says = f"{format_time(frame.seconds, decimals=1)}   similarity {frame.similarity:.2f}"
        seen.set_title(says, loc="left", fontsize=10, color=INK, pad=3)
    _draw_chances(figure, explanation)
    return figure


def _write_titles(figure: Figure, found: Localization) -> None:
    what = "the frames most like the query"
    if found.moments:
        best = found.moments[0]
        score = "" if best.score is None else f", score {format_score(best.score)}"
        what += f" in {format_span(best.segment)}{score}"
    heads = f"model {found.model}, recipe {found.recipe}"
    write(figure, shortened(found.video.name), _MARGIN, _TITLE, bold=True)
    write(figure, heads, _WIDTH - _MARGIN, _TITLE, size=9.0, color=FAINT, align="right")
    write(figure, f"{presence_in_words(found)}; {what}", _MARGIN, _WORDS, size=11.0)
    says = "where the moment starts and ends"
    write(figure, says, _MARGIN, _CHANCES_TITLE, size=10.0, color=FAINT)


def _mark_pairs(query: Axes, seen: Axes, frame: FrameMatch) -> None:
    query.set_anchor("NW")
    seen.set_anchor("NW")
    # The best one last: it lies over the others.
    for rank, pair in reversed(list(enumerate(frame.pairs))):
        letter, color = chr(ord("A") + rank), _COLORS[rank]
        _mark(query, pair.query_box, letter, color)
        _mark(seen, pair.frame_box, f"{letter}  {pair.similarity:.2f}", color)


def _mark(axes: Axes, box: PixelBox, text: str, color: str) -> None:
    left, top, width, height = box
    axes.add_patch(
        Rectangle(
            (left, top),
            width,
            height,
            fill=False,
            edgecolor=color,
            linewidth=2.2,
            # Seen on any picture.
            path_effects=[Stroke(linewidth=4, foreground="white"), Normal()],
        )
    )
    axes.annotate(
        text,
        (left, top),
        xytext=(4, -4),
        textcoords="offset points",
        ha="left",
        va="top",
        fontsize=9.5,
        fontweight="bold",
        color="white",
        bbox={"boxstyle": "square,pad=0.2", "facecolor": color, "edgecolor": "white"},
    )


def _draw_chances(figure: Figure, explanation: Explanation) -> None:
    axes = add_axes(figure, _CHANCES)
    draw_boundaries(axes, explanation.localization)
    shade_moments(axes, explanation.localization.moments[:1])
    for frame in explanation.frames:
        axes.axvline(frame.seconds, color=INK, linewidth=1, linestyle=":")
