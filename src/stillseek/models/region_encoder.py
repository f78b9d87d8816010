"""Region self-attention encoder: what the query image shows, and where (section 4.2)."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn


def relative_positions(
    boxes: Float[Tensor, "batch region 4"],
) -> Float[Tensor, "batch region region 4"]:
    """Relative position vectors ``p_ij^r`` of every pair of regions (section 4.2).

    ``((x_i - x_j) / w_j, (y_i - y_j) / h_j, log(w_i / w_j), log(h_i / h_j))`` at ``[i, j]``.
    Boxes are centre x, centre y, width, height; widths and heights must be positive.
    """
    centre, size = boxes[..., :2], boxes[..., 2:]
    offset = (centre[:, :, None] - centre[:, None]) / size[:, None]
    # log(w_i / w_j) as a difference of logs: the quotient itself could overflow.
    scale = size.log()[:, :, None] - size.log()[:, None]
    return torch.cat([offset, scale], dim=-1)


class RegionSelfAttention(nn.Module):
    """Region self-attention with relative position encoding (section 4.2).

    ``h~_i^r = Softmax(r_i^T (R + P~_i) / sqrt(d_r)) (R + P~_i)^T`` with
    ``P~_i = [W^r p_i1^r; ..; W^r p_im^r]``. There are no query, key or value projections.

    ==================== ==========
    ours                 paper
    ==================== ==========
    ``position.weight``  ``W^r``
    ``dim``              ``d_r``
    ==================== ==========

    ``P~`` of all regions is ``m x m x d_r`` and is never built:
    ``r_i^T W^r p_ij = (W^r^T r_i)^T p_ij`` and ``sum_j a_ij W^r p_ij = W^r sum_j a_ij p_ij``
    need only 4 numbers a pair.
    """

    def __init__(self, *, dim: int) -> None:
        super().__init__()
        self.position = nn.Linear(4, dim, bias=False)

    def forward(
        self,
        regions: Float[Tensor, "batch region dim"],
        boxes: Float[Tensor, "batch region 4"],
        region_mask: Bool[Tensor, "batch region"],
    ) -> Float[Tensor, "batch region dim"]:
        """The attention result ``h~^r`` of every region."""
        # Padding has no box; any valid one keeps its logarithms finite, and nobody attends to it.
        positions = relative_positions(boxes.where(region_mask[..., None], torch.ones_like(boxes)))
        by_content = regions @ regions.mT
        by_position = torch.einsum("bic,bijc->bij", regions @ self.position.weight, positions)
        scores = (by_content + by_position) / math.sqrt(regions.shape[-1])
        weights = scores.masked_fill(~region_mask[:, None], -torch.inf).softmax(dim=-1)
        pooled = torch.einsum("bij,bijc->bic", weights, positions)
        return weights @ regions + self.position(pooled)


class RegionEncoder(nn.Module):
    """Region representations ``H^r`` of the query image (section 4.2).

    ``h_i^r = LayerNorm(h~_i^r + r_i + W_g f^g)``.

    ======================== ==========================
    ours                     paper
    ======================== ==========================
    ``attention``            gives ``h~_i^r``
    ``global_feature``       ``W_g``
    ``norm``                 ``LayerNorm``
    ======================== ==========================

    Without ``self_attention`` (ablation w/o RS) the term ``h~_i^r`` is absent; residual, global
    feature and norm stay.
    """

    def __init__(self, *, region_dim: int, global_dim: int, self_attention: bool) -> None:
        super().__init__()
        self.attention = RegionSelfAttention(dim=region_dim) if self_attention else None
        self.global_feature = nn.Linear(global_dim, region_dim, bias=False)
        self.norm = nn.LayerNorm(region_dim)

    def forward(
        self,
        regions: Float[Tensor, "batch region region_dim"],
        boxes: Float[Tensor, "batch region 4"],
        region_mask: Bool[Tensor, "batch region"],
        global_feature: Float[Tensor, "batch global_dim"],
    ) -> Float[Tensor, "batch region region_dim"]:
        """``H^r``; rows of padding mean nothing."""
        hidden = regions + self.global_feature(global_feature)[:, None]
        if self.attention is not None:
            hidden = hidden + self.attention(regions, boxes, region_mask)
        return self.norm(hidden)
