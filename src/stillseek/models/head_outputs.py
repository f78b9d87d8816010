"""Start and end scores of models that score clips or whole segments instead."""

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from stillseek.scores import PresenceEvidence, Proposals, Scores, proposal_scores
from stillseek.tensors import LocalizerOutput, SegmentScores


def at_least_float32(tensor: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """The same numbers in float32 or wider: bfloat16 cannot tell clip 200 from clip 201."""
    return tensor if tensor.itemsize >= 4 else tensor.float()


def scores_of(output: LocalizerOutput) -> Scores:
    """What a model says, as moments are decoded from it: in NumPy, the answer of the last stage."""

    def array(tensor: Float[Tensor, "*shape"]) -> Float[np.ndarray, "*shape"]:
        return at_least_float32(tensor.detach()).cpu().numpy()

    if output.stages:
        answer = output.stages[-1]
        proposals = Proposals(segments=array(answer.segments), logits=array(answer.logits))
        return proposal_scores(proposals, output.start_logits.shape[1])
    evidence = None
    if output.evidence is not None:
        evidence = PresenceEvidence(
            similarity=array(output.evidence.similarity),
            background=array(output.evidence.background),
        )
    return Scores(
        start_logits=array(output.start_logits),
        end_logits=array(output.end_logits),
        clip_logits=None if output.clip_logits is None else array(output.clip_logits),
        evidence=evidence,
    )


def clip_scores_output(
    clip_logits: Float[Tensor, "batch clip"], clip_mask: Bool[Tensor, "batch clip"]
) -> LocalizerOutput:
    """The output of a model that scores every clip as part of the moment.

    With ``p_k = sigmoid(x_k)`` the score of a segment in section 6.2,
    ``prod_{k<i} (1 - p_k) prod_{i<=k<=j} p_k prod_{k>j} (1 - p_k)``, is a constant of the video
    times ``exp(sum_{i<=k<=j} x_k)``. With running sums ``P_i = sum_{k<i} x_k``, start scores
    ``-P_i`` and end scores ``P_{j+1}`` add up to that sum, so the best pair with ``i <= j`` is the
    maximum subarray of the logits: the segment with the largest product, exactly.

    Args:
        clip_logits: ``x_k``, the log odds of ``p_k``; what it holds on padding is ignored.
        clip_mask: True where a clip is real.
    """
    logits = at_least_float32(clip_logits).masked_fill(~clip_mask, 0.0)
    after = logits.cumsum(dim=1)
    before = after - logits
    return LocalizerOutput(
        start_logits=(-before).masked_fill(~clip_mask, -torch.inf),
        end_logits=after.masked_fill(~clip_mask, -torch.inf),
        clip_logits=logits,
    )


def segment_scores_output(
    stages: tuple[SegmentScores, ...], clip_mask: Bool[Tensor, "batch clip"]
) -> LocalizerOutput:
    """The output of a model that scores segments; the last stage is its answer."""
    nothing = torch.zeros_like(clip_mask, dtype=torch.float32).masked_fill(~clip_mask, -torch.inf)
    return LocalizerOutput(start_logits=nothing, end_logits=nothing, stages=stages)
