from dataclasses import replace

import numpy as np
import pytest

from stillseek.library.index_tables import Rows
from stillseek.library.shortlist import best_videos, peaks
from stillseek.library.space import Question, Space
from stillseek.models.calibration import Calibration

INF = np.inf
PLAIN = Space(
    centre=np.zeros(2, np.float32),
    metric=np.eye(2, dtype=np.float32),
    background=np.zeros((0, 2), np.float32),
    calibration=None,
)
CALIBRATION = Calibration(
    similarity=2.0,
    background=0.0,
    length=0.0,
    bias=0.0,
    moment_peak=0.0,
    moment_mean=1.0,
    moment_bias=0.0,
)
QUESTION = Question(vectors=np.array([[1, 0]], np.float32), background=0.0)
ROWS = Rows(
    videos=np.array([3, 5, 9]),
    starts=np.array([0, 3, 4]),
    clips=np.array([0, 4, 8, 0, 0, 4]),
    vectors=np.array([[0, 1], [0.6, 1], [0, 0], [0.5, 1], [0.55, 0], [0.1, 0]], np.float32),
)


def test_videos_are_ranked_by_their_best_row() -> None:
    lengths = {3: 9, 5: 2, 9: 7}

    assert best_videos(PLAIN, ROWS, QUESTION, lengths, 10) == [3, 9, 5]
    assert best_videos(PLAIN, ROWS, QUESTION, lengths, 2) == [3, 9]
    assert best_videos(PLAIN, ROWS, QUESTION, {5: 2, 9: 7}, 10) == [9, 5]


def test_long_videos_need_more() -> None:
    space = replace(PLAIN, calibration=replace(CALIBRATION, length=-0.2))

    # One doubling costs 0.1, which is what video 3 is better than 5 by.
    assert best_videos(space, ROWS, QUESTION, {3: 239, 5: 2, 9: 7}, 3) == [9, 3, 5]
    assert best_videos(space, ROWS, QUESTION, {3: 241, 5: 2, 9: 7}, 3) == [9, 5, 3]


def test_as_many_rows_count_as_speak_for_presence() -> None:
    lengths, found = {3: 9, 5: 2, 9: 7}, {}
    for clips in (1, 4, 5, 8, 12):
        space = replace(PLAIN, calibration=replace(CALIBRATION, best_clips=clips))
        found[clips] = best_videos(space, ROWS, QUESTION, lengths, 3)

    # One row, the best of 0.6, 0.5 and 0.55; two, the means 0.3, 0.5 (there is one) and 0.325.
    assert found == {1: [3, 9, 5], 4: [3, 9, 5], 5: [5, 9, 3], 8: [5, 9, 3], 12: [5, 9, 3]}


def test_an_index_without_rows_has_no_best_video() -> None:
    none = np.zeros(0, np.int64)
    rows = Rows(videos=none, starts=none, clips=none, vectors=np.zeros((0, 2), np.float32))

    assert best_videos(PLAIN, rows, QUESTION, {}, 3) == []


@pytest.mark.parametrize(
    ("curve", "number", "expected"),
    [
        ([3.0], 2, [(0, 0)]),
        ([0, 0, 8, 9, 8, 0, 0, 0, 7, 0], 1, [(2, 4)]),
        ([0, 0, 8, 9, 8, 0, 0, 0, 7, 0], 2, [(2, 4), (8, 8)]),
        ([9, 9, 0, 0, 0], 1, [(0, 1)]),
        ([0, 0, 0, 9, 9], 1, [(3, 4)]),
        ([-INF, 5, -INF, 1, 1, 1, 1], 1, [(1, 1)]),
        ([-INF, -INF], 3, []),
    ],
)
def test_neighbours_are_one_moment(curve, number, expected) -> None:
    assert peaks(np.array(curve, np.float64), number) == expected
