"""Matching: cosine similarity of clips and picture; nothing to train."""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import avg_pool1d

from stillseek.errors import UsageError
from stillseek.models.decoding import DecodeMethod
from stillseek.models.inputs import check_config, check_inputs
from stillseek.models.outputs import at_least_float32, clip_scores_output
from stillseek.tensors import LocalizerInput, LocalizerOutput

Centring = Literal["video"]

# Below this length, what centring leaves of a unit vector is rounding (1e-7 in float32).
_LEAST_LENGTH = 1e-4
# A minute of clips of one second, as long as the videos of Table 1.
_SHORT_CLIPS = 60
_MOST_GROWTH = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchingConfig:
    """Numbers of Matching.

    Attributes:
        clip_dim: Width of the clip features, which lie in one space with the global feature.
        region_dim: Width of the region features; Matching does not look at regions.
        global_dim: Width of the global feature, the same as ``clip_dim``.
        smoothing: Clips ``s`` on each side that a similarity is averaged with.
        threshold: Similarity ``theta`` from which a clip belongs to the moment, in [-1, 1].
        growth: What ``theta`` grows by with every doubling of the clips beyond 60, at most to 0.4
            more: the longer the video, the more clips look like the picture by chance.
        scale: Log odds ``kappa`` that one unit of similarity is worth, above 0.
        centring: "video" takes the mean of the video's clips away from clips and picture, so that
            what the whole video shares counts for nothing; None compares them as they are.

    Raises:
        UsageError: A value is out of range, or the two widths differ.
    """

    clip_dim: int = 512
    region_dim: int = 4096
    global_dim: int = 512
    smoothing: int = 0
    threshold: float = 0.0
    growth: float = 0.08
    scale: float = 10.0
    centring: Centring | None = "video"

    def __post_init__(self) -> None:
        """Refuses values that make no model."""
        check_config(self, may_be_zero=("smoothing",))
        if self.clip_dim != self.global_dim:
            raise UsageError(
                f"clip features are {self.clip_dim} wide and global features {self.global_dim}, "
                "but matching compares the two and needs one space; use a recipe whose clips and "
                "pictures share an encoder, or train a model"
            )
        if not 0 <= self.growth < math.inf:
            raise UsageError(f"growth must be at least 0 and finite, got {self.growth}")
        if not -1 <= self.threshold <= 1:
            raise UsageError(f"threshold is a cosine in [-1, 1], got {self.threshold}")
        if not self.scale > 0:
            raise UsageError(f"scale must be above 0, got {self.scale}")
        if self.centring not in ("video", None):
            raise UsageError(f"centring must be 'video' or None, got {self.centring!r}")


class Matching(nn.Module):
    """Finds the clips that look like the picture, without training.

    | ``m = 1/n sum_i v_i / |v_i|`` ("video"; 0 without centring)
    | ``a_i = cos(v_i / |v_i| - m, f^g / |f^g| - m)``
    | ``b_i`` = mean of ``a_t`` over the real clips ``t`` of ``i - s .. i + s``
    | ``x_i = kappa (b_i - theta - min(0.4, gamma log2(n / 60)))``, scored as in
      `clip_scores_output`; nothing grows below 60 clips

    There are no weights.
    """

    decode_methods: ClassVar[tuple[DecodeMethod, ...]] = ("joint",)

    def __init__(self, config: MatchingConfig) -> None:
        super().__init__()
        self.config = config

    def init_weights(self) -> None:
        """There are no weights."""

    def forward(self, inputs: LocalizerInput) -> LocalizerOutput:
        """Scores every clip as part of the activity in the query image.

        Raises:
            UsageError: The batch does not fit the model (see ``check_inputs``).
        """
        check_inputs(inputs, self.config)
        mask = inputs.clip_mask
        clips = _unit(at_least_float32(inputs.clips), least=0.0) * mask[..., None]
        image = _unit(at_least_float32(inputs.global_feature), least=0.0)[:, None]
        if self.config.centring == "video":
            mean = clips.sum(dim=1, keepdim=True) / mask.sum(dim=1)[:, None, None]
            # A video that never changes has no direction left, only rounding: it stays near 0.
            clips = _unit(clips - mean, least=_LEAST_LENGTH)
            image = _unit(image - mean, least=_LEAST_LENGTH)
        similarity = (clips * image).sum(dim=-1)
        smoothed = _smooth(similarity, mask, self.config.smoothing)
        doublings = (mask.sum(dim=1, keepdim=True) / _SHORT_CLIPS).log2().clamp(min=0)
        raised = (self.config.growth * doublings).clamp(max=_MOST_GROWTH)
        score = self.config.scale * (smoothed - self.config.threshold - raised)
        return clip_scores_output(score, inputs.clip_mask)


def _unit(
    vectors: Float[Tensor, "batch entry dim"] | Float[Tensor, "batch dim"], *, least: float
) -> Tensor:
    """Vectors of length 1; shorter than ``least`` they are divided by it, and zero stays zero."""
    return vectors / vectors.norm(dim=-1, keepdim=True).clamp(min=max(least, 1e-12))


def _smooth(
    values: Float[Tensor, "batch clip"], clip_mask: Bool[Tensor, "batch clip"], side: int
) -> Float[Tensor, "batch clip"]:
    """Mean over the real clips at most ``side`` away."""
    real = clip_mask.to(values.dtype)
    sums = avg_pool1d(values * real, 2 * side + 1, stride=1, padding=side)
    # Both divide by the whole window; a padded clip may see no real one.
    return sums / avg_pool1d(real, 2 * side + 1, stride=1, padding=side).clamp(min=1e-12)
