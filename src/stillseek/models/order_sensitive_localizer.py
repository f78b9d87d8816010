"""Order-sensitive localizer: start and end scores from context on one side (section 4.4)."""

import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Bool, Float
from torch import Tensor, nn

from stillseek.models.attention import AdditiveAttention
from stillseek.models.head_outputs import at_least_float32
from stillseek.tensors import LocalizerOutput


class BoundaryScorer(nn.Module):
    """Score of every clip as a boundary (section 4.4).

    ``w_s^T tanh(W_s h_i + b_s)``, before the softmax; ``hidden`` is ``W_s, b_s`` and ``score``
    is ``w_s^T`` (or those of ``e``).
    """

    def __init__(self, *, dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(dim, hidden_dim)
        self.score = nn.Linear(hidden_dim, 1, bias=False)

    def forward(self, context: Float[Tensor, "batch clip dim"]) -> Float[Tensor, "batch clip"]:
        """Unnormalised scores."""
        return self._of_hidden(self.hidden(context))

    def of_projected(
        self, projected: Float[Tensor, "batch clip hidden"]
    ) -> Float[Tensor, "batch clip"]:
        """The same of a context that ``W_s`` was applied to."""
        return self._of_hidden(projected + self.hidden.bias)

    def _of_hidden(self, hidden: Tensor) -> Tensor:
        # Not as a matrix product, which autocast would round: bfloat16 knows few scores between
        # 0 and 1, and clips would tie.
        return (at_least_float32(torch.tanh(hidden)) * self.score.weight[0]).sum(dim=-1)


class OrderSensitiveLocalizer(nn.Module):
    """Start scores from the context after a clip, end scores from the one before (section 4.4).

    | ``p^s = Softmax(w_s^T tanh(W_s H^fw + b_s 1^T))``
    | ``p^e = Softmax(w_e^T tanh(W_e H^bw + b_e 1^T))``

    ===================== ======================
    ours                  paper
    ===================== ======================
    ``forward_context``   gives ``H^fw``
    ``backward_context``  gives ``H^bw``
    ``start``             ``w_s, W_s, b_s``
    ``end``               ``w_e, W_e, b_e``
    ===================== ======================

    Without ``bidirectional`` (ablation w/o BA) both boundaries are scored on ``H^v`` itself.
    """

    def __init__(self, *, dim: int, hidden_dim: int, bidirectional: bool) -> None:
        super().__init__()
        self.bidirectional = bidirectional
        if bidirectional:
            self.forward_context = AdditiveAttention(
                dim=dim, hidden_dim=hidden_dim, direction="forward"
            )
            self.backward_context = AdditiveAttention(
                dim=dim, hidden_dim=hidden_dim, direction="backward"
            )
        self.start = BoundaryScorer(dim=dim, hidden_dim=hidden_dim)
        self.end = BoundaryScorer(dim=dim, hidden_dim=hidden_dim)

    def forward(
        self, states: Float[Tensor, "batch clip dim"], clip_mask: Bool[Tensor, "batch clip"]
    ) -> LocalizerOutput:
        """Scores both boundaries; ``states`` is ``H^v``."""
        if self.bidirectional:
            start, end = self._from_contexts(states, clip_mask)
        else:
            start, end = self.start(states), self.end(states)
        return LocalizerOutput(
            start_logits=start.masked_fill(~clip_mask, -torch.inf),
            end_logits=end.masked_fill(~clip_mask, -torch.inf),
        )

    def _from_contexts(self, states: Tensor, clip_mask: Tensor) -> tuple[Tensor, Tensor]:
        # W_s H^fw is the context of W_s H^v: so narrower vectors are summed, and all six products
        # with the states are one.
        sides = ((self.forward_context, self.start), (self.backward_context, self.end))
        weights = [
            weight
            for context, scorer in sides
            for weight in (context.anchor.weight, context.other.weight, scorer.hidden.weight)
        ]
        projected = iter(F.linear(states, torch.cat(weights)).chunk(len(weights), dim=-1))
        start, end = (
            scorer.of_projected(
                context(next(projected), next(projected), next(projected), clip_mask)
            )
            for context, scorer in sides
        )
        return start, end
