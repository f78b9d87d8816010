"""``hub:*`` recipes: vision transformers of the DINO and SigLIP families, from Hugging Face.

DINOv2 (Oquab et al. 2023) and DINOv3 (Simeoni et al. 2025) learn from pictures alone, SigLIP 2
(Tschannen et al. 2025) from pictures and their captions.
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Float, Float32, UInt8
from torch import Tensor, nn

from stillseek.errors import UsageError
from stillseek.features.recipes.frame_recipe import FrameRecipe
from stillseek.features.recipes.hub_files import Preprocessing, download, read_network
from stillseek.features.recipes.options import RecipeOptions
from stillseek.features.recipes.precision import choose_dtype, exact_float32, find_device

# What of a configuration decides a feature and does not show in the shapes of the weights. The
# rest is for training or other tasks, and each version of transformers has more and less of it.
_ARCHITECTURE = ("model_type", "num_attention_heads", "hidden_act", "layer_norm_eps", "rope_theta")


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
        folder = download(model)
    network, preprocessing = read_network(folder)
    dtype = choose_dtype(options.precision, device)
    return FrameRecipe(name, HubEncoder(network, preprocessing, device=device, dtype=dtype))


def _scaled(features: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch dim"]:
    return F.normalize(features.float(), dim=-1) * math.sqrt(features.shape[-1])
