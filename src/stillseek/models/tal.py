"""TAL+, proposals that look at the image's regions: a baseline of section 6.2."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import max_pool1d

from stillseek.errors import UsageError
from stillseek.models.attention import MultiHead
from stillseek.models.base_head import BaseHead, HeadConfig
from stillseek.models.head_outputs import at_least_float32, segment_scores_output
from stillseek.models.inputs import LARGEST_SIZE, check_config
from stillseek.models.local_transformer import Fusion
from stillseek.models.segments import pooling_weights, regress
from stillseek.tensors import LocalizerInput, LocalizerOutput, SegmentScores

# Published numbers: tIoU of suppression between proposals, and length of the pooled sequence.
_NMS_IOU = 0.7
_POOLED_LENGTH = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class TalConfig(HeadConfig):
    """Sizes of TAL+.

    Attributes:
        hidden_dim: Width of everything between.
        num_heads: Heads of the attention over regions.
        projection_dim: Width of one head.
        anchor_scales: Lengths ``s`` of the anchors in steps, one tower each; the default covers
            the 200 steps of section 6.1 with a factor of about 1.4 between neighbours.
        num_proposals: Most proposals that reach the second stage; TAL-Net passes 300 of its longer
            videos.
        dropout: Dropout rate after the two last hidden layers, in [0, 1).

    Raises:
        UsageError: A value is out of range, or the scales are not increasing.
    """

    hidden_dim: int = 256
    num_heads: int = 4
    projection_dim: int = 64
    anchor_scales: tuple[int, ...] = (1, 2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64, 90, 128)
    num_proposals: int = 64
    dropout: float = 0.1

    def __post_init__(self) -> None:
        """Refuses values that make no model."""
        check_config(self)
        scales = self.anchor_scales
        if not scales or list(scales) != sorted(set(scales)):
            raise UsageError(f"anchor_scales must be increasing lengths, got {scales}")
        if scales[0] < 1 or scales[-1] > LARGEST_SIZE:
            raise UsageError(
                f"anchor_scales must be lengths of 1 to {LARGEST_SIZE} steps, got {scales}"
            )


class AnchorTower(nn.Module):
    """Scores and regresses the anchors of one length, each from its own clips and their context.

    | ``u_i = max of v over the s/6 clips around i``
    | ``h = ReLU(conv_2(ReLU(conv_1(u))))``, kernel 3, dilation ``r_1 = s/3`` and ``r_2 = 2s/3``
    | ``logit = w_c^T h + b_c``, ``offsets = W_r h + b_r``

    Dilations ``s/6`` and ``s/3`` give ``2 (r_1 + r_2) = s``, a receptive field as long as the
    anchor; doubled as here they add context of ``s/2`` on both sides. They are rounded, and at
    least 1; the window of the maximum is the odd number nearest ``s/6``, so that it has a centre.

    ==================== ==============
    ours                 above
    ==================== ==============
    ``near``, ``far``    ``conv_1, conv_2``
    ``score``            ``w_c, b_c``
    ``regression``       ``W_r, b_r``
    ==================== ==============
    """

    def __init__(self, *, dim: int, scale: int) -> None:
        super().__init__()
        near, far = max(1, round(scale / 3)), max(1, round(2 * scale / 3))
        self.window = 2 * round((max(1.0, scale / 6) - 1) / 2) + 1
        self.near = nn.Conv1d(dim, dim, kernel_size=3, dilation=near, padding=near)
        self.far = nn.Conv1d(dim, dim, kernel_size=3, dilation=far, padding=far)
        self.score = nn.Linear(dim, 1)
        self.regression = nn.Linear(dim, 2)

    def forward(
        self, clips: Float[Tensor, "batch clip dim"], clip_mask: Bool[Tensor, "batch clip"]
    ) -> tuple[Float[Tensor, "batch clip"], Float[Tensor, "batch clip 2"]]:
        """Logits and offsets of the anchor at every clip; ``clips`` are >= 0, padding is 0."""
        real = clip_mask[:, None]
        # What spreads into padding would come back through the next convolution.
        hidden = max_pool1d(clips.mT, self.window, stride=1, padding=self.window // 2) * real
        hidden = torch.relu(self.near(hidden)) * real
        hidden = torch.relu(self.far(hidden)).mT
        return self.score(hidden).squeeze(-1), self.regression(hidden)


class ProposalScorer(nn.Module):
    """Second stage: what a proposal shows, what of the image it attends to, and how they fit.

    | ``z = ReLU(W_z [mean of v over each of 7 bins] + b_z)``, with context (`pooling_weights`)
    | ``z~ = MultiHead(z, R, R) + W_g f^g``
    | ``h = ReLU(W_2 ReLU(W_1 Fusion(z, z~) + b_1) + b_2)``
    | ``logit = w_c^T h + b_c``, ``offsets = W_r h + b_r``

    ===================== ==================================
    ours                  above
    ===================== ==================================
    ``pooled``            ``W_z, b_z``
    ``attention``         ``MultiHead`` of section 3
    ``global_feature``    ``W_g``
    ``fusion``            ``Fusion`` of section 4.3
    ``first``, ``second`` ``W_1, b_1`` and ``W_2, b_2``
    ``score``             ``w_c, b_c``
    ``regression``        ``W_r, b_r``
    ===================== ==================================
    """

    def __init__(self, config: TalConfig) -> None:
        super().__init__()
        dim = config.hidden_dim
        self.pooled = nn.Linear(_POOLED_LENGTH * dim, dim)
        self.attention = MultiHead(
            query_dim=dim,
            context_dim=config.region_dim,
            num_heads=config.num_heads,
            projection_dim=config.projection_dim,
        )
        self.global_feature = nn.Linear(config.global_dim, dim, bias=False)
        self.fusion = Fusion(dim=dim)
        self.first = nn.Linear(dim, dim)
        self.second = nn.Linear(dim, dim)
        self.score = nn.Linear(dim, 1)
        self.regression = nn.Linear(dim, 2)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self,
        proposals: Float[Tensor, "batch segment 2"],
        clips: Float[Tensor, "batch clip dim"],
        inputs: LocalizerInput,
    ) -> tuple[Float[Tensor, "batch segment"], Float[Tensor, "batch segment 2"]]:
        """Logits and offsets of every proposal; rows of missing ones mean nothing."""
        weights = pooling_weights(proposals, num_clips=clips.shape[1], num_bins=_POOLED_LENGTH)
        bins = weights.to(clips.dtype).flatten(1, 2) @ clips  # (B, P * 7, D)
        shown = torch.relu(self.pooled(bins.unflatten(1, (-1, _POOLED_LENGTH)).flatten(2)))
        keys, values = self.attention.keys_values(inputs.regions)
        image = self.attention(shown, keys, values, inputs.region_mask[:, None])
        image = image + self.global_feature(inputs.global_feature)[:, None]
        hidden = self.fusion(shown, image)
        hidden = self.dropout(torch.relu(self.first(hidden)))
        hidden = self.dropout(torch.relu(self.second(hidden)))
        return self.score(hidden).squeeze(-1), self.regression(hidden)


class Tal(BaseHead[TalConfig]):
    """TAL+: TAL-Net of Chao et al., CVPR 2018, with attention over the image (section 6.2).

    Stage 1 knows nothing of the query: ``v'_i = ReLU(W_p v_i + b_p)`` goes through one
    `AnchorTower` a scale, the anchors at clip ``i`` being ``[i + 1/2 - s/2, i + 1/2 + s/2)``;
    regression moves them, and suppression of what overlaps a better one by more than 0.7 leaves
    the proposals. Stage 2, `ProposalScorer`, scores and regresses these; the best is the answer.

    ============ ==============
    ours         above
    ============ ==============
    ``project``  ``W_p, b_p``
    ``towers``   stage 1
    ``scorer``   stage 2
    ============ ==============
    """

    def __init__(self, config: TalConfig) -> None:
        super().__init__(config)
        self.project = nn.Linear(config.clip_dim, config.hidden_dim)
        self.towers = nn.ModuleList(
            AnchorTower(dim=config.hidden_dim, scale=scale) for scale in config.anchor_scales
        )
        self.scorer = ProposalScorer(config)
        self.init_weights()

    def init_weights(self) -> None:
        """Initialises every weight; the only place that does.

        Matrices are Xavier uniform and biases 0; regression starts near no move at all (normal,
        0.01), as in Faster R-CNN. Nothing on the meta device, as in SAIL (there for normal_).
        """
        if self.project.weight.is_meta:
            return
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear | nn.Conv1d):
                if name.endswith("regression"):
                    nn.init.normal_(module.weight, std=0.01)
                else:
                    nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def answer(self, inputs: LocalizerInput) -> LocalizerOutput:
        """Proposes segments without the query image, then scores them with it: two stages."""
        mask = inputs.clip_mask
        clips = torch.relu(self.project(inputs.clips)) * mask[..., None]
        first = self._score_anchors(clips, mask)
        proposals, exists = self._propose(first, mask)
        logits, offsets = self.scorer(proposals, clips, inputs)
        offsets = at_least_float32(offsets)
        second = SegmentScores(
            segments=regress(proposals, offsets, mask.sum(dim=1)),
            logits=at_least_float32(logits).masked_fill(~exists, -torch.inf),
            anchors=proposals,
            offsets=offsets,
        )
        return segment_scores_output((first, second), mask)

    def _score_anchors(
        self, clips: Float[Tensor, "batch clip dim"], clip_mask: Bool[Tensor, "batch clip"]
    ) -> SegmentScores:
        """All anchors, in the order of clip, then scale."""
        towers = [tower(clips, clip_mask) for tower in self.towers]
        logits = at_least_float32(torch.stack([logits for logits, _ in towers], dim=2))
        offsets = at_least_float32(torch.stack([offsets for _, offsets in towers], dim=2))
        scales = logits.new_tensor(self.config.anchor_scales)
        centres = torch.arange(clips.shape[1], device=clips.device)[:, None] + 0.5
        anchors = torch.stack([centres - scales / 2, centres + scales / 2], dim=-1)
        anchors = anchors.flatten(0, 1).expand(len(clips), -1, -1)
        offsets = offsets.flatten(1, 2)
        return SegmentScores(
            segments=regress(anchors, offsets, clip_mask.sum(dim=1)),
            logits=logits.masked_fill(~clip_mask[..., None], -torch.inf).flatten(1),
            anchors=anchors,
            offsets=offsets,
        )

    @torch.no_grad()
    def _propose(
        self, first: SegmentScores, clip_mask: Bool[Tensor, "batch clip"]
    ) -> tuple[Float[Tensor, "batch segment 2"], Bool[Tensor, "batch segment"]]:
        """The best segments of stage 1 that overlap no better one, and how many there are.

        Missing ones are the whole video. No gradient comes back through them.
        """
        # torchvision takes a second to import, and no other head needs it.
        from torchvision.ops import nms

        num_clips = clip_mask.sum(dim=1)
        whole = torch.stack([torch.zeros_like(num_clips), num_clips], dim=-1).to(first.segments)
        proposals = whole[:, None].repeat(1, self.config.num_proposals, 1)
        exists = torch.zeros(proposals.shape[:2], dtype=torch.bool, device=proposals.device)
        # Row by row: the offsets that separate rows in batched_nms would round its overlaps.
        for row, real in enumerate(num_clips.tolist()):
            num_anchors = real * len(self.config.anchor_scales)
            segments = first.segments[row, :num_anchors]
            start, end = segments.unbind(dim=-1)
            boxes = torch.stack([start, torch.zeros_like(start), end, torch.ones_like(end)], dim=-1)
            kept = nms(boxes, first.logits[row, :num_anchors], _NMS_IOU)
            kept = kept[: self.config.num_proposals]
            proposals[row, : len(kept)] = segments[kept]
            exists[row, : len(kept)] = True
        return proposals, exists
