import dataclasses
import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillseek.errors import UsageError
from stillseek.timeline import ClipGrid, Moment, Segment, clock_seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0:07", 7.0),
        ("61:02.5", 3662.5),
        ("1:59:02,5", 7142.5),
        ("1:60:02", None),
        ("0:60", None),
        ("12.5", None),
        ("1:2:3:4", None),
        ("-1:02", None),
    ],
)
def test_times_are_read_as_they_are_printed(text: str, seconds: float | None) -> None:
    assert clock_seconds(text) == seconds


def seconds(start: float, end: float) -> Segment:
    return Segment(float(start), float(end))


def spans(grid: ClipGrid) -> list[Segment]:
    return [grid.span(step) for step in range(grid.num_steps)]


def make_grid(
    duration: float,
    *,
    stride: float = 8.0,
    length: float = 16.0,
    steps: int | None = None,
    offset: float = 0.0,
) -> ClipGrid:
    return ClipGrid(
        stride_seconds=stride,
        length_seconds=length,
        duration_seconds=float(duration),
        max_steps=steps,
        offset_seconds=offset,
    )


@st.composite
def grids(draw: st.DrawFn) -> ClipGrid:
    stride = draw(st.floats(0.05, 10))
    return make_grid(
        stride * draw(st.floats(0.01, 313)),
        stride=stride,
        length=stride * draw(st.floats(1, 3)),
        steps=draw(st.none() | st.integers(1, 211)),
        offset=-stride * draw(st.just(0.0) | st.floats(0, 1, exclude_max=True)),
    )


@st.composite
def annotated_grids(draw: st.DrawFn) -> tuple[ClipGrid, Segment]:
    grid = draw(grids())
    start = draw(st.floats(0, 0.99)) * grid.duration_seconds
    end = start + draw(st.floats(0.01, 1)) * (grid.duration_seconds - start)
    return grid, Segment(start, end)


@pytest.mark.parametrize(
    ("start", "end"), [(3, 3), (5, 3), (-1, 3), (0, math.inf), (math.nan, 3), (0, math.nan)]
)
def test_segments_without_time_are_refused(start: float, end: float) -> None:
    with pytest.raises(UsageError, match="0 <= start < end"):
        seconds(start, end)


def test_iou_by_hand() -> None:
    whole, part, apart = seconds(0, 10), seconds(4, 8), seconds(10, 13)

    assert whole.iou(whole) == 1
    assert whole.iou(part) == part.iou(whole) == 0.4
    assert whole.overlap_seconds(apart) == whole.iou(apart) == 0
    assert seconds(0, 6).iou(seconds(4, 12)) == pytest.approx(2 / 12)


def test_a_moment_has_the_segment_of_its_times() -> None:
    assert Moment(3.0, 7.0, 0.5).segment == Segment(3.0, 7.0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("stride_seconds", 0.0),
        ("stride_seconds", 17.0),
        ("length_seconds", math.inf),
        ("duration_seconds", 0.0),
        ("duration_seconds", math.nan),
        ("max_steps", 0),
        ("offset_seconds", -8.0),
        ("offset_seconds", 0.5),
        ("offset_seconds", math.nan),
    ],
)
def test_grids_that_cannot_be_are_refused(field: str, value: float) -> None:
    with pytest.raises(UsageError, match=field.split("_")[0]):
        dataclasses.replace(make_grid(100.0, steps=5), **{field: value})


@pytest.mark.parametrize(
    ("duration", "num_clips"), [(0.5, 1), (8, 1), (8 + 1e-9, 1), (8.5, 2), (16, 2), (63, 8)]
)
def test_a_clip_starts_at_every_stride_before_the_end(duration: float, num_clips: int) -> None:
    assert make_grid(duration).num_clips == num_clips


def test_a_clip_has_the_time_until_the_next_one_and_the_last_is_cut() -> None:
    grid = make_grid(30.0)  # clips of 16 s, one every 8

    assert spans(grid) == [seconds(0, 8), seconds(8, 16), seconds(16, 24), seconds(24, 30)]


def test_a_step_covers_the_shares_of_its_clips() -> None:
    grid = make_grid(56.0, steps=3)  # 7 clips

    assert [list(grid.clips_of_step(step)) for step in range(3)] == [[0, 1], [2, 3], [4, 5, 6]]
    assert grid.span(1) == seconds(16, 32)
    assert grid.segment(0, 1) == seconds(0, 32)


def test_clips_of_a_window_start_before_it_and_are_cut() -> None:
    grid = make_grid(20.0, offset=-3.0)

    assert spans(grid) == [seconds(0, 5), seconds(5, 13), seconds(13, 20)]
    assert grid.labels(seconds(4, 13)) == (0, 1)
    assert grid.labels(seconds(5, 13.5)) == (1, 2)
    assert grid.segment_between(0.5, 1.5) == seconds(2.5, 9)


@pytest.mark.parametrize("step", [-1, 3])
def test_steps_outside_are_refused(step: int) -> None:
    with pytest.raises(IndexError, match="3 steps"):
        make_grid(56.0, steps=3).clips_of_step(step)


@pytest.mark.parametrize(
    ("start", "end", "labels"),
    [
        (0, 56, (0, 6)),
        (8, 16, (1, 1)),  # on the grid: nothing of the neighbours
        (7.9, 16.1, (0, 2)),
        (8 - 1e-9, 16 + 1e-9, (1, 1)),  # float noise on a grid line
        (9, 10, (1, 1)),
        (55.5, 56, (6, 6)),
        (50, 99, (6, 6)),  # an annotation may end after the video
    ],
)
def test_labels_by_hand(start: float, end: float, labels: tuple[int, int]) -> None:
    assert make_grid(56.0).labels(seconds(start, end)) == labels


def test_labels_of_pooled_steps() -> None:
    assert make_grid(56.0, steps=3).labels(seconds(17, 33)) == (1, 2)


def test_segments_after_the_end_are_refused() -> None:
    with pytest.raises(UsageError, match="after the video ends at 56"):
        make_grid(56.0).labels(seconds(56, 57))


@given(grids())
def test_every_clip_is_in_exactly_one_step(grid: ClipGrid) -> None:
    clips = [clip for step in range(grid.num_steps) for clip in grid.clips_of_step(step)]

    assert clips == list(range(grid.num_clips))


@given(grids())
def test_steps_cover_the_video_without_gaps(grid: ClipGrid) -> None:
    found = spans(grid)

    assert found[0].start_seconds == 0
    # A grid line within a microsecond of the end opens no clip of its own.
    assert found[-1].end_seconds == pytest.approx(grid.duration_seconds, abs=2e-6)
    for before, after in itertools.pairwise(found):
        assert before.start_seconds < after.start_seconds == before.end_seconds


@given(grids())
def test_edges_are_those_of_all_steps(grid: ClipGrid) -> None:
    found = spans(grid)

    assert grid.edges_seconds() == [found[0].start_seconds, *(step.end_seconds for step in found)]


@given(annotated_grids())
def test_seconds_to_steps_and_back_loses_at_most_the_two_steps_at_the_ends(
    annotated: tuple[ClipGrid, Segment],
) -> None:
    grid, segment = annotated
    first, last = grid.labels(segment)
    found = grid.segment(first, last)

    assert 0 <= first <= last < grid.num_steps
    # Snapping may move a boundary by a microsecond.
    assert found.start_seconds <= segment.start_seconds + 2e-6
    assert found.end_seconds >= segment.end_seconds - 2e-6
    assert segment.start_seconds - found.start_seconds <= grid.span(first).duration_seconds
    assert found.end_seconds - segment.end_seconds <= grid.span(last).duration_seconds


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (1.0, 2.0, (8, 16)),  # the second clip alone
        (1.5, 2.5, (12, 20)),
        (0.0, 0.5, (0, 4)),
        (3.5, 4.0, (27, 30)),  # the last clip starts at 24, and there the grid ends at 30
        (-7.0, 99.0, (0, 30)),
    ],
)
def test_real_positions_by_hand(start: float, end: float, expected: tuple[int, int]) -> None:
    assert make_grid(30.0).segment_between(start, end) == seconds(*expected)


@pytest.mark.parametrize(
    ("start", "end"), [(2, 2), (3, 1), (4, 9), (-3, 0), (math.nan, 2), (1, math.nan)]
)
def test_positions_with_nothing_between_are_refused(start: float, end: float) -> None:
    with pytest.raises(UsageError, match="leave nothing of a grid of 4 steps"):
        make_grid(30.0).segment_between(float(start), float(end))


@given(grids(), st.data())
def test_whole_positions_are_steps_exactly(grid: ClipGrid, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, grid.num_steps - 1))
    last = data.draw(st.integers(first, grid.num_steps - 1))

    assert grid.segment_between(float(first), last + 1.0) == grid.segment(first, last)


@given(grids(), st.lists(st.floats(-0.125, 1.125, width=32), min_size=4, max_size=4, unique=True))
def test_positions_keep_their_order_and_stay_inside(grid: ClipGrid, parts: list[float]) -> None:
    a, b, c, d = (grid.num_steps * part for part in sorted(parts))
    if not max(b, 0.0) < min(c, grid.num_steps):
        return

    inner, outer = grid.segment_between(b, c), grid.segment_between(a, d)

    assert 0 <= outer.start_seconds <= inner.start_seconds
    assert inner.end_seconds <= outer.end_seconds <= grid.duration_seconds


@pytest.mark.parametrize(
    ("window", "clips", "offset", "duration"),
    [
        ((0, 56), range(7), 0, 56),
        ((8, 24), range(1, 3), 0, 16),
        ((10, 24), range(1, 3), -2, 14),
        ((10, 24.5), range(1, 4), -2, 14.5),
        ((15.9999999, 24), range(2, 3), 0, 8),  # float noise before a clip
        ((50, 99), range(6, 7), -2, 6),  # an annotation may end after the video
    ],
)
def test_windows_by_hand(
    window: tuple[float, float], clips: range, offset: float, duration: float
) -> None:
    found, part = make_grid(56.0, steps=5).window(seconds(*window))

    assert found == clips
    assert part == make_grid(duration, steps=5, offset=float(offset))


def test_rounding_opens_no_clip_at_the_end_of_a_window() -> None:
    # A microsecond after the last clip's end: less than a clip, and more than one from elsewhere.
    grid = make_grid(31.000001, stride=1.0, length=2.0)

    clips, part = grid.window(seconds(22.9999991, 40))

    assert grid.num_clips == 31
    assert clips == range(23, 31)
    assert part.num_clips == len(clips)


def test_a_window_after_the_end_is_refused() -> None:
    with pytest.raises(UsageError, match=r"window \[56.0, 60.0\) starts after the video ends"):
        make_grid(56.0).window(seconds(56, 60))


@given(annotated_grids(), st.booleans())
def test_a_window_keeps_the_time_of_every_clip(
    annotated: tuple[ClipGrid, Segment], to_the_end: bool
) -> None:
    grid = dataclasses.replace(annotated[0], max_steps=None)
    window = annotated[1]
    if to_the_end:
        window = Segment(window.start_seconds, grid.duration_seconds)
    if window.duration_seconds < 2e-6:  # nothing but rounding
        return
    clips, part = grid.window(window)

    assert part.num_clips == len(clips)
    assert 0 <= clips.start < clips.stop <= grid.num_clips
    assert part.duration_seconds == pytest.approx(window.duration_seconds, abs=3e-6)
    for step, clip in enumerate(clips):
        inside, whole = part.span(step), grid.span(clip)
        start = max(whole.start_seconds, window.start_seconds)
        end = min(whole.end_seconds, window.end_seconds)
        # Snapping and rounding move a boundary by microseconds.
        assert inside.start_seconds + window.start_seconds == pytest.approx(start, abs=3e-6)
        assert inside.end_seconds + window.start_seconds == pytest.approx(end, abs=3e-6)
