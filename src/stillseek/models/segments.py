"""Segments in steps, as real numbers: overlap, regression against anchors, pooling."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

# Largest log ratio of lengths that is decoded: 1 clip to 3000. Beyond it, exp could overflow.
_MAX_LOG_RATIO = 8.0


def segment_iou(
    segments: Float[Tensor, "batch segment 2"], truth: Float[Tensor, "batch 2"]
) -> Float[Tensor, "batch segment"]:
    """Temporal intersection over union of every segment with the true one of its row."""
    start, end = segments.unbind(dim=-1)
    true_start, true_end = truth[:, None].unbind(dim=-1)
    overlap = (torch.minimum(end, true_end) - torch.maximum(start, true_start)).clamp(min=0)
    return overlap / ((end - start) + (true_end - true_start) - overlap)


def offsets_to(
    truth: Float[Tensor, "batch 2"], anchors: Float[Tensor, "batch segment 2"]
) -> Float[Tensor, "batch segment 2"]:
    """What regression should say: ``(c - c_a) / l_a`` and ``log(l / l_a)``."""
    centre, length = _centre_and_length(truth[:, None])
    anchor_centre, anchor_length = _centre_and_length(anchors)
    return torch.stack(
        [(centre - anchor_centre) / anchor_length, (length / anchor_length).log()], dim=-1
    )


def regress(
    anchors: Float[Tensor, "batch segment 2"],
    offsets: Float[Tensor, "batch segment 2"],
    num_clips: Int[Tensor, " batch"],
) -> Float[Tensor, "batch segment 2"]:
    """Moves anchors by their offsets and cuts them to the real clips.

    No segment comes out shorter than one clip: no truth is.
    """
    anchor_centre, anchor_length = _centre_and_length(anchors)
    shift, log_ratio = offsets.unbind(dim=-1)
    centre = anchor_centre + shift * anchor_length
    half = anchor_length * log_ratio.clamp(max=_MAX_LOG_RATIO).exp() / 2
    last = num_clips[:, None].to(anchors.dtype)
    start = torch.minimum((centre - half).clamp(min=0), last - 1)
    end = torch.maximum(torch.minimum(centre + half, last), start + 1)
    return torch.stack([start, end], dim=-1)


def pooling_weights(
    segments: Float[Tensor, "batch segment 2"], *, num_clips: int, num_bins: int
) -> Float[Tensor, "batch segment bin clip"]:
    """Share of every clip in every bin of a segment with context, for pooling by a matrix product.

    The segment is extended by half its length on both sides and cut into equal bins; a bin's row
    holds the part of it that lies in each clip, so that its product with clip features is their
    mean over the bin, with zero outside the video.
    """
    centre, length = _centre_and_length(segments)
    width = 2 * length / num_bins
    steps = torch.arange(num_bins + 1, device=segments.device)
    edges = (centre - length)[..., None] + width[..., None] * steps
    clips = torch.arange(num_clips, device=segments.device)
    low = torch.maximum(edges[..., :-1, None], clips)
    high = torch.minimum(edges[..., 1:, None], clips + 1)
    return (high - low).clamp(min=0) / width[..., None, None]


def _centre_and_length(segments: Tensor) -> tuple[Tensor, Tensor]:
    start, end = segments.unbind(dim=-1)
    return (start + end) / 2, end - start
