"""Start and end scores of models that score clips or whole segments instead."""

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import logsigmoid

from stillseek.scores import PresenceEvidence, Proposals, Scores
from stillseek.tensors import LocalizerOutput, SegmentScores


def at_least_float32(tensor: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """The same numbers in float32 or wider: bfloat16 cannot tell clip 200 from clip 201."""
    return tensor if tensor.itemsize >= 4 else tensor.float()


def scores_of(output: LocalizerOutput) -> Scores:
    """What a model says, as moments are decoded from it: in NumPy, the answer of the last stage."""

    def array(tensor: Float[Tensor, "*shape"]) -> Float[np.ndarray, "*shape"]:
        return at_least_float32(tensor.detach()).cpu().numpy()

    proposals, evidence = None, None
    if output.stages:
        answer = output.stages[-1]
        proposals = Proposals(segments=array(answer.segments), logits=array(answer.logits))
    if output.evidence is not None:
        evidence = PresenceEvidence(
            similarity=array(output.evidence.similarity),
            background=array(output.evidence.background),
        )
    return Scores(
        start_logits=array(output.start_logits),
        end_logits=array(output.end_logits),
        clip_logits=None if output.clip_logits is None else array(output.clip_logits),
        proposals=proposals,
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
    """The output of a model that scores segments; the last stage is its answer.

    ``start_logits[i]`` is the log of the summed confidence of the segments that start in clip
    ``i``, ``end_logits[j]`` of those whose last instant lies in clip ``j``; ``-inf`` where none
    does. Every row needs one segment with a finite logit, so that each has a finite entry.
    """
    answer = stages[-1]
    start, end = answer.segments.unbind(dim=-1)
    # In float64, what is all but certain not to be there does not become 0; no loss reads these.
    confidence = logsigmoid(answer.logits.double()).exp()
    none = confidence.new_zeros(clip_mask.shape)
    starts, ends = (
        none.scatter_add(1, clips, confidence).log().to(at_least_float32(answer.logits).dtype)
        for clips in (start.floor().long(), end.ceil().long() - 1)
    )
    return LocalizerOutput(start_logits=starts, end_logits=ends, stages=stages)
