"""SAIL, the self-attention interaction localizer (section 4)."""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Bool, Float
from torch import Tensor, nn

from stillseek.errors import UsageError
from stillseek.models.attention import MultiHead
from stillseek.models.base_head import BaseHead, HeadConfig
from stillseek.models.decoding import DecodeMethod
from stillseek.models.inputs import check_clips, check_config, check_query
from stillseek.models.local_transformer import (
    ImageMemory,
    LocalTransformer,
    LocalTransformerLayer,
)
from stillseek.models.order_sensitive_localizer import OrderSensitiveLocalizer
from stillseek.models.region_encoder import RegionEncoder, RegionSelfAttention
from stillseek.tensors import LocalizerInput, LocalizerOutput


@dataclass(frozen=True, slots=True, kw_only=True)
class SailConfig(HeadConfig):
    """Sizes and ablation switches of SAIL; the defaults are the paper's or our reference.

    Attributes:
        num_layers: Layers ``N`` (also ``K``) of the local transformer; best at 5 in Figure 4.
        num_heads: Heads ``H``; not printed.
        projection_dim: Width ``d_1 = d_2`` of one head; 256 in section 6.1.
        window: Local window ``w``: a clip sees ``w`` clips on each side; not printed. Kept, and
            without effect, where ``local_self_attention`` is off, so that one switch is one
            ablation.
        ffn_dim: Hidden width of the feed-forward sublayer; not printed.
        hidden_dim: Hidden width of the additive attention and of the boundary scores; 256 as the
            "projection dimension of various kinds of attention" for the first, not printed for
            the second.
        dropout: Dropout rate of the transformer's sublayers, in [0, 1); not printed.
        region_self_attention: Off is the ablation w/o RS.
        multi_level_interaction: Off is the ablation w/o ML; needs at least 2 layers to matter.
        local_self_attention: Off is the ablation w/o LS.
        bidirectional_aggregation: Off is the ablation w/o BA.

    Raises:
        UsageError: A value is out of range, or a switch has no effect.
    """

    num_layers: int = 5
    num_heads: int = 4
    projection_dim: int = 256
    window: int = 8
    ffn_dim: int = 1024
    hidden_dim: int = 256
    dropout: float = 0.1
    region_self_attention: bool = True
    multi_level_interaction: bool = True
    local_self_attention: bool = True
    bidirectional_aggregation: bool = True

    def __post_init__(self) -> None:
        """Refuses values that make no model."""
        check_config(self)
        if self.num_layers == 1 and not self.multi_level_interaction:
            raise UsageError(
                "multi_level_interaction=False removes the image from all layers but the last and "
                "has no effect with num_layers=1; use at least 2 layers"
            )


class Sail(BaseHead[SailConfig]):
    """Self-attention interaction localizer (section 4, Figure 2).

    ====================== ========= ==========================================
    ours                   section   paper
    ====================== ========= ==========================================
    ``region_encoder``     4.2       ``q = (r_1, .., r_m), f^g -> H^r``
    ``local_transformer``  4.3       ``v_1, .., v_n, H^r -> H^v``
    ``localizer``          4.4       ``H^v -> p^s, p^e`` (before the softmax)
    ====================== ========= ==========================================

    The streams keep the widths of their features (``d_f``, ``d_r``): every residual of the paper
    needs that. The loss, ``-(log p^s_s + log p^e_e)``, is the cross-entropy of both outputs and
    lives with the training.
    """

    decode_methods: ClassVar[tuple[DecodeMethod, ...]] = ("joint", "independent")

    def __init__(self, config: SailConfig) -> None:
        super().__init__(config)
        self.region_encoder = RegionEncoder(
            region_dim=config.region_dim,
            global_dim=config.global_dim,
            self_attention=config.region_self_attention,
        )
        layers = (
            LocalTransformerLayer(
                dim=config.clip_dim,
                region_dim=config.region_dim,
                num_heads=config.num_heads,
                projection_dim=config.projection_dim,
                ffn_dim=config.ffn_dim,
                dropout=config.dropout,
                image_attention=config.multi_level_interaction or layer == config.num_layers - 1,
            )
            for layer in range(config.num_layers)
        )
        self.local_transformer = LocalTransformer(
            layers, window=config.window if config.local_self_attention else None
        )
        self.localizer = OrderSensitiveLocalizer(
            dim=config.clip_dim,
            hidden_dim=config.hidden_dim,
            bidirectional=config.bidirectional_aggregation,
        )
        self.init_weights()

    def init_weights(self) -> None:
        """Initialises every weight; the only place that does (the paper is silent).

        Matrices are Xavier uniform, with the heads of an attention as one stacked matrix; biases
        are 0; norms start as the identity (gain 1, bias 0). Matrices that add something to a
        residual do not start with noise there:

        - ``W_g`` is an identity where regions and whole picture have one width, so that ``f^g`` is
          added to the regions as it is, and 0 elsewhere; ``W^r`` is 0.
        - Where an attention's values fit through it unchanged (query and context as wide as all
          heads together), ``W^v`` and ``W^o`` are identities: what a clip sees of the image then
          lies in the clip's own space. ``W_f`` then lets the clip pass and adds its likeness to
          that (`Fusion.start_comparing`): which clips are like the image, and not which classes
          there are, is what training begins with.

        Nothing on the meta device, where a checkpoint that is read puts its own weights: PyTorch
        imports its compiler for eye_ there, which takes a second.
        """
        if next(self.parameters()).is_meta:
            return
        super().init_weights()
        for module in self.modules():
            if isinstance(module, MultiHead) and module.keeps_width:
                nn.init.eye_(module.value.weight)
                nn.init.eye_(module.output.weight)
            elif isinstance(module, LocalTransformerLayer):
                seen = module.image_attention
                if seen is not None and seen.keeps_width:
                    module.fusion.start_comparing()
            elif isinstance(module, RegionEncoder):
                one_space = self.config.region_dim == self.config.global_dim
                start = nn.init.eye_ if one_space else nn.init.zeros_
                start(module.global_feature.weight)
            elif isinstance(module, RegionSelfAttention):
                nn.init.zeros_(module.position.weight)

    def forward(self, inputs: LocalizerInput) -> LocalizerOutput:
        """Scores every clip as start and as end of the activity in the query image.

        Raises:
            UsageError: The batch does not fit the model (see ``check_inputs``).
        """
        image = self.encode_query(
            inputs.regions, inputs.boxes, inputs.region_mask, inputs.global_feature
        )
        return self.score_clips(inputs.clips, inputs.clip_mask, image)

    def encode_query(
        self,
        regions: Float[Tensor, "batch region region_dim"],
        boxes: Float[Tensor, "batch region 4"],
        region_mask: Bool[Tensor, "batch region"],
        global_feature: Float[Tensor, "batch global_dim"],
    ) -> ImageMemory:
        """The part of the model that sees the query image only; use it again for other videos.

        Raises:
            UsageError: The query does not fit the model (see ``check_inputs``).
        """
        check_query(regions, boxes, region_mask, global_feature, self.config)
        encoded = self.region_encoder(regions, boxes, region_mask, global_feature)
        return self.local_transformer.remember(encoded, region_mask)

    def score_clips(
        self,
        clips: Float[Tensor, "batch clip clip_dim"],
        clip_mask: Bool[Tensor, "batch clip"],
        image: ImageMemory,
    ) -> LocalizerOutput:
        """The part of the model that sees the video; one image may serve a batch of videos.

        Raises:
            UsageError: The clips do not fit the model (see ``check_inputs``).
        """
        check_clips(clips, clip_mask, self.config)
        states = self.local_transformer(clips, clip_mask, image)
        return self.localizer(states, clip_mask)
