"""The loss of every model that can be trained."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from stillseek.errors import UsageError
from stillseek.models.flp import Flp
from stillseek.models.head_outputs import at_least_float32
from stillseek.models.sail import Sail
from stillseek.models.similarity import Similarity
from stillseek.models.sst import Sst
from stillseek.models.tal import Tal
from stillseek.tensors import LocalizerOutput
from stillseek.training.proposal_losses import WeightedProposalLoss, two_stage_loss

Loss = Callable[
    [LocalizerOutput, Bool[Tensor, "batch clip"], Int[Tensor, " batch"], Int[Tensor, " batch"]],
    Float[Tensor, ""],
]
"""From output, clip mask, start step and end step (the last inside) to the mean of the batch."""


def loss_for(
    model: nn.Module,
    targets: Sequence[tuple[int, int, int]],
    *,
    joint: bool = False,
    softness: float = 0.0,
) -> Loss:
    """The loss that a model is trained with.

    Args:
        model: The model itself, not a wrapper of it.
        targets: Start step, end step (the last inside) and number of steps of all training
            examples; the weights of SST+ come from them.
        joint: `joint_pair_loss` for SAIL, and not the printed loss.
        softness: Standard deviation of the target around each boundary of SAIL and of the
            similarity head, in steps.

    Raises:
        UsageError: There is nothing to train in this model, no proposal of SST+ is right for any
            example, or an option is set for a model that has none of it.
    """
    if (joint and not isinstance(model, Sail)) or (
        softness and not isinstance(model, Sail | Similarity)
    ):
        raise UsageError(
            "joint_loss and boundary_softness change the loss of Sail, the second that of "
            f"Similarity too, and {type(model).__name__} has one of its own; leave them out"
        )
    match model:
        case Sail() if joint:
            return partial(joint_pair_loss, softness=softness)
        case Sail():  # padding scores -inf already
            return lambda output, _, start, end: boundary_nll(output, start, end, softness=softness)
        case Flp():
            return clip_bce
        case Sst():
            return WeightedProposalLoss.of(targets, num_proposals=model.config.num_proposals)
        case Tal():
            return two_stage_loss
        case Similarity():
            return partial(pair_and_clip_loss, softness=softness)
        case _:
            raise UsageError(
                f"{type(model).__name__} has nothing to train; evaluate it as it is, or train "
                "Sail, Similarity, Flp, Sst or Tal"
            )


def boundary_nll(
    output: LocalizerOutput,
    start_step: Int[Tensor, " batch"],
    end_step: Int[Tensor, " batch"],
    *,
    softness: float = 0.0,
) -> Float[Tensor, ""]:
    """Negative log probability of the true boundaries, ``L`` of section 4.4.

    ``L = -1/N_b sum (log p^s_s + log p^e_e)``, in float32 or wider whatever the logits are.

    Args:
        output: Start and end logits, ``-inf`` on padding.
        start_step: Ground truth ``s``.
        end_step: Ground truth ``e``.
        softness: Standard deviation, in steps, of a discrete normal target around each.
    """
    start, end = at_least_float32(output.start_logits), at_least_float32(output.end_logits)
    normaliser = start.logsumexp(dim=1) + end.logsumexp(dim=1)
    return (normaliser - _at(start, start_step, softness) - _at(end, end_step, softness)).mean()


def joint_pair_loss(
    output: LocalizerOutput,
    clip_mask: Bool[Tensor, "batch clip"],
    start_step: Int[Tensor, " batch"],
    end_step: Int[Tensor, " batch"],
    *,
    softness: float = 0.0,
) -> Float[Tensor, ""]:
    """Negative log probability of the true pair among all pairs that joint decoding looks at.

    ``L = -1/N_b sum log p(s, e)`` with ``p`` the softmax of ``x^s_i + x^e_j`` over all ``i <= j``.
    Its normaliser ``log sum_j exp(x^e_j + log sum_{i <= j} exp x^s_i)`` is linear in the number of
    clips. In float32 or wider whatever the logits are; every row needs a pair that is not ``-inf``.

    With ``softness`` the target is a discrete normal distribution around each boundary. A pair's
    score is a sum, so that only these two count, and not how they are joined; some way to join them
    gives no weight to pairs in which the end is before the start.
    """
    start = at_least_float32(output.start_logits).masked_fill(~clip_mask, -torch.inf)
    end = at_least_float32(output.end_logits).masked_fill(~clip_mask, -torch.inf)
    normaliser = (end + start.logcumsumexp(dim=1)).logsumexp(dim=1)
    return (normaliser - _at(start, start_step, softness) - _at(end, end_step, softness)).mean()


def pair_and_clip_loss(
    output: LocalizerOutput,
    clip_mask: Bool[Tensor, "batch clip"],
    start_step: Int[Tensor, " batch"],
    end_step: Int[Tensor, " batch"],
    *,
    softness: float = 0.0,
) -> Float[Tensor, ""]:
    """`joint_pair_loss` and the cross-entropy of every clip: the loss of the similarity head.

    Clips are judged by three times their log odds: of a few clips the sum already decides.
    """
    pairs = joint_pair_loss(output, clip_mask, start_step, end_step, softness=softness)
    assert output.clip_logits is not None
    sharper = replace(output, clip_logits=3 * output.clip_logits)
    return pairs + clip_bce(sharper, clip_mask, start_step, end_step)


def _at(
    logits: Float[Tensor, "batch clip"], step: Int[Tensor, " batch"], softness: float
) -> Float[Tensor, " batch"]:
    """The score of the true step, or the mean around it; what is ``-inf`` has no part in a mean."""
    if softness == 0:
        return logits.gather(1, step[:, None])[:, 0]
    distance = torch.arange(logits.shape[1], device=logits.device) - step[:, None]
    impossible = logits == -torch.inf
    exponents = -0.5 * (distance / softness).square().to(logits.dtype)
    weights = exponents.masked_fill(impossible, -torch.inf).softmax(dim=1)
    return (weights * logits.masked_fill(impossible, 0.0)).sum(dim=1)


def clip_bce(
    output: LocalizerOutput,
    clip_mask: Bool[Tensor, "batch clip"],
    start_step: Int[Tensor, " batch"],
    end_step: Int[Tensor, " batch"],
) -> Float[Tensor, ""]:
    """Binary cross-entropy of every real clip, inside against outside: the loss of FLP.

    Mean over the clips of a video, then over the batch. The paper prints no loss for FLP.
    """
    assert output.clip_logits is not None
    logits = at_least_float32(output.clip_logits)
    clips = clip_mask.cumsum(dim=1) - 1
    inside = (clips >= start_step[:, None]) & (clips <= end_step[:, None])
    terms = binary_cross_entropy_with_logits(logits, inside.to(logits.dtype), reduction="none")
    return ((terms * clip_mask).sum(dim=1) / clip_mask.sum(dim=1)).mean()
