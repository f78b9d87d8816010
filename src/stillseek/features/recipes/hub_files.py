"""Models as the Hugging Face hub has them: found, downloaded, and read with what they expect."""

import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from stillseek.errors import FeatureError, InstallationError, UsageError
from stillseek.features.weights.published_files import is_offline

SHORT_NAMES = {
    "dinov2-small": "facebook/dinov2-small@ed25f3a31f01632728cabb09d1542f84ab7b0056",
    "siglip2-base": "google/siglip2-base-patch16-224@75de2d55ec2d0b4efc50b3e9ad70dba96a7b2fa2",
}
"""Models with a name of their own, at the revision that is meant; both are Apache-2.0."""

_CLASSES = {
    "dinov2": "Dinov2Model",
    "dinov2_with_registers": "Dinov2WithRegistersModel",
    "dinov3_vit": "DINOv3ViTModel",
    "siglip": "SiglipVisionModel",
    "siglip_vision_model": "SiglipVisionModel",
    "siglip2": "Siglip2VisionModel",
    "siglip2_vision_model": "Siglip2VisionModel",
}
_PREPROCESSOR = "preprocessor_config.json"
_FILES = ["config.json", _PREPROCESSOR, "model*.safetensors", "model*.index.json"]
_TIMEOUT_SECONDS = 10
_ADDRESS = re.compile(r"(?P<model>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocessing:
    """What a model expects of pixels.

    Attributes:
        side_pixels: Width and height, a multiple of the patch size.
        mean: Mean of red, green and blue, in [0, 1], that is subtracted.
        std: What the difference is divided by.
    """

    side_pixels: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


def download(model: str) -> Path:
    """The folder in the hub's own cache that has a model.

    Args:
        model: One of `SHORT_NAMES`, or ``ORG/NAME`` with ``@REVISION`` or without.

    Raises:
        FeatureError: It cannot be had.
        InstallationError: transformers is not installed.
        UsageError: The name is none.
    """
    found = _ADDRESS.fullmatch(SHORT_NAMES.get(model, model))
    if found is None:
        raise UsageError(
            f"there is no recipe 'hub:{model}'; give hub: and one of {', '.join(SHORT_NAMES)}, or "
            "ORG/NAME, ORG/NAME@REVISION or ./FOLDER"
        )
    _import_transformers()
    from huggingface_hub.errors import GatedRepoError

    repository, revision = found["model"], found["revision"]
    address = f"https://huggingface.co/{repository}"
    try:
        folder = _snapshot(repository, revision)
    except GatedRepoError as error:
        raise FeatureError(
            f"{repository} is for those who accepted its licence; accept it at {address}, then "
            "log in with: hf auth login"
        ) from error
    # Each version of the hub has the exceptions of another HTTP library; some have many lines.
    except Exception as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        if is_offline():
            reason = "it is not on this machine and STILLSEEK_OFFLINE is set"
        raise FeatureError(
            f"cannot get {repository} from the hub ({reason}); check the name and the network, or "
            f"put config.json, {_PREPROCESSOR} and model.safetensors of "
            f"{address}/tree/{revision or 'main'} into a folder and give it with --weights FOLDER "
            "or as the recipe hub:./FOLDER"
        ) from error
    return Path(folder)


def _snapshot(repository: str, revision: str | None) -> str:
    """Asks for the model once before its files, which the hub tries to get for half a minute."""
    from huggingface_hub import model_info, snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    get = partial(snapshot_download, repository, revision=revision, allow_patterns=_FILES)
    if is_offline():
        return get(local_files_only=True)
    try:
        model_info(repository, revision=revision, timeout=_TIMEOUT_SECONDS)
    except Exception as error:
        try:
            return get(local_files_only=True)
        except LocalEntryNotFoundError:
            raise error from None
    return get(local_files_only=False)


def read_network(folder: Path) -> tuple[nn.Module, Preprocessing]:
    """The vision tower in a folder, and what it expects.

    Raises:
        FeatureError: A file is missing or broken, or the model is none of the families.
        InstallationError: transformers is not installed, or too old for the model.
    """
    transformers = _import_transformers()
    config, processor = (_read_json(folder / file) for file in ("config.json", _PREPROCESSOR))
    kind = config.get("model_type")
    if kind not in _CLASSES:
        raise FeatureError(
            f"{folder} holds a model of type {kind!r}; the hub recipes take the DINO and SigLIP "
            f"families: {', '.join(_CLASSES)}"
        )
    network_class = getattr(transformers, _CLASSES[kind], None)
    if network_class is None:
        raise InstallationError(
            f"transformers {transformers.__version__} has no {_CLASSES[kind]}; pip install "
            "--upgrade transformers"
        )
    try:
        with _silence(transformers.logging):
            network, report = network_class.from_pretrained(
                folder,
                dtype=torch.float32,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise FeatureError(
            f"{folder} has no safetensors weights that fit its config.json ({reason}); download "
            "the model again"
        ) from error
    if report["missing_keys"]:
        raise FeatureError(
            f"the weights in {folder} lack {len(report['missing_keys'])} parameters of the "
            f"{_CLASSES[kind]}; download the model again"
        )
    return network, _preprocessing(network.config, processor, source=folder / _PREPROCESSOR)


def _preprocessing(config: Any, processor: Mapping[str, Any], *, source: Path) -> Preprocessing:
    match config.model_type:
        case "siglip_vision_model":
            side = config.image_size
        case "siglip2_vision_model":
            side = math.isqrt(config.num_patches) * config.patch_size
        case _:  # DINO takes any size; a picture is squashed to what would be its centre
            size = processor.get("crop_size") or processor.get("size")
            if isinstance(size, dict):
                size = size.get("height") or size.get("shortest_edge")
            if not isinstance(size, int) or size < config.patch_size:
                raise FeatureError(
                    f"{source} has no crop_size or size of at least the {config.patch_size} pixels "
                    "of a patch, as a number, height or shortest_edge; download the model again"
                )
            side = size // config.patch_size * config.patch_size
    return Preprocessing(
        side_pixels=side,
        mean=_colour(processor, "image_mean", source=source),
        std=_colour(processor, "image_std", source=source),
    )


def _colour(processor: Mapping[str, Any], name: str, *, source: Path) -> tuple[float, float, float]:
    match processor.get(name):
        case [int() | float() as red, int() | float() as green, int() | float() as blue]:
            return red, green, blue
        case value:
            raise FeatureError(
                f"{source} has {value!r} as {name}, not three numbers; download the model again"
            )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError("not a JSON object")
    except (OSError, ValueError) as error:
        raise FeatureError(
            f"cannot read {path} ({error}); a model is a folder with config.json, "
            f"{_PREPROCESSOR} and model.safetensors"
        ) from error
    return found


def _import_transformers() -> Any:
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        import transformers
    except ImportError as error:
        raise InstallationError(
            f"the hub recipes need transformers ({error}); pip install 'stillseek[hub]'"
        ) from error
    return transformers


@contextmanager
def _silence(logging: Any) -> Iterator[None]:
    """Keeps transformers from listing the text tower as unused, and from drawing a bar."""
    verbosity, draws = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if draws:
            logging.enable_progress_bar()
