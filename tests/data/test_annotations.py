from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import make_activity as activity
from samples import make_video

from stillseek.data.annotations import Cleaning, RawActivity, clean, merge_overlapping


def raw(start: float, end: float, label: str = "violin") -> RawActivity:
    return RawActivity(start_seconds=start, end_seconds=end, label=label)


def test_nothing_is_cleaned_of_nothing() -> None:
    nothing = Cleaning(reversed=0, outside=0, cut=0, duplicates=0)

    assert clean([]) == ((), nothing)
    videos, cleaning = clean([("v", 5.0, [])])
    assert (videos[0].activities, cleaning) == ((), nothing)


@pytest.mark.parametrize(
    ("given_activities", "kept", "counts"),
    [
        ([raw(1.0, 3.0)], [activity(1.0, 3.0)], (0, 0, 0, 0)),
        ([raw(3.0, 1.0), raw(2.0, 2.0)], [], (2, 0, 0, 0)),
        ([raw(10.0, 12.0), raw(-3.0, -1.0)], [], (0, 2, 0, 0)),
        ([raw(8.0, 12.5)], [activity(8.0, 10.0)], (0, 0, 1, 0)),
        ([raw(-0.5, 2.0)], [activity(0.0, 2.0)], (0, 0, 1, 0)),
        ([raw(1.0, 2.0), raw(1.0, 2.0)], [activity(1.0, 2.0)], (0, 0, 0, 1)),
        # Cut to the same end they are the same.
        ([raw(8.0, 12.5), raw(8.0, 11.0)], [activity(8.0, 10.0)], (0, 0, 2, 1)),
        (
            [raw(1.0, 2.0, "piano"), raw(1.0, 2.0), raw(0.0, 9.0)],
            [activity(0.0, 9.0), activity(1.0, 2.0, "piano"), activity(1.0, 2.0)],
            (0, 0, 0, 0),
        ),
    ],
)
def test_cleaning_by_hand(given_activities, kept, counts) -> None:
    videos, cleaning = clean([("v", 10.0, given_activities)])

    assert videos == (make_video(*kept, seconds=10.0),)
    assert (cleaning.reversed, cleaning.outside, cleaning.cut, cleaning.duplicates) == counts


@pytest.mark.parametrize(
    ("activities", "merged"),
    [
        ([], []),
        ([activity(1.0, 3.0), activity(2.0, 5.0)], [activity(1.0, 5.0)]),
        ([activity(1.0, 9.0), activity(2.0, 5.0)], [activity(1.0, 9.0)]),
        ([activity(1.0, 3.0), activity(2.0, 5.0), activity(4.0, 6.0)], [activity(1.0, 6.0)]),
        ([activity(1.0, 3.0), activity(3.0, 5.0)], [activity(1.0, 3.0), activity(3.0, 5.0)]),
        (
            [activity(1.0, 3.0), activity(2.0, 5.0, "piano")],
            [activity(1.0, 3.0), activity(2.0, 5.0, "piano")],
        ),
    ],
)
def test_merging_by_hand(activities, merged) -> None:
    assert merge_overlapping(reversed(activities)) == tuple(merged)


tenths = st.integers(0, 300).map(lambda number: number / 10)


@given(st.lists(st.builds(raw, tenths, tenths, st.sampled_from("ab"))))
def test_merged_activities_of_one_label_are_apart_and_cover_the_same_time(raws) -> None:
    (video,), cleaning = clean([("v", 25.0, raws)])
    merged = merge_overlapping(video.activities)

    dropped = cleaning.reversed + cleaning.outside + cleaning.duplicates
    assert len(video.activities) + dropped == len(raws)
    for label in "ab":
        before = [a.segment for a in video.activities if a.label == label]
        after = [a.segment for a in merged if a.label == label]
        assert all(x.end_seconds <= y.start_seconds for x, y in pairwise(after))
        for tenth in range(250):
            instant = tenth / 10 + 0.05
            inside = [s.start_seconds < instant < s.end_seconds for s in before]
            assert any(inside) == any(s.start_seconds < instant < s.end_seconds for s in after)
