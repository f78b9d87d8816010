"""Losses of the models that propose segments: SST+ and TAL+."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, smooth_l1_loss, softplus

from stillseek.errors import UsageError
from stillseek.models.head_outputs import at_least_float32
from stillseek.models.segments import offsets_to, segment_iou
from stillseek.tensors import LocalizerOutput, SegmentScores


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WeightedProposalLoss:
    """Weighted multi-label cross-entropy of SST (Buch et al. 2017, equation 2), for SST+.

    ``L = -sum_t sum_j w0^j y_t^j log c_t^j + w1^j (1 - y_t^j) log(1 - c_t^j)`` with ``y = 1`` where
    a proposal has tIoU > 0.5 with the truth; a mean over the steps of a video, then over the batch.
    The source weighs by how often proposals of scale ``j`` are right and wrong: ``w0^j = 1 - f_j``
    and ``w1^j = f_j``, ``f_j`` being the share of right ones among all of length ``j`` in the
    training set, so that both kinds weigh the same in each scale. Proposals that do not exist
    (beginning before the video, ending on padding) count nowhere.

    Deviation: a scale that is never right would have ``w1 = 0`` and keep the scores that it started
    with, any of which could win. It takes the smallest ``f`` above 0 of the other scales.

    Attributes:
        positive_share: ``f_j`` of proposals of ``j = 1 .. K`` steps.
    """

    positive_share: Float[Tensor, " scale"]

    @classmethod
    def of(
        cls, targets: Sequence[tuple[int, int, int]], *, num_proposals: int
    ) -> "WeightedProposalLoss":
        """The loss with the weights of a training set.

        Args:
            targets: Start step, end step (the last inside) and number of steps of each example.
            num_proposals: Proposals ``K`` a step.

        Raises:
            UsageError: There is no example, or no proposal is right for any of them.
        """
        right, proposals = count_proposals(targets, num_proposals=num_proposals)
        share = right.double() / proposals.clamp(min=1)
        if not (share > 0).any():
            raise UsageError(
                f"none of the {num_proposals} proposals a step reaches tIoU 0.5 with any of the "
                f"{len(targets)} training segments; raise num_proposals towards their length"
            )
        return cls(positive_share=torch.where(share > 0, share, share[share > 0].min()))

    def __call__(
        self,
        output: LocalizerOutput,
        clip_mask: Bool[Tensor, "batch clip"],
        start_step: Int[Tensor, " batch"],
        end_step: Int[Tensor, " batch"],
    ) -> Float[Tensor, ""]:
        """The loss of a batch, in float32 or wider."""
        answer = output.stages[-1]
        logits, exists = _finite(answer)
        truth = _truth(start_step, end_step, logits)
        right = segment_iou(answer.segments, truth) > 0.5
        share = self.positive_share.to(logits).repeat(clip_mask.shape[1])  # (n * K,)
        terms = torch.where(
            right, (1 - share) * softplus(-logits), share * softplus(logits)
        )  # -log c and -log(1 - c)
        return ((terms * exists).sum(dim=1) / clip_mask.sum(dim=1)).mean()


def count_proposals(
    targets: Sequence[tuple[int, int, int]], *, num_proposals: int
) -> tuple[Int[Tensor, " scale"], Int[Tensor, " scale"]]:
    """How many proposals of each length have tIoU > 0.5 with their truth, and how many there are.

    A proposal ``[p, p + k)`` and a truth ``[a, b)`` of length ``l`` overlap by ``o`` with
    ``o / (k + l - o) > 1/2``, that is ``o > (k + l) / 3``; each of ``k``, ``l``, ``p + k - a`` and
    ``b - p`` must be longer, which leaves a range of ``p``.
    """
    if not targets:
        return torch.zeros(num_proposals, dtype=torch.long), torch.zeros(
            num_proposals, dtype=torch.long
        )
    start, end, steps = torch.tensor(targets).long()[:, :, None].unbind(dim=1)
    end = end + 1
    length, truth_length = torch.arange(1, num_proposals + 1), end - start
    overlap = (length + truth_length) // 3 + 1  # the least whole number above the third
    first = (start - length + overlap).clamp(min=0)
    last = torch.minimum(end - overlap, steps - length)
    possible = (length >= overlap) & (truth_length >= overlap)
    right = (last - first + 1).clamp(min=0) * possible
    return right.sum(dim=0), (steps - length + 1).clamp(min=0).sum(dim=0)


def two_stage_loss(
    output: LocalizerOutput,
    clip_mask: Bool[Tensor, "batch clip"],
    start_step: Int[Tensor, " batch"],
    end_step: Int[Tensor, " batch"],
) -> Float[Tensor, ""]:
    """The loss of TAL+: classification and regression in both stages (Chao et al. 2018).

    Stage 1: an anchor is right with tIoU > 0.7 or where it is the best for the truth, wrong with
    tIoU < 0.3, and left out in between; right and wrong ones weigh the same. Stage 2: a proposal is
    right with tIoU > 0.5 or where it is the best, else wrong; right ones weigh 1, wrong ones 3.
    Right ones are regressed with smooth L1, every loss with weight 1. Of several best ones all are
    right. Means over a video, then over the batch.

    Deviation: the source draws right and wrong segments at random in these proportions; the
    weights are what such draws have on average, and the same seed or none gives the same loss.
    """
    del clip_mask  # padding has no segments
    first, second = output.stages
    return _stage_loss(
        first, start_step, end_step, right_above=0.7, wrong_below=0.3, right_weight=0.5
    ) + _stage_loss(
        second, start_step, end_step, right_above=0.5, wrong_below=1.0, right_weight=0.25
    )


def _stage_loss(
    stage: SegmentScores,
    start_step: Tensor,
    end_step: Tensor,
    *,
    right_above: float,
    wrong_below: float,
    right_weight: float,
) -> Tensor:
    assert stage.anchors is not None
    assert stage.offsets is not None
    logits, exists = _finite(stage)
    offsets = at_least_float32(stage.offsets)
    truth = _truth(start_step, end_step, logits)
    iou = segment_iou(stage.anchors, truth).masked_fill(~exists, 0.0)
    best = (iou == iou.amax(dim=1, keepdim=True)) & (iou > 0)
    right = (iou > right_above) | best
    wrong = (iou < wrong_below) & ~right & exists
    scores = binary_cross_entropy_with_logits(logits, right.to(logits.dtype), reduction="none")
    moves = smooth_l1_loss(offsets, offsets_to(truth, stage.anchors), reduction="none").sum(dim=-1)
    return (
        right_weight * _mean_over(scores, right)
        + (1 - right_weight) * _mean_over(scores, wrong)
        + _mean_over(moves, right)
    ).mean()


def _finite(stage: SegmentScores) -> tuple[Tensor, Tensor]:
    """Logits with 0 for segments that do not exist, and which do: -inf would give NaN gradients."""
    exists = stage.logits > -torch.inf
    return at_least_float32(stage.logits).masked_fill(~exists, 0.0), exists


def _truth(start_step: Tensor, end_step: Tensor, like: Tensor) -> Tensor:
    return torch.stack([start_step, end_step + 1], dim=-1).to(like)


def _mean_over(values: Tensor, chosen: Tensor) -> Tensor:
    """Mean of the chosen values of each row; 0 where none is."""
    return (values * chosen).sum(dim=1) / chosen.sum(dim=1).clamp(min=1)
