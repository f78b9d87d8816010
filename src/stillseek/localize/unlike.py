"""What the query is not: clips that look more like other pictures are pushed down."""

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from stillseek.localize.window_search import Scorer, look_at_all
from stillseek.scores import Scores, proposal_scores


def likeness_logits(
    likeness: Scorer, clips: Float[np.ndarray, "clip clip_dim"]
) -> Float[np.ndarray, " clip"]:
    """How like the pictures every clip of a video of any length is, in log odds."""
    logits = look_at_all(likeness, clips).clip_logits
    assert logits is not None
    return logits[0].astype(np.float64)


def with_penalty(score: Scorer) -> Scorer:
    """A head that takes penalties as one more number of every clip, the last.

    So they go where the clips go: into windows, and into steps as the mean of their clips.
    """

    def penalised(
        clips: Float[np.ndarray, "window step clip_dim"], clip_mask: Bool[np.ndarray, "window step"]
    ) -> Scores:
        scores = score(np.ascontiguousarray(clips[..., :-1]), clip_mask)
        return add_penalty(scores, clips[..., -1], clip_mask)

    return penalised


def add_penalty(
    scores: Scores,
    penalty: Float[np.ndarray, "batch clip"],
    clip_mask: Bool[np.ndarray, "batch clip"],
) -> Scores:
    """What a head says when its clips lose log odds.

    A moment loses the sum over its clips: ``start_logits[i] -= sum_{k<i} p_k``, ``end_logits[j] +=
    sum_{k<=j} p_k``, and ``clip_logits += p`` where clips are scored; where segments are scored, a
    clip that lies in one in part counts in part.

    Args:
        scores: What the head says.
        penalty: ``p_k``, at most 0.
        clip_mask: True where a clip is real.
    """
    real = np.where(clip_mask, penalty.astype(np.float64), 0.0)
    after = real.cumsum(axis=1)
    if scores.proposals is not None:
        answer = scores.proposals
        sums = np.pad(after, ((0, 0), (1, 1)))
        sums[:, -1] = sums[:, -2]  # so that the last edge has one beyond it
        start, end = (_between(sums, answer.segments[..., bound]) for bound in (0, 1))
        logits = answer.logits + (end - start)
        return proposal_scores(replace(answer, logits=logits), clip_mask.shape[1])
    return replace(
        scores,
        start_logits=scores.start_logits - (after - real),
        end_logits=scores.end_logits + after,
        clip_logits=None if scores.clip_logits is None else scores.clip_logits + real,
    )


def _between(
    sums: Float[np.ndarray, "batch edge"], positions: Float[np.ndarray, "batch segment"]
) -> Float[np.ndarray, "batch segment"]:
    """Running sums at positions that are no whole clips, straight from edge to edge."""
    left = np.minimum(np.floor(positions).astype(np.int64), sums.shape[1] - 2)
    before = np.take_along_axis(sums, left, axis=1)
    behind = np.take_along_axis(sums, left + 1, axis=1)
    return before + (positions - left) * (behind - before)
