"""The JSON file of a checkpoint: where it lies, and what is in it, checked; without torch."""

import json
from collections.abc import Collection
from dataclasses import fields
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from stillseek.errors import CheckpointError, UsageError
from stillseek.features.recipes.options import Precision, RecipeOptions

WEIGHTS_FILE = "model.safetensors"
HEADER_FILE = "checkpoint.json"
FORMAT_VERSION = 1
# In the folder of a training run: the settings, from its first moment, and the head, at its end.
RUN_CONFIG_FILE, HEAD_FOLDER = "config.json", "head"

_PATH_OPTIONS = ("weights", "detector", "reduction")
_HEADER_TYPES: dict[str, type | tuple[type, ...]] = {
    "format_version": int,
    "model": str,
    "config": dict,
    "recipe": dict,
    "training": dict,
    "calibration": (dict, type(None)),
    "weights_sha256": str,
}


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


def options_from_json(file: Path, values: Any) -> RecipeOptions | None:
    """The options that `options_as_json` wrote to a header; None where there are none.

    Raises:
        CheckpointError: They are broken.
    """
    if values is None:
        return None
    if not isinstance(values, dict) or not all(isinstance(v, str) for v in values.values()):
        raise CheckpointError(f"{file}: recipe options must be texts; copy the checkpoint again")
    _refuse_keys(file, "unknown recipe option", values.keys() - {"precision", *_PATH_OPTIONS})
    paths: dict[str, Any] = {name: Path(values[name]) for name in _PATH_OPTIONS if name in values}
    for precision in get_args(Precision):
        if values.get("precision", "auto") == precision:
            return RecipeOptions(precision=precision, **paths)
    raise CheckpointError(
        f"{file} has the precision {values['precision']!r}, expected one of "
        f"{', '.join(get_args(Precision))}; copy the checkpoint again"
    )


def read_header(path: Path) -> dict[str, Any]:
    """The values of a checkpoint's JSON file.

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
    _check_keys(file, "key", header, set(_HEADER_TYPES))
    for key, expected in _HEADER_TYPES.items():
        if not isinstance(header[key], expected):
            raise CheckpointError(f"{file}: {key} has the wrong type; copy the checkpoint again")
    recipe = header["recipe"]
    _check_keys(file, "recipe key", recipe, {"name", "fingerprint"}, optional=("options",))
    if not all(isinstance(recipe[key], str) for key in ("name", "fingerprint")):
        raise CheckpointError(f"{file}: recipe name and fingerprint must be strings")
    return header


def _check_keys(
    file: Path,
    what: str,
    found: dict[str, Any],
    expected: set[str],
    *,
    optional: Collection[str] = (),
) -> None:
    _refuse_keys(file, f"unknown {what}", found.keys() - expected - set(optional))
    _refuse_keys(file, f"no {what}", expected - found.keys())


def _refuse_keys(file: Path, problem: str, keys: set[str]) -> None:
    if keys:
        raise CheckpointError(
            f"{file} has {problem} {', '.join(map(repr, sorted(keys)))}; use the stillseek "
            "version that wrote it"
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


def read_config(file: Path, config_class: type[Any], values: dict[str, Any]) -> Any:
    """The configuration of a model from the values of a header.

    Raises:
        CheckpointError: A key is unknown or missing, or a value is none of its type.
    """
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
