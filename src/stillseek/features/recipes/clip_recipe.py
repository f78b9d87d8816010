"""Recipes whose units are clips: what `c3d-vgg16` and the `torchvision` recipes share."""

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import nn

from stillseek.features.recipes.precision import exact_float32
from stillseek.features.recipes.recipe import QueryFeatures, Recipe
from stillseek.features.recipes.region_detector import RegionDetector


class ClipRecipe(Recipe):
    """A network for stacks of frames; regions and the global feature by a detector.

    Args:
        encoder: Encoder of clips, in single precision. It is taken, not copied.
        regions: Encoder of query images, which computes on a device of its own.
        device: Where clips are encoded.
        dtype: Number format of the clip encoder.
    """

    # 51 MB of activations a clip behind the first convolution of C3D.
    batch_units = 8

    def __init__(
        self,
        encoder: nn.Module,
        regions: RegionDetector,
        *,
        device: torch.device | None,
        dtype: torch.dtype,
    ) -> None:
        self._device = device or torch.device("cpu")
        self._encoder = encoder.eval().requires_grad_(False).to(self._device, dtype)
        self._encoder.to(memory_format=torch.channels_last_3d)
        self._regions = regions
        self.region_dim, self.global_dim = regions.region_dim, regions.global_dim

    def encode_units(
        self, units: UInt8[np.ndarray, "clip frame height width 3"]
    ) -> Float32[np.ndarray, "clip clip_dim"]:
        """Features of clips.

        Another batch changes them by rounding: less than 1e-4 of their largest in single
        precision, and 2e-2 in bfloat16.
        """
        with exact_float32(), torch.inference_mode():
            features = self._encoder(torch.from_numpy(units).to(self._device))
        return features.float().cpu().numpy()

    def encode_pixels(self, image: UInt8[np.ndarray, "height width 3"]) -> QueryFeatures:
        """Regions that the detector finds, and the mean of its last shared map."""
        regions, boxes, global_feature = self._regions.encode(image)
        return QueryFeatures(
            regions=regions,
            boxes=boxes,
            global_feature=global_feature,
            fingerprint=self.fingerprint,
        )


def weights_of(encoder: nn.Module, regions: RegionDetector) -> Mapping[str, np.ndarray]:
    """The weights of both networks, for a fingerprint: before the clip encoder is changed."""
    return {
        **{f"clips.{key}": value.cpu().numpy() for key, value in encoder.state_dict().items()},
        **{f"regions.{key}": value for key, value in regions.weights.items()},
    }
