"""Dropout whose random numbers cost little on the CPU."""

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from stillseek.errors import UsageError

# Random numbers are 16 bits wide: a rate is kept to within 1 / 2**17.
_LEVELS = 2**16


class Dropout(nn.Module):
    """Dropout (Srivastava et al. 2014): zeros a share of the numbers and scales up the rest.

    On the CPU PyTorch draws one number at a time for every mask entry, which shows in a training
    step of SAIL; here one 64-bit draw serves four entries.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        if not 0 <= rate < 1:
            raise UsageError(f"dropout must be in [0, 1), got {rate}")
        self.rate = rate

    def forward(self, values: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """The values themselves outside of training."""
        if not self.training or self.rate == 0:
            return values
        if values.device.type != "cpu":
            return F.dropout(values, self.rate)
        dropped = _Dropout.apply(values, self.rate)
        assert isinstance(dropped, Tensor)
        return dropped


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, rate: float) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        draws = torch.empty(-(-values.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
        lost = min(round(rate * _LEVELS), _LEVELS - 1)
        bits = draws.view(torch.int16)[: values.numel()].view(values.shape)
        kept = bits >= lost - _LEVELS // 2
        ctx.save_for_backward(kept)
        ctx.scale = _LEVELS / (_LEVELS - lost)
        return (values * kept).mul_(ctx.scale)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        (kept,) = ctx.saved_tensors
        return (gradient * kept).mul_(ctx.scale), None
