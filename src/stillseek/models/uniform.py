"""Random: "selecting a segment randomly" (section 6.3), as a model like the others."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from stillseek.models.decoding import DecodeMethod
from stillseek.models.inputs import check_config, check_inputs
from stillseek.models.outputs import at_least_float32, segment_scores_output
from stillseek.tensors import LocalizerInput, LocalizerOutput, SegmentScores


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomConfig:
    """What Random is given, and its seed.

    Attributes:
        clip_dim: Width of the clip features; only checked.
        region_dim: Width of the region features; only checked.
        global_dim: Width of the global feature; only checked.
        seed: Seed of the draws, at least 0.

    Raises:
        UsageError: A value is out of range.
    """

    clip_dim: int = 500
    region_dim: int = 4096
    global_dim: int = 512
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuses values that make no model."""
        check_config(self, may_be_zero=("seed",))


class RandomSegment(nn.Module):
    """A random segment: two uniform times of the video, the earlier one first (section 6.3).

    The draw of a row follows from the seed and from the number of rows answered before it, in
    whatever batches they came; `reset` goes back to the first. There are no weights.
    """

    decode_methods: ClassVar[tuple[DecodeMethod, ...]] = ("joint",)

    def __init__(self, config: RandomConfig) -> None:
        super().__init__()
        self.config = config
        self._generator = torch.Generator()
        self.init_weights()

    def init_weights(self) -> None:
        """There are no weights; the draws begin anew."""
        self.reset()

    def reset(self) -> None:
        """Begins the draws anew: the next row gets the first one of the seed."""
        self._generator.manual_seed(self.config.seed)

    def forward(self, inputs: LocalizerInput) -> LocalizerOutput:
        """Draws one segment a row; one stage of one segment with logit 0.

        Raises:
            UsageError: The batch does not fit the model (see ``check_inputs``).
        """
        check_inputs(inputs, self.config)
        num_clips = at_least_float32(inputs.clip_mask.sum(dim=1)[:, None].to(inputs.clips.dtype))
        batch = len(num_clips)
        # On the CPU, so that the draws are the same on every device.
        draws = torch.rand(batch, 2, generator=self._generator, dtype=torch.float64)
        times = draws.sort(dim=1).values.to(num_clips) * num_clips
        # Rounding may join the two times or reach the end of the video.
        start = torch.minimum(times[:, :1], num_clips.nextafter(torch.zeros_like(num_clips)))
        end = torch.maximum(times[:, 1:], start.nextafter(num_clips))
        stage = SegmentScores(
            segments=torch.stack([start, end], dim=-1), logits=torch.zeros_like(start)
        )
        return segment_scores_output((stage,), inputs.clip_mask)
