"""Writes heads as ONNX files, for use without PyTorch: `stillseek.models.onnx_session` reads them.

What is exported of SAIL are the printed formulas of `stillseek.models.plain`: what makes the model
fast in PyTorch (blocks, an own backward pass) has no ONNX operator. So memory and time grow with
the square of the number of clips.
"""

import json
import warnings
from copy import deepcopy
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from stillseek.errors import CheckpointError, InstallationError, UsageError
from stillseek.files import MADE_BY, replacing
from stillseek.models import plain
from stillseek.models.catalog import model_name
from stillseek.models.checkpoint import Checkpoint
from stillseek.models.flp import Flp
from stillseek.models.matching import Matching
from stillseek.models.onnx_session import EVIDENCE, FORMAT_VERSION, seal
from stillseek.models.sail import Sail
from stillseek.models.similarity import Similarity
from stillseek.outputs import Output, check_outputs
from stillseek.tensors import LocalizerInput, LocalizerOutput

# Axes that a file leaves open, by input: the fields of `LocalizerInput`.
_AXES = {
    "clips": ("batch", "clip"),
    "clip_mask": ("batch", "clip"),
    "regions": ("batch", "region"),
    "boxes": ("batch", "region"),
    "region_mask": ("batch", "region"),
    "global_feature": ("batch",),
}


def write_onnx(path: Path, checkpoint: Checkpoint, *, overwrite: bool = False) -> None:
    """Writes a head as one ONNX file, weights inside, whole or not at all; takes seconds.

    The file takes any number of videos, clips and regions.

    Args:
        path: Where to, ending in ``.onnx``.
        checkpoint: The head.
        overwrite: Whether a file that stillseek did not write may be replaced.

    Raises:
        UsageError: The path does not end in ``.onnx``, the file exists and may not be replaced, or
            the model cannot be exported.
        CheckpointError: The disk refuses, or a summary is not JSON.
        InstallationError: onnx or onnxscript is not installed.
    """
    output = Output(name="out", path=path, suffixes=(".onnx",))
    check_outputs([output], inputs=(), overwrite=overwrite)
    data = onnx_bytes(checkpoint)
    try:
        with replacing(path) as place:
            place.write_bytes(data)
    except OSError as error:
        raise CheckpointError(
            f"cannot write {path}: {error.strerror}; check the directory and the free space"
        ) from error


def onnx_bytes(checkpoint: Checkpoint) -> bytes:
    """What `write_onnx` writes; the same bytes for the same head and the same packages.

    Raises:
        UsageError: The model cannot be exported.
        CheckpointError: A summary is not JSON.
        InstallationError: onnx or onnxscript is not installed.
    """
    model = checkpoint.model
    if not isinstance(model, Sail | Flp | Similarity | Matching):
        raise UsageError(
            f"a head of model {model_name(model)!r} cannot be exported to ONNX; sail, flp, "
            "similarity and matching can"
        )
    properties = _properties(checkpoint)
    proto = _export(deepcopy(model).cpu().float().eval())
    # Names of source files and lines on this machine: nobody else's business.
    for part in (proto.graph, *proto.graph.node, *proto.graph.value_info):
        del part.metadata_props[:]
    proto.doc_string = MADE_BY
    for key, value in properties.items():
        proto.metadata_props.add(key=key, value=value)
    return seal(proto.SerializeToString(deterministic=True))


class _Head(nn.Module):
    """A model with tensors for its inputs and outputs, as ONNX has them."""

    def __init__(self, model: Sail | Flp | Similarity | Matching) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        clips: Float[Tensor, "batch clip clip_dim"],
        clip_mask: Bool[Tensor, "batch clip"],
        regions: Float[Tensor, "batch region region_dim"],
        boxes: Float[Tensor, "batch region 4"],
        region_mask: Bool[Tensor, "batch region"],
        global_feature: Float[Tensor, "batch global_dim"],
    ) -> tuple[Tensor, ...]:
        inputs = LocalizerInput(
            clips=clips,
            clip_mask=clip_mask,
            regions=regions,
            boxes=boxes,
            region_mask=region_mask,
            global_feature=global_feature,
        )
        output = _sail(self.model, inputs) if isinstance(self.model, Sail) else self.model(inputs)
        assert not output.stages
        found = {
            "start_logits": output.start_logits,
            "end_logits": output.end_logits,
            "clip_logits": output.clip_logits,
        }
        if output.evidence is not None:
            values = output.evidence.similarity, output.evidence.background
            found |= dict(zip(EVIDENCE, values, strict=True))
        return tuple(found[name] for name in _output_names(self.model))


def _sail(model: Sail, inputs: LocalizerInput) -> LocalizerOutput:
    """`plain.sail`, but for the region encoder: the module has operators that ONNX has too."""
    regions = model.region_encoder(
        inputs.regions, inputs.boxes, inputs.region_mask, inputs.global_feature
    )
    states = plain.local_transformer(
        model.local_transformer, inputs.clips, inputs.clip_mask, regions, inputs.region_mask
    )
    return plain.localizer(model.localizer, states, inputs.clip_mask)


def _output_names(model: Sail | Flp | Similarity | Matching) -> tuple[str, ...]:
    boundaries = ("start_logits", "end_logits")
    if isinstance(model, Sail):
        return boundaries
    # A head that corrects matching is not what presence is judged by.
    judges = isinstance(model, Matching) and model.evidence is not None
    return (*boundaries, "clip_logits", *(EVIDENCE if judges else ()))


def _export(model: Sail | Flp | Similarity | Matching) -> Any:
    """The model as ``onnx.ModelProto``."""
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise InstallationError(
            f"the export needs onnx and onnxscript ({error}); pip install 'stillseek[onnx]'"
        ) from error
    axes = {name: torch.export.Dim(name) for name in ("batch", "clip", "region")}
    shapes = {
        name: {place: axes[axis] for place, axis in enumerate(open_axes)}
        for name, open_axes in _AXES.items()
    }
    with torch.no_grad(), warnings.catch_warnings():
        # An axis of several inputs is named once, and said to be for each other.
        warnings.filterwarnings("ignore", message="# The axis name: ", category=UserWarning)
        # Traced apart: torch.onnx.export would go on with fixed sizes where an axis is not free.
        traced = torch.export.export(
            _Head(model).eval(), _example(model), dynamic_shapes=shapes, strict=False
        )
        program = torch.onnx.export(
            traced,
            input_names=tuple(_AXES),
            output_names=_output_names(model),
            dynamic_shapes=shapes,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    return program.model_proto


def _example(model: Sail | Flp | Similarity | Matching) -> tuple[Tensor, ...]:
    """Inputs to trace with; sizes of 0 and 1 would be taken for constants."""
    config, (batch, clips, regions) = model.config, (2, 5, 3)
    return (
        torch.ones(batch, clips, config.clip_dim),
        torch.ones(batch, clips, dtype=torch.bool),
        torch.ones(batch, regions, config.region_dim),
        torch.ones(batch, regions, 4),
        torch.ones(batch, regions, dtype=torch.bool),
        torch.ones(batch, config.global_dim),
    )


def _properties(checkpoint: Checkpoint) -> dict[str, str]:
    """Metadata of the file: what a checkpoint's header has, config and summaries as JSON."""
    try:
        training, calibration = (
            json.dumps(values, allow_nan=False)
            for values in (checkpoint.training, checkpoint.calibration)
        )
    except (TypeError, ValueError) as error:
        raise CheckpointError(
            f"training and calibration of a head must be finite JSON values: {error}"
        ) from error
    return {
        "stillseek.format_version": FORMAT_VERSION,
        "stillseek.version": version("stillseek"),
        "stillseek.model": model_name(checkpoint.model),
        "stillseek.config": json.dumps(asdict(checkpoint.model.config)),
        "stillseek.recipe": checkpoint.recipe_name,
        "stillseek.fingerprint": checkpoint.recipe_fingerprint,
        "stillseek.training": training,
        "stillseek.calibration": calibration,
    }
