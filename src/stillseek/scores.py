"""What goes into heads and comes out of them when a video is searched; without PyTorch."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from stillseek.errors import FeatureError
from stillseek.timeline import ClipGrid

HeadPrecision = Literal["fp32", "bf16"]
"""Number format of a head's matrix products; its weights stay float32."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposals:
    """Whole segments with their scores, of a head that proposes segments.

    Attributes:
        segments: Start and end in steps as real numbers, half-open, inside the real clips.
        logits: Score of each; its sigmoid is a confidence. ``-inf`` where there is no segment.
    """

    segments: Float[np.ndarray, "batch segment 2"]
    logits: Float[np.ndarray, "batch segment"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceEvidence:
    """What says whether the activity is in the video at all, comparable between videos.

    Attributes:
        similarity: How like the picture each clip is; ``-inf`` where it shows nothing and on
            padding.
        background: How like the picture pictures are in general.
    """

    similarity: Float[np.ndarray, "batch clip"]
    background: Float[np.ndarray, " batch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """What a head says of a batch, as `stillseek.tensors.LocalizerOutput`: see there.

    Where segments are scored, so are boundaries: see `proposal_scores`.

    Attributes:
        start_logits: Start scores, ``-inf`` on padding.
        end_logits: End scores, ``-inf`` on padding.
        clip_logits: Score of every clip as part of the moment, 0 on padding; None where clips are
            not scored.
        proposals: Segments, the answer of the last stage; None where segments are not scored.
        evidence: What presence is judged by; None for heads that do not judge it.
    """

    start_logits: Float[np.ndarray, "batch clip"]
    end_logits: Float[np.ndarray, "batch clip"]
    clip_logits: Float[np.ndarray, "batch clip"] | None = None
    proposals: Proposals | None = None
    evidence: PresenceEvidence | None = None


def proposal_scores(proposals: Proposals, num_clips: int) -> Scores:
    """The scores of a head that proposes segments.

    ``start_logits[i]`` is the log of the summed confidence of the segments that start in clip
    ``i``, ``end_logits[j]`` of those whose last instant lies in clip ``j``; ``-inf`` where none
    does.
    """
    log_confidence = -np.logaddexp(0.0, -proposals.logits.astype(np.float64))
    start, end = proposals.segments[..., 0], proposals.segments[..., 1]
    rows = np.arange(len(start))[:, None]

    def by_clip(clips: Float[np.ndarray, "batch segment"]) -> Float[np.ndarray, "batch clip"]:
        sums = np.full((len(clips), num_clips), -np.inf)
        np.logaddexp.at(sums, (rows, clips.astype(np.int64)), log_confidence)
        return sums

    return Scores(
        start_logits=by_clip(np.floor(start)),
        end_logits=by_clip(np.ceil(end) - 1),
        proposals=proposals,
    )


def log_softmax(logits: Float[np.ndarray, "batch clip"]) -> Float[np.ndarray, "batch clip"]:
    """Log of the softmax over clips, in float64."""
    wide = logits.astype(np.float64)
    return wide - log_sum_exp(wide)


def log_sum_exp(logits: Float[np.ndarray, "batch clip"]) -> Float[np.ndarray, "batch 1"]:
    """Log of the summed exponentials of a row; each needs a finite entry."""
    most = logits.max(axis=1, keepdims=True)
    return most + np.log(np.exp(logits - most).sum(axis=1, keepdims=True))


def pool_steps(
    clips: Float[np.ndarray, "clip clip_dim"], grid: ClipGrid
) -> Float[np.ndarray, "step clip_dim"]:
    """One feature a step: the mean of its clips (section 6.1, overlong sequences).

    Deviation: the paper does not say how it downsamples; the mean drops no clip.

    Raises:
        FeatureError: There is not one feature a clip of the grid.
    """
    if len(clips) != grid.num_clips:
        raise FeatureError(
            f"got {len(clips)} clip features for a grid of {grid.num_clips} clips "
            f"({grid.duration_seconds} s); extract the features again"
        )
    if grid.num_steps == grid.num_clips:
        return clips
    steps = map(grid.clips_of_step, range(grid.num_steps))
    means = [clips[step.start : step.stop].mean(axis=0, dtype=np.float64) for step in steps]
    return np.stack(means).astype(clips.dtype)
