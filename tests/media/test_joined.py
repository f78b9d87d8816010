"""Times that start again are put one behind the other, by hand-computed examples."""

from fractions import Fraction

import numpy as np
import pytest

from stillseek.media.joined import (
    believable_rate,
    filled,
    piece_starts,
    shifted,
    shifts_between,
    shifts_of_companion,
    shifts_of_pieces,
    without_outliers,
    without_silences,
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
    assert without_outliers(times, may_reorder=True) == expected


def test_a_frame_decoded_before_those_ahead_of_a_pause_is_no_outlier():
    times = [1.0, 4.0, 902.0, 2.0, 3.0, 903.0]
    assert without_outliers(times, may_reorder=True) == times
    assert without_outliers(times) == [1.0, 4.0, None, 2.0, 3.0, 903.0]
    assert without_outliers(times[:-1], may_reorder=True) == [1.0, 4.0, None, 2.0, 3.0]


def test_stretches_that_nothing_fills_are_left_out():
    pictures = np.array([0.0, 0.5, 1.0, 9001.0, 9001.5])
    moved = without_silences(np.append(pictures, [0.2, 400.0]), pictures)
    assert moved(pictures).tolist() == [0.0, 0.5, 1.0, 400.5, 401.0]
    # Ends of display: inside a stretch, behind the last picture, of what is not shown.
    ends = np.array([3.0, 777.0, 9002.0, 99999.0, -np.inf])
    assert moved(ends).tolist() == [3.0, 400.5, 401.5, 401.5, -np.inf]
    kept = np.array([0.0, 600.0, 1200.0])
    assert without_silences(kept, kept)(kept).tolist() == kept.tolist()
    lone = np.array([5.0, 9000.0])
    assert without_silences(lone, lone)(lone) == pytest.approx([5.0, 5.04])
    assert without_silences(np.array([]), np.array([]))(np.array([])).tolist() == []


def test_shifts_bring_times_onto_a_line():
    shifts = shifts_between([1.0, 2.0, 9.0, 10.0], np.array([0.5, 1.5, 2.5, 3.5]))
    assert shifts == [(0, -0.5), (2, -6.5)]
    assert shifts_between([], np.array([])) == [(0, 0.0)]


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        (None, None),
        (Fraction(0), None),
        (Fraction(1, 601), None),
        (Fraction(1, 600), Fraction(1, 600)),
        (Fraction(25), Fraction(25)),
    ],
)
def test_rates_that_nobody_means_are_none(rate, expected):
    assert believable_rate(rate) == expected


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
    shifts = shifts_of_companion([2, 4], [0.0, 1.0, 0.0, 1.0, 0.0], [0, 5, 10, 15, 20], main)
    assert shifts == [(0, 0.0), (2, 4.0), (4, 9.0)]
    # Sound of the last two files only: where it is in the file, then where it goes on.
    assert shifts_of_companion([2], [0.0, 4.9, 0.0], [12, 18, 21], main) == [(0, 4.0), (2, 9.0)]
    assert shifts_of_companion([], [], [], main) == [(0, 0.0)]
