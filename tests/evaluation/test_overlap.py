import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stillseek.evaluation.overlap import THRESHOLDS, overlap_seconds, segment_bounds, temporal_iou
from stillseek.timeline import Segment


def test_hand_computed_values():
    predicted = np.array(
        [
            [10.0, 30.0],  # the same
            [20.0, 40.0],  # half: 10 of 30
            [30.0, 50.0],  # they touch
            [0.0, 60.0],  # everything: 20 of 60
            [30.0, 10.0],  # reversed, though over the segment
            [15.0, 15.0],  # empty
            [12.0, 17.0],  # inside: 5 of 20
        ]
    )
    target = np.tile([10.0, 30.0], (7, 1))
    assert temporal_iou(predicted, target).tolist() == [1.0, 1 / 3, 0.0, 1 / 3, 0.0, 0.0, 0.25]
    assert overlap_seconds(predicted, target).tolist() == [20.0, 10.0, 0.0, 20.0, 0.0, 0.0, 5.0]


def test_the_thresholds_are_those_of_the_paper():
    assert THRESHOLDS == (0.3, 0.5, 0.7)


def test_float32_times_are_scored_in_float64():
    predicted = np.array([[0.0, 1 / 3]], dtype=np.float32)
    iou = temporal_iou(predicted, np.array([[0.0, 1.0]]))
    assert iou.dtype == np.float64
    assert iou[0] == np.float64(np.float32(1 / 3))


def test_no_samples():
    assert segment_bounds([]).shape == (0, 2)
    assert temporal_iou(segment_bounds([]), segment_bounds([])).shape == (0,)


seconds = st.floats(0, 1000, allow_nan=False)
spans = st.tuples(seconds, st.floats(0.001, 1000)).map(lambda pair: (pair[0], sum(pair)))


@given(spans, spans)
def test_agrees_with_the_segments_own_iou(first, second):
    one, two = Segment(*first), Segment(*second)
    found = temporal_iou(np.array([first]), np.array([second]))[0]
    # Two orders of the same few float64 operations.
    assert abs(found - one.iou(two)) < 1e-12
    assert 0 <= found <= 1
