"""The similarity head: matching, corrected by what it learned of how moments look (ours)."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import gelu

from stillseek.errors import UsageError
from stillseek.models.base_head import BaseHead, HeadConfig
from stillseek.models.head_outputs import clip_scores_output
from stillseek.models.inputs import check_config
from stillseek.models.matching import Matching, MatchingConfig
from stillseek.models.similarity_channels import NUM_CHANNELS, similarity_channels, steadiness
from stillseek.tensors import LocalizerInput, LocalizerOutput

_KERNEL = 5
# How sharply corrections end where videos are too restless.
_GATE_WIDTH = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarityConfig(HeadConfig):
    """Numbers of the similarity head.

    Attributes:
        clip_dim: Width of the clip features, which lie in one space with picture and regions.
        region_dim: The same.
        global_dim: The same.
        num_layers: Layers; layer ``k`` looks ``2 * 2^k`` clips to each side.
        hidden_dim: Width of the hidden layers.
        dropout: Dropout rate of every layer.
        least_steadiness: Steadiness of a video (see `steadiness`) below which matching answers
            alone; None corrects every video. Training corrects every stream.
        whitening: That of `MatchingConfig`.
        background: Vectors that `Evidence` compares a picture with; 0 is a head without evidence.

    Raises:
        UsageError: A value is out of range, or the widths differ.
    """

    clip_dim: int = 512
    region_dim: int = 512
    num_layers: int = 4
    hidden_dim: int = 48
    dropout: float = 0.1
    least_steadiness: float | None = None
    whitening: float = 0.0
    background: int = 0

    def __post_init__(self) -> None:
        """Refuses values that make no model."""
        check_config(self, may_be_zero=("background",))
        if self.least_steadiness is not None and not 0 <= self.least_steadiness <= 1:
            raise UsageError(f"least_steadiness must be in [0, 1], got {self.least_steadiness}")
        self.matching()

    def matching(self) -> MatchingConfig:
        """The matching that is corrected."""
        return MatchingConfig(
            clip_dim=self.clip_dim,
            region_dim=self.region_dim,
            global_dim=self.global_dim,
            smoothing=1.5,
            growth=0.0,
            region_weight=0.5,
            whitening=self.whitening,
            background=self.background,
        )


class SimilarityLayer(nn.Module):
    """One layer: what the clips around say, ``h + W GELU(conv(LayerNorm(h)))``."""

    def __init__(self, dim: int, *, dilation: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        around = dilation * (_KERNEL // 2)
        self.around = nn.Conv1d(dim, dim, _KERNEL, padding=around, dilation=dilation)
        self.mix = nn.Linear(dim, dim)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, states: Float[Tensor, "batch clip dim"], clip_mask: Bool[Tensor, "batch clip"]
    ) -> Float[Tensor, "batch clip dim"]:
        """The next states; padding looks like what is beyond the video's ends: nothing."""
        seen = self.around((self.norm(states) * clip_mask[..., None]).mT).mT
        return states + self.dropout(self.mix(gelu(seen)))


class Similarity(BaseHead[SimilarityConfig]):
    """Matching, corrected by a network that sees similarities and never features (ours).

    ``x_i`` are matching's log odds, and ``h_i`` the states of a small convolutional network over
    the channels of `similarity_channels`:

    | clip ``i``: ``lambda x_i + g u^T h_i``, summed over the moment
    | start ``s``: ``g u_s^T h_s``; end ``e``: ``g u_e^T h_e``
    | ``g = sigmoid((z - tau) / 0.01)``, with ``z`` the median cosine of neighbouring clips

    ``u``, ``u_s`` and ``u_e`` start at zero, so that training begins at matching's answer. Streams
    of photographs are steadier (``z``) than people moving in one place: what was learned of the
    ones misleads on the others, so that there matching answers alone. ``tau`` is
    ``least_steadiness``.

    What a head learns of features it learns of classes; similarities are the same for every class
    and, standardised, for every recipe whose clips, regions and pictures share a space.
    """

    def __init__(self, config: SimilarityConfig) -> None:
        super().__init__(config)
        self.matching = Matching(config.matching())
        self.embed = nn.Linear(NUM_CHANNELS, config.hidden_dim)
        self.layers = nn.ModuleList(
            SimilarityLayer(config.hidden_dim, dilation=2**layer, dropout=config.dropout)
            for layer in range(config.num_layers)
        )
        self.correct = nn.Linear(config.hidden_dim, 3)
        self.scale = nn.Parameter(torch.tensor(0.1))
        self.init_weights()

    def init_weights(self) -> None:
        """As `BaseHead`, but for the corrections, which start as nothing."""
        super().init_weights()
        nn.init.zeros_(self.correct.weight)

    def answer(self, inputs: LocalizerInput) -> LocalizerOutput:
        """Scores every clip as part of the activity in the query image, and as its boundaries."""
        mask = inputs.clip_mask
        seen = self.matching.compare(inputs)
        states = self.embed(similarity_channels(seen))
        for layer in self.layers:
            states = layer(states, mask)
        corrections = self.correct(states)
        if self.config.least_steadiness is not None and not self.training:
            excess = steadiness(seen) - self.config.least_steadiness
            corrections = torch.sigmoid(excess / _GATE_WIDTH)[:, None, None] * corrections
        inside, start, end = corrections.unbind(dim=-1)
        found = self.matching.score(inputs, seen)
        assert found.clip_logits is not None
        output = clip_scores_output(self.scale * found.clip_logits + inside, mask)
        return replace(
            output,
            start_logits=output.start_logits + start,
            end_logits=output.end_logits + end,
            evidence=found.evidence,
        )
