"""Times that start again are put one behind the other, by hand-computed examples."""

import pytest

from stillseek.media.joined import (
    filled,
    piece_starts,
    shifted,
    shifts_of_companion,
    shifts_of_pieces,
    without_outliers,
)


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([], []),
        ([None], [0.0]),
        ([None, None, None], [0.0, 0.5, 1.0]),
        ([3.0, None, None, 7.0], [3.0, 3.5, 4.0, 7.0]),
        # Back from the first one that is shown, not from the first one in the file.
        ([None, None, 4.0, 3.0], [2.0, 2.5, 4.0, 3.0]),
    ],
)
def test_missing_times_are_counted(times, expected):
    assert filled(times, 0.5) == expected


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([], []),
        ([1.0], [1.0]),
        ([0.0, 1.0, 900.0, 3.0], [0.0, 1.0, None, 3.0]),
        ([100.0, 101.0, 2.0, 3.0, 104.0], [100.0, 101.0, None, None, 104.0]),
        # What stays away is another file or a jump.
        ([100.0, 101.0, 2.0, 3.0, 4.0, 5.0], [100.0, 101.0, 2.0, 3.0, 4.0, 5.0]),
        ([0.0, 1.0, 900.0, 901.0], [0.0, 1.0, 900.0, 901.0]),
        ([0.0, 5.0, 2.0, 3.0], [0.0, 5.0, 2.0, 3.0]),
    ],
)
def test_lone_wrong_times_are_left_out(times, expected):
    assert without_outliers(times) == expected


@pytest.mark.parametrize(
    ("times", "may_jump", "starts"),
    [
        ([0.0], False, []),
        ([0.0, 0.1, 0.2, 0.05], False, []),
        ([1.4, 1.5, 1.6, 1.1, 1.2], False, [3]),
        ([0.0, 0.1, 60.1, 60.2], False, []),
        ([0.0, 0.1, 60.1, 60.2], True, [2]),
        ([0.0, 0.1, 9.9, 10.0], True, []),
    ],
)
def test_pieces_begin_where_times_step_back_or_jump(times, may_jump, starts):
    assert piece_starts(times, 0.1, may_jump=may_jump) == starts


def test_pieces_follow_each_other_without_a_gap():
    begins, ends = [5.0, 6.0, 7.0, 2.0, 3.0, 50.0], [6.0, 7.0, 8.0, 3.0, 4.0, 51.0]
    shifts = shifts_of_pieces([3, 5], begins, ends)
    assert shifts == [(0, 0.0), (3, 6.0), (5, -40.0)]
    assert shifted(begins, shifts) == [5.0, 6.0, 7.0, 8.0, 9.0, 10.0]
    assert shifts_of_pieces([], [], []) == [(0, 0.0)]


def test_sound_follows_its_pictures():
    main = [(0, 0.0), (10, 4.0), (20, 9.0)]
    # As many pieces: the same joints.
    assert shifts_of_companion([2, 4], [0.0, 1.0, 0.0, 1.0, 0.0], [0, 5, 10, 15, 20], main) == [
        (0, 0.0),
        (2, 4.0),
        (4, 9.0),
    ]
    # Sound of the last two files only: where it is in the file, then where it goes on.
    assert shifts_of_companion([2], [0.0, 4.9, 0.0], [12, 18, 21], main) == [(0, 4.0), (2, 9.0)]
    assert shifts_of_companion([], [], [], main) == [(0, 0.0)]
