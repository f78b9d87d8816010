"""The feature store: one file an encoded video or query, safe to share and to interrupt.

Of two writers of one entry either may win: both hold the same features.
"""

import warnings
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from stillseek.errors import CorruptFeaturesError
from stillseek.features.recipes.recipe import QueryFeatures, Recipe, VideoFeatures
from stillseek.features.store.content_address import (
    FINGERPRINT_DIGITS,
    QueryKey,
    VideoKey,
    content_hash,
    entry_name,
)
from stillseek.features.store.entries import Entries, MissingFeaturesError, unless_too_large
from stillseek.features.store.entry_format import halved, read_rows
from stillseek.media import frame_at, read_image
from stillseek.media.faults import check_file
from stillseek.outputs import Output, check_writable
from stillseek.timeline import ClipGrid, Segment


class CorruptFeaturesWarning(UserWarning):
    """An entry of the store is broken and is computed again."""


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
    with unless_too_large(source):
        halves = {name: halved(array) for name, array in _arrays_of(features).items()}
    return replace(features, **{name: half.astype(np.float32) for name, half in halves.items()})


def _arrays_of(features: VideoFeatures | QueryFeatures) -> dict[str, np.ndarray]:
    values = {field.name: getattr(features, field.name) for field in fields(features)}
    return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}


class FeatureStore(Entries):
    """Features on disk, by the content of their source and the fingerprint of their recipe.

    Sources may be renamed and moved: an entry is missing only when the bytes or the recipe
    change.

    Args:
        root: Folder of the store, made when the first entry is written; or a URL that fsspec
            knows, such as ``s3://bucket/store``.
    """

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
        with self._opened(key) as (head, read):
            if head is not None:
                rows, grid = ClipGrid(**head.header["grid"]).window(window)
                clips = read_rows(head, rows, read)
            else:
                whole = self.get(key)
                rows, grid = whole.grid.window(window)
                clips = whole.clips[rows.start : rows.stop]
        return VideoFeatures(clips=clips, grid=grid, fingerprint=key.fingerprint)

    def get_grid(self, key: VideoKey) -> ClipGrid:
        """The grid of a video, without its features.

        Only the head of the entry is read, and its checksum compared; of an entry without blocks,
        written by an early version, everything.

        Raises:
            FeatureError: The entry is missing, corrupt in its head, or of another recipe.
        """
        with self._opened(key) as (head, _):
            return self.get(key).grid if head is None else ClipGrid(**head.header["grid"])

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
        self._write(key, features.fingerprint, header, _arrays_of(features))

    def put_query(
        self, key: QueryKey, features: QueryFeatures, *, source: str, recipe: str | None = None
    ) -> None:
        """Writes the features of a query image, like `put`."""
        header = {"source": source, "recipe": recipe}
        self._write(key, features.fingerprint, header, _arrays_of(features))

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
            UsageError: It has to be encoded, and the folder is not writable.
            FeatureError: The store cannot be written.
        """
        check_file(path, "video")
        key = VideoKey(content=content_hash(path), fingerprint=recipe.fingerprint)
        found = self.find(key)
        if found is not None:
            return found
        self._check_writable()
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
            UsageError: The box does not lie inside the image, or the frame in the video; or it
                has to be encoded, and the folder is not writable.
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
        self._check_writable()
        pixels = read_image(path) if frame_seconds is None else frame_at(path, frame_seconds)
        features = recipe.encode_image(pixels, box=box)
        self.put_query(key, features, source=path.name, recipe=recipe.name)
        return self.get_query(key)

    def _check_writable(self) -> None:
        """Refuses a folder in which what is about to be encoded could not be kept."""
        if isinstance(self.root, Path):
            check_writable(Output(name="cache", path=self.root))

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

    def _unless_broken(self, key: _Key, get: Callable[[_Key], _Features]) -> _Features | None:
        if not self.files.exists(entry_name(key)):
            return None
        try:
            return get(key)
        except MissingFeaturesError:
            # A collector was faster.
            return None
        except CorruptFeaturesError as error:
            message = f"{error}; they are computed again"
            warnings.warn(message, CorruptFeaturesWarning, stacklevel=3)
            return None
