"""Checks on what a model is given, and the query-blind copy of it."""

from dataclasses import fields, replace
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from stillseek.errors import UsageError
from stillseek.tensors import LocalizerInput

# Far above what anybody trains; a damaged file may ask for more.
LARGEST_SIZE = 2**16
_LARGEST = {"num_layers": 1000}


def check_config(config: Any, *, may_be_zero: tuple[str, ...] = ()) -> None:
    """Refuses a model's configuration with whole numbers or a dropout out of range.

    Raises:
        UsageError: A whole number is below 1 (below 0 where it may be zero) or so large that no
            memory would hold the model, or ``dropout``, where there is one, lies outside [0, 1).
    """
    for field in fields(config):
        value = getattr(config, field.name)
        least = 0 if field.name in may_be_zero else 1
        most = _LARGEST.get(field.name, LARGEST_SIZE)
        if field.type is int and not least <= value <= most:
            bound = f"at least {least}" if value < least else f"at most {most}"
            raise UsageError(f"{field.name} must be {bound}, got {value}")
        if field.name == "dropout" and not 0 <= value < 1:
            raise UsageError(f"dropout must be in [0, 1), got {value}")


def check_inputs(inputs: LocalizerInput, config: Any) -> None:
    """Refuses a batch that a model would turn into NaN or nonsense.

    Skipped while ``torch.compile`` or ``torch.export`` traces: it reads values.

    Args:
        inputs: The batch.
        config: The model's configuration, which has ``clip_dim``, ``region_dim``, ``global_dim``.

    Raises:
        UsageError: A feature width differs from the model's, a row has no real clip or region,
            real entries do not come first, or a real region has no area.
    """
    check_clips(inputs.clips, inputs.clip_mask, config)
    check_query(inputs.regions, inputs.boxes, inputs.region_mask, inputs.global_feature, config)


def check_clips(
    clips: Float[Tensor, "batch clip dim"], clip_mask: Bool[Tensor, "batch clip"], config: Any
) -> None:
    """The part of `check_inputs` about the video."""
    _check_width("clip", clips, config.clip_dim)
    if not torch.compiler.is_compiling():
        _check_mask(clip_mask, "clip", "clips")


def check_query(
    regions: Float[Tensor, "batch region dim"],
    boxes: Float[Tensor, "batch region 4"],
    region_mask: Bool[Tensor, "batch region"],
    global_feature: Float[Tensor, "batch global"],
    config: Any,
) -> None:
    """The part of `check_inputs` about the query image."""
    _check_width("region", regions, config.region_dim)
    _check_width("global", global_feature, config.global_dim)
    if torch.compiler.is_compiling():
        return
    _check_mask(region_mask, "region", "regions")
    flat = region_mask & ~(boxes[..., 2:] > 0).all(dim=-1)
    if flat.any():
        row, region = flat.nonzero()[0].tolist()
        raise UsageError(
            f"region {region} of query {row} has box {boxes[row, region].tolist()}, but "
            "width and height must be positive; drop such regions from the query"
        )


def _check_width(kind: str, features: Tensor, expected: int) -> None:
    if features.shape[-1] != expected:
        raise UsageError(
            f"{kind} features are {features.shape[-1]} wide but the model expects {expected}; use "
            "the features that the model was built for"
        )


def _check_mask(mask: Bool[Tensor, "batch entry"], name: str, entries: str) -> None:
    if mask.shape[1] == 0 or not mask.any(dim=1).all():
        row = 0 if mask.shape[1] == 0 else int((~mask.any(dim=1)).nonzero()[0])
        raise UsageError(
            f"row {row} of the batch has no real {entries}: {name}_mask is False everywhere; "
            f"give at least one of the {entries}"
        )
    if (mask[:, 1:] & ~mask[:, :-1]).any():
        raise UsageError(
            f"{name}_mask has padding before a real entry; put the real {entries} first"
        )


def blind_query(inputs: LocalizerInput) -> LocalizerInput:
    """The same videos with nothing of the query left: the query-blind control.

    One zero region that spans the image and a zero global feature, so that neither contents nor
    layout nor number of regions tells anything.
    """
    batch = inputs.regions.shape[0]
    full_image = inputs.boxes.new_tensor([0.5, 0.5, 1.0, 1.0])
    return replace(
        inputs,
        regions=torch.zeros_like(inputs.regions[:, :1]),
        boxes=full_image.expand(batch, 1, 4),
        region_mask=torch.ones_like(inputs.region_mask[:, :1]),
        global_feature=torch.zeros_like(inputs.global_feature),
    )
