"""Recipes: how pixels become features, and what they become.

A recipe is a clip encoder, a region encoder and a sampling, with a fingerprint over all of it.
Features of two recipes never mix: every store entry and checkpoint carries the fingerprint.
"""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8

from stillseek.errors import FeatureError, UsageError
from stillseek.timeline import ClipGrid

FORMAT_VERSION = 1

CLIPS_OF_FILE = "hdf5+"
"""Begins the name of features whose clips are a file's; the recipe of their queries follows."""

# A box is drawn tightly around the actor; what is around it (the ball, the water) names the
# activity as well, so each side moves out by this share of the box's size.
BOX_CONTEXT = 0.1
MIN_BOX_PIXELS = 8
"""Least width and height of the part of a picture that is meant: less shows nothing."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VideoFeatures:
    """Clip features ``v_i`` of one video, on their time grid.

    Attributes:
        clips: One row a step of the grid.
        grid: When each row happens.
        fingerprint: Fingerprint of the recipe that made the rows.

    Raises:
        FeatureError: The number of rows is not the number of steps of the grid.
    """

    clips: Float32[np.ndarray, "clip clip_dim"]
    grid: ClipGrid
    fingerprint: str

    def __post_init__(self) -> None:
        if len(self.clips) != self.grid.num_steps:
            raise FeatureError(
                f"the grid has {self.grid.num_steps} clips but there are {len(self.clips)} rows of "
                "features; extract the video again"
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QueryFeatures:
    """Region features ``r_i``, their boxes and the global feature ``f^g`` of one query image.

    Attributes:
        regions: One row a region, at least one.
        boxes: Centre x, centre y, width, height of each region, in fractions of the image (of the
            crop, where the query had a box).
        global_feature: Feature of the whole image.
        fingerprint: Fingerprint of the recipe that made the features.

    Raises:
        FeatureError: There is no region, or not one box a region.
    """

    regions: Float32[np.ndarray, "region region_dim"]
    boxes: Float32[np.ndarray, "box 4"]
    global_feature: Float32[np.ndarray, " global_dim"]
    fingerprint: str

    def __post_init__(self) -> None:
        if not 0 < len(self.regions) == len(self.boxes):
            raise FeatureError(
                f"a query needs at least one region and one box a region, got "
                f"{len(self.regions)} regions and {len(self.boxes)} boxes"
            )

    @staticmethod
    def distinct(queries: "Sequence[QueryFeatures]") -> "list[QueryFeatures]":
        """Each picture once: one that is given twice says nothing more."""
        return list({query.global_feature.tobytes(): query for query in queries}.values())

    @classmethod
    def as_one(cls, queries: "Sequence[QueryFeatures]") -> "QueryFeatures":
        """Pictures of one activity as one picture, for heads that compare pictures with clips.

        Its global feature is the mean of theirs, each of length 1, in which what only one of them
        shows weighs less; its regions are all of theirs.

        Args:
            queries: The pictures, each once.
        """
        if len(queries) == 1:
            return queries[0]
        features = np.stack([query.global_feature for query in queries]).astype(np.float32)
        lengths = np.linalg.norm(features, axis=1, keepdims=True).clip(min=1e-12)
        return cls(
            regions=np.concatenate([query.regions for query in queries]),
            boxes=np.concatenate([query.boxes for query in queries]),
            global_feature=(features / lengths).mean(axis=0),
            fingerprint=queries[0].fingerprint,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UnitStream:
    """A video on its way to an encoder: what the encoder takes in one go, piece by piece.

    A unit is one frame ``(height, width, 3)`` or a stack of consecutive frames
    ``(time, height, width, 3)``, RGB at the encoder's input size. All units of a recipe have one
    shape, so that units of several videos fit into one batch.

    Attributes:
        duration_seconds: Length of the video.
        interval_seconds: Time between the starts of two units.
        units: The units in order of time, decoded when they are asked for.
    """

    duration_seconds: float
    interval_seconds: float
    units: Iterator[UInt8[np.ndarray, "..."]]

    def decoded_seconds(self, num_units: int) -> float:
        """How far the first units reach; damage can end a video before its measured end."""
        return min(self.duration_seconds, num_units * self.interval_seconds)


class Recipe(ABC):
    """A way from pixels to features: clips of a video, regions of a query image.

    The way of a video has three parts, so that an extraction can decode, encode and store at the
    same time and put several videos into one batch: `open_video` decodes, `encode_units` is the
    model, `assemble` makes clips of the units. The features of a unit depend on the other units
    of its batch by no more than float rounding.

    Attributes:
        name: What people type, e.g. ``pocket``.
        fingerprint: Hash of everything that changes a feature, weights included.
        clip_dim: Width of a clip feature.
        region_dim: Width of a region feature.
        global_dim: Width of the global feature.
        batch_units: Units in one forward pass.
        one_space: Whether one encoder makes clip features and the global feature, so that they
            can be compared without training.
        mirrored: Whether a picture and its mirror image have one feature.
        drawn_only: Whether the encoder knows drawn video only, so that an answer about another one
            needs a warning.
    """

    name: str
    fingerprint: str
    clip_dim: int
    region_dim: int
    global_dim: int
    batch_units: int
    one_space: bool = False
    mirrored: bool = False
    drawn_only: bool = False

    @abstractmethod
    def open_video(self, path: Path) -> UnitStream:
        """The units of a video file; never holds more than a few of them.

        Raises:
            MediaError: The file cannot be read; here, or when the units are asked for.
        """

    @abstractmethod
    def encode_units(
        self, units: UInt8[np.ndarray, "unit ..."]
    ) -> Float32[np.ndarray, "unit unit_dim"]:
        """Features of units, one forward pass."""

    @abstractmethod
    def assemble(
        self, units: Float32[np.ndarray, "unit unit_dim"], stream: UnitStream
    ) -> VideoFeatures:
        """Clip features of the features of all units of a video.

        Args:
            units: What `encode_units` made of the units, at least one, in order.
            stream: The stream that they came from.
        """

    def encode_video(
        self, path: Path, *, on_progress: Callable[[float, float], None] | None = None
    ) -> VideoFeatures:
        """Clip features of a video file; holds one batch of units at a time.

        Args:
            path: The video file.
            on_progress: Called with the seconds done and the seconds in total.

        Raises:
            MediaError: The file cannot be read.
        """
        stream = self.open_video(path)
        encoded: list[Float32[np.ndarray, "unit unit_dim"]] = []
        num_units = 0
        while batch := list(islice(stream.units, self.batch_units)):
            encoded.append(self.encode_units(np.stack(batch)))
            num_units += len(batch)
            if on_progress is not None:
                on_progress(stream.decoded_seconds(num_units), stream.duration_seconds)
        return self.assemble(np.concatenate(encoded), stream)

    @abstractmethod
    def encode_pixels(self, image: UInt8[np.ndarray, "height width 3"]) -> QueryFeatures:
        """Features of a whole RGB picture."""

    def encode_image(
        self,
        image: UInt8[np.ndarray, "height width 3"],
        *,
        box: tuple[int, int, int, int] | None = None,
    ) -> QueryFeatures:
        """Features of a query image, or of what a box in it shows.

        Args:
            image: RGB picture.
            box: Left, top, width, height in pixels; the query is then this box and a little
                context around it.

        Raises:
            UsageError: The box does not lie inside the image.
        """
        return self.encode_pixels(image if box is None else crop_to_box(image, box))


def crop_to_box(
    image: UInt8[np.ndarray, "height width 3"], box: tuple[int, int, int, int]
) -> UInt8[np.ndarray, "crop_height crop_width 3"]:
    """The part of an image that a box shows, with ``BOX_CONTEXT`` around it where there is any.

    Raises:
        UsageError: The box does not lie inside the image, or is smaller than `MIN_BOX_PIXELS`.
    """
    left, top, width, height = with_context(image.shape[1], image.shape[0], box)
    return image[top : top + height, left : left + width]


def with_context(
    image_width: int, image_height: int, box: tuple[int, int, int, int]
) -> tuple[int, int, int, int]:
    """Left, top, width and height of what `crop_to_box` cuts out for a box.

    Raises:
        UsageError: The box does not lie inside the image, or is smaller than `MIN_BOX_PIXELS`.
    """
    left, top, width, height = box
    inside = left >= 0 and top >= 0 and left + width <= image_width and top + height <= image_height
    if not inside or min(width, height) < MIN_BOX_PIXELS:
        wrong = "is too small" if inside else "does not lie inside the image"
        raise UsageError(
            f"box {left},{top},{width},{height} (x,y,width,height) {wrong}; give a box of at least "
            f"{MIN_BOX_PIXELS} x {MIN_BOX_PIXELS} pixels inside the image of {image_width} x "
            f"{image_height} pixels"
        )
    margin_x, margin_y = round(width * BOX_CONTEXT), round(height * BOX_CONTEXT)
    low_x, low_y = max(0, left - margin_x), max(0, top - margin_y)
    high_x = min(image_width, left + width + margin_x)
    high_y = min(image_height, top + height + margin_y)
    return low_x, low_y, high_x - low_x, high_y - low_y


def fingerprint_of(
    name: str, settings: Mapping[str, object], weights: Mapping[str, np.ndarray]
) -> str:
    """SHA-256 of everything that changes a feature, as 64 hexadecimal digits.

    Args:
        name: The recipe's name.
        settings: Sampling, sizes, region layout, number format: JSON values.
        weights: Parameters and buffers by name; their order does not matter.
    """
    header = {
        "name": name,
        "format": FORMAT_VERSION,
        "settings": settings,
        "box_context": BOX_CONTEXT,
        "weights": {key: [str(w.dtype), w.shape] for key, w in weights.items()},
    }
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for key in sorted(weights):
        digest.update(np.ascontiguousarray(weights[key]).tobytes())
    return digest.hexdigest()
