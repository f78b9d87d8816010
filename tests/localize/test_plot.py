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
    check_plot_path,
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


def test_unknown_suffix_is_refused_before_any_work() -> None:
    with pytest.raises(
        UsageError, match=r"plot\.doc: its name must end in one of \.png, \.jpg, \.svg, \.pdf"
    ):
        check_plot_path(Path("plot.doc"))


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
