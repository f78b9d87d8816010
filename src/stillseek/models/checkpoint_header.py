"""The JSON file of a checkpoint: where it lies, and what is in it, checked; without torch."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from stillseek.errors import CheckpointError
from stillseek.features.recipes.options import RecipeOptions
from stillseek.records import parse_record
from stillseek.timeline import MAX_STEPS

_Config = TypeVar("_Config")

WEIGHTS_FILE = "model.safetensors"
HEADER_FILE = "checkpoint.json"
# Weights whose header is about to be written, or was when a writer died.
NEXT_WEIGHTS_FILE = "model.next.safetensors"
FORMAT_VERSION = 1
# In the folder of a training run: the settings, from its first moment, and the head, at its end.
RUN_CONFIG_FILE, HEAD_FOLDER = "config.json", "head"
COMPARING = ("matching", "similarity")
"""Models that compare pictures with clips; they have the evidence of matching."""

_PATH_OPTIONS = ("weights", "detector", "reduction")
_ADVICE = "copy the checkpoint again"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeRecord:
    """The recipe that a head belongs to.

    Attributes:
        name: Its name.
        fingerprint: Its fingerprint.
        options: Options that it was loaded with, as texts; None where nobody knows them.
    """

    name: str
    fingerprint: str
    options: dict[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a checkpoint says beside its weights.

    Attributes:
        format_version: Version of this format.
        model: Kind of the model.
        config: Its configuration.
        recipe: The recipe whose features it reads.
        training: How it was trained.
        calibration: What makes probabilities of its evidence; None where it is not calibrated.
        weights_sha256: Hash of the weights.
    """

    format_version: int
    model: str
    config: dict[str, Any]
    recipe: RecipeRecord
    training: dict[str, Any]
    calibration: dict[str, Any] | None
    weights_sha256: str

    @property
    def recipe_name(self) -> str:
        """Name of the recipe whose features it reads."""
        return self.recipe.name

    @property
    def recipe_fingerprint(self) -> str:
        """Fingerprint of that recipe."""
        return self.recipe.fingerprint


def find_checkpoint(path: Path) -> Path:
    """The checkpoint directory that a path means: itself, or the head of a training run.

    Raises:
        CheckpointError: It is neither; the message says what to give, or to finish the run.
    """
    for folder in (path, path / HEAD_FOLDER):
        if (folder / HEADER_FILE).exists():
            return folder
    if path.suffix == ".onnx":
        raise CheckpointError(
            f"{path} is an exported head, which can be searched with only; give the folder it was "
            "exported from"
        )
    run = path.parent if path.name == HEAD_FOLDER else path
    if (run / RUN_CONFIG_FILE).exists():
        raise CheckpointError(
            f"the training run {run} is not finished and has no head yet; finish it with the "
            f"command that began it and --resume: stillseek train ... --out {run} --resume"
        )
    what = "has no" if path.is_dir() else "is no folder with a"
    raise CheckpointError(
        f"{path} {what} {HEADER_FILE}; give the folder of stillseek train --out, or a checkpoint, "
        f"a folder with {HEADER_FILE} and {WEIGHTS_FILE}"
    )


def max_steps_of(training: Mapping[str, Any]) -> int:
    """Most steps of a video that a head was trained with, from the summary of its training.

    Raises:
        CheckpointError: The summary says no number of steps.
    """
    config = training.get("config", {})
    steps = config.get("max_steps", MAX_STEPS) if isinstance(config, dict) else None
    if not isinstance(steps, int) or isinstance(steps, bool) or steps < 1:
        raise CheckpointError(f"the training of the head has max_steps {steps!r}; {_ADVICE}")
    return steps


def options_as_json(options: RecipeOptions) -> dict[str, str]:
    """The options that are set, with paths that are right from any folder."""
    return {
        "precision": options.precision,
        **{
            name: str(path.absolute() if path.exists() else path)
            for name in _PATH_OPTIONS
            if (path := getattr(options, name)) is not None
        },
    }


def options_from_json(file: Path, values: Mapping[str, Any]) -> RecipeOptions:
    """The options that `options_as_json` wrote to a header.

    Raises:
        CheckpointError: They are broken.
    """
    return _parse(RecipeOptions, values, f"{file}: recipe options")


def read_header(path: Path) -> Header:
    """What a checkpoint's JSON file says.

    Raises:
        CheckpointError: It is missing, no JSON, or of another version.
    """
    file = path / HEADER_FILE
    try:
        header = json.loads(read_bytes(file))
    except (ValueError, RecursionError) as error:  # also broken UTF-8, and depth without end
        raise CheckpointError(f"{file} is not JSON: {error}; copy the checkpoint again") from error
    version = header.get("format_version") if isinstance(header, dict) else None
    if version != FORMAT_VERSION:
        raise CheckpointError(
            f"{file} has format_version {version!r}, expected {FORMAT_VERSION}; use the stillseek "
            "version that wrote it"
        )
    if isinstance(recipe := header.get("recipe"), dict):
        header["recipe"] = _parse(RecipeRecord, recipe, f"{file}: recipe")
    return _parse(Header, header, str(file))


def read_weights(path: Path, sha256: str) -> bytes:
    """The weights that a header was written with, under whichever of the two names.

    Raises:
        CheckpointError: They are missing, or others.
    """
    coming = path / NEXT_WEIGHTS_FILE
    for file in (coming, path / WEIGHTS_FILE) if coming.exists() else (path / WEIGHTS_FILE,):
        data = read_bytes(file)
        if hashlib.sha256(data).hexdigest() == sha256:
            return data
    raise CheckpointError(
        f"{path / WEIGHTS_FILE} is not the file that {HEADER_FILE} was written with; {_ADVICE}"
    )


def read_bytes(path: Path) -> bytes:
    """The bytes of a file of a checkpoint.

    Raises:
        CheckpointError: It cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(
            f"cannot read {path}: {error.strerror}; a checkpoint is a directory with {HEADER_FILE} "
            f"and {WEIGHTS_FILE}"
        ) from error


# What heads were trained with before a configuration had these keys.
_BEFORE = {"whitening": 0.0}


def read_config(file: Path, config_class: type[_Config], values: Mapping[str, Any]) -> _Config:
    """The configuration of a model from the values of a header.

    Raises:
        CheckpointError: A key is unknown, or a value is none of its type or missing.
    """
    names = {field.name for field in fields(config_class)}  # pyright: ignore[reportArgumentType]
    values = {key: value for key, value in _BEFORE.items() if key in names} | dict(values)
    if missing := sorted(names - values.keys()):
        # What a default would stand for here is not what the model was trained with.
        raise CheckpointError(f"{file}: config has no key {missing[0]!r}; {_ADVICE}")
    return _parse(config_class, values, f"{file}: config")


def _parse(cls: type[_Config], values: Mapping[str, Any], where: str) -> _Config:
    return parse_record(cls, values, where, error=CheckpointError, advice=_ADVICE)
