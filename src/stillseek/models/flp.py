"""FLP, frame-level localization: a baseline of section 6.2."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from stillseek.models.decoding import DecodeMethod
from stillseek.models.head_outputs import clip_scores_output
from stillseek.models.inputs import check_config, check_inputs
from stillseek.tensors import LocalizerInput, LocalizerOutput


@dataclass(frozen=True, slots=True, kw_only=True)
class FlpConfig:
    """Sizes of FLP; of its perceptron the paper prints nothing.

    Attributes:
        clip_dim: Width of the clip features ``v_i``.
        region_dim: Width of the region features; FLP does not look at regions.
        global_dim: Width of the global feature ``f^g``.
        hidden_dim: Width of the two hidden layers.
        dropout: Dropout rate after each hidden layer, in [0, 1).

    Raises:
        UsageError: A value is out of range.
    """

    clip_dim: int = 500
    region_dim: int = 4096
    global_dim: int = 512
    hidden_dim: int = 512
    dropout: float = 0.1

    def __post_init__(self) -> None:
        """Refuses values that make no model."""
        check_config(self)


class Flp(nn.Module):
    """Frame-level localization (section 6.2): every clip is scored on its own.

    ``p_i = MLP(v_i, f^g)``, with ``x_i = W_3 ReLU(W_2 ReLU(W_1 [v_i; f^g] + b_1) + b_2) + b_3``
    and ``p_i = sigmoid(x_i)``; ``mlp`` holds ``W`` and ``b``. The score of a segment is the
    product in `clip_scores_output`, whose best segment the best pair of boundary scores is.
    """

    decode_methods: ClassVar[tuple[DecodeMethod, ...]] = ("joint",)

    def __init__(self, config: FlpConfig) -> None:
        super().__init__()
        self.config = config
        self.mlp = nn.Sequential(
            nn.Linear(config.clip_dim + config.global_dim, config.hidden_dim),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.hidden_dim, config.hidden_dim),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.hidden_dim, 1),
        )
        self.init_weights()

    def init_weights(self) -> None:
        """Initialises every weight; the only place that does: Xavier uniform, biases 0."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)

    def forward(self, inputs: LocalizerInput) -> LocalizerOutput:
        """Scores every clip as part of the activity in the query image.

        Raises:
            UsageError: The batch does not fit the model (see ``check_inputs``).
        """
        check_inputs(inputs, self.config)
        image = inputs.global_feature[:, None].expand(-1, inputs.clips.shape[1], -1)
        logits = self.mlp(torch.cat([inputs.clips, image], dim=-1)).squeeze(-1)
        return clip_scores_output(logits, inputs.clip_mask)
