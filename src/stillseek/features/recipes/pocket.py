"""The ``pocket`` recipe: works offline with the weights that the package ships."""

import copy
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import Tensor

from stillseek.errors import UsageError
from stillseek.features.recipes.frame_recipe import squash, squashed_frames
from stillseek.features.recipes.options import RecipeOptions
from stillseek.features.recipes.pocket_encoder import PocketEncoder
from stillseek.features.recipes.precision import exact_float32, find_device
from stillseek.features.recipes.recipe import (
    QueryFeatures,
    Recipe,
    UnitStream,
    VideoFeatures,
    fingerprint_of,
)
from stillseek.features.recipes.region_grid import grid_boxes
from stillseek.timeline import ClipGrid

_SHIPPED_WEIGHTS = Path(__file__).parents[1] / "weights" / "pocket_encoder.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class PocketSampling:
    """Which pixels the recipe looks at.

    Attributes:
        interval_seconds: Time between two sampled frames.
        frames_per_clip: Consecutive sampled frames whose mean is a clip feature. With 3 frames
            and a stride of 2 a clip takes the frames at its start, middle and end.
        stride_frames: Sampled frames between the starts of two clips.
        side_pixels: Width and height that frames and query images are squashed to.
        region_levels: Levels of the grid of region boxes.

    Raises:
        UsageError: A value is not positive, or clips leave frames out.
    """

    interval_seconds: float = 0.5
    frames_per_clip: int = 3
    stride_frames: int = 2
    side_pixels: int = 128
    region_levels: tuple[int, ...] = (1, 2, 3)

    def __post_init__(self) -> None:
        if not (
            0 < self.interval_seconds < math.inf
            and 0 < self.stride_frames <= self.frames_per_clip
            and self.side_pixels > 0
            and self.region_levels
            and min(self.region_levels) > 0
        ):
            raise UsageError(
                "sampling needs a positive interval and side, at least one region level, and "
                f"0 < stride_frames <= frames_per_clip, got {self}"
            )

    def grid(self, duration_seconds: float) -> ClipGrid:
        """Time grid of a video."""
        stride_seconds = self.stride_frames * self.interval_seconds
        between_first_and_last = (self.frames_per_clip - 1) * self.interval_seconds
        return ClipGrid(
            stride_seconds=stride_seconds,
            length_seconds=max(stride_seconds, between_first_and_last),
            duration_seconds=duration_seconds,
        )


class PocketRecipe(Recipe):
    """Frame features of a `PocketEncoder`, averaged over clips; regions on a grid of boxes.

    It computes in single precision everywhere. Half precision is 2.3 times as fast on processors
    that have it, but at 165 times real time on one core the encoder is not what a video waits
    for, and features that are the same on every machine are worth more.

    Args:
        encoder: Encoder to use, on its device; the shipped one if None. It is copied.
        device: Where the shipped one computes.
        sampling: Which pixels it looks at.

    Raises:
        FeatureError: The shipped weights are missing or broken.
    """

    name = "pocket"
    batch_units = 64
    one_space = True

    def __init__(
        self,
        *,
        encoder: PocketEncoder | None = None,
        device: torch.device | None = None,
        sampling: PocketSampling | None = None,
    ) -> None:
        if encoder is None:
            encoder = PocketEncoder.load(_SHIPPED_WEIGHTS).to(device or torch.device("cpu"))
            # Another one may have seen other pictures.
            self.drawn_only = True
        self.sampling = sampling or PocketSampling()
        self._encoder = copy.deepcopy(encoder).float().eval().requires_grad_(False)
        self._encoder.to(memory_format=torch.channels_last)
        self._device = next(encoder.parameters()).device
        self._boxes = grid_boxes(self.sampling.region_levels)
        self.clip_dim = self.region_dim = self.global_dim = encoder.config.embedding_dim
        self.fingerprint = fingerprint_of(
            self.name,
            {
                "sampling": asdict(self.sampling),
                "encoder": asdict(encoder.config),
                "boxes": self._boxes.tolist(),
                "resize": "bilinear",
                "dtype": "float32",
            },
            {key: value.cpu().numpy() for key, value in self._encoder.state_dict().items()},
        )

    def open_video(self, path: Path) -> UnitStream:
        """The sampled frames of a video file, squashed to a square."""
        return squashed_frames(path, self.sampling.interval_seconds, self.sampling.side_pixels)

    def encode_units(
        self, units: UInt8[np.ndarray, "frame side side 3"]
    ) -> Float32[np.ndarray, "frame clip_dim"]:
        """Features of frames; another batch may change them by 1e-4 of an element's spread."""
        with exact_float32(), torch.inference_mode():
            maps = self._encoder.features(self._tensor(units))
            return self._encoder.embed_frames(maps).cpu().numpy()

    def assemble(
        self, units: Float32[np.ndarray, "frame clip_dim"], stream: UnitStream
    ) -> VideoFeatures:
        """Means over the frames of each clip; the last clips may hold fewer frames."""
        grid = self.sampling.grid(stream.decoded_seconds(len(units)))
        starts = np.arange(grid.num_clips) * self.sampling.stride_frames
        clips = [units[start : start + self.sampling.frames_per_clip].mean(0) for start in starts]
        return VideoFeatures(clips=np.stack(clips), grid=grid, fingerprint=self.fingerprint)

    def encode_pixels(self, image: UInt8[np.ndarray, "height width 3"]) -> QueryFeatures:
        """Features of a whole RGB picture: 14 regions of one map, and the map's mean."""
        square = squash(image, self.sampling.side_pixels)
        with exact_float32(), torch.inference_mode():
            maps = self._encoder.features(self._tensor(square[None]))
            boxes = torch.from_numpy(self._boxes).to(self._device)
            regions = self._encoder.embed_regions(maps, boxes)[0]
            global_feature = self._encoder.embed_frames(maps)[0]
        return QueryFeatures(
            regions=regions.cpu().numpy(),
            boxes=self._boxes,
            global_feature=global_feature.cpu().numpy(),
            fingerprint=self.fingerprint,
        )

    def _tensor(self, frames: UInt8[np.ndarray, "frame side side 3"]) -> Tensor:
        # A permuted view of (B, H, W, 3) is channels_last already.
        return torch.from_numpy(frames).permute(0, 3, 1, 2).to(self._device)


def load_pocket(options: RecipeOptions) -> PocketRecipe:
    """The recipe with the shipped encoder, or with one that ``train-encoder`` wrote.

    Raises:
        UsageError: A detector or bf16 is asked for, or the device is not here.
        FeatureError: The weights are missing or broken.
    """
    if options.detector is not None:
        raise UsageError(
            "recipe 'pocket' finds regions on a grid and takes no detector; leave it out, or "
            "choose a recipe that takes one"
        )
    if options.precision == "bf16":
        raise UsageError(
            "recipe 'pocket' computes in fp32 everywhere; leave the precision out, or choose "
            "another recipe"
        )
    device, weights = find_device(options.device), options.weights
    if weights is None:
        return PocketRecipe(device=device)
    if weights.is_dir():
        weights /= _SHIPPED_WEIGHTS.name
    encoder = PocketEncoder.load(weights)
    return PocketRecipe(encoder=encoder.to(device))
