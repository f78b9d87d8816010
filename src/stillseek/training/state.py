"""The state of a training run on disk: one safetensors file, replaced whole after each epoch."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from stillseek.errors import CheckpointError, UsageError
from stillseek.files import replacing

STATE_FILE = "state.safetensors"
_METADATA_KEY = "run"
_FORMAT_VERSION = 2
_CHANGEABLE = ("patience", "num_workers")


def save_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Writes a safetensors file in one step: a reader sees the old one or the new one."""
    # Copies, because safetensors refuses tensors that share memory.
    copies = {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}
    with replacing(path) as temporary:
        safetensors.torch.save_file(copies, temporary, metadata=dict(metadata))


def save_state(
    path: Path,
    models: Mapping[str, nn.Module],
    optimizer: torch.optim.Adam,
    run: Mapping[str, Any],
) -> None:
    """Writes models by their names, Adam's moments and a JSON object about the run."""
    tensors = {
        f"{part}.{name}": tensor
        for part, model in models.items()
        for name, tensor in model.state_dict().items()
    }
    for index, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"adam.{index}.{name}": value for name, value in moments.items()}
    metadata = {_METADATA_KEY: json.dumps({"format_version": _FORMAT_VERSION, **run})}
    save_tensors(path, tensors, metadata)


def read_run(path: Path) -> dict[str, Any]:
    """The JSON object about the run.

    Raises:
        CheckpointError: The file is broken or of another version.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            run = json.loads((file.metadata() or {})[_METADATA_KEY])
    except (OSError, SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise CheckpointError(
            f"{path} is no training state ({error}); delete the run folder and train again"
        ) from error
    if run.pop("format_version", None) != _FORMAT_VERSION:
        raise CheckpointError(
            f"{path} was written by another version of stillseek, which trained in another way; "
            "delete the run folder and train again, or go on with that version"
        )
    return run


def refuse_other_run(folder: Path, *, then: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuses to go on with a run as another one.

    More patience and other workers change nothing that is done; neither do more epochs, but
    where the learning rate falls towards the last one.

    Args:
        folder: The run.
        then: Its settings, of training and model.
        now: The settings asked for.

    Raises:
        UsageError: Another setting differs.
    """
    free = (*_CHANGEABLE, "max_epochs") if now["schedule"] == "constant" else _CHANGEABLE
    changed = [
        f"{name} was {then[name]!r}, now {value!r}"
        for name, value in now.items()
        if name not in free and name in then and then[name] != value
    ]
    if changed:
        raise UsageError(
            f"cannot resume {folder} with another configuration: {'; '.join(changed)}; "
            "use the old values or another folder"
        )


def load_state(path: Path, models: Mapping[str, nn.Module], optimizer: torch.optim.Adam) -> None:
    """Puts the stored weights into the models and the stored moments into Adam.

    Raises:
        CheckpointError: The file is broken or belongs to another model.
    """
    try:
        tensors = safetensors.torch.load_file(path)
        for part, model in models.items():
            load_weights(model, tensors, prefix=f"{part}.")
        moments: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            if key.startswith("adam."):
                _, index, name = key.split(".")
                moments.setdefault(int(index), {})[name] = value
        # The groups hold settings only; they come from the configuration again.
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": moments, "param_groups": groups})
    except (OSError, SafetensorError, RuntimeError, ValueError) as error:
        raise CheckpointError(
            f"cannot resume from {path}: {error}; resume with the model that began the run"
        ) from error


def load_weights(model: nn.Module, tensors: Mapping[str, Tensor], *, prefix: str = "") -> None:
    """Puts the tensors whose names start with a prefix into a model; all must fit."""
    model.load_state_dict(
        {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
    )
