"""Matching: how like the picture every clip is; no network to train."""

import math
from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from stillseek.errors import UsageError
from stillseek.models.base_head import BaseHead, HeadConfig
from stillseek.models.evidence import Evidence, smooth, unit
from stillseek.models.head_outputs import at_least_float32, clip_scores_output
from stillseek.models.inputs import check_config
from stillseek.tensors import ClipEvidence, LocalizerInput, LocalizerOutput

Centring = Literal["video"]

# Below this length, what centring leaves of a unit vector is rounding (1e-7 in float32).
_LEAST_LENGTH = 1e-4
# A minute of clips of one second, as long as the videos of Table 1.
_SHORT_CLIPS = 60
_MOST_GROWTH = 0.4
# Two hours of clips of half a second; a damaged head could ask for more than memory holds.
_MOST_SMOOTHING = 14_400.0
# Similarity of a clip that shows nothing, far from any that does: clearly outside.
_UNLIKE = -0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchingConfig(HeadConfig):
    """Numbers of Matching.

    Attributes:
        clip_dim: Width of the clip features, which lie in one space with the global feature.
        region_dim: Width of the region features, the same where regions count.
        global_dim: Width of the global feature, the same as ``clip_dim``.
        smoothing: Standard deviation ``sigma`` in clips of the Gaussian that similarities are
            averaged by; 0 leaves them as they are.
        threshold: Similarity ``theta`` from which a clip belongs to the moment, in [-1, 1].
        growth: What ``theta`` grows by with every doubling of the clips beyond 60, at most to 0.4
            more: the longer the video, the more clips look like the picture by chance.
        scale: Log odds ``kappa`` that one unit of similarity is worth, above 0.
        centring: "video" takes the mean of the video's clips away from clips and picture, so that
            what the whole video shares counts for nothing; None compares them as they are.
        region_weight: Share ``omega`` of the similarity that the picture's regions have, in [0, 1].
        best_regions: How many regions ``k``, those most like the clip, are averaged.
        whitening: Power of the metric of `Evidence` that clips, picture and regions go through
            before they are compared, in [0, 1]; 0 leaves them as they are. Needs evidence.
        background: Vectors that `Evidence` compares a picture with; 0 is a head without evidence.

    Raises:
        UsageError: A value is out of range, or the widths differ.
    """

    clip_dim: int = 512
    smoothing: float = 0.0
    threshold: float = 0.0
    growth: float = 0.08
    scale: float = 10.0
    centring: Centring | None = "video"
    region_weight: float = 0.0
    best_regions: int = 3
    whitening: float = 0.0
    background: int = 0

    def __post_init__(self) -> None:
        """Refuses values that make no model."""
        check_config(self, may_be_zero=("background",))
        if self.clip_dim != self.global_dim:
            raise UsageError(
                f"clip features are {self.clip_dim} wide and global features {self.global_dim}, "
                "but matching compares the two and needs one space; use a recipe whose clips and "
                "pictures share an encoder, or train a model"
            )
        if not 0 <= self.region_weight <= 1:
            raise UsageError(f"region_weight must be in [0, 1], got {self.region_weight}")
        if self.region_weight > 0 and self.region_dim != self.clip_dim:
            raise UsageError(
                f"regions are {self.region_dim} wide and clips {self.clip_dim}, but region_weight "
                "compares the two; use a recipe with one space for both, or region_weight 0"
            )
        if not 0 <= self.smoothing <= _MOST_SMOOTHING:
            raise UsageError(
                f"smoothing must be in [0, {_MOST_SMOOTHING:g}] clips, got {self.smoothing}"
            )
        if not 0 <= self.growth < math.inf:
            raise UsageError(f"growth must be at least 0 and finite, got {self.growth}")
        if not -1 <= self.threshold <= 1:
            raise UsageError(f"threshold is a cosine in [-1, 1], got {self.threshold}")
        if not self.scale > 0:
            raise UsageError(f"scale must be above 0, got {self.scale}")
        if not 0 <= self.whitening <= 1:
            raise UsageError(f"whitening must be in [0, 1], got {self.whitening}")
        if self.whitening and not self.background:
            raise UsageError(
                f"whitening is {self.whitening}, but a head without a background has no metric; "
                "use whitening 0"
            )
        if self.centring not in ("video", None):
            raise UsageError(f"centring must be 'video' or None, got {self.centring!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A video and a picture beside each other; the names are those of `Matching`.

    Attributes:
        clips: Clips of length 1, whitened, 0 where a clip shows nothing.
        image: The picture likewise.
        is_shown: Clips that show something.
        centred: ``c_i``; 0 where a clip shows nothing.
        similarity: ``c_i q``.
        likeness: ``d_i``; None where regions do not count.
        evidence: What presence is judged by; None for a head without it.
    """

    clips: Float[Tensor, "batch clip dim"]
    image: Float[Tensor, "batch 1 dim"]
    is_shown: Bool[Tensor, "batch clip"]
    centred: Float[Tensor, "batch clip dim"]
    similarity: Float[Tensor, "batch clip"]
    likeness: Float[Tensor, "batch clip"] | None
    evidence: ClipEvidence | None


class Matching(BaseHead[MatchingConfig]):
    """Finds the clips that look like the picture, without a network of its own.

    | ``u_i``: clips of length 1, whitened by a power of the metric of `Evidence` above 0
      (`Evidence.whiten`); so are picture and regions
    | ``m = 1/n sum_i u_i`` ("video"; 0 without centring), over clips that are not 0
    | ``c_i``, ``q``, ``r_j``: clips, picture and regions of length 1, less ``m``, of length 1
    | ``d_i`` = mean of the ``k`` largest ``c_i r_j``, less its mean over the clips ("video")
    | ``a_i = (1 - omega) c_i q + omega d_i``
    | ``b_i`` = mean of ``a_t``, weighted by ``exp(-(t - i)^2 / (2 sigma^2))``
    | ``x_i = kappa (b_i - theta - min(0.4, gamma log2(n / 60)))``, scored as in
      `clip_scores_output`; nothing grows below 60 clips

    A clip whose feature is 0 shows nothing (a black frame) and is like nothing: it takes the mean
    of its neighbours within reach of the smoothing, and lies outside the moment beyond that.

    There are no weights but those of `Evidence`, if the head has it: statistics of photographs.
    """

    def __init__(self, config: MatchingConfig) -> None:
        super().__init__(config)
        self.evidence = None
        if config.background:
            self.evidence = Evidence(dim=config.clip_dim, num_background=config.background)

    def answer(self, inputs: LocalizerInput) -> LocalizerOutput:
        """Scores every clip as part of the activity in the query image."""
        return self.score(inputs, self.compare(inputs))

    def compare(self, inputs: LocalizerInput) -> "Comparison":
        """What clips, regions and picture have to do with each other."""
        config = self.config
        clips = unit(at_least_float32(inputs.clips)) * inputs.clip_mask[..., None]
        image = unit(at_least_float32(inputs.global_feature))[:, None]
        is_shown = clips.abs().amax(dim=-1) > 0
        evidence = None if self.evidence is None else self.evidence(clips, image, is_shown)
        clips, image = self._whiten(clips) * is_shown[..., None], self._whiten(image)
        mean = self.centre(clips, is_shown)
        centred, picture = clips, image
        if config.centring == "video":
            # A video that never changes has no direction left, only rounding: it stays near 0.
            centred = unit(clips - mean, least=_LEAST_LENGTH) * is_shown[..., None]
            picture = unit(image - mean, least=_LEAST_LENGTH)
        likeness = None
        if config.region_weight:
            regions = self._whiten(unit(at_least_float32(inputs.regions)))
            regions = unit(regions - mean, least=_LEAST_LENGTH)
            likeness = _best_regions(centred, regions, inputs.region_mask, config.best_regions)
            if config.centring == "video":
                # The best of several is above 0 by chance; what all clips have of it is no sign.
                common = (likeness * is_shown).sum(dim=1) / is_shown.sum(dim=1).clamp(min=1)
                likeness = likeness - common[:, None]
        return Comparison(
            clips=clips,
            image=image,
            is_shown=is_shown,
            centred=centred,
            similarity=(centred * picture).sum(dim=-1),
            likeness=likeness,
            evidence=evidence,
        )

    def _whiten(self, vectors: Float[Tensor, "batch row dim"]) -> Float[Tensor, "batch row dim"]:
        if self.evidence is None or not self.config.whitening:
            return vectors
        return self.evidence.whiten(vectors, self.config.whitening)

    def score(self, inputs: LocalizerInput, seen: "Comparison") -> LocalizerOutput:
        """The log odds ``x_i`` of what was compared."""
        config, similarity = self.config, seen.similarity
        if seen.likeness is not None:
            similarity = similarity + config.region_weight * (seen.likeness - similarity)
        smoothed, is_near = smooth(similarity, seen.is_shown, config.smoothing)
        doublings = (inputs.clip_mask.sum(dim=1, keepdim=True) / _SHORT_CLIPS).log2().clamp(min=0)
        raised = (config.growth * doublings).clamp(max=_MOST_GROWTH)
        smoothed = torch.where(is_near, smoothed, smoothed.new_tensor(_UNLIKE))
        output = clip_scores_output(
            config.scale * (smoothed - config.threshold - raised), inputs.clip_mask
        )
        return replace(output, evidence=seen.evidence)

    def centre(
        self, clips: Float[Tensor, "batch clip dim"], is_shown: Bool[Tensor, "batch clip"]
    ) -> Float[Tensor, "batch 1 dim"]:
        """``m``: what is taken away from clips, pictures and regions before they are compared.

        Args:
            clips: Clips of length 1, whitened, 0 where a clip shows nothing.
            is_shown: Clips that show something.
        """
        sums = clips.sum(dim=1, keepdim=True)
        if self.config.centring is None:
            return torch.zeros_like(sums)
        return sums / is_shown.sum(dim=1).clamp(min=1)[:, None, None]


def _best_regions(
    clips: Float[Tensor, "batch clip dim"],
    regions: Float[Tensor, "batch region dim"],
    region_mask: Bool[Tensor, "batch region"],
    number: int,
) -> Float[Tensor, "batch clip"]:
    """Mean similarity of the real regions that are most like each clip."""
    similarity = (clips @ regions.mT).masked_fill(~region_mask[:, None], -torch.inf)
    # Padded, so that no number of regions is a case of its own, for ONNX neither.
    padded = torch.nn.functional.pad(similarity, (0, number), value=-torch.inf)
    best = padded.topk(number, dim=-1).values
    is_real = best > -torch.inf
    return best.masked_fill(~is_real, 0.0).sum(dim=-1) / is_real.sum(dim=-1)
