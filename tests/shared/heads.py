"""Heads of every model with a few thousand weights, and batches for them to read."""

from dataclasses import fields
from functools import partial
from typing import Any

import torch

from stillseek.models.catalog import MODELS
from stillseek.tensors import LocalizerInput

# Distinct primes, so that swapped axes cannot pass.
WIDTHS = {"clip_dim": 13, "region_dim": 17, "global_dim": 7}
# Widths that are those of the clips.
_ONE_SPACE = {"matching": ["global_dim"], "similarity": ["region_dim", "global_dim"]}
_SIZES: dict[str, dict[str, Any]] = {
    "sail": {"num_layers": 2, "num_heads": 3, "projection_dim": 5, "window": 2, "ffn_dim": 19},
    "sst": {"num_proposals": 5},
    "tal": {
        "num_heads": 3,
        "projection_dim": 5,
        "anchor_scales": (1, 2, 5, 19),
        "num_proposals": 23,
    },
    "similarity": {"num_layers": 2},
}
SWITCHES = {
    "w/o RS": "region_self_attention",
    "w/o ML": "multi_level_interaction",
    "w/o LS": "local_self_attention",
    "w/o BA": "bidirectional_aggregation",
}
ABLATIONS = {name: {switch: False} for name, switch in SWITCHES.items()}


def make_config(name: str, **overrides: Any) -> Any:
    """The configuration of a small model of this name."""
    values = WIDTHS | dict.fromkeys(_ONE_SPACE.get(name, []), WIDTHS["clip_dim"])
    if name != "matching":
        values["hidden_dim"] = 11
    return MODELS[name][0](**values | _SIZES.get(name, {}) | overrides)


def make_head(name: str, *, seed: int = 0, **overrides: Any) -> Any:
    """A small float32 model of this name; the same weights every time."""
    torch.manual_seed(seed)
    return MODELS[name][1](make_config(name, **overrides))


def make_exact(name: str, **overrides: Any) -> Any:
    """A small float64 model in evaluation mode.

    What starts at zero is drawn, too, so that every term of the formulas has a part.
    """
    model = make_head(name, **overrides)
    if name == "similarity":
        torch.nn.init.normal_(model.correct.weight, std=0.5)
    for place, buffer in model.named_buffers():
        if "evidence." in place:
            torch.nn.init.normal_(buffer, std=0.3)
    for module in model.region_encoder.modules() if name == "sail" else ():
        if isinstance(module, torch.nn.Linear):
            torch.nn.init.xavier_uniform_(module.weight)
    return model.double().eval()


make_sail = partial(make_exact, "sail")


def make_inputs(
    num_clips: list[int],
    num_regions: list[int],
    seed: int = 0,
    *,
    config: Any = None,
    dtype: torch.dtype = torch.float64,
) -> LocalizerInput:
    """A random batch; every row has its own number of real clips and regions.

    Its widths are those of a configuration, else `WIDTHS`.
    """
    random = torch.Generator().manual_seed(seed)
    clip_dim, region_dim, global_dim = (
        getattr(config, name, width) for name, width in WIDTHS.items()
    )

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=random, dtype=torch.float64)

    batch, clips, regions = len(num_clips), max(num_clips), max(num_regions)
    clip_mask = torch.arange(clips) < torch.tensor(num_clips)[:, None]
    region_mask = torch.arange(regions) < torch.tensor(num_regions)[:, None]
    boxes = 0.1 + 0.8 * torch.rand(batch, regions, 4, generator=random, dtype=torch.float64)
    inputs = LocalizerInput(
        clips=draw(batch, clips, clip_dim) * clip_mask[..., None],
        clip_mask=clip_mask,
        regions=draw(batch, regions, region_dim) * region_mask[..., None],
        boxes=boxes * region_mask[..., None],
        region_mask=region_mask,
        global_feature=draw(batch, global_dim),
    )
    return in_type(inputs, dtype)


def in_type(inputs: LocalizerInput, dtype: torch.dtype) -> LocalizerInput:
    """The same batch in another floating-point type."""
    values = {field.name: getattr(inputs, field.name) for field in fields(inputs)}
    return LocalizerInput(
        **{name: v.to(dtype) if v.is_floating_point() else v for name, v in values.items()}
    )


def row_of(inputs: LocalizerInput, row: int) -> LocalizerInput:
    """A row as a batch of its own, without padding."""
    one, clips, regions = (
        slice(row, row + 1),
        slice(int(inputs.clip_mask[row].sum())),
        slice(int(inputs.region_mask[row].sum())),
    )
    return LocalizerInput(
        clips=inputs.clips[one, clips],
        clip_mask=inputs.clip_mask[one, clips],
        regions=inputs.regions[one, regions],
        boxes=inputs.boxes[one, regions],
        region_mask=inputs.region_mask[one, regions],
        global_feature=inputs.global_feature[one],
    )
