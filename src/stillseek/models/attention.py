"""Attention: dot-product, multi-head, local windows and additive (sections 3, 4.3 and 4.4).

The plain formulas, one line an equation. The paper writes vectors as columns, we as rows:
its ``Q^T K`` is our ``queries @ keys.mT``.
"""

import math
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

Direction = Literal["forward", "backward"]


def masked_softmax(
    scores: Float[Tensor, "*batch query key"], visible: Bool[Tensor, "*#batch #query key"]
) -> Float[Tensor, "*batch query key"]:
    """Softmax over the visible keys of every query; each query must see at least one."""
    return scores.masked_fill(~visible, -torch.inf).softmax(dim=-1)


def dot_attention(
    queries: Float[Tensor, "*batch query dim"],
    keys: Float[Tensor, "*batch key dim"],
    values: Float[Tensor, "*batch key value_dim"],
    visible: Bool[Tensor, "*#batch #query key"],
) -> Float[Tensor, "*batch query value_dim"]:
    """Scaled dot-product attention (section 3).

    ``DotAtten(Q, K, V) = Softmax(Q^T K / sqrt(d_1)) V^T``; ``dim`` is ``d_1``, ``value_dim`` is
    ``d_2``, and ``visible`` says which keys a query may attend to.
    """
    scores = queries @ keys.mT / math.sqrt(queries.shape[-1])
    return masked_softmax(scores, visible) @ values


def window_visibility(
    clip_mask: Bool[Tensor, "batch clip"], window: int | None
) -> Bool[Tensor, "batch clip clip"]:
    """Which clips each clip sees in local self-attention (section 4.3).

    Clip ``i`` sees the real clips of ``i - w .. i + w``, cut at the ends of the video; ``None``
    as the window shows every real clip (ablation w/o LS).
    """
    offset = _offsets(clip_mask)
    near = torch.ones_like(offset, dtype=torch.bool) if window is None else offset.abs() <= window
    return _visible_pairs(near, clip_mask)


def order_visibility(
    clip_mask: Bool[Tensor, "batch clip"], direction: Direction
) -> Bool[Tensor, "batch clip clip"]:
    """Which clips each clip sees in the localizer (section 4.4).

    Forward context: the real clips ``t >= i``; backward context: ``t <= i``.
    """
    offset = _offsets(clip_mask)
    return _visible_pairs(offset >= 0 if direction == "forward" else offset <= 0, clip_mask)


def _offsets(clip_mask: Bool[Tensor, "batch clip"]) -> Tensor:
    """Entry ``[i, t]`` is ``t - i``."""
    steps = torch.arange(clip_mask.shape[1], device=clip_mask.device)
    return steps - steps[:, None]


def _visible_pairs(
    pairs: Bool[Tensor, "clip clip"], clip_mask: Bool[Tensor, "batch clip"]
) -> Bool[Tensor, "batch clip clip"]:
    # A padded clip sees itself: a row without any key would put NaN into the gradients. Real
    # clips see themselves anyway, and what padding computes is masked at the output.
    itself = torch.eye(clip_mask.shape[1], dtype=torch.bool, device=clip_mask.device)
    return (pairs & clip_mask[:, None, :]) | itself


class MultiHead(nn.Module):
    """Multi-head attention (section 3).

    ``MultiHead(Q, K, V) = W^o Concat(head_1, .., head_H)`` with
    ``head_i = DotAtten(W_i^q Q, W_i^k K, W_i^v V)``. With a window in ``visible`` it is the
    ``LocalMultiHead`` of section 4.3. Keys and values are always one sequence in the paper, here
    ``context``.

    ======================== ==============================
    ours                     paper
    ======================== ==============================
    ``query.weight``         ``W_1^q .. W_H^q``, stacked
    ``key.weight``           ``W_1^k .. W_H^k``, stacked
    ``value.weight``         ``W_1^v .. W_H^v``, stacked
    ``output.weight``        ``W^o``
    ``projection_dim``       ``d_1 = d_2``, of one head
    ``query_dim``            ``d_q``
    ``context_dim``          ``d_k = d_v``
    ======================== ==============================

    Deviation: the paper prints ``W^o`` as ``d_v x H d_2``. Over image regions the result would
    be 4096 wide and could not be fused with 500-wide clips, so ``W^o`` maps to ``d_q``.
    """

    def __init__(
        self, *, query_dim: int, context_dim: int, num_heads: int, projection_dim: int
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.query = nn.Linear(query_dim, num_heads * projection_dim, bias=False)
        self.key = nn.Linear(context_dim, num_heads * projection_dim, bias=False)
        self.value = nn.Linear(context_dim, num_heads * projection_dim, bias=False)
        self.output = nn.Linear(num_heads * projection_dim, query_dim, bias=False)

    @property
    def keeps_width(self) -> bool:
        """Whether ``W^v`` and ``W^o`` are square, so that they can be identities."""
        return self.value.weight.shape[0] == self.value.weight.shape[1] == self.output.out_features

    def forward(
        self,
        queries: Float[Tensor, "batch query query_dim"],
        context: Float[Tensor, "batch key context_dim"],
        visible: Bool[Tensor, " batch #query key"],
    ) -> Float[Tensor, "batch query query_dim"]:
        """Attends from every query to the visible context."""
        heads = dot_attention(
            self._split(self.query(queries)),
            self._split(self.key(context)),
            self._split(self.value(context)),
            visible[:, None],
        )
        return self.output(heads.transpose(1, 2).flatten(2))  # (B, H, T, D) -> (B, T, H * D)

    def _split(self, stacked: Tensor) -> Tensor:
        return stacked.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)  # (B, H, T, D)


class AdditiveAttention(nn.Module):
    """Additive attention over the clips on one side (section 4.4).

    ``h_i^fw = sum_{t >= i} alpha_it h_t^v``, where ``alpha_it`` is the softmax over ``t >= i`` of
    ``a_it = w_fw^T tanh(W_fw^1 h_i^v + W_fw^2 h_t^v)``; the backward context sums ``t <= i``.

    ================== ================================
    ours               paper (``fw``; ``bw`` likewise)
    ================== ================================
    ``anchor.weight``  ``W_fw^1``
    ``other.weight``   ``W_fw^2``
    ``score.weight``   ``w_fw^T``
    ================== ================================

    The plain formula holds ``batch x clip x clip x hidden`` numbers at once.
    """

    def __init__(self, *, dim: int, hidden_dim: int, direction: Direction) -> None:
        super().__init__()
        self.direction: Direction = direction
        self.anchor = nn.Linear(dim, hidden_dim, bias=False)
        self.other = nn.Linear(dim, hidden_dim, bias=False)
        self.score = nn.Linear(hidden_dim, 1, bias=False)

    def forward(
        self, states: Float[Tensor, "batch clip dim"], clip_mask: Bool[Tensor, "batch clip"]
    ) -> Float[Tensor, "batch clip dim"]:
        """Context of every clip: ``h^fw`` or ``h^bw``."""
        hidden = torch.tanh(self.anchor(states)[:, :, None] + self.other(states)[:, None])
        scores = self.score(hidden).squeeze(-1)  # (B, i, t)
        return masked_softmax(scores, order_visibility(clip_mask, self.direction)) @ states
