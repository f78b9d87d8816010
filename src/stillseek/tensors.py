"""The input and output of every model: SAIL, its ablations, the baselines and matching."""

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
class LocalizerOutput:
    """Start and end scores over the clips; softmax over clips gives ``p^s`` and ``p^e``.

    Attributes:
        start_logits: Start scores, ``-inf`` on padding.
        end_logits: End scores, ``-inf`` on padding.
    """

    start_logits: Float[Tensor, "batch clip"]
    end_logits: Float[Tensor, "batch clip"]
