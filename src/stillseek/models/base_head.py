"""What all heads share: their widths, their way from input to output, and how they begin."""

from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from torch import nn

from stillseek.models.decoding import DecodeMethod
from stillseek.models.inputs import check_config, check_inputs
from stillseek.tensors import LocalizerInput, LocalizerOutput


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadConfig:
    """Widths of the features that a head reads; a head's own configuration adds to them.

    Attributes:
        clip_dim: Width ``d_f`` of the clip features ``v_i``; 500 in section 6.1.
        region_dim: Width ``d_r`` of the region features; 4096 in section 6.1.
        global_dim: Width of the global feature ``f^g``; 512 in section 6.1.

    Raises:
        UsageError: A value is out of range.
    """

    clip_dim: int = 500
    region_dim: int = 4096
    global_dim: int = 512

    def __post_init__(self) -> None:
        """Refuses values that make no model."""
        check_config(self)


_Config = TypeVar("_Config", bound=HeadConfig)


class BaseHead(nn.Module, Generic[_Config]):
    """From `LocalizerInput` to `LocalizerOutput`.

    Attributes:
        config: Its sizes.
        decode_methods: How its answer can be decoded; "independent" needs a start and an end that
            are scored apart.
    """

    decode_methods: ClassVar[tuple[DecodeMethod, ...]] = ("joint",)

    def __init__(self, config: _Config) -> None:
        super().__init__()
        self.config = config

    def init_weights(self) -> None:
        """Initialises every weight; the only place that does.

        Matrices are Xavier uniform and biases 0; norms start as the identity (gain 1, bias 0).
        """
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Conv1d):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.LayerNorm):
                module.reset_parameters()

    def forward(self, inputs: LocalizerInput) -> LocalizerOutput:
        """Scores a batch: `answer`, of what fits the model.

        Raises:
            UsageError: The batch does not fit the model (see `check_inputs`).
        """
        check_inputs(inputs, self.config)
        return self.answer(inputs)

    def answer(self, inputs: LocalizerInput) -> LocalizerOutput:
        """What the head says to a batch that fits it."""
        raise NotImplementedError
