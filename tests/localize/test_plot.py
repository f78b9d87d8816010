from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from stillseek.errors import UsageError
from stillseek.localize.localization import Localization
from stillseek.localize.plot import (
    cover,
    draw_localization,
    filmstrip,
    plot_localization,
)
from stillseek.timeline import Moment, Segment


@pytest.fixture
def found(write_clip: Callable[..., Path], write_picture: Callable[..., Path]) -> Localization:
    return Localization(
        video=write_clip(),
        images=(write_picture(),),
        boxes=((5, 7, 31, 23),),
        recipe="pocket",
        fingerprint="f" * 64,
        model="sail:pocket",
        duration_seconds=9.0,
        presence=None,
        moments=(Moment(2.0, 5.0, 0.5),),
        steps=tuple(Segment(float(k), k + 1.0) for k in range(9)),
        start_probabilities=np.eye(9)[2],
        end_probabilities=np.eye(9)[4],
    )


def texts(figure: Figure) -> list[str]:
    written = [*figure.texts, *(text for axes in figure.axes for text in axes.texts)]
    return [text.get_text() for text in written]


def test_plot_is_a_picture_of_the_promised_size(found: Localization, tmp_path: Path) -> None:
    plot_localization(found, tmp_path / "made" / "plot.png", true_segment=Segment(2.0, 6.0))

    with Image.open(tmp_path / "made" / "plot.png") as picture:
        assert picture.size == (1920, 735)


def test_plot_says_what_was_found_and_what_is_true(found: Localization) -> None:
    figure = draw_localization(found, true_segment=Segment(2.0, 6.0))

    assert "found  0:02.0 to 0:05.0   score 0.5" in texts(figure)
    assert "true  0:02.0 to 0:06.0   IoU 0.75" in texts(figure)
    assert "match.mp4" in texts(figure)


def test_plot_shows_every_moment_in_its_own_row(found: Localization, tmp_path: Path) -> None:
    several = replace(
        found,
        moments=(Moment(2.0, 5.0, 0.5), Moment(4.0, 8.5, 0.25), Moment(0.5, 1.0, 0.125)),
    )

    figure = draw_localization(several, true_segment=Segment(2.0, 6.0))

    written = [text for text in texts(figure) if "score" in text or "IoU" in text]
    assert written == [
        "found  0:02.0 to 0:05.0   score 0.5",
        "2  0:04.0 to 0:08.5   score 0.25",
        "3  0:00.5 to 0:01.0   score 0.12",
        "true  0:02.0 to 0:06.0   IoU 0.75",
    ]
    strip = figure.axes[2]
    pale = [patch for patch in strip.patches if patch.get_alpha() == 0.6]
    # Before the third moment, between the third and the first, after the second.
    assert [(p.get_x(), p.get_x() + p.get_width()) for p in pale] == [(0, 0.5), (1, 2), (8.5, 9)]
    assert len(strip.patches) - len(pale) == 1  # the best one's frame
    plot_localization(several, tmp_path / "plot.png", true_segment=Segment(2.0, 6.0))
    with Image.open(tmp_path / "plot.png") as picture:
        # Two rows more than the picture of one moment has room for, of 0.3 inches each.
        assert picture.size == (1920, 735 + 90)


def test_plot_counts_the_moments_beyond_ten(found: Localization) -> None:
    moments = tuple(Moment(k / 2, k / 2 + 0.5, 0.5 / (k + 1)) for k in range(13))

    written = texts(draw_localization(replace(found, moments=moments)))

    assert sum("score" in text for text in written) == 10
    assert any(text.endswith("(and 3 more)") for text in written)


def test_plot_without_a_moment_still_shows_the_distributions(found: Localization) -> None:
    figure = draw_localization(replace(found, moments=()))

    assert not any("found" in text for text in texts(figure))
    assert len(figure.axes[0].patches) == 4  # two distributions, each filled and outlined


def test_plot_shows_three_queries_and_counts_the_others(found: Localization) -> None:
    images, boxes = found.images * 5, found.boxes * 5

    figure = draw_localization(replace(found, images=images, boxes=boxes))

    assert "query (and 2 more)" in texts(figure)
    assert len(figure.axes) == 3 + 3


def test_time_axis_reads_minutes_and_seconds(found: Localization) -> None:
    chances = draw_localization(found).axes[0]

    assert chances.xaxis.get_major_formatter()(7.0, 0) == "0:07"
    assert chances.get_xlim() == (0.0, 9.0)


def test_unknown_suffix_is_refused_before_any_work(found: Localization) -> None:
    with pytest.raises(
        UsageError, match=r"plot\.doc has a name of another format; it must end in \.png, \.jpg"
    ):
        plot_localization(found, Path("plot.doc"))


def test_filmstrip_shows_each_time_in_its_place(write_clip: Callable[..., Path]) -> None:
    strip = filmstrip(write_clip(), 9.0, width=400, height=100)

    assert strip.shape == (100, 400, 3)
    # Four thumbnails, from seconds 1.125, 3.375, 5.625 and 7.875; blue is 23 a second.
    for slot, second in enumerate((1, 3, 5, 7)):
        blue = strip[:, slot * 100 + 10 : slot * 100 + 80, 2].mean()
        # Chroma is stored at half resolution and 8 bits: a few grey levels are lost.
        assert blue == pytest.approx(23 * second, abs=8)


def test_cover_fills_the_size_and_keeps_the_middle() -> None:
    frame = np.zeros((10, 30, 3), dtype=np.uint8)
    frame[:, 10:20] = 200

    covered = cover(frame, width=7, height=7)

    assert covered.shape == (7, 7, 3)
    # The filter sees a little of what is cut: 8 of 256 grey levels at the edge.
    assert covered.min() >= 192
