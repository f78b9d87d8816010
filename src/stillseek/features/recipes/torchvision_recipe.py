"""The ``torchvision`` recipes: its video networks for clips, its detectors for query images."""

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32
from torchvision.models import WeightsEnum, get_model, get_model_weights

from stillseek.errors import UsageError
from stillseek.features.recipes.clip_encoder import (
    ARCHITECTURES,
    ClipEncoder,
    build_clip_encoder,
    clip_pixels,
    clip_weights,
    fold_norms,
    load_published,
)
from stillseek.features.recipes.clip_recipe import ClipRecipe, weights_of
from stillseek.features.recipes.clip_sampling import CentreCrop, ClipSampling
from stillseek.features.recipes.options import RecipeOptions
from stillseek.features.recipes.precision import choose_dtype, find_device
from stillseek.features.recipes.recipe import UnitStream, VideoFeatures, fingerprint_of
from stillseek.features.recipes.region_detector import RegionDetector
from stillseek.features.weights.published_files import WeightsFile, fetch
from stillseek.media import probe, sample

# The first one is taken where none is named.
DETECTORS = ("fasterrcnn_mobilenet_v3_large_fpn", "fasterrcnn_resnet50_fpn_v2")


class TorchvisionRecipe(ClipRecipe):
    """Clips by a video network of torchvision; regions by one of its detectors.

    A unit is a clip. Frames are those displayed at steady instants, at the rate that torchvision
    gives for the weights.

    Deviation: frames are scaled by the video decoder, which averages the pixels that a smaller
    picture has no place for; torchvision, for its published accuracies, picks among them.

    Args:
        name: Name of the recipe.
        encoder: Encoder of clips, in single precision. It is taken, not copied.
        regions: Encoder of query images.
        sampling: Which frames a clip is made of.
        pixels: Which part of a frame the encoder sees.
        device: Where clips are encoded.
        dtype: Number format of the clip encoder.
    """

    def __init__(
        self,
        name: str,
        encoder: ClipEncoder,
        regions: RegionDetector,
        *,
        sampling: ClipSampling,
        pixels: CentreCrop,
        device: torch.device | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.name = name
        self.sampling, self.pixels = sampling, pixels
        self.fingerprint = fingerprint_of(
            "torchvision",
            {
                "engine": "torch",
                "batch_norm": "folded",
                "dtype": str(dtype).removeprefix("torch."),
                "sampling": asdict(sampling),
                "pixels": asdict(pixels),
                "resize": "bilinear",
                "mean": list(encoder.mean),
                "std": list(encoder.std),
                "network": type(encoder.network).__name__,
                "regions": dict(regions.settings),
            },
            weights_of(encoder, regions),
        )
        # Not before the fingerprint: these products may round differently on another machine.
        fold_norms(encoder.network)
        super().__init__(encoder, regions, device=device, dtype=dtype)
        self.clip_dim = encoder.dim

    def open_video(self, path: Path) -> UnitStream:
        """Clips of the encoder's size, each a stack of consecutive frames."""
        info = probe(path)
        frames = sample(
            path,
            interval_seconds=self.sampling.interval_seconds,
            size=self.pixels.resized(width=info.width, height=info.height),
        )
        return UnitStream(
            duration_seconds=info.duration_seconds,
            interval_seconds=self.sampling.stride_seconds,
            units=self.sampling.clips(self.pixels.cut(frame.pixels) for frame in frames),
        )

    def assemble(
        self, units: Float32[np.ndarray, "clip clip_dim"], stream: UnitStream
    ) -> VideoFeatures:
        """A clip a unit, up to where the video could be decoded."""
        grid = self.sampling.grid(stream.decoded_seconds(len(units)))
        return VideoFeatures(clips=units[: grid.num_clips], grid=grid, fingerprint=self.fingerprint)


def load_torchvision(name: str, options: RecipeOptions) -> TorchvisionRecipe:
    """The recipe of a video network and a detector, with the weights that torchvision publishes.

    Args:
        name: ``torchvision:CLIPS`` or ``torchvision:CLIPS+REGIONS``.
        options: Its weights are a folder with both files under their published names.

    Raises:
        UsageError: A name is unknown, or an option has no effect here.
        FeatureError: Weights cannot be had, or are broken.
    """
    clips, regions = _parse(name)
    files = (
        published_file(clip_weights(clips)),
        published_file(get_model_weights(regions)["COCO_V1"]),
    )
    if options.detector is not None:
        raise UsageError(
            f"recipe {name!r} names its detector: leave the detector out, or write "
            f"torchvision:{clips}+REGIONS with {' or '.join(DETECTORS)}"
        )
    if options.weights is not None and not options.weights.is_dir():
        raise UsageError(
            f"recipe {name!r} takes a folder with {files[0].name} and {files[1].name} as weights, "
            f"{options.weights} is none; put both into one folder and give that"
        )
    device = find_device(options.device)
    clips_path, regions_path = (fetch(file, given=options.weights) for file in files)
    detector: Any = get_model(regions, weights=None, weights_backbone=None)
    load_published(detector, regions_path)
    return TorchvisionRecipe(
        f"torchvision:{clips}" + ("" if regions == DETECTORS[0] else f"+{regions}"),
        build_clip_encoder(clips, path=clips_path),
        RegionDetector(detector.to(device)),
        sampling=ARCHITECTURES[clips].sampling,
        pixels=clip_pixels(clips),
        device=device,
        dtype=choose_dtype(options.precision, device),
    )


def published_file(weights: WeightsEnum) -> WeightsFile:
    """Where torchvision publishes weights.

    It tells the first eight digits of the hash, in the name of the file, and no more.
    """
    name = weights.url.rpartition("/")[2]
    found = re.search(r"-([0-9a-f]{8,64})\.pth$", name)
    assert found, f"torchvision names its files by their hash, got {name}"
    return WeightsFile(
        name=name,
        url=weights.url,
        sha256=found[1],
        size_bytes=None,
        # torchvision's own words are that terms of the data used for training may apply too.
        licence="BSD-3-Clause, and the terms of the data it was trained on",
    )


def _parse(name: str) -> tuple[str, str]:
    clips, _, regions = name.removeprefix("torchvision:").partition("+")
    regions = regions or DETECTORS[0]
    if clips not in ARCHITECTURES or regions not in DETECTORS:
        raise UsageError(
            f"there is no recipe {name!r}; it is torchvision:CLIPS or torchvision:CLIPS+REGIONS "
            f"with clips {', '.join(ARCHITECTURES)} and regions {', '.join(DETECTORS)}"
        )
    return clips, regions
