"""Recipes that encode single frames: what `lite`, `mobilenet` and the `hub` recipes share."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image

from stillseek.errors import UsageError
from stillseek.features.recipes.recipe import (
    MIN_BOX_PIXELS,
    QueryFeatures,
    Recipe,
    UnitStream,
    VideoFeatures,
    crop_to_box,
    fingerprint_of,
)
from stillseek.features.recipes.region_grid import grid_boxes, pool_boxes
from stillseek.media import probe, sample
from stillseek.timeline import ClipGrid

_WHOLE_IMAGE = np.array([[0.5, 0.5, 1, 1]], np.float32)


@runtime_checkable
class FrameEncoder(Protocol):
    """A network for single pictures.

    Attributes:
        dim: Width of a feature.
        side_pixels: Width and height of the pictures that it takes.
        batch_frames: Frames that it takes at once to be fast.
        settings: What decides a feature besides pixels and weights: JSON values.
    """

    dim: int
    side_pixels: int
    batch_frames: int
    settings: Mapping[str, object]

    @property
    def weights(self) -> Mapping[str, np.ndarray]:
        """Parameters by name."""
        ...

    def embed(
        self, frames: UInt8[np.ndarray, "frame side side 3"]
    ) -> Float32[np.ndarray, "frame dim"]:
        """One feature a frame, which does not depend on the other frames."""
        ...

    def embed_map(
        self, frame: UInt8[np.ndarray, "side side 3"]
    ) -> tuple[Float32[np.ndarray, " dim"], Float32[np.ndarray, "row column dim"]]:
        """The feature of a frame, and the map of features that it came from."""
        ...


@runtime_checkable
class Detector(Protocol):
    """What finds regions in a picture.

    Attributes:
        settings: What decides the boxes, weights included: JSON values.
    """

    settings: Mapping[str, object]

    def detect(
        self, image: UInt8[np.ndarray, "height width 3"]
    ) -> tuple[Float32[np.ndarray, "box 4"], Float32[np.ndarray, " box"]]:
        """Boxes as left, top, right, bottom in pixels, of at least one pixel, and their scores."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameSampling:
    """Which frames are clips, and where regions are without a detector.

    Attributes:
        interval_seconds: Time between two sampled frames; each of them is a clip.
        region_levels: Levels of the grid of region boxes.

    Raises:
        UsageError: A value is not positive.
    """

    interval_seconds: float = 0.5
    region_levels: tuple[int, ...] = (1, 2, 3)

    def __post_init__(self) -> None:
        if not (0 < self.interval_seconds < math.inf and min(self.region_levels, default=0) > 0):
            raise UsageError(
                f"sampling needs a positive interval and at least one region level, got {self}"
            )


class FrameRecipe(Recipe):
    """One frame every 0.5 s is a clip; frames and pictures are squashed to the encoder's square.

    Regions are means of the encoder's map over a grid of boxes. With a detector they are the whole
    picture and what the detector finds, each cut out with a little context and encoded alone.

    Args:
        name: Name of the recipe.
        encoder: Encoder of frames.
        sampling: Which frames it looks at.
        detector: What finds regions; None takes the grid.
    """

    one_space = True

    def __init__(
        self,
        name: str,
        encoder: FrameEncoder,
        *,
        sampling: FrameSampling | None = None,
        detector: Detector | None = None,
    ) -> None:
        self.name = name
        self.sampling = sampling or FrameSampling()
        self._encoder = encoder
        self._detector = detector
        self._boxes = grid_boxes(self.sampling.region_levels)
        self.batch_units = encoder.batch_frames
        self.clip_dim = self.region_dim = self.global_dim = encoder.dim
        regions = {"boxes": self._boxes.tolist()} if detector is None else dict(detector.settings)
        self.fingerprint = fingerprint_of(
            "frames",
            {
                "sampling": asdict(self.sampling),
                "side_pixels": encoder.side_pixels,
                "resize": "bilinear",
                "encoder": dict(encoder.settings),
                "regions": regions,
            },
            encoder.weights,
        )

    def open_video(self, path: Path) -> UnitStream:
        """The frames that are clips."""
        return squashed_frames(path, self.sampling.interval_seconds, self._encoder.side_pixels)

    def encode_units(
        self, units: UInt8[np.ndarray, "unit side side 3"]
    ) -> Float32[np.ndarray, "unit unit_dim"]:
        """Features of frames."""
        return self._encoder.embed(units)

    def assemble(
        self, units: Float32[np.ndarray, "unit unit_dim"], stream: UnitStream
    ) -> VideoFeatures:
        """Every frame is a clip, up to where the video could be decoded."""
        grid = ClipGrid(
            stride_seconds=stream.interval_seconds,
            length_seconds=stream.interval_seconds,
            duration_seconds=stream.decoded_seconds(len(units)),
        )
        return VideoFeatures(clips=units[: grid.num_clips], grid=grid, fingerprint=self.fingerprint)

    def encode_pixels(self, image: UInt8[np.ndarray, "height width 3"]) -> QueryFeatures:
        """Features of a whole RGB picture."""
        if self._detector is None:
            square = squash(image, self._encoder.side_pixels)
            global_feature, feature_map = self._encoder.embed_map(square)
            boxes, regions = self._boxes, pool_boxes(feature_map, self._boxes)
        else:
            boxes, regions = self._encode_detected(image, self._detector)
            global_feature = regions[0]
        return QueryFeatures(
            regions=regions,
            boxes=boxes,
            global_feature=global_feature,
            fingerprint=self.fingerprint,
        )

    def _encode_detected(
        self, image: UInt8[np.ndarray, "height width 3"], detector: Detector
    ) -> tuple[Float32[np.ndarray, "region 4"], Float32[np.ndarray, "region dim"]]:
        """Boxes and features of the whole picture, then of what the detector finds in it.

        What is smaller than the smallest box that a person may draw is left out.
        """
        height, width = image.shape[:2]
        corners, _ = detector.detect(image)
        # Detectors scale boxes in single precision: 54 pixels can become 54.000004.
        corners = corners.clip(0, np.array([width, height, width, height], np.float32))
        low, high = np.floor(corners[:, :2]), np.ceil(corners[:, 2:])
        is_shown = (high - low).min(axis=1) >= MIN_BOX_PIXELS
        corners, pixels = corners[is_shown], np.concatenate((low, high - low), axis=1)[is_shown]
        crops = [image, *(crop_to_box(image, (*box,)) for box in pixels.astype(int).tolist())]
        low, high = corners[:, :2], corners[:, 2:]
        found = np.concatenate(((low + high) / 2, high - low), axis=1) / (
            np.array([width, height, width, height], np.float32)
        )
        squares = [squash(crop, self._encoder.side_pixels) for crop in crops]
        features = self._encoder.embed(np.stack(squares))
        return np.concatenate((_WHOLE_IMAGE, found)), features


def squashed_frames(path: Path, interval_seconds: float, side_pixels: int) -> UnitStream:
    """The sampled frames of a video file as squares, each of them a unit."""
    duration_seconds = probe(path).duration_seconds
    frames = sample(path, interval_seconds=interval_seconds, size=(side_pixels, side_pixels))
    return UnitStream(
        duration_seconds=duration_seconds,
        interval_seconds=interval_seconds,
        units=(frame.pixels for frame in frames),
    )


def squash(
    image: UInt8[np.ndarray, "height width 3"], side_pixels: int
) -> UInt8[np.ndarray, "side side 3"]:
    """A picture of any shape as a square.

    By the filter that `sample` scales with, so a still of a video is the video's own frame.
    """
    resized = Image.fromarray(image).resize((side_pixels, side_pixels), Image.Resampling.BILINEAR)
    return np.array(resized)
