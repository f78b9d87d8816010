"""Checkpoints: a directory of safetensors weights and JSON; loading never unpickles."""

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from stillseek.errors import CheckpointError, UsageError
from stillseek.models.catalog import MODELS, LocalizerModel, model_name

WEIGHTS_FILE = "model.safetensors"
HEADER_FILE = "checkpoint.json"
FORMAT_VERSION = 1

WeightType = Literal["float32", "float16"]

_WEIGHT_TYPES: dict[str, torch.dtype] = {"float32": torch.float32, "float16": torch.float16}
_HEADER_TYPES: dict[str, type | tuple[type, ...]] = {
    "format_version": int,
    "model": str,
    "config": dict,
    "recipe": dict,
    "training": dict,
    "calibration": (dict, type(None)),
    "weights_sha256": str,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A model with what one must know to use it.

    Attributes:
        model: The model, float32, on the CPU, in evaluation mode when loaded.
        recipe_name: Recipe of the features that it was trained on.
        recipe_fingerprint: Fingerprint of that recipe.
        training: Summary of the training run, as JSON values; empty where nothing was trained.
        calibration: Presence calibration as JSON values; None until calibrated.
    """

    model: LocalizerModel
    recipe_name: str
    recipe_fingerprint: str
    training: Mapping[str, Any]
    calibration: Mapping[str, Any] | None = None


def save_checkpoint(path: Path, checkpoint: Checkpoint, *, weights: WeightType = "float32") -> None:
    """Writes a checkpoint directory whole or not at all; replaces an older checkpoint.

    "float16" halves the file; its weights load as float32 with the precision of float16.

    Raises:
        CheckpointError: The place holds something else, a weight is not finite in the chosen
            type, a summary is not JSON, or the disk refuses.
    """
    data = safetensors.torch.save(_stored_weights(checkpoint.model, weights))
    text = _header_text(checkpoint, hashlib.sha256(data).hexdigest())
    try:
        _refuse_foreign_files(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as temporary:
            fresh = Path(temporary) / "new"
            fresh.mkdir()
            write_durably(fresh / WEIGHTS_FILE, data)
            write_durably(fresh / HEADER_FILE, text.encode())
            _put_in_place(fresh, path, Path(temporary) / "old")
    except OSError as error:
        raise CheckpointError(
            f"cannot write checkpoint {path}: {error}; check the directory and the free space"
        ) from error


def load_checkpoint(path: Path, *, recipe_fingerprint: str | None) -> Checkpoint:
    """Reads a checkpoint directory.

    Args:
        path: The directory.
        recipe_fingerprint: Fingerprint of the features that the model will get; None skips the
            comparison, for those who only look at the checkpoint.

    Raises:
        CheckpointError: A file is missing or corrupt, a key is unknown, or the features come from
            another recipe.
    """
    header = _read_header(path)
    name, fingerprint = header["recipe"]["name"], header["recipe"]["fingerprint"]
    if recipe_fingerprint is not None and recipe_fingerprint != fingerprint:
        raise CheckpointError(
            f"clip features come from a recipe with fingerprint {recipe_fingerprint!r} but the "
            f"checkpoint {path} needs {name!r} with fingerprint {fingerprint!r}; extract again "
            f"with --recipe {name}"
        )
    return Checkpoint(
        model=_read_model(path, header),
        recipe_name=name,
        recipe_fingerprint=fingerprint,
        training=header["training"],
        calibration=header["calibration"],
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
    header = {
        "format_version": FORMAT_VERSION,
        "model": model_name(checkpoint.model),
        "config": asdict(checkpoint.model.config),
        "recipe": {
            "name": checkpoint.recipe_name,
            "fingerprint": checkpoint.recipe_fingerprint,
        },
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
    """Saving replaces the directory, so it must hold nothing but a checkpoint."""
    if path.is_dir():
        foreign = sorted({entry.name for entry in path.iterdir()} - {WEIGHTS_FILE, HEADER_FILE})
    else:
        foreign = [path.name] if path.exists() else []
    if foreign:
        raise CheckpointError(
            f"{path} holds {foreign[0]!r}, which saving a checkpoint there would delete; choose "
            "another directory"
        )


def write_durably(path: Path, data: bytes) -> None:
    """Writes a file that is on the disk when this returns: renaming it then makes it visible."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _put_in_place(fresh: Path, path: Path, old: Path) -> None:
    """Two renames, as no call replaces a full directory; a failed second one is undone."""
    if not path.exists():
        fresh.rename(path)
        return
    path.rename(old)
    try:
        fresh.rename(path)
    except OSError:
        old.rename(path)
        raise


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(
            f"cannot read {path}: {error.strerror}; {_advice(path.parent)}"
        ) from error


def _advice(folder: Path) -> str:
    if folder.suffix == ".onnx":
        return "an exported head can be searched with only; give the folder it was exported from"
    if (folder / "head" / HEADER_FILE).exists():
        return f"this is the folder of a training run; give {folder / 'head'}"
    return f"a checkpoint is a directory with {HEADER_FILE} and {WEIGHTS_FILE}"


def _read_header(path: Path) -> dict[str, Any]:
    file = path / HEADER_FILE
    try:
        header = json.loads(_read_bytes(file))
    except ValueError as error:  # covers broken JSON and broken UTF-8
        raise CheckpointError(f"{file} is not JSON: {error}; copy the checkpoint again") from error
    version = header.get("format_version") if isinstance(header, dict) else None
    if version != FORMAT_VERSION:
        raise CheckpointError(
            f"{file} has format_version {version!r}, expected {FORMAT_VERSION}; use the stillseek "
            "version that wrote it"
        )
    _check_keys(file, "key", header, set(_HEADER_TYPES))
    for key, expected in _HEADER_TYPES.items():
        if not isinstance(header[key], expected):
            raise CheckpointError(f"{file}: {key} has the wrong type; copy the checkpoint again")
    recipe = header["recipe"]
    _check_keys(file, "recipe key", recipe, {"name", "fingerprint"})
    if not all(isinstance(value, str) for value in recipe.values()):
        raise CheckpointError(f"{file}: recipe name and fingerprint must be strings")
    if header["model"] not in MODELS:
        raise CheckpointError(
            f"{file} is for model {header['model']!r}, expected one of {sorted(MODELS)}"
        )
    return header


def _check_keys(file: Path, what: str, found: dict[str, Any], expected: set[str]) -> None:
    for problem, keys in (("unknown", found.keys() - expected), ("no", expected - found.keys())):
        if keys:
            raise CheckpointError(
                f"{file} has {problem} {what} {', '.join(map(repr, sorted(keys)))}; use the "
                "stillseek version that wrote it"
            )


def _read_model(path: Path, header: dict[str, Any]) -> LocalizerModel:
    config_class, model_class = MODELS[header["model"]]
    config = _read_config(path / HEADER_FILE, config_class, header["config"])
    data = _read_bytes(path / WEIGHTS_FILE)
    if hashlib.sha256(data).hexdigest() != header["weights_sha256"]:
        raise CheckpointError(
            f"{path / WEIGHTS_FILE} is not the file that {HEADER_FILE} was written with; copy the "
            "checkpoint again"
        )
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


def _read_config(file: Path, config_class: type[Any], values: dict[str, Any]) -> Any:
    types = {field.name: field.type for field in fields(config_class)}
    _check_keys(file, "config key", values, set(types))
    typed = {}
    for key, value in values.items():
        try:
            typed[key] = _from_json(value, types[key])
        except TypeError as error:
            raise CheckpointError(
                f"{file}: config key {key!r} has the wrong type, got {value!r}; copy the "
                "checkpoint again"
            ) from error
    try:
        return config_class(**typed)
    except UsageError as error:
        raise CheckpointError(f"{file}: {error}") from error


def _from_json(value: Any, expected: Any) -> Any:
    """A JSON value as the type of a configuration's field.

    Raises:
        TypeError: It is of another type.
    """
    kind, arguments = get_origin(expected), get_args(expected)
    if kind is tuple and type(value) is list:
        return tuple(_from_json(item, arguments[0]) for item in value)  # tuple[T, ...]
    if kind is Literal and type(value) is str and value in arguments:
        return value
    if kind in (Union, UnionType):
        for option in arguments:
            try:
                return _from_json(value, option)
            except TypeError:
                continue
    # JSON writes 0.0 and 0 alike; True is an int to Python but not here.
    if type(value) is expected or (expected is float and type(value) is int):
        return value
    raise TypeError(f"{value!r} is not {expected}")
