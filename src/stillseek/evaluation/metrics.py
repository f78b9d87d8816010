"""mIoU as a torchmetric, with right sums on many processes.

This module alone imports torchmetrics, which takes seconds: import it inside functions.
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torchmetrics import Metric

from stillseek.errors import UsageError
from stillseek.evaluation.overlap import temporal_iou


class MeanTemporalIoU(Metric):
    """mIoU: the mean temporal IoU over samples, in seconds (section 6.2), summed in float64."""

    full_state_update = False
    higher_is_better = True
    total: Tensor
    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")

    def update(
        self, predicted: Float[np.ndarray, "sample 2"], target: Float[np.ndarray, "sample 2"]
    ) -> None:
        """Adds predicted and true segments, start and end in seconds."""
        ious = temporal_iou(predicted, target)
        self.total += float(ious.sum())
        self.count += ious.size

    def compute(self) -> Tensor:
        """The mean over all samples, in [0, 1].

        Raises:
            UsageError: There is no sample.
        """
        if self.count == 0:
            raise UsageError("there is no sample to average over; is the split empty?")
        return self.total / self.count
