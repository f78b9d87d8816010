from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from localizations import make_localization
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from PIL import Image

from stillseek.errors import MediaError, UsageError
from stillseek.localize.explanation import Explanation, FrameMatch, PixelBox, RegionPair
from stillseek.localize.plot_explanation import draw_explanation, plot_explanation
from stillseek.timeline import Moment

PAIRS = (
    RegionPair(
        query_box=(0.0, 0.0, 30.0, 20.0), frame_box=(40.0, 24.0, 40.0, 24.0), similarity=0.9
    ),
    RegionPair(
        query_box=(30.0, 20.0, 30.0, 20.0), frame_box=(0.0, 0.0, 40.0, 24.0), similarity=0.4
    ),
)


@pytest.fixture
def explanation(write_clip: Callable[..., Path], write_picture: Callable[..., Path]) -> Explanation:
    found = make_localization(
        video=write_clip(),
        images=(write_picture("first.png"), write_picture("second.png", seed=3)),
        model="matching:lite",
        moments=(Moment(2.0, 5.0, 0.5), Moment(7.0, 8.0, 0.25)),
        centre=np.zeros(128, np.float32),
    )
    return Explanation(
        localization=found,
        frames=(
            FrameMatch(seconds=2.5, similarity=0.7, image=1, pairs=PAIRS),
            FrameMatch(seconds=4.0, similarity=0.6, image=0, pairs=PAIRS[:1]),
        ),
    )


def boxes(axes: Axes) -> dict[tuple[float, ...], PixelBox]:
    return {
        patch.get_edgecolor(): (*patch.get_xy(), patch.get_width(), patch.get_height())
        for patch in axes.patches
        if isinstance(patch, Rectangle)
    }


def letters(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_pairs_have_one_colour_and_letter_in_both_pictures(explanation: Explanation) -> None:
    query, seen, *_ = draw_explanation(explanation).axes

    of_query, of_frame = boxes(query), boxes(seen)
    assert of_query.keys() == of_frame.keys()
    assert len(of_query) == 2
    drawn = [(of_query[color], of_frame[color]) for color in of_query]
    # The best one last, over the other.
    assert drawn == [(pair.query_box, pair.frame_box) for pair in reversed(PAIRS)]
    assert letters(query) == ["B", "A"]
    assert letters(seen) == ["B  0.40", "A  0.90"]


def test_no_picture_is_drawn_of_nothing(explanation: Explanation, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"match\.mp4 shows nothing to explain: the frames most"):
        plot_explanation(replace(explanation, frames=()), tmp_path / "e.png")
    assert not (tmp_path / "e.png").exists()


def test_each_frame_stands_below_the_image_that_it_is_like(explanation: Explanation) -> None:
    figure = draw_explanation(explanation)

    first, seen, second, other, _ = figure.axes
    images = [np.asarray(Image.open(path)) for path in explanation.localization.files[1:]]
    np.testing.assert_array_equal(first.images[0].get_array(), images[1])
    np.testing.assert_array_equal(second.images[0].get_array(), images[0])
    # Blue is 23 a second in the clip: frames of 2.5 and 4.0 s.
    for axes, second_of_clip in ((seen, 2), (other, 4)):
        pixels = axes.images[0].get_array()
        assert pixels is not None
        assert pixels[:, 5:75, 2].mean() == pytest.approx(23 * second_of_clip, abs=8)
    assert first.get_title(loc="left") == "query 2"
    assert seen.get_title(loc="left") == "0:02.5   similarity 0.70"
    assert first.get_position().x0 == seen.get_position().x0 < second.get_position().x0
    assert first.get_position().y0 > seen.get_position().y1


def test_last_panel_has_the_distributions_and_the_frames(explanation: Explanation) -> None:
    figure = draw_explanation(explanation)

    panel = figure.axes[-1]
    assert panel.get_legend_handles_labels()[1] == ["start", "end"]
    # Each is filled, then outlined.
    _, start, _, end, *moments = panel.patches
    assert start.get_data().values == pytest.approx(np.eye(9)[2])  # pyright: ignore[reportAttributeAccessIssue]
    assert end.get_data().values == pytest.approx(np.eye(9)[4])  # pyright: ignore[reportAttributeAccessIssue]
    assert [line.get_xdata()[0] for line in panel.lines] == [2.5, 4.0]
    # The moment that is explained, and no other.
    assert [(m.get_x(), m.get_width()) for m in moments] == [(2.0, 3.0)]  # pyright: ignore[reportAttributeAccessIssue]
    assert "in this video with probability 88%; the frames most like the query in 0:02.0 to " in (
        " ".join(text.get_text() for text in figure.texts)
    )


def test_of_one_image_the_number_is_left_out(explanation: Explanation) -> None:
    found = replace(
        explanation.localization, images=explanation.localization.images[:1], boxes=(None,)
    )

    figure = draw_explanation(
        replace(explanation, localization=found, frames=explanation.frames[1:])
    )

    assert figure.axes[0].get_title(loc="left") == "query"


def test_it_is_written_whole_and_over_no_input(explanation: Explanation, tmp_path: Path) -> None:
    plot_explanation(explanation, tmp_path / "made" / "e.png")

    with Image.open(tmp_path / "made" / "e.png") as picture:
        assert picture.size == (1920, 1395)
    with pytest.raises(UsageError, match=r"explanation .*first\.png would overwrite the input"):
        plot_explanation(explanation, tmp_path / "first.png", overwrite=True)
    with pytest.raises(UsageError, match=r"e\.doc has a name of another format"):
        plot_explanation(explanation, tmp_path / "e.doc")
