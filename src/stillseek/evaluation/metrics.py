"""mIoU and IoU@R as torchmetrics, with right sums on many processes.

This module alone imports torchmetrics, which takes seconds: import it inside functions.
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torchmetrics import Metric

from stillseek.errors import UsageError
from stillseek.evaluation.overlap import temporal_iou


class _MeanOverSamples(Metric):
    """Mean of a score per sample, summed in float64."""

    full_state_update = False
    higher_is_better = True
    total: Tensor
    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")

    def _add(self, scores: np.ndarray) -> None:
        self.total += float(scores.sum())
        self.count += scores.size

    def compute(self) -> Tensor:
        """The mean over all samples, in [0, 1].

        Raises:
            UsageError: There is no sample.
        """
        if self.count == 0:
            raise UsageError("there is no sample to average over; is the split empty?")
        return self.total / self.count


class MeanTemporalIoU(_MeanOverSamples):
    """mIoU: the mean temporal IoU over samples, in seconds (section 6.2)."""

    def update(
        self,
        predicted: Float[np.ndarray, "sample 2"],
        target: Float[np.ndarray, "sample 2"],
    ) -> None:
        """Adds predicted and true segments, start and end in seconds."""
        self._add(temporal_iou(predicted, target))


class TemporalIoUAbove(_MeanOverSamples):
    """IoU@R: the share of samples whose temporal IoU is strictly above R (section 6.2).

    Args:
        threshold: R, in [0, 1).
    """

    def __init__(self, threshold: float) -> None:
        super().__init__()
        if not 0 <= threshold < 1:
            raise UsageError(f"an IoU threshold must lie in [0, 1), got {threshold}")
        self.threshold = threshold

    def update(
        self,
        predicted: Float[np.ndarray, "sample 2"],
        target: Float[np.ndarray, "sample 2"],
    ) -> None:
        """Adds predicted and true segments, start and end in seconds."""
        self._add(temporal_iou(predicted, target) > self.threshold)
