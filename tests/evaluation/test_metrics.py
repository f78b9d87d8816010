import copy

import numpy as np
import pytest

from stillseek.errors import UsageError
from stillseek.evaluation.metrics import MeanTemporalIoU

TARGET = np.tile([0.0, 10.0], (5, 1))
# IoU 1, 0.5, 0.3, 0 (reversed), 0.7
PREDICTED = np.array([[0.0, 10.0], [0.0, 5.0], [7.0, 10.0], [10.0, 0.0], [3.0, 10.0]])


def test_batches_and_processes_add_up():
    whole, parts, other = MeanTemporalIoU(), MeanTemporalIoU(), MeanTemporalIoU()
    whole.update(PREDICTED, TARGET)
    parts.update(PREDICTED[:2], TARGET[:2])
    other.update(PREDICTED[2:], TARGET[2:])
    parts.update(PREDICTED[:0], TARGET[:0])
    merged = copy.deepcopy(parts)
    merged.merge_state(other)
    assert merged.compute() == whole.compute() == (1 + 0.5 + 0.3 + 0 + 0.7) / 5
    assert parts.compute().item() == 0.75


def test_sums_are_exact_where_float32_is_not():
    metric = MeanTemporalIoU()
    predicted, target = np.tile([0.0, 1.0], (1000, 1)), np.tile([0.0, 10.0], (1000, 1))
    for _ in range(100):
        metric.update(predicted, target)
    # Float32 sums of 0.1 are off by 1e-6 and more here.
    assert abs(metric.compute().item() - 0.1) < 1e-14


def test_no_sample_is_refused_not_nan():
    metric = MeanTemporalIoU()
    metric.update(PREDICTED[:0], TARGET[:0])
    with pytest.raises(UsageError, match="no sample"):
        metric.compute()
