"""The feature store: one file an encoded video or query, safe to share and to interrupt.

Of two writers of one entry either may win: both hold the same features.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float32

from stillseek.errors import CorruptFeaturesError, FeatureError, UnusableFeaturesError
from stillseek.features.recipes.recipe import QueryFeatures, Recipe, VideoFeatures
from stillseek.features.store.content_address import (
    FINGERPRINT_DIGITS,
    QueryKey,
    VideoKey,
    content_hash,
    entry_name,
)
from stillseek.features.store.entry_format import (
    CorruptEntryError,
    halved,
    has_blocks,
    pack,
    read_head,
    read_rows,
    unpack,
)
from stillseek.features.store.store_place import open_files
from stillseek.media import frame_at, read_image
from stillseek.timeline import ClipGrid, Segment

_VERSION = 1


class CorruptFeaturesWarning(UserWarning):
    """An entry of the store is broken and is computed again."""


class _MissingFeaturesError(FeatureError):
    """There is no such entry."""


_Key = TypeVar("_Key", VideoKey, QueryKey)
_Features = TypeVar("_Features", VideoFeatures, QueryFeatures)


def as_stored(features: _Features, source: str) -> _Features:
    """Features as a store gives them back, rounded: what is found in them is then the same.

    Args:
        features: What a recipe made.
        source: What they are of, for messages.

    Raises:
        UnusableFeaturesError: They don't fit half precision.
    """
    arrays = {
        field.name: value
        for field in fields(features)
        if isinstance(value := getattr(features, field.name), np.ndarray)
    }
    with _told_of(source):
        return replace(
            features, **{name: halved(array).astype(np.float32) for name, array in arrays.items()}
        )


@contextmanager
def _told_of(source: object) -> Iterator[None]:
    try:
        yield
    except OverflowError as error:
        raise UnusableFeaturesError(
            f"features of {source} are {error}; check the recipe's weights"
        ) from error


class FeatureStore:
    """Features on disk, by the content of their source and the fingerprint of their recipe.

    Sources may be renamed and moved: an entry is missing only when the bytes or the recipe
    change.

    Args:
        root: Folder of the store, made when the first entry is written; or a URL that fsspec
            knows, such as ``s3://bucket/store``.

    Attributes:
        files: The store's files, for what looks after them.
    """

    def __init__(self, root: Path | str) -> None:
        self.files = open_files(root)

    @property
    def root(self) -> Path | str:
        """Folder or URL of the store."""
        return self.files.root

    def get(self, key: VideoKey) -> VideoFeatures:
        """Features of a video.

        Raises:
            FeatureError: They are missing, corrupt, or of another recipe.
        """
        header, arrays = self._read(key)
        return VideoFeatures(
            clips=arrays["clips"], grid=ClipGrid(**header["grid"]), fingerprint=key.fingerprint
        )

    def get_window(self, key: VideoKey, window: Segment) -> VideoFeatures:
        """Features of a part of a video, on the part's grid: `ClipGrid.window`.

        Only the blocks of 256 clips that the window touches are read, and their checksums
        compared; of an entry without blocks, written by an early version, everything.

        Raises:
            FeatureError: They are missing, corrupt where the window is, or of another recipe.
            UsageError: The window starts after the video ends.
        """
        name = self._existing(key)

        def read(start: int, stop: int) -> bytes:
            return self.files.read(name, start, stop)

        try:
            head = read_head(read)
            if has_blocks(head):
                self._check_recipe(name, head.header, key.fingerprint)
                rows, grid = ClipGrid(**head.header["grid"]).window(window)
                clips = read_rows(head, rows, read)
            else:
                whole = self.get(key)
                rows, grid = whole.grid.window(window)
                clips = whole.clips[rows.start : rows.stop]
        except FileNotFoundError as error:
            raise self._missing(key) from error
        except CorruptEntryError as error:
            raise self._corrupt(name, error) from error
        return VideoFeatures(clips=clips, grid=grid, fingerprint=key.fingerprint)

    def get_grid(self, key: VideoKey) -> ClipGrid:
        """The grid of a video, without its features.

        Only the head of the entry is read, and its checksum compared; of an entry without blocks,
        written by an early version, everything.

        Raises:
            FeatureError: The entry is missing, corrupt in its head, or of another recipe.
        """
        name = self._existing(key)
        try:
            head = read_head(lambda start, stop: self.files.read(name, start, stop))
            if not has_blocks(head):
                return self.get(key).grid
        except FileNotFoundError as error:
            raise self._missing(key) from error
        except CorruptEntryError as error:
            raise self._corrupt(name, error) from error
        self._check_recipe(name, head.header, key.fingerprint)
        return ClipGrid(**head.header["grid"])

    def get_query(self, key: QueryKey) -> QueryFeatures:
        """Features of a query image.

        Raises:
            FeatureError: They are missing, corrupt, or of another recipe.
        """
        _, arrays = self._read(key)
        return QueryFeatures(**arrays, fingerprint=key.fingerprint)

    def put(
        self, key: VideoKey, features: VideoFeatures, *, source: str, recipe: str | None = None
    ) -> None:
        """Writes the features of a video, in half precision; an older entry is replaced.

        Args:
            key: Where they belong.
            features: What to write.
            source: Name of the video, for people.
            recipe: Name of the recipe, for people.

        Raises:
            FeatureError: The features are of another recipe than the key, or don't fit half
                precision, or the store cannot be written.
        """
        header = {"source": source, "recipe": recipe, "grid": asdict(features.grid)}
        self._write(key, features.fingerprint, header, {"clips": features.clips})

    def put_query(
        self, key: QueryKey, features: QueryFeatures, *, source: str, recipe: str | None = None
    ) -> None:
        """Writes the features of a query image, like `put`."""
        arrays = {
            "regions": features.regions,
            "boxes": features.boxes,
            "global_feature": features.global_feature,
        }
        header = {"source": source, "recipe": recipe}
        self._write(key, features.fingerprint, header, arrays)

    def find(self, key: VideoKey) -> VideoFeatures | None:
        """Features of a video, or None if they have to be computed (a corrupt entry warns).

        Raises:
            FeatureError: The store cannot be read, which says nothing about the entry.
        """
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
        self.put(key, features, source=path.name, recipe=recipe.name)
        return self.get(key)

    def get_or_encode_query(
        self,
        recipe: Recipe,
        path: Path,
        *,
        frame_seconds: float | None = None,
        box: tuple[int, int, int, int] | None = None,
    ) -> QueryFeatures:
        """Features of a query image, encoded and kept if the store has none that are intact.

        Args:
            recipe: How pixels become features.
            path: The image file, or the video that the image is a frame of.
            frame_seconds: Time of the frame in the video; None for an image file.
            box: Left, top, width, height in pixels; None for the whole image.

        Raises:
            MediaError: The image cannot be read.
            UsageError: The box does not lie inside the image, or the frame in the video.
            FeatureError: The store cannot be written.
        """
        key = QueryKey(
            content=content_hash(path),
            fingerprint=recipe.fingerprint,
            frame_seconds=frame_seconds,
            box=box,
        )
        found = self.find_query(key)
        if found is not None:
            return found
        pixels = read_image(path) if frame_seconds is None else frame_at(path, frame_seconds)
        features = recipe.encode_image(pixels, box=box)
        self.put_query(key, features, source=path.name, recipe=recipe.name)
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
        old_digits, new_digits = old[:FINGERPRINT_DIGITS], new[:FINGERPRINT_DIGITS]
        for name in self.files.entries(f"*.{old_digits}"):
            target = name.replace(f".{old_digits}.", f".{new_digits}.")
            if self.files.exists(target):
                continue
            try:
                header, arrays = self._read_entry(name, old)
            except FileNotFoundError:
                continue
            kind = name.split("/")[0]
            if kind == "videos":
                grid = ClipGrid(**header["grid"])
                features = VideoFeatures(clips=arrays["clips"], grid=grid, fingerprint=old)
                arrays = {"clips": change(features).clips}
            self._write_entry(target, header | {"fingerprint": new}, arrays)
            counts[kind] += 1
        return counts["videos"], counts["queries"]

    def other_fingerprints(self, key: VideoKey | QueryKey) -> list[str]:
        """Beginnings of the fingerprints of other recipes that the source was encoded with."""
        own = key.fingerprint[:FINGERPRINT_DIGITS]
        return [version for version in self.files.versions(key.stem) if version != own]

    def check(self, name: str) -> dict[str, Any]:
        """The header of an entry, after all its checksums were compared.

        Raises:
            CorruptFeaturesError: It is corrupt, or is not what its name says.
            FeatureError: It cannot be read.
            FileNotFoundError: There is no such entry.
        """
        try:
            header, _ = unpack(self.files.read(name))
        except CorruptEntryError as error:
            raise self._corrupt(name, error) from error
        digits = header["fingerprint"][:FINGERPRINT_DIGITS]
        if digits != (named := name.split(".")[-2]):
            raise CorruptFeaturesError(
                f"features in {self.files.place(name)} are those of recipe fingerprint {digits}, "
                f"not of {named}"
            )
        return header

    def _unless_broken(self, key: _Key, get: Callable[[_Key], _Features]) -> _Features | None:
        if not self.files.exists(entry_name(key)):
            return None
        try:
            return get(key)
        except _MissingFeaturesError:
            # A collector was faster.
            return None
        except CorruptFeaturesError as error:
            message = f"{error}; they are computed again"
            warnings.warn(message, CorruptFeaturesWarning, stacklevel=3)
            return None

    def _existing(self, key: VideoKey | QueryKey) -> str:
        name = entry_name(key)
        if not self.files.exists(name):
            raise self._missing(key)
        return name

    def _missing(self, key: VideoKey | QueryKey) -> FeatureError:
        others = self.other_fingerprints(key)
        there = f", only those of recipe fingerprint {', '.join(others)}" if others else ""
        return _MissingFeaturesError(
            f"the store {self.root} has no features of {key.stem.split('/')[-1]} for recipe "
            f"fingerprint {key.fingerprint[:FINGERPRINT_DIGITS]}{there}; extract with this "
            "recipe first"
        )

    def _read(
        self, key: VideoKey | QueryKey
    ) -> tuple[dict[str, Any], dict[str, Float32[np.ndarray, "..."]]]:
        try:
            return self._read_entry(self._existing(key), key.fingerprint)
        except FileNotFoundError as error:
            raise self._missing(key) from error

    def _read_entry(
        self, name: str, fingerprint: str
    ) -> tuple[dict[str, Any], dict[str, Float32[np.ndarray, "..."]]]:
        try:
            header, arrays = unpack(self.files.read(name))
        except CorruptEntryError as error:
            raise self._corrupt(name, error) from error
        self._check_recipe(name, header, fingerprint)
        return header, arrays

    def _corrupt(self, name: str, error: CorruptEntryError) -> CorruptFeaturesError:
        return CorruptFeaturesError(f"features in {self.files.place(name)} are corrupt ({error})")

    def _check_recipe(self, name: str, header: Mapping[str, Any], fingerprint: str) -> None:
        if (header["version"], header["fingerprint"]) != (_VERSION, fingerprint):
            there = header["fingerprint"][:FINGERPRINT_DIGITS]
            raise CorruptFeaturesError(
                f"features in {self.files.place(name)} have version {header['version']} and recipe "
                f"fingerprint {there}, expected {_VERSION} and "
                f"{fingerprint[:FINGERPRINT_DIGITS]}; extract again"
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
                f"features of recipe fingerprint {fingerprint[:FINGERPRINT_DIGITS]} cannot be kept "
                f"under {key.fingerprint[:FINGERPRINT_DIGITS]}; encode again with the recipe of "
                "the key"
            )
        header = {"version": _VERSION, "fingerprint": fingerprint, **header}
        self._write_entry(entry_name(key), header, arrays)

    def _write_entry(
        self,
        name: str,
        header: Mapping[str, object],
        arrays: Mapping[str, Float32[np.ndarray, "..."]],
    ) -> None:
        with _told_of(header["source"]):
            content = pack(header, arrays)
        self.files.write(name, content)
