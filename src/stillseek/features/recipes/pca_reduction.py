"""Reduction of clip features: a principal component analysis, kept in a file with its origin."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Float64
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from stillseek.errors import FeatureError, UsageError
from stillseek.features.weights.whole_file import write_whole
from stillseek.files import MADE_BY

_ARRAYS = ("components", "explained_variance", "mean")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reduction:
    """A projection to the directions of largest variance (section 6.1: from 4,096 to 500).

    Attributes:
        mean: Mean of the features that it was fitted on.
        components: Orthonormal directions, the one of largest variance first. The entry of largest
            magnitude of each is positive: the same data give the same signs everywhere.
        explained_variance: Variance along each direction, of the features it was fitted on.
        total_variance: Variance along all directions of the full space.
        fitted_on: What it was fitted on, JSON values: data set, split, classes, recipe, counts.

    Raises:
        FeatureError: The arrays do not belong together.
    """

    mean: Float32[np.ndarray, " feature"]
    components: Float32[np.ndarray, "component feature"]
    explained_variance: Float32[np.ndarray, " component"]
    total_variance: float
    fitted_on: Mapping[str, Any]

    def __post_init__(self) -> None:
        if self.components.shape != (len(self.explained_variance), len(self.mean)):
            raise FeatureError(
                f"a reduction of {len(self.mean)} to {len(self.explained_variance)} dimensions "
                f"needs components of that shape, got {self.components.shape}; fit it again"
            )

    @property
    def num_components(self) -> int:
        """Width after the reduction."""
        return len(self.components)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of what it computes and of what it was fitted on."""
        digest = hashlib.sha256(json.dumps(self._header(), sort_keys=True).encode())
        for name in ("mean", "components"):
            digest.update(np.ascontiguousarray(getattr(self, name)).tobytes())
        return digest.hexdigest()

    def apply(
        self, features: Float32[np.ndarray, "row feature"]
    ) -> Float32[np.ndarray, "row component"]:
        """Reduced features; they are not whitened.

        Raises:
            FeatureError: The features have another width than those it was fitted on.
        """
        if features.shape[1] != len(self.mean):
            raise FeatureError(
                f"the reduction was fitted on features of width {len(self.mean)}, got "
                f"{features.shape[1]}; fit one on features of this recipe"
            )
        return (features - self.mean) @ self.components.T

    def save(self, path: Path, *, dtype: type[np.floating[Any]] = np.float32) -> None:
        """Writes the arrays as safetensors, with a JSON header that says where they are from.

        A reader sees a whole file or none.

        Args:
            path: The file.
            dtype: Number format in the file; half precision takes half the space.

        Raises:
            FeatureError: It cannot be written.
        """
        arrays = {name: np.ascontiguousarray(getattr(self, name), dtype) for name in _ARRAYS}
        metadata = {"made_by": MADE_BY, "reduction": json.dumps(self._header())}
        content = save(arrays, metadata=metadata)
        write_whole(path, content)

    @classmethod
    def load(cls, path: Path) -> "Reduction":
        """Reads what `save` wrote.

        Raises:
            FeatureError: The file is missing, or holds something else.
        """
        if not path.is_file():
            raise FeatureError(f"there is no reduction at {path}; fit one with stillseek fit-pca")
        try:
            with safe_open(path, framework="np") as file:
                header = json.loads(file.metadata()["reduction"])
                arrays = {name: file.get_tensor(name).astype(np.float32) for name in _ARRAYS}
            return cls(**arrays, **header)
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            raise FeatureError(
                f"{path} does not hold a reduction ({error}); fit one with stillseek fit-pca"
            ) from error

    def _header(self) -> dict[str, Any]:
        return {"total_variance": self.total_variance, "fitted_on": dict(self.fitted_on)}


class CovarianceAccumulator:
    """Mean and covariance of features that arrive part by part, in double precision.

    It holds one matrix of ``feature_dim`` squared (134 MB for 4,096), however many features come.

    Args:
        feature_dim: Width of the features.
    """

    def __init__(self, feature_dim: int) -> None:
        self.num_rows = 0
        self._mean: Float64[np.ndarray, " feature"] = np.zeros(feature_dim)
        self._scatter: Float64[np.ndarray, "feature feature"] = np.zeros((feature_dim, feature_dim))

    def update(self, features: Float[np.ndarray, "row feature"]) -> None:
        """Adds features, one a row (Chan et al. 1983: sums about the mean lose no digits)."""
        if not len(features):
            return
        rows = features.astype(np.float64)
        part_mean = rows.mean(0)
        rows -= part_mean
        self._scatter += rows.T @ rows
        total = self.num_rows + len(rows)
        step = part_mean - self._mean
        self._scatter += np.outer(step, step) * (self.num_rows * len(rows) / total)
        self._mean += step * (len(rows) / total)
        self.num_rows = total

    def reduction(self, num_components: int, *, fitted_on: Mapping[str, Any]) -> Reduction:
        """The directions of largest variance of all features so far.

        Raises:
            UsageError: There are fewer directions than components, or not more rows.
        """
        feature_dim = len(self._mean)
        if not 0 < num_components <= feature_dim:
            raise UsageError(
                f"features of width {feature_dim} reduce to 1 to {feature_dim} dimensions, not to "
                f"{num_components}"
            )
        if self.num_rows <= num_components:
            raise UsageError(
                f"{num_components} directions need more than as many clips, got {self.num_rows}; "
                "extract more videos, or ask for fewer dimensions"
            )
        variances, directions = np.linalg.eigh(self._scatter / (self.num_rows - 1))
        components = directions[:, ::-1][:, :num_components].T
        peaks = np.abs(components).argmax(axis=1)
        components = components * np.sign(components[np.arange(num_components), peaks])[:, None]
        return Reduction(
            mean=self._mean.astype(np.float32),
            components=np.ascontiguousarray(components, dtype=np.float32),
            explained_variance=variances[::-1][:num_components].clip(0.0).astype(np.float32),
            total_variance=float(variances.clip(0.0).sum()),
            fitted_on=fitted_on,
        )
