"""From start and end scores to one pair of boundaries."""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from stillseek.tensors import LocalizerOutput

DecodeMethod = Literal["joint", "independent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundaryPrediction:
    """One pair of boundaries for every video of a batch.

    Attributes:
        start_step: Step of the start.
        end_step: Last step of the moment, included; before the start only where "independent"
            decoding reversed them.
        score: ``p^s_start * p^e_end``, in [0, 1].
    """

    start_step: Int[Tensor, " batch"]
    end_step: Int[Tensor, " batch"]
    score: Float[Tensor, " batch"]


def decode(output: LocalizerOutput, *, method: DecodeMethod = "joint") -> BoundaryPrediction:
    """Chooses the boundaries.

    "joint": the pair with ``start <= end`` and the largest ``p^s_start * p^e_end``, exact, in
    time linear in the number of clips. "independent": the paper's two argmaxes (section 4.4).

    Deviation: the paper only has "independent", whose end may lie before its start.
    """
    # Sums of logs: products of two small float32 probabilities would underflow into ties.
    log_start = _log_probabilities(output.start_logits)
    log_end = _log_probabilities(output.end_logits)
    if method == "joint":
        # For each end the best start so far: the running maximum.
        best_log_start, best_start = log_start.cummax(dim=1)
        log_score, end = (best_log_start + log_end).max(dim=1)
        start = best_start.gather(1, end[:, None]).squeeze(1)
    else:
        best_log_start, start = log_start.max(dim=1)
        best_log_end, end = log_end.max(dim=1)
        log_score = best_log_start + best_log_end
    # Rounding may leave a probability a hair above 1.
    return BoundaryPrediction(start_step=start, end_step=end, score=log_score.exp().clamp(max=1))


def _log_probabilities(logits: Float[Tensor, "batch clip"]) -> Float[Tensor, "batch clip"]:
    return logits.log_softmax(dim=1, dtype=torch.promote_types(logits.dtype, torch.float32))
