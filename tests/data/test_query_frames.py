from pathlib import Path

import pytest
from fake_features import BlueRecipe
from samples import make_activity

from stillseek.data.query_frames import ChosenFrames, TypicalFrames, middle_of
from stillseek.data.windows import Window
from stillseek.errors import DatasetError
from stillseek.timeline import Segment


def window(start: float = 10.0, end: float = 21.0, video_id: str = "v") -> Window:
    activity = make_activity(start, end)
    return Window(video_id=video_id, span=Segment(0.0, 100.0), activity=activity)


def test_middle() -> None:
    assert middle_of(window(10.0, 21.0)) == 15.5


def test_chosen_frames_stand_for_the_activity_that_holds_them(tmp_path: Path) -> None:
    path = tmp_path / "chosen.csv"
    path.write_text("seconds,video,why\n12.5,v,sharp\n3,w,\n")
    choice = ChosenFrames(path, middle_of)
    choice.check([window(), window(1.0, 4.0, "w")])

    assert choice(window()) == 12.5
    assert choice(window(50.0, 60.0)) == 55.0
    assert choice(window(1.0, 4.0, "w")) == 3.0
    # The end of an activity is not in it.
    assert choice(window(2.0, 3.0, "w")) == 2.5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "seconds is missing"),
        ("video,time\nv,3\n", "seconds is missing"),
        ("video,seconds\nv,soon\n", "line 2: seconds must be a time, got 'soon'"),
        ("video,seconds\nv,3\nv,-1\n", "line 3: seconds must be a time, got '-1'"),
        ("video,seconds\nv,nan\n", "line 2: seconds must be a time"),
        ("video,seconds\nv\n", "line 2: seconds must be a time, got None"),
    ],
)
def test_broken_choices_are_refused(tmp_path: Path, text, message) -> None:
    path = tmp_path / "chosen.csv"
    path.write_text(text)

    with pytest.raises(DatasetError, match=f"chosen.csv.*{message}"):
        ChosenFrames(path, middle_of)


def test_a_choice_outside_every_activity_and_a_second_one_in_one_are_refused(
    tmp_path: Path,
) -> None:
    path = tmp_path / "chosen.csv"
    path.write_text("video,seconds\nv,12\nv,21\n")

    with pytest.raises(DatasetError, match=r"line 3: 21\.0 s lies in no activity of video 'v'"):
        ChosenFrames(path, middle_of).check([window()])
    path.write_text("video,seconds\nv_x,12\nx,13\n")

    with pytest.raises(DatasetError, match=r"line 3: line 2 chose a frame of the same activity"):
        ChosenFrames(path, middle_of).check([window(video_id="v_x")])


def test_a_typical_frame_is_nearest_to_the_mean_and_is_remembered(
    write_clip, tmp_path: Path
) -> None:
    path, cache, recipe = write_clip(seconds=8.0, rate=4), tmp_path / "c.jsonl", BlueRecipe()
    choice = TypicalFrames(recipe, lambda name: path, cache)
    found = choice(window(0.0, 8.0))

    # Blue grows evenly with time, so its mean is that of the middle.
    assert found == pytest.approx(4.0, abs=0.8)
    assert (choice(window(0.0, 8.0)), recipe.seen) == (found, 16)
    # A line that was cut off is made again; whole ones are not.
    cache.write_text(cache.read_text() + '{"video": "v", "st')
    again = TypicalFrames(recipe, lambda name: path, cache)
    assert (again(window(0.0, 8.0)), recipe.seen) == (found, 16)
    again(window(1.0, 2.0))
    assert TypicalFrames(recipe, lambda name: path, cache)(window(1.0, 2.0)) < 2.0
    assert recipe.seen == 32


def test_a_video_that_is_not_the_annotated_one_is_named(write_clip, tmp_path: Path) -> None:
    path = write_clip(seconds=2.0, rate=4)
    choice = TypicalFrames(BlueRecipe(), lambda name: path, tmp_path / "c.jsonl")

    with pytest.raises(DatasetError, match=r"ends at 2\.0 s, before the activity at 10\.0 s"):
        choice(window())


def test_a_cache_of_something_else_is_refused(tmp_path: Path) -> None:
    cache = tmp_path / "c.jsonl"
    cache.write_text('{"video": "v"}\n')

    with pytest.raises(DatasetError, match=r"c\.jsonl, line 1: missing key `start`"):
        TypicalFrames(BlueRecipe(), Path, cache)
