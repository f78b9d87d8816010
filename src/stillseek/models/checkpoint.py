"""Checkpoints: a directory of safetensors weights and JSON; loading never unpickles."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from stillseek.errors import CheckpointError
from stillseek.features.recipes.options import RecipeOptions
from stillseek.files import LEFT_OVER, remove_left_over, replacing
from stillseek.models.catalog import MODELS, LocalizerModel, model_name
from stillseek.models.checkpoint_header import (
    FORMAT_VERSION,
    HEADER_FILE,
    NEXT_WEIGHTS_FILE,
    WEIGHTS_FILE,
    Header,
    find_checkpoint,
    options_as_json,
    options_from_json,
    read_bytes,
    read_config,
    read_header,
    read_weights,
)

WeightType = Literal["float32", "float16"]

_WEIGHT_TYPES: dict[str, torch.dtype] = {"float32": torch.float32, "float16": torch.float16}


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A model with what one must know to use it.

    Attributes:
        model: The model, float32, on the CPU, in evaluation mode when loaded.
        recipe_name: Recipe of the features that it was trained on.
        recipe_fingerprint: Fingerprint of that recipe.
        training: Summary of the training run, as JSON values; empty where nothing was trained.
        calibration: Presence calibration as JSON values; None until calibrated.
        recipe_options: How that recipe was loaded, but for the device; None where nobody knows.
    """

    model: LocalizerModel
    recipe_name: str
    recipe_fingerprint: str
    training: Mapping[str, Any]
    calibration: Mapping[str, Any] | None = None
    recipe_options: RecipeOptions | None = None


def save_checkpoint(path: Path, checkpoint: Checkpoint, *, weights: WeightType = "float32") -> None:
    """Writes a checkpoint directory whole or not at all; replaces an older checkpoint.

    The header names its weights by their hash, so that it alone decides: new weights lie beside the
    old ones until it is replaced, in one step. Whoever is killed leaves the old checkpoint or the
    new one.

    "float16" halves the file; its weights load as float32 with the precision of float16.

    Raises:
        CheckpointError: The place holds something else, a weight is not finite in the chosen
            type, a summary is not JSON, or the disk refuses.
    """
    data = safetensors.torch.save(_stored_weights(checkpoint.model, weights))
    text = _header_text(checkpoint, hashlib.sha256(data).hexdigest())
    try:
        _refuse_foreign_files(path)
        _tidy(path)
        coming = path / NEXT_WEIGHTS_FILE
        with replacing(coming) as temporary:
            temporary.write_bytes(data)
        try:
            with replacing(path / HEADER_FILE) as temporary:
                temporary.write_text(text, encoding="utf-8")
        except OSError:
            coming.unlink()
            raise
        coming.replace(path / WEIGHTS_FILE)
    except OSError as error:
        raise CheckpointError(
            f"cannot write checkpoint {path}: {error}; check the directory and the free space"
        ) from error


def load_checkpoint(path: Path, *, recipe_fingerprint: str | None) -> Checkpoint:
    """Reads a checkpoint directory.

    Args:
        path: The directory, or the folder of a training run, whose head it then is.
        recipe_fingerprint: Fingerprint of the features that the model will get; None skips the
            comparison, for those who only look at the checkpoint.

    Raises:
        CheckpointError: A file is missing or corrupt, a key is unknown, or the features come from
            another recipe.
    """
    path = find_checkpoint(path)
    header, model = _read_together(path)
    name, fingerprint = header.recipe.name, header.recipe.fingerprint
    options = header.recipe.options
    if recipe_fingerprint is not None and recipe_fingerprint != fingerprint:
        raise CheckpointError(
            f"clip features come from a recipe with fingerprint {recipe_fingerprint!r} but the "
            f"checkpoint {path} needs {name!r} with fingerprint {fingerprint!r}; extract again "
            f"with --recipe {name}"
        )
    return Checkpoint(
        model=model,
        recipe_name=name,
        recipe_fingerprint=fingerprint,
        training=header.training,
        calibration=header.calibration,
        recipe_options=None if options is None else options_from_json(path / HEADER_FILE, options),
    )


def _stored_weights(model: LocalizerModel, weights: WeightType) -> dict[str, Tensor]:
    stored = {
        name: tensor.detach().to("cpu", _WEIGHT_TYPES[weights]).contiguous()
        for name, tensor in model.state_dict().items()
    }
    for name, tensor in stored.items():
        if not tensor.isfinite().all():
            raise CheckpointError(
                f"weight {name} is not finite as {weights}; if training did not diverge, save as "
                "float32"
            )
    return stored


def _header_text(checkpoint: Checkpoint, weights_sha256: str) -> str:
    recipe: dict[str, Any] = {
        "name": checkpoint.recipe_name,
        "fingerprint": checkpoint.recipe_fingerprint,
    }
    if checkpoint.recipe_options is not None:
        recipe["options"] = options_as_json(checkpoint.recipe_options)
    header = {
        "format_version": FORMAT_VERSION,
        "model": model_name(checkpoint.model),
        "config": asdict(checkpoint.model.config),
        "recipe": recipe,
        "training": checkpoint.training,
        "calibration": checkpoint.calibration,
        "weights_sha256": weights_sha256,
    }
    try:
        return json.dumps(header, indent=2, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise CheckpointError(
            f"training and calibration of a checkpoint must be finite JSON values: {error}"
        ) from error


def _refuse_foreign_files(path: Path) -> None:
    """Saving replaces what the directory holds, so that must be nothing but a checkpoint."""
    known = {WEIGHTS_FILE, HEADER_FILE, NEXT_WEIGHTS_FILE}
    if path.is_dir():
        names = {entry.name for entry in path.iterdir()} - known
        foreign = sorted(name for name in names if not fnmatchcase(name, LEFT_OVER))
    else:
        foreign = [path.name] if path.exists() else []
    if foreign:
        raise CheckpointError(
            f"{path} holds {foreign[0]!r}, which is no part of a checkpoint; choose another "
            "directory"
        )


def _tidy(path: Path) -> None:
    """Ends what a writer that was killed began, so that the old weights have their usual name."""
    remove_left_over(path)
    coming = path / NEXT_WEIGHTS_FILE
    if coming.exists():
        try:
            found = hashlib.sha256(read_bytes(coming)).hexdigest()
            is_wanted = found == read_header(path).weights_sha256
        except CheckpointError:  # a header that nobody can read wants none
            is_wanted = False
        if is_wanted:
            coming.replace(path / WEIGHTS_FILE)
        else:
            coming.unlink()


def _read_together(path: Path) -> tuple[Header, LocalizerModel]:
    """The header and its weights."""
    try:
        header = read_header(path)
        return header, _read_model(path, header)
    except CheckpointError:
        # Another process may have replaced both between the two reads: that looks broken once.
        header = read_header(path)
        return header, _read_model(path, header)


def _read_model(path: Path, header: Header) -> LocalizerModel:
    if header.model not in MODELS:
        raise CheckpointError(
            f"{path / HEADER_FILE} is for model {header.model!r}, expected one of {sorted(MODELS)}"
        )
    config_class, model_class = MODELS[header.model]
    config = read_config(path / HEADER_FILE, config_class, header.config)
    data = read_weights(path, header.weights_sha256)
    with torch.device("meta"):  # no time for random weights that are replaced at once
        model = model_class(config)
    try:
        tensors = {name: t.float() for name, t in safetensors.torch.load(data).items()}
        _refuse_misfits(model, tensors)
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"{path / WEIGHTS_FILE} does not fit the config in {HEADER_FILE}: {error}; copy the "
            "checkpoint again"
        ) from error
    model.load_state_dict(tensors, assign=True)
    return model.eval()


def _refuse_misfits(model: LocalizerModel, tensors: Mapping[str, Tensor]) -> None:
    """Names the first weight that is not as expected; PyTorch would list them all, a line each.

    Raises:
        ValueError: There is one.
    """
    wanted, found = (
        {name: tuple(tensor.shape) for name, tensor in each.items()}
        for each in (model.state_dict(), tensors)
    )
    for name in sorted(wanted.keys() | found.keys()):
        if found.get(name) != wanted.get(name):
            raise ValueError(
                f"weight {name!r} has shape {found.get(name)}, expected {wanted.get(name)}"
            )
