"""A moving average of a model's weights."""

from copy import deepcopy
from typing import Generic, TypeVar

import torch
from torch import nn

_Model = TypeVar("_Model", bound=nn.Module)


class WeightAverage(Generic[_Model]):
    """Exponential moving average of a model's weights, as a model of its own.

    ``a <- d a + (1 - d) w`` with ``d = min(decay, t / (t + 9))`` after step ``t = 0, 1, ..``: of a
    short training, too, the average forgets the beginning. With a decay of 0 it is the weights.

    Args:
        model: The model that is trained.
        decay: ``d`` of a long training, in [0, 1).

    Attributes:
        model: A copy of the model that has the average.
    """

    def __init__(self, model: _Model, decay: float) -> None:
        self.model = deepcopy(model).requires_grad_(requires_grad=False)
        self._decay = decay

    @torch.no_grad()
    def update(self, model: _Model, step: int) -> None:
        """Takes in the weights after a step; buffers are copied."""
        decay = min(self._decay, step / (step + 9))
        for ours, theirs in zip(self.model.parameters(), model.parameters(), strict=True):
            ours.lerp_(theirs, 1 - decay)
        for ours, theirs in zip(self.model.buffers(), model.buffers(), strict=True):
            ours.copy_(theirs)
