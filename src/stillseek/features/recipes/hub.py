"""``hub:*`` recipes: vision transformers of the DINO and SigLIP families, from Hugging Face.

DINOv2 (Oquab et al. 2023) and DINOv3 (Simeoni et al. 2025) learn from pictures alone, SigLIP 2
(Tschannen et al. 2025) from pictures and their captions.
"""

import hashlib
import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Float, Float32, UInt8
from torch import Tensor, nn

from stillseek.errors import FeatureError, InstallationError, UsageError
from stillseek.features.recipes.frame_recipe import FrameRecipe
from stillseek.features.recipes.options import RecipeOptions
from stillseek.features.recipes.precision import choose_dtype, exact_float32, find_device
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
# What of a configuration decides a feature and does not show in the shapes of the weights. The
# rest is for training or other tasks, and each version of transformers has more and less of it.
_ARCHITECTURE = ("model_type", "num_attention_heads", "hidden_act", "layer_norm_eps", "rope_theta")


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


class HubEncoder:
    """A vision transformer: its pooled output for frames, its patch tokens for regions.

    DINO pools into its first token, SigLIP by attention over the patches. Features have the length
    ``sqrt(dim)``: unit variance an element, which the models expect.

    Args:
        model: A model of `transformers`, of one of the families. It is taken, not copied.
        preprocessing: What it expects.
        device: Where it computes.
        dtype: Number format of parameters and activations.
    """

    batch_frames = 32

    def __init__(
        self,
        model: nn.Module,
        preprocessing: Preprocessing,
        *,
        device: torch.device | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self._device = device or torch.device("cpu")
        self._model = model.eval().requires_grad_(False).to(self._device, dtype)
        config: Any = model.config
        self._mean = torch.tensor(preprocessing.mean, device=self._device).view(3, 1, 1)
        self._std = torch.tensor(preprocessing.std, device=self._device).view(3, 1, 1)
        self._dtype = dtype
        self._patch_size = config.patch_size
        # NaFlex models take patches of any arrangement, the others pictures.
        self._takes_patches = config.model_type == "siglip2_vision_model"
        is_dino = config.model_type.startswith("dino")
        self._num_other_tokens = is_dino + getattr(config, "num_register_tokens", 0)
        self.dim: int = config.hidden_size
        self.side_pixels = preprocessing.side_pixels
        self.settings: Mapping[str, object] = {
            "engine": "torch",
            "dtype": str(dtype).removeprefix("torch."),
            "architecture": {name: getattr(config, name, None) for name in _ARCHITECTURE},
            "preprocessing": asdict(preprocessing),
        }

    @property
    def weights(self) -> Mapping[str, np.ndarray]:
        """Parameters and buffers, rounded to the number format, in an order of their own.

        They have no names: versions of transformers call them differently.
        """
        arrays = [value.float().cpu().numpy() for value in self._model.state_dict().values()]
        arrays.sort(key=lambda array: (array.shape, hashlib.sha256(array.tobytes()).digest()))
        return {str(place): array for place, array in enumerate(arrays)}

    def embed(
        self, frames: UInt8[np.ndarray, "frame side side 3"]
    ) -> Float32[np.ndarray, "frame dim"]:
        """Pooled outputs; a batch changes them by rounding: 1e-4 in single precision."""
        return _scaled(self._forward(frames)[0]).cpu().numpy()

    def embed_map(
        self, frame: UInt8[np.ndarray, "side side 3"]
    ) -> tuple[Float32[np.ndarray, " dim"], Float32[np.ndarray, "row column dim"]]:
        """The pooled output of a frame, and its patch tokens where the patches are."""
        pooled, tokens = self._forward(frame[None])
        side = self.side_pixels // self._patch_size
        return (
            _scaled(pooled)[0].cpu().numpy(),
            _scaled(tokens)[0].view(side, side, self.dim).cpu().numpy(),
        )

    def _forward(
        self, frames: UInt8[np.ndarray, "frame side side 3"]
    ) -> tuple[Float[Tensor, "frame dim"], Float[Tensor, "frame patch dim"]]:
        """Pooled outputs and patch tokens."""
        pixels = torch.from_numpy(frames).to(self._device).permute(0, 3, 1, 2) / 255
        pixels = ((pixels - self._mean) / self._std).to(self._dtype)
        with exact_float32(), torch.inference_mode():
            if self._takes_patches:
                output = self._model(**self._patches(pixels))
            else:
                output = self._model(pixel_values=pixels)
        tokens = output.last_hidden_state[:, self._num_other_tokens :]
        pooled = tokens.mean(dim=1) if output.pooler_output is None else output.pooler_output
        return pooled, tokens

    def _patches(self, pixels: Float[Tensor, "frame 3 side side"]) -> dict[str, Tensor]:
        """Patches row by row, the pixels of each by row, column and colour."""
        num, p = self.side_pixels // self._patch_size, self._patch_size
        # (B, 3, n p, n p) -> (B, n, n, p, p, 3) -> (B, n n, p p 3)
        patches = pixels.reshape(-1, 3, num, p, num, p).permute(0, 2, 4, 3, 5, 1)
        shape = torch.tensor([[num, num]], device=self._device)
        return {
            "pixel_values": patches.reshape(len(pixels), num * num, p * p * 3),
            "pixel_attention_mask": shape.new_ones(len(pixels), num * num),
            "spatial_shapes": shape.expand(len(pixels), 2),
        }


def load_hub(name: str, options: RecipeOptions) -> FrameRecipe:
    """The recipe of a model of the hub, or in a folder of files as the hub has them.

    Args:
        name: ``hub:`` and one of `SHORT_NAMES`, ``ORG/NAME`` with ``@REVISION`` or without, or a
            folder that begins with ``.``, ``/`` or ``~``.
        options: Its weights are a folder that is read instead of the hub.

    Raises:
        FeatureError: The model cannot be had, or is none of the families.
        InstallationError: transformers is not installed, or too old for the model.
        UsageError: The name is none, or an option has no effect here.
    """
    if options.detector is not None:
        raise UsageError(f"{name} takes its regions from patches; leave the detector out")
    device = find_device(options.device)
    model = name.removeprefix("hub:")
    if options.weights is not None:
        folder = options.weights
    elif model.startswith((".", "/", "~")):
        folder = Path(model).expanduser()
    else:
        folder = _download(model)
    network, preprocessing = _read(folder)
    dtype = choose_dtype(options.precision, device)
    return FrameRecipe(name, HubEncoder(network, preprocessing, device=device, dtype=dtype))


def _download(model: str) -> Path:
    """The folder in the hub's own cache that has the model."""
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


def _read(folder: Path) -> tuple[nn.Module, Preprocessing]:
    """The vision tower in a folder, and what it expects."""
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


def _scaled(features: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch dim"]:
    return F.normalize(features.float(), dim=-1) * math.sqrt(features.shape[-1])
