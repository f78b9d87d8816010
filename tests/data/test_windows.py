import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import make_activity, make_video

from stillseek.data.annotations import AnnotatedVideo, RawActivity, clean
from stillseek.data.windows import Window, WindowFilter, split_video, split_videos
from stillseek.errors import UsageError
from stillseek.timeline import ClipGrid, Segment

KEEP = WindowFilter(min_seconds=5.0, max_seconds=20.0, max_coverage=0.5)


def video(*activities: tuple[float, float, str], seconds: float = 100.0) -> AnnotatedVideo:
    return make_video(*(make_activity(*each) for each in activities), seconds=seconds)


def spans(found: AnnotatedVideo) -> list[tuple[float, float, float, float]]:
    parts = [(window.span, window.segment) for window in split_video(found)]
    return [(a.start_seconds, a.end_seconds, b.start_seconds, b.end_seconds) for a, b in parts]


@pytest.mark.parametrize(
    ("activities", "windows"),
    [
        ([], []),
        ([(10.0, 20.0, "a")], [(0, 100, 10, 20)]),
        ([(0.0, 100.0, "a")], [(0, 100, 0, 100)]),
        # From the end of the one before to the start of the one after: idle time is shared.
        (
            [(10.0, 20.0, "a"), (50.0, 60.0, "a"), (70.0, 90.0, "a")],
            [(0, 50, 10, 20), (20, 70, 30, 40), (60, 100, 10, 30)],
        ),
        # Overlapping activities of one label are one.
        ([(10.0, 20.0, "a"), (15.0, 30.0, "a")], [(0, 100, 10, 30)]),
        # They touch: each is cut off right at the other.
        ([(10.0, 20.0, "a"), (20.0, 30.0, "a")], [(0, 20, 10, 20), (20, 100, 0, 10)]),
        # Another label ends a window, too; what overlaps has none.
        ([(10.0, 20.0, "a"), (30.0, 40.0, "b")], [(0, 30, 10, 20), (20, 100, 10, 20)]),
        ([(10.0, 20.0, "a"), (15.0, 40.0, "b"), (50.0, 60.0, "a")], [(40, 100, 10, 20)]),
        # Shorter than half a millisecond.
        ([(10.0, 10.0001, "a")], [(0, 100, 10, 10.001)]),
    ],
)
def test_windows_by_hand(activities, windows) -> None:
    assert spans(video(*activities)) == windows


def test_times_are_rounded_to_milliseconds() -> None:
    assert spans(video((1.23456, 7.89, "a"), seconds=33.3333)) == [(0, 33.333, 1.235, 7.89)]
    # The end of the activity, rounded up, is after that of the video.
    assert spans(video((1.0, 33.33349, "a"), seconds=33.33349)) == [(0, 33.333, 1, 33.333)]


@pytest.mark.parametrize(
    ("segment", "span", "fault"),
    [
        ((0.0, 5.0), (0.0, 100.0), None),
        ((0.0, 4.999), (0.0, 100.0), "short"),
        ((0.0, 20.0), (0.0, 100.0), None),
        ((0.0, 20.001), (0.0, 100.0), "long"),
        ((0.0, 10.0), (0.0, 20.0), None),
        ((0.0, 10.0), (0.0, 19.99), "covering"),
    ],
)
def test_filter_by_hand(segment, span, fault) -> None:
    window = Window(video_id="v", span=Segment(*span), activity=make_activity(*segment))

    assert KEEP.fault(window) == fault


def test_what_is_left_out_is_counted() -> None:
    videos = [
        video((10.0, 20.0, "a"), (30.0, 32.0, "a")),
        video((0.0, 50.0, "a")),
        video((0.0, 10.0, "a"), seconds=11.0),
        video((10.0, 20.0, "a"), (30.0, 32.0, "b")),
    ]
    kept, counts = split_videos(videos, KEEP)

    assert [window.segment for window in kept] == [Segment(10.0, 20.0)]
    assert counts == {
        "videos": 4,
        "activities": 6,
        "videos of several labels": 1,
        "windows": 4,
        "windows left out: short": 1,
        "windows left out: long": 1,
        "windows left out: covering": 1,
        "windows kept": 1,
    }


@pytest.mark.parametrize(
    "values",
    [
        {"min_seconds": -1.0},
        {"min_seconds": 5.0, "max_seconds": 5.0},
        {"max_seconds": float("inf")},
        {"max_coverage": 0.0},
        {"max_coverage": 1.1},
    ],
)
def test_filters_that_nothing_passes_are_refused(values) -> None:
    with pytest.raises(UsageError, match=r"min_seconds|max_coverage"):
        WindowFilter(**values)


times = st.floats(0.0, 130.0)
lengths = st.floats(1.0, 120.0)
drawn_activities = st.lists(st.tuples(times, times, st.sampled_from("ab")), max_size=8)


def cleaned(seconds: float, drawn: list[tuple[float, float, str]]) -> AnnotatedVideo:
    raws = [RawActivity(start_seconds=a, end_seconds=b, label=label) for a, b, label in drawn]
    return clean([("v", seconds, raws)])[0][0]


@given(lengths, drawn_activities)
def test_every_window_holds_its_activity_and_no_other(seconds, drawn) -> None:
    found = cleaned(seconds, drawn)
    windows = split_video(found)

    for window in windows:
        segment = window.activity.segment
        assert window.span.start_seconds <= segment.start_seconds
        assert segment.end_seconds <= window.span.end_seconds
        assert window.segment.end_seconds <= window.duration_seconds + 0.001
        for other in found.activities:
            inside = other.segment.overlap_seconds(window.span)
            own = other.segment.overlap_seconds(segment)
            # What reaches into the window is the activity, or a part that was merged into it; a
            # millisecond is what rounding may move a boundary by.
            assert inside <= own + 0.0011
            assert own <= 0.0011 or other.label == window.activity.label
    for one in windows:
        for other in windows:
            assert one is other or one.activity.segment.overlap_seconds(other.activity.segment) == 0


@given(lengths, drawn_activities, st.floats(0.05, 3.0), st.floats(1.0, 3.0))
def test_window_to_clips_and_back_loses_at_most_one_clip(seconds, drawn, stride, overlap) -> None:
    for window in split_video(cleaned(seconds, drawn)):
        length = stride * overlap
        grid = ClipGrid(
            stride_seconds=stride, length_seconds=length, duration_seconds=window.duration_seconds
        )
        segment = window.segment
        if segment.start_seconds >= grid.duration_seconds:  # by a millisecond of rounding
            continue
        back = grid.segment(*grid.labels(segment))
        assert segment.start_seconds - stride - 0.002 <= back.start_seconds
        assert back.start_seconds <= segment.start_seconds + 1e-5
        assert back.end_seconds <= segment.end_seconds + length + 0.002
        assert back.end_seconds >= min(segment.end_seconds, grid.duration_seconds) - 1e-5
