"""What the query is not: clips that look more like other pictures are pushed down."""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from stillseek.localize.window_search import Scorer, look_at_all
from stillseek.models.head_outputs import segment_scores_output
from stillseek.tensors import LocalizerOutput


def likeness_logits(
    likeness: Scorer, clips: Float[np.ndarray, "clip clip_dim"]
) -> Float[np.ndarray, " clip"]:
    """How like the pictures every clip of a video of any length is, in log odds."""
    logits = look_at_all(likeness, clips).clip_logits
    assert logits is not None
    return logits[0].double().numpy()


def with_penalty(score: Scorer) -> Scorer:
    """A head that takes penalties as one more number of every clip, the last.

    So they go where the clips go: into windows, and into steps as the mean of their clips.
    """

    def penalised(
        clips: Float[Tensor, "window step clip_dim"], clip_mask: Bool[Tensor, "window step"]
    ) -> LocalizerOutput:
        output = score(clips[..., :-1].contiguous(), clip_mask)
        return add_penalty(output, clips[..., -1], clip_mask)

    return penalised


def add_penalty(
    output: LocalizerOutput,
    penalty: Float[Tensor, "batch clip"],
    clip_mask: Bool[Tensor, "batch clip"],
) -> LocalizerOutput:
    """What a head says when its clips lose log odds.

    A moment loses the sum over its clips: ``start_logits[i] -= sum_{k<i} p_k``, ``end_logits[j] +=
    sum_{k<=j} p_k``, and ``clip_logits += p`` where clips are scored; where segments are scored, a
    clip that lies in one in part counts in part.

    Args:
        output: What the head says.
        penalty: ``p_k``, at most 0.
        clip_mask: True where a clip is real.
    """
    real = penalty.masked_fill(~clip_mask, 0.0)
    after = real.cumsum(dim=1)
    if output.stages:
        answer = output.stages[-1]
        sums = torch.nn.functional.pad(after, (1, 1))
        sums[:, -1] = sums[:, -2]  # so that the last edge has one beyond it
        start, end = (_between(sums, edges) for edges in answer.segments.unbind(dim=-1))
        stage = replace(answer, logits=answer.logits + (end - start).to(answer.logits.dtype))
        return segment_scores_output((*output.stages[:-1], stage), clip_mask)
    return replace(
        output,
        start_logits=output.start_logits - (after - real),
        end_logits=output.end_logits + after,
        clip_logits=None if output.clip_logits is None else output.clip_logits + real,
    )


def _between(
    sums: Float[Tensor, "batch edge"], positions: Float[Tensor, "batch segment"]
) -> Float[Tensor, "batch segment"]:
    """Running sums at positions that are no whole clips, straight from edge to edge."""
    left = positions.floor().long().clamp(max=sums.shape[1] - 2)
    before, behind = sums.gather(1, left), sums.gather(1, left + 1)
    return before + (positions - left) * (behind - before)
