"""The feature store: one file an encoded video or query, safe to share and to interrupt.

An entry is a safetensors file of half-precision arrays with a JSON header. It is written beside
its place and moved there in one step, so a reader sees a whole entry or none, and of two writers
of one entry either may win: both hold the same features.
"""

import hashlib
import json
import os
import secrets
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float32, Shaped
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from stillseek.errors import FeatureError, MediaError
from stillseek.features.recipe import QueryFeatures, Recipe, VideoFeatures
from stillseek.media import read_image
from stillseek.timeline import ClipGrid

_VERSION = 1


class CorruptFeaturesWarning(UserWarning):
    """An entry of the store is broken and is computed again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoKey:
    """Which features of which video.

    Attributes:
        content: `content_hash` of the video file.
        fingerprint: Fingerprint of the recipe.
    """

    content: str
    fingerprint: str

    @property
    def stem(self) -> str:
        """Place in the store, without the recipe."""
        return f"videos/{self.content[:2]}/{self.content}"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryKey:
    """Which features of which query image.

    Attributes:
        content: `content_hash` of the image file, or of the video that the frame is from.
        fingerprint: Fingerprint of the recipe.
        frame_seconds: Time of the frame in the video; None for an image file.
        box: Left, top, width, height in pixels; None for the whole image.
    """

    content: str
    fingerprint: str
    frame_seconds: float | None = None
    box: tuple[int, int, int, int] | None = None

    @property
    def stem(self) -> str:
        """Place in the store, without the recipe."""
        frame = "" if self.frame_seconds is None else f"-at-{self.frame_seconds:.6f}"
        box = "" if self.box is None else "-box-" + "-".join(map(str, self.box))
        return f"queries/{self.content[:2]}/{self.content}{frame}{box}"


_Key = TypeVar("_Key", VideoKey, QueryKey)
_Features = TypeVar("_Features", VideoFeatures, QueryFeatures)


class FeatureStore:
    """Features on disk, by the content of their source and the fingerprint of their recipe.

    Sources may be renamed and moved: an entry is missing only when the bytes or the recipe
    change.

    Args:
        root: Folder of the store; made when the first entry is written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def get(self, key: VideoKey) -> VideoFeatures:
        """Features of a video.

        Raises:
            FeatureError: They are missing, corrupt, or of another recipe.
        """
        header, arrays = self._read(key)
        return VideoFeatures(
            clips=arrays["clips"], grid=ClipGrid(**header["grid"]), fingerprint=key.fingerprint
        )

    def get_query(self, key: QueryKey) -> QueryFeatures:
        """Features of a query image.

        Raises:
            FeatureError: They are missing, corrupt, or of another recipe.
        """
        _, arrays = self._read(key)
        return QueryFeatures(**arrays, fingerprint=key.fingerprint)

    def put(self, key: VideoKey, features: VideoFeatures, *, source: str) -> None:
        """Writes the features of a video, in half precision; an older entry is replaced.

        Args:
            key: Where they belong.
            features: What to write.
            source: Name of the video, for people.

        Raises:
            FeatureError: The features are of another recipe than the key, or don't fit half
                precision, or the store cannot be written.
        """
        header = {"source": source, "grid": asdict(features.grid)}
        self._write(key, features.fingerprint, header, {"clips": features.clips})

    def put_query(self, key: QueryKey, features: QueryFeatures, *, source: str) -> None:
        """Writes the features of a query image, like `put`."""
        arrays = {
            "regions": features.regions,
            "boxes": features.boxes,
            "global_feature": features.global_feature,
        }
        self._write(key, features.fingerprint, {"source": source}, arrays)

    def find(self, key: VideoKey) -> VideoFeatures | None:
        """Features of a video, or None if they have to be computed (a corrupt entry warns)."""
        return self._unless_broken(key, self.get)

    def find_query(self, key: QueryKey) -> QueryFeatures | None:
        """Features of a query image, or None if they have to be computed, like `find`."""
        return self._unless_broken(key, self.get_query)

    def get_or_encode(
        self,
        recipe: Recipe,
        path: Path,
        *,
        on_progress: Callable[[float, float], None] | None = None,
    ) -> VideoFeatures:
        """Features of a video file, encoded and kept if the store has none that are intact.

        They are the same, rounded to half precision, whether they were there or not.

        Raises:
            MediaError: The video cannot be read.
            FeatureError: The store cannot be written.
        """
        key = VideoKey(content=content_hash(path), fingerprint=recipe.fingerprint)
        found = self.find(key)
        if found is not None:
            return found
        features = recipe.encode_video(path, on_progress=on_progress)
        self.put(key, features, source=path.name)
        return self.get(key)

    def get_or_encode_query(
        self, recipe: Recipe, path: Path, *, box: tuple[int, int, int, int] | None = None
    ) -> QueryFeatures:
        """Features of an image file, encoded and kept if the store has none that are intact.

        Raises:
            MediaError: The image cannot be read.
            UsageError: The box does not lie inside the image.
            FeatureError: The store cannot be written.
        """
        key = QueryKey(content=content_hash(path), fingerprint=recipe.fingerprint, box=box)
        found = self.find_query(key)
        if found is not None:
            return found
        features = recipe.encode_image(read_image(path), box=box)
        self.put_query(key, features, source=path.name)
        return self.get_query(key)

    def derive(
        self, old: str, new: str, change: Callable[[VideoFeatures], VideoFeatures]
    ) -> tuple[int, int]:
        """Makes the entries of one recipe out of those of another that sees the same pixels.

        Videos are changed, queries stay as they are; what is there already is skipped.

        Args:
            old: Fingerprint of the recipe of the entries that are there.
            new: Fingerprint of the recipe of the entries that are made.
            change: Features of the new recipe, from those of the old one.

        Returns:
            The numbers of videos and of queries made now.

        Raises:
            FeatureError: An entry is corrupt, or the store cannot be written.
        """
        counts = {"videos": 0, "queries": 0}
        for path in sorted(self.root.glob(f"*/*/*.{old[:16]}.safetensors")):
            target = path.with_name(path.name.replace(f".{old[:16]}.", f".{new[:16]}."))
            if target.exists():
                continue
            header, arrays = self._read_file(path, old)
            kind = path.parent.parent.name
            if kind == "videos":
                grid = ClipGrid(**header["grid"])
                features = VideoFeatures(clips=arrays["clips"], grid=grid, fingerprint=old)
                arrays = {"clips": change(features).clips}
            self._write_file(target, header | {"fingerprint": new}, arrays)
            counts[kind] += 1
        return counts["videos"], counts["queries"]

    def _path(self, key: VideoKey | QueryKey) -> Path:
        return self.root / f"{key.stem}.{key.fingerprint[:16]}.safetensors"

    def _unless_broken(self, key: _Key, get: Callable[[_Key], _Features]) -> _Features | None:
        if not self._path(key).exists():
            return None
        try:
            return get(key)
        except FeatureError as error:
            message = f"{error}; they are computed again"
            warnings.warn(message, CorruptFeaturesWarning, stacklevel=3)
            return None

    def _read(
        self, key: VideoKey | QueryKey
    ) -> tuple[dict[str, Any], dict[str, Float32[np.ndarray, "..."]]]:
        path = self._path(key)
        if not path.exists():
            raise FeatureError(self._missing(key))
        return self._read_file(path, key.fingerprint)

    def _read_file(
        self, path: Path, fingerprint: str
    ) -> tuple[dict[str, Any], dict[str, Float32[np.ndarray, "..."]]]:
        try:
            with safe_open(path, framework="np") as file:
                metadata = file.metadata()
                stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            header = json.loads(metadata["header"])
            intact = metadata["checksum"] == _checksum(metadata["header"], stored)
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            raise FeatureError(f"features in {path} are corrupt ({error})") from error
        if not intact:
            raise FeatureError(f"features in {path} are corrupt (the checksum differs)")
        if (header["version"], header["fingerprint"]) != (_VERSION, fingerprint):
            raise FeatureError(
                f"features in {path} have version {header['version']} and recipe fingerprint "
                f"{header['fingerprint'][:16]}, expected {_VERSION} and {fingerprint[:16]}; "
                "extract again"
            )
        return header, {name: array.astype(np.float32) for name, array in stored.items()}

    def other_fingerprints(self, key: VideoKey | QueryKey) -> list[str]:
        """Beginnings of the fingerprints of other recipes that the source was encoded with."""
        place, own = self.root / key.stem, key.fingerprint[:16]
        there = {path.suffixes[-2][1:] for path in place.parent.glob(f"{place.name}.*.*")}
        return sorted(there - {own})

    def _missing(self, key: VideoKey | QueryKey) -> str:
        name, others = Path(key.stem).name, self.other_fingerprints(key)
        there = f", only those of recipe fingerprint {', '.join(others)}" if others else ""
        return (
            f"the store {self.root} has no features of {name} for recipe fingerprint "
            f"{key.fingerprint[:16]}{there}; extract with this recipe first"
        )

    def _write(
        self,
        key: VideoKey | QueryKey,
        fingerprint: str,
        header: Mapping[str, object],
        arrays: Mapping[str, Float32[np.ndarray, "..."]],
    ) -> None:
        if fingerprint != key.fingerprint:
            raise FeatureError(
                f"features of recipe fingerprint {fingerprint[:16]} cannot be kept under "
                f"{key.fingerprint[:16]}; encode again with the recipe of the key"
            )
        header = {"version": _VERSION, "fingerprint": fingerprint, **header}
        self._write_file(self._path(key), header, arrays)

    def _write_file(
        self,
        path: Path,
        header: Mapping[str, object],
        arrays: Mapping[str, Float32[np.ndarray, "..."]],
    ) -> None:
        with np.errstate(over="ignore"):
            halves = {name: array.astype(np.float16) for name, array in arrays.items()}
        if not all(np.isfinite(half).all() for half in halves.values()):
            raise FeatureError(
                f"features of {header['source']} are not finite in half precision; check the "
                "recipe's weights"
            )
        text = json.dumps(header)
        _replace(path, save(halves, metadata={"header": text, "checksum": _checksum(text, halves)}))


def content_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, as 64 hexadecimal digits.

    Raises:
        MediaError: The file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise MediaError(f"cannot read {path} ({error.strerror}); check the path") from error


def _checksum(header: str, arrays: Mapping[str, Shaped[np.ndarray, "..."]]) -> str:
    digest = hashlib.sha256(header.encode())
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype} {arrays[name].shape}".encode())
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    return digest.hexdigest()


def _replace(path: Path, content: bytes) -> None:
    """Writes a file in one step: whoever dies in between leaves a hidden file nobody reads."""
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise FeatureError(
            f"cannot write {path} ({error.strerror}); check the space and rights of the store"
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
