from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from localizations import make_localization
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image

from stillseek.errors import UsageError
from stillseek.localize import filmstrip, plot
from stillseek.localize.localization import Localization, Similarity
from stillseek.localize.plot import draw_localization, plot_localization
from stillseek.timeline import Moment, Segment

VALUES = np.array([0.1, 0.2, 0.7, 0.95, 0.6, 0.3, 0.125, 0.4, 0.05])


@pytest.fixture
def found(write_clip: Callable[..., Path], write_picture: Callable[..., Path]) -> Localization:
    return make_localization(
        video=write_clip(),
        images=(write_picture(),),
        boxes=((5, 7, 31, 23),),
        recipe="pocket",
        model="sail:pocket",
        presence=0.95,
        threshold=0.625,
        similarity=Similarity(times_seconds=np.arange(9) + 0.5, values=VALUES, threshold=0.625),
    )


def texts(figure: Figure) -> list[str]:
    written = [*figure.texts, *(text for axes in figure.axes for text in axes.texts)]
    return [text.get_text() for text in written]


def spans(axes: Axes) -> list[tuple[float, float]]:
    return [(p.get_x(), p.get_x() + p.get_width()) for p in axes.patches]  # pyright: ignore[reportAttributeAccessIssue]


def test_plot_is_a_picture_of_the_promised_size(found: Localization, tmp_path: Path) -> None:
    plot_localization(found, tmp_path / "made" / "plot.png", true_segment=Segment(2.0, 6.0))

    with Image.open(tmp_path / "made" / "plot.png") as picture:
        width, height = picture.size
    several = replace(found, moments=(*found.moments, Moment(6.0, 7.0, 0.2)))
    plot_localization(several, tmp_path / "made" / "plot.png", true_segment=Segment(2.0, 6.0))
    with Image.open(tmp_path / "made" / "plot.png") as picture:
        # One row of bars more, 0.3 inches of 150 pixels.
        assert picture.size == (width, height + 45) == (1920, height + 45)


def test_first_panel_is_the_curve(found: Localization) -> None:
    panel = draw_localization(found).axes[0]

    curve, threshold = panel.lines
    # From the beginning to the end of the video.
    assert curve.get_xdata() == pytest.approx([0.0, *(np.arange(9) + 0.5), 9.0])
    assert curve.get_ydata() == pytest.approx([0.1, *VALUES, 0.05])
    assert list(threshold.get_ydata()) == [0.625, 0.625]
    assert (panel.get_xlim(), panel.get_ylim()) == ((0.0, 9.0), (0.0, 1.0))
    assert panel.xaxis.get_major_formatter()(7.0, 0) == "0:07"
    assert "in this video\nfrom 62%" in [text.get_text() for text in panel.texts]


def test_uncalibrated_curve_says_what_it_compares(found: Localization) -> None:
    why = "recipe pocket has no calibration; recipe lite has one"
    curve = Similarity(times_seconds=np.arange(9) + 0.5, values=VALUES, threshold=None)
    unsure = {"presence": None, "threshold": None, "uncalibrated": why, "similarity": curve}

    figure = draw_localization(replace(found, **unsure, moments=(Moment(2.0, 5.0, None),)))

    threshold = figure.axes[0].lines[1]
    assert list(threshold.get_ydata()) == [0.5, 0.5]
    assert "compares\ninside this\nvideo only" in texts(figure)
    assert {f"no probability: {why}", "1   0:02.0 to 0:05.0"} <= {*texts(figure)}


def test_a_curve_of_one_clip_spans_the_video(found: Localization) -> None:
    one = Similarity(times_seconds=np.array([4.5]), values=np.array([0.3]), threshold=0.625)

    curve = draw_localization(replace(found, similarity=one)).axes[0].lines[0]

    assert (list(curve.get_xdata()), list(curve.get_ydata())) == ([0, 4.5, 9], [0.3, 0.3, 0.3])


def test_moments_are_shaded_and_ranked(found: Localization) -> None:
    moments = (Moment(2.0, 5.0, 0.5), Moment(6.0, 8.5, 0.25))

    panel = draw_localization(replace(found, moments=moments)).axes[0]

    # The best one lies over the other, and there is no truth.
    assert spans(panel) == [(6.0, 8.5), (2.0, 5.0)]
    ranks = {t.get_text(): t.xy[0] for t in panel.texts if t.get_text().isdigit()}  # pyright: ignore[reportAttributeAccessIssue]
    assert ranks == {"1": 3.5, "2": 7.25}


def test_truth_is_marked_in_the_curve(found: Localization) -> None:
    panel = draw_localization(found, true_segment=Segment(2.5, 6.0)).axes[0]

    assert (2.5, 6.0) in spans(panel)
    assert [line.get_xdata()[0] for line in panel.lines[2:]] == [2.5, 6.0]


def test_words_say_presence(found: Localization) -> None:
    absent = replace(found, presence=0.125)

    assert {"in this video with probability 95%", "match.mp4"} <= {*texts(draw_localization(found))}
    (text,) = [t for t in draw_localization(absent).texts if "probably" in t.get_text()]
    assert text.get_text() == "probably not in this video (12%)"
    assert to_hex(text.get_color()) == "#d55e00"


def test_without_similarity_the_first_panel_has_the_distributions(found: Localization) -> None:
    panel = draw_localization(replace(found, similarity=None)).axes[0]

    labels = panel.get_legend_handles_labels()[1]
    assert labels == ["start", "end"]
    assert not panel.lines


def test_plot_shows_every_moment_in_its_own_row(found: Localization) -> None:
    several = replace(
        found, moments=(Moment(2.0, 5.0, 0.5), Moment(4.0, 8.5, 0.25), Moment(0.5, 1.0, 0.125))
    )

    figure = draw_localization(several, true_segment=Segment(2.0, 6.0))

    written = [text for text in texts(figure) if "score" in text or "IoU" in text]
    assert written == [
        "1   0:02.0 to 0:05.0   score 50%",
        "2   0:04.0 to 0:08.5   score 25%",
        "3   0:00.5 to 0:01.0   score 12%",
        "true   0:02.0 to 0:06.0   IoU 0.75",
    ]
    strip = figure.axes[1]
    pale = [patch for patch in strip.patches if patch.get_alpha() == 0.6]
    # Before the third moment, between the third and the first, after the second.
    assert [(p.get_x(), p.get_x() + p.get_width()) for p in pale] == [(0, 0.5), (1, 2), (8.5, 9)]  # pyright: ignore[reportAttributeAccessIssue]
    assert len(strip.patches) - len(pale) == 1  # the best one's frame


def test_plot_counts_the_moments_beyond_ten(found: Localization) -> None:
    moments = tuple(Moment(k / 2, k / 2 + 0.5, 0.5 / (k + 1)) for k in range(13))

    written = texts(draw_localization(replace(found, moments=moments)))

    assert sum("score" in text for text in written) == 10
    assert any(text.endswith("(and 3 more)") for text in written)


def test_plot_without_a_moment_still_shows_the_curve(found: Localization) -> None:
    figure = draw_localization(replace(found, moments=()))

    assert not any("score" in text for text in texts(figure))
    assert len(figure.axes[0].lines) == 2
    assert not figure.axes[0].patches


def test_plot_shows_three_queries_and_counts_the_others(found: Localization) -> None:
    images, boxes = found.images * 5, found.boxes * 5

    figure = draw_localization(replace(found, images=images, boxes=boxes))

    assert "query (and 2 more)" in texts(figure)
    assert len(figure.axes) == 3 + 3


def test_a_plot_of_every_format_is_known_as_own(
    found: Localization, tmp_path: Path, monkeypatch
) -> None:
    figure, small = draw_localization(found), Figure(figsize=(1, 1))
    for suffix in (".png", ".jpg", ".jpeg", ".webp", ".svg", ".pdf"):
        path = tmp_path / f"p{suffix}"
        for drawn in (figure, small):
            monkeypatch.setattr(plot, "draw_localization", lambda *_, drawn=drawn, **__: drawn)
            plot_localization(found, path)
        path.write_bytes(b"mine")
        with pytest.raises(UsageError, match="stillseek did not write it"):
            plot_localization(found, path)
    with pytest.raises(
        UsageError, match=r"plot\.doc has a name of .*; it must end in \.png, \.jpg"
    ):
        plot_localization(found, Path("plot.doc"))


def test_filmstrip_shows_each_time_in_its_place(write_clip: Callable[..., Path]) -> None:
    strip = filmstrip.filmstrip(write_clip(), 9.0, width=400, height=100)

    assert strip.shape == (100, 400, 3)
    # Four thumbnails, from seconds 1.125, 3.375, 5.625 and 7.875; blue is 23 a second.
    for slot, second in enumerate((1, 3, 5, 7)):
        blue = strip[:, slot * 100 + 10 : slot * 100 + 80, 2].mean()
        # Chroma is stored at half resolution and 8 bits: a few grey levels are lost.
        assert blue == pytest.approx(23 * second, abs=8)


def test_thumbnails_of_upright_frames_are_their_middles(monkeypatch) -> None:
    frame = np.zeros((640, 360, 3), dtype=np.uint8)
    frame[3:-3] = 200
    monkeypatch.setattr(filmstrip, "frames_at", lambda _, times: [frame] * len(times))

    strip = filmstrip.filmstrip(Path("v.mp4"), 9.0, width=404, height=172)

    # Four of 98 pixels, the last of 101, and white between them; the filter sees a little of what
    # is cut: 8 of 256 grey levels at the edge.
    gaps = [slot * 101 + pixel for slot in range(3) for pixel in (98, 99, 100)]
    assert (strip[:, gaps] == 255).all()
    assert strip.min() >= 192
