"""SST+, single-stream temporal proposals with the image on top: a baseline of section 6.2."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from stillseek.errors import UsageError
from stillseek.models.base_head import BaseHead, HeadConfig
from stillseek.models.head_outputs import at_least_float32, segment_scores_output
from stillseek.models.inputs import check_config
from stillseek.models.local_transformer import Fusion
from stillseek.tensors import LocalizerInput, LocalizerOutput, SegmentScores


@dataclass(frozen=True, slots=True, kw_only=True)
class SstConfig(HeadConfig):
    """Sizes of SST+, which does not look at regions.

    Attributes:
        hidden_dim: Width of the GRU and of the fusion.
        num_layers: Layers of the GRU; 2 in SST.
        num_proposals: Proposals ``K`` that end at every step, of 1 to ``K`` steps; the default is
            as many as section 6.1 has steps, so that every segment is among them.
        dropout: Dropout rate between the layers of the GRU, in [0, 1).

    Raises:
        UsageError: A value is out of range, or dropout has no effect.
    """

    hidden_dim: int = 512
    num_layers: int = 2
    num_proposals: int = 200
    dropout: float = 0.1

    def __post_init__(self) -> None:
        """Refuses values that make no model."""
        check_config(self)
        if self.num_layers == 1 and self.dropout > 0:
            raise UsageError(
                f"dropout={self.dropout} falls between layers and has no effect with "
                "num_layers=1; set dropout=0 or use at least 2 layers"
            )


class Sst(BaseHead[SstConfig]):
    """SST+: Buch et al., CVPR 2017, with a fusion layer on top of the GRU (section 6.2).

    | ``h_t = GRU(v_1, .., v_t)``
    | ``u_t = Fusion(h_t, W_g f^g)``, the fusion of section 4.3
    | ``c_t = sigmoid(W_c u_t + b_c)``, in (0, 1)^K

    ``c_t^k`` is the confidence of the proposal ``[t + 1 - k, t + 1)``: the ``k`` steps that end
    with step ``t``.

    =================== ========================
    ours                above
    =================== ========================
    ``gru``             ``GRU``
    ``global_feature``  ``W_g``
    ``fusion``          ``Fusion``
    ``score``           ``W_c, b_c``
    =================== ========================
    """

    def __init__(self, config: SstConfig) -> None:
        super().__init__(config)
        self.gru = nn.GRU(
            config.clip_dim,
            config.hidden_dim,
            num_layers=config.num_layers,
            dropout=config.dropout,
            batch_first=True,
        )
        self.global_feature = nn.Linear(config.global_dim, config.hidden_dim, bias=False)
        self.fusion = Fusion(dim=config.hidden_dim)
        self.score = nn.Linear(config.hidden_dim, config.num_proposals)
        self.init_weights()

    def init_weights(self) -> None:
        """Initialises every weight; the only place that does.

        Matrices are Xavier uniform and biases 0; in the GRU gate by gate, with orthogonal
        matrices from state to state.
        """
        for name, parameter in self.named_parameters():
            if name.endswith("weight"):
                nn.init.xavier_uniform_(parameter)
            elif "weight_ih" in name:
                for gate in parameter.chunk(3):
                    nn.init.xavier_uniform_(gate)
            elif "weight_hh" in name:
                for gate in parameter.chunk(3):
                    nn.init.orthogonal_(gate)
            else:
                nn.init.zeros_(parameter)

    def answer(self, inputs: LocalizerInput) -> LocalizerOutput:
        """Scores every proposal; one stage, in the order of end step, then length."""
        # Padding comes after the real clips, and a GRU never looks ahead.
        states, _ = self.gru(inputs.clips)
        image = self.global_feature(inputs.global_feature)[:, None].expand_as(states)
        logits = at_least_float32(self.score(self.fusion(states, image)))  # (B, n, K)
        segments, exists = _proposals(inputs.clip_mask, self.config.num_proposals)
        stage = SegmentScores(
            segments=segments.to(logits.dtype),
            logits=logits.flatten(1).masked_fill(~exists, -torch.inf),
        )
        return segment_scores_output((stage,), inputs.clip_mask)


def _proposals(
    clip_mask: Bool[Tensor, "batch clip"], num_proposals: int
) -> tuple[Float[Tensor, "batch segment 2"], Bool[Tensor, "batch segment"]]:
    """Bounds of all proposals, and which of them begin and end inside the video.

    The others are cut to it.
    """
    num_clips = clip_mask.sum(dim=1)[:, None, None]
    end = torch.arange(1, clip_mask.shape[1] + 1, device=clip_mask.device)[:, None]
    start = end - torch.arange(1, num_proposals + 1, device=clip_mask.device)  # (n, K)
    exists = (start >= 0) & (end <= num_clips)
    inside = torch.stack(
        [
            torch.minimum(start.clamp(min=0), num_clips - 1),
            torch.minimum(end.expand_as(start), num_clips),
        ],
        dim=-1,
    )
    return inside.flatten(1, 2).float(), exists.flatten(1)
