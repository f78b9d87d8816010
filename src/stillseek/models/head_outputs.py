"""Start and end scores of models that score clips or whole segments instead."""

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
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
    answer, num_clips = stages[-1], clip_mask.shape[1]
    start, end = answer.segments.unbind(dim=-1)
    log_confidence = logsigmoid(at_least_float32(answer.logits))
    return LocalizerOutput(
        start_logits=_log_sum_by_clip(log_confidence, start.floor().long(), num_clips),
        end_logits=_log_sum_by_clip(log_confidence, end.ceil().long() - 1, num_clips),
        stages=stages,
    )


def _log_sum_by_clip(
    values: Float[Tensor, "batch segment"], clips: Int[Tensor, "batch segment"], num_clips: int
) -> Tensor:
    """Log of the summed exponentials of each clip's values; ``-inf`` where there are none."""
    empty = values.new_full((values.shape[0], num_clips), -torch.inf)
    most = empty.scatter_reduce(1, clips, values.detach(), "amax")
    most = most.masked_fill(most == -torch.inf, 0.0)
    sums = torch.zeros_like(most).scatter_add(1, clips, (values - most.gather(1, clips)).exp())
    # log(0) is -inf too, but its gradient would be NaN.
    none = sums == 0
    return (most + sums.masked_fill(none, 1.0).log()).masked_fill(none, -torch.inf)
