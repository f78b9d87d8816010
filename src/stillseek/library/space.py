"""The space in which an index compares pictures and clips; without PyTorch.

It is that of `stillseek.models.evidence`, whose formulas these are, and travels with the index: an
index is asked in the space that its rows were made in, whatever a later version ships.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from stillseek.errors import LibraryError
from stillseek.models.calibration import Calibration, calibration_of

# Standard deviation in clips of the smoothing of evidence, and where the Gaussian ends.
_SIGMA = 1.5
_REACH = round(3 * _SIGMA)
# Background vectors, those most like the picture, that say how common it looks.
_COHORT = 100
ROW_STRIDE = 4
"""Clips from one row of an index to the next: about what the smoothing averages."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Question:
    """Pictures of one activity: what all rows and clips are compared with.

    Attributes:
        vectors: The pictures as one (`Space.question`) in the space, and their mirror images as
            one, where these are others.
        background: How like the pictures the background is, ``t``.
        num_pictures: How many pictures there are.
    """

    vectors: Float32[np.ndarray, "side dim"]
    background: float
    num_pictures: int = 1

    def compare(self, rows: Float32[np.ndarray, "row dim"]) -> Float32[np.ndarray, " row"]:
        """How like the pictures rows are, by the side that is more like them."""
        return (rows @ self.vectors.T).max(axis=1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Space:
    """Where vectors of clips and pictures are compared.

    Attributes:
        centre: ``mu``.
        metric: ``M``.
        background: In the space, of length 1; nothing where the recipe is not calibrated.
        calibration: From evidence to probabilities; None likewise.
    """

    centre: Float32[np.ndarray, " dim"]
    metric: Float32[np.ndarray, "dim dim"]
    background: Float32[np.ndarray, "row dim"]
    calibration: Calibration | None

    @property
    def dim(self) -> int:
        """Width of a row."""
        return len(self.centre)

    def whiten(self, vectors: Float[np.ndarray, "row dim"]) -> Float32[np.ndarray, "row dim"]:
        """``M^T (v / |v| - mu)`` of length 1; 0 for a vector that is 0."""
        is_shown = np.abs(vectors).max(axis=1, initial=0.0) > 0
        moved = (_unit(vectors.astype(np.float32)) - self.centre) @ self.metric
        return _unit(moved) * is_shown[:, None]

    def pooled(
        self, clips: Float[np.ndarray, "clip dim"]
    ) -> tuple[Int[np.ndarray, " row"], Float32[np.ndarray, "row dim"]]:
        """The rows of a video: the mean around every fourth clip, weighted as evidence is.

        Smoothing is linear: the product of a row and a picture is the evidence of its clip.

        Returns:
            The clip in the middle of each row, and the rows; none around clips that show nothing.
        """
        whitened = self.whiten(clips)
        first = min(ROW_STRIDE // 2, (len(clips) - 1) // 2)
        middles = np.arange(first, len(clips), ROW_STRIDE)
        rows, is_near = _smooth(whitened, _shown(clips), middles)
        return middles[is_near], rows[is_near]

    def question(
        self,
        pictures: Sequence[Float[np.ndarray, " dim"]],
        mirrored: Sequence[Float[np.ndarray, " dim"]] = (),
    ) -> Question:
        """Pictures of one activity as one: the mean of their global features, of length 1.

        Args:
            pictures: The features, each once.
            mirrored: Those of the mirror images, where these are others.
        """
        sides = [pictures, mirrored] if mirrored else [pictures]
        vectors = self.whiten(
            np.stack([_unit(np.stack(side).astype(np.float32)).mean(axis=0) for side in sides])
        )
        background = 0.0
        if len(self.background):
            background = float(np.sort(self.background @ vectors[0])[-_COHORT:].mean())
        return Question(vectors=vectors, background=background, num_pictures=len(pictures))

    def evidence(
        self, clips: Float[np.ndarray, "clip dim"], question: Question
    ) -> Float32[np.ndarray, " clip"]:
        """``e_i`` of every clip of a video; ``-inf`` where a clip shows nothing."""
        is_shown = _shown(clips)
        products = self.whiten(clips) @ question.vectors.T
        smoothed, _ = _smooth(products, is_shown, np.arange(len(clips)))
        return np.where(is_shown, smoothed.max(axis=1), -np.inf).astype(np.float32)

    def to_bytes(self) -> bytes:
        """The space as a file; equal spaces give equal bytes."""
        arrays = {"centre": self.centre, "metric": self.metric, "background": self.background}
        numbers = None if self.calibration is None else self.calibration.to_dict()
        return save(arrays, metadata={"calibration": json.dumps(numbers, sort_keys=True)})

    @classmethod
    def read(cls, path: str) -> "Space":
        """What `to_bytes` made.

        Raises:
            LibraryError: The file is missing or broken.
        """
        try:
            with safe_open(path, framework="numpy") as file:
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                numbers = json.loads(file.metadata()["calibration"])
            return cls(**arrays, calibration=calibration_of(numbers))
        except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
            raise LibraryError(
                f"cannot read {path} ({error}); copy the library again, or make a new one"
            ) from error


def _unit(vectors: Float32[np.ndarray, "row dim"]) -> Float32[np.ndarray, "row dim"]:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def _shown(clips: Float[np.ndarray, "clip dim"]) -> Bool[np.ndarray, " clip"]:
    return np.abs(clips).max(axis=1, initial=0.0) > 0


def _smooth(
    values: Float32[np.ndarray, "clip width"],
    is_shown: Bool[np.ndarray, " clip"],
    middles: Int[np.ndarray, " row"],
) -> tuple[Float32[np.ndarray, "row width"], Bool[np.ndarray, " row"]]:
    """Means around some clips over those that show something, and where there is one."""
    distances = np.arange(-_REACH, _REACH + 1)
    kernel = np.exp(-(distances**2) / (2 * _SIGMA**2)).astype(np.float32)
    sums = np.zeros((len(middles), values.shape[1]), np.float32)
    weights = np.zeros(len(middles), np.float32)
    for distance, weight in zip(distances, kernel, strict=True):
        places = middles + distance
        is_inside = (places >= 0) & (places < len(values))
        weighted = weight * is_inside * is_shown[np.where(is_inside, places, 0)]
        sums += weighted[:, None] * values[np.where(is_inside, places, 0)]
        weights += weighted
    return sums / np.maximum(weights, kernel.min() / 2)[:, None], weights > 0
