"""The input and output of every model."""

from dataclasses import dataclass, fields

import torch
from jaxtyping import Bool, Float
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalizerInput:
    """A batch of (video, image query) pairs as features (section 4.1).

    Attributes:
        clips: Clip features ``v_i``; padding is zero.
        clip_mask: True where a clip is real; every row has at least one, at the front.
        regions: Region features ``r_i`` of the query image; padding is zero.
        boxes: Regions as centre x, centre y, width, height, in fractions of the image.
        region_mask: True where a region is real; every row has at least one, at the front.
        global_feature: Feature ``f^g`` of the whole query image.
    """

    clips: Float[Tensor, "batch clip clip_dim"]
    clip_mask: Bool[Tensor, "batch clip"]
    regions: Float[Tensor, "batch region region_dim"]
    boxes: Float[Tensor, "batch region 4"]
    region_mask: Bool[Tensor, "batch region"]
    global_feature: Float[Tensor, "batch global_dim"]

    def to(self, device: torch.device | str) -> "LocalizerInput":
        """The same batch on another device."""
        return LocalizerInput(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentScores:
    """Whole segments with their scores: one stage of a model that proposes segments.

    Positions are steps as real numbers, half-open: clip ``i`` alone is ``[i, i + 1)``.

    Attributes:
        segments: Start and end of each segment, after regression where there is one; inside the
            real clips, and longer than nothing.
        logits: Score of each; its sigmoid is a confidence. ``-inf`` where there is no segment.
        anchors: What the regression started from; None where nothing is regressed.
        offsets: What the regression says: ``(c - c_a) / l_a`` and ``log(l / l_a)`` for centre ``c``
            and length ``l`` against those of the anchor; None where nothing is regressed.
    """

    segments: Float[Tensor, "batch segment 2"]
    logits: Float[Tensor, "batch segment"]
    anchors: Float[Tensor, "batch segment 2"] | None = None
    offsets: Float[Tensor, "batch segment 2"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipEvidence:
    """What says whether the activity is in the video at all, comparable between videos.

    Attributes:
        similarity: How like the picture each clip is; ``-inf`` where it shows nothing and on
            padding.
        background: How like the picture pictures are in general.
    """

    similarity: Float[Tensor, "batch clip"]
    background: Float[Tensor, " batch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalizerOutput:
    """Start and end scores over the clips; softmax over clips gives ``p^s`` and ``p^e``.

    What a model does not score itself follows from what it scores. Where clips are scored (FLP,
    matching), the boundary scores are running sums, so that ``start_logits[i] + end_logits[j]`` is
    the sum of ``clip_logits`` over ``i .. j``, and what a model says of boundaries beside that (the
    similarity head) is added. Where segments are scored (SST+, TAL+, Random), they say nothing:
    `stillseek.scores.proposal_scores` has what follows from the segments.

    Attributes:
        start_logits: Start scores, ``-inf`` on padding.
        end_logits: End scores, ``-inf`` on padding.
        clip_logits: Score of every clip as part of the moment, 0 on padding; None where clips are
            not scored.
        stages: Segments of every stage, the answer last; empty where segments are not scored.
        evidence: What presence is judged by; None for heads that do not judge it.
    """

    start_logits: Float[Tensor, "batch clip"]
    end_logits: Float[Tensor, "batch clip"]
    clip_logits: Float[Tensor, "batch clip"] | None = None
    stages: tuple[SegmentScores, ...] = ()
    evidence: ClipEvidence | None = None
