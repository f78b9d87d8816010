"""Attention: dot-product, multi-head, local windows and additive (sections 3, 4.3 and 4.4).

The paper writes vectors as columns, we as rows: its ``Q^T K`` is our ``queries @ keys.mT``. What is
here is exact and made to be fast; `stillseek.models.plain` has the same formulas as they are
printed, and the tests compare the two.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from stillseek.models.additive_attention import Direction, additive_context


@dataclass(frozen=True, slots=True)
class Sight:
    """Which clips each clip sees in self-attention (section 4.3), block by block.

    Clip ``i`` sees the real clips of ``i - w .. i + w``, cut at the ends of the video, or all of
    them where there is no window (ablation w/o LS). A padded clip sees itself too, so that no row
    is empty: such a row would put NaN into the gradients.

    A window is computed in blocks of ``2w`` clips, which together see the ``4w`` around them: time
    and memory grow with the number of clips, not with its square.

    Attributes:
        window: ``w``; None where one block of all clips is as good, or there is no window.
        visible: True at ``[batch, block, i, t]`` where clip ``i`` of a block sees its ``t``-th key.
    """

    window: int | None
    visible: Bool[Tensor, "batch block query key"]

    @classmethod
    def of(cls, clip_mask: Bool[Tensor, "batch clip"], window: int | None) -> "Sight":
        """The sight of clips that see ``window`` clips on each side, or all."""
        num_clips = clip_mask.shape[1]
        steps = torch.arange(num_clips, device=clip_mask.device)
        if window is None or num_clips <= 4 * window:
            offset = (steps - steps[:, None])[None]
            near = offset.abs() <= (num_clips if window is None else window)
            return cls(None, ((near & clip_mask[:, None]) | (offset == 0))[:, None])
        block = 2 * window
        num_blocks = -(-num_clips // block)
        of_query = torch.arange(block, device=clip_mask.device)[:, None] + window
        of_key = torch.arange(2 * block, device=clip_mask.device)
        near = (of_key - of_query).abs() <= window
        padded = F.pad(clip_mask, (window, num_blocks * block + window - num_clips))
        real = padded.unfold(1, 2 * block, block)[:, :, None]
        return cls(window, (near & real) | (of_key == of_query))


class MultiHead(nn.Module):
    """Multi-head attention (section 3).

    ``MultiHead(Q, K, V) = W^o Concat(head_1, .., head_H)`` with
    ``head_i = DotAtten(W_i^q Q, W_i^k K, W_i^v V)`` and
    ``DotAtten(Q, K, V) = Softmax(Q^T K / sqrt(d_1)) V^T``. Keys and values are always one sequence
    in the paper, here ``context``.

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
    ``within``               ``LocalMultiHead`` (4.3)
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

    def keys_values(
        self, context: Float[Tensor, "batch key context_dim"]
    ) -> tuple[Float[Tensor, "batch head key dim"], Float[Tensor, "batch head key dim"]]:
        """``W^k K`` and ``W^v V`` of every head; the same for all queries."""
        return self._split(self.key(context)), self._split(self.value(context))

    def forward(
        self,
        queries: Float[Tensor, "batch query query_dim"],
        keys: Float[Tensor, "#batch head key dim"],
        values: Float[Tensor, "#batch head key dim"],
        visible: Bool[Tensor, "#batch #query key"],
    ) -> Float[Tensor, "batch query query_dim"]:
        """Attends from every query to the visible ones of `keys_values`, at least one each."""
        heads = F.scaled_dot_product_attention(
            self._split(self.query(queries)), keys, values, attn_mask=visible[:, None]
        )
        return self._join(heads)

    def within(
        self, clips: Float[Tensor, "batch clip query_dim"], sight: Sight
    ) -> Float[Tensor, "batch clip query_dim"]:
        """Self-attention of the clips, each to the clips in its sight."""
        if sight.window is None:
            return self(clips, *self.keys_values(clips), sight.visible[:, 0])
        batch, num_clips, _ = clips.shape
        window, num_blocks = sight.window, sight.visible.shape[1]
        stacked = torch.cat([self.query.weight, self.key.weight, self.value.weight])
        right = num_blocks * 2 * window - num_clips
        padded = F.pad(F.linear(clips, stacked), (0, 0, window, right + window))
        if torch.is_grad_enabled():
            heads = checkpoint(
                self._attend_blocks, padded, sight, use_reentrant=False, preserve_rng_state=False
            )
        else:  # nothing to recompute, and checkpoint imports PyTorch's compiler
            heads = self._attend_blocks(padded, sight)
        return self.output(heads.view(batch, num_blocks * 2 * window, -1)[:, :num_clips])

    def _attend_blocks(self, padded: Tensor, sight: Sight) -> Tensor:
        """Attention of every block to the clips around it, from queries, keys and values."""
        assert sight.window is not None
        queries, keys, values = padded.chunk(3, dim=-1)
        num_blocks = sight.visible.shape[1]
        queries = queries[:, sight.window : -sight.window].unflatten(1, (num_blocks, -1))
        # A block sees the chunk that begins half a block before it, and the next one.
        keys, values = (
            torch.cat([chunks[:, :-1], chunks[:, 1:]], dim=2)
            for chunks in (x.unflatten(1, (num_blocks + 1, -1)) for x in (keys, values))
        )
        queries, keys, values = (self._split(x.flatten(0, 1)) for x in (queries, keys, values))
        scores = queries @ keys.mT / math.sqrt(queries.shape[-1])  # (B * blocks, H, 2w, 4w)
        scores = scores.masked_fill(~sight.visible.flatten(0, 1)[:, None], -torch.inf)
        return (scores.softmax(dim=-1) @ values).transpose(1, 2).flatten(2)

    def _split(self, stacked: Tensor) -> Tensor:
        return stacked.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)  # (B, H, T, D)

    def _join(self, heads: Tensor) -> Tensor:
        return self.output(heads.transpose(1, 2).flatten(2))  # (B, H, T, D) -> (B, T, H * D)


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
    """

    def __init__(self, *, dim: int, hidden_dim: int, direction: Direction) -> None:
        super().__init__()
        self.direction: Direction = direction
        self.anchor = nn.Linear(dim, hidden_dim, bias=False)
        self.other = nn.Linear(dim, hidden_dim, bias=False)
        self.score = nn.Linear(hidden_dim, 1, bias=False)

    def forward(
        self,
        anchors: Float[Tensor, "batch clip hidden"],
        others: Float[Tensor, "batch clip hidden"],
        values: Float[Tensor, "batch clip dim"],
        clip_mask: Bool[Tensor, "batch clip"],
    ) -> Float[Tensor, "batch clip dim"]:
        """Context of every clip: ``h^fw`` or ``h^bw`` where the values are ``h^v``.

        Anchors and others are the states through the layers of these names: the localizer makes
        them together with what else it needs of the states.
        """
        weight = self.score.weight[0]
        return additive_context(anchors, others, weight, values, clip_mask, self.direction)
