"""FLP, frame-level localization: a baseline of section 6.2."""

from dataclasses import dataclass

import torch
from torch import nn

from stillseek.models.base_head import BaseHead, HeadConfig
from stillseek.models.head_outputs import clip_scores_output
from stillseek.tensors import LocalizerInput, LocalizerOutput


@dataclass(frozen=True, slots=True, kw_only=True)
class FlpConfig(HeadConfig):
    """Sizes of FLP, which does not look at regions; of its perceptron the paper prints nothing.

    Attributes:
        hidden_dim: Width of the two hidden layers.
        dropout: Dropout rate after each hidden layer, in [0, 1).

    Raises:
        UsageError: A value is out of range.
    """

    hidden_dim: int = 512
    dropout: float = 0.1


class Flp(BaseHead[FlpConfig]):
    """Frame-level localization (section 6.2): every clip is scored on its own.

    ``p_i = MLP(v_i, f^g)``, with ``x_i = W_3 ReLU(W_2 ReLU(W_1 [v_i; f^g] + b_1) + b_2) + b_3``
    and ``p_i = sigmoid(x_i)``; ``mlp`` holds ``W`` and ``b``. The score of a segment is the
    product in `clip_scores_output`, whose best segment the best pair of boundary scores is.
    """

    def __init__(self, config: FlpConfig) -> None:
        super().__init__(config)
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

    def answer(self, inputs: LocalizerInput) -> LocalizerOutput:
        """Scores every clip as part of the activity in the query image."""
        image = inputs.global_feature[:, None].expand(-1, inputs.clips.shape[1], -1)
        logits = self.mlp(torch.cat([inputs.clips, image], dim=-1)).squeeze(-1)
        return clip_scores_output(logits, inputs.clip_mask)
