"""A data set in a feature store: its videos and query frames go in, examples come out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from stillseek.data.file_hashes import (
    FileHash,
    FileName,
    hash_of,
    refuse_changed,
    refuse_other_bytes,
)
from stillseek.data.manifest import Manifest, query_file
from stillseek.data.sample import Sample
from stillseek.errors import DatasetError, MediaError, UnusableFeaturesError, UsageError
from stillseek.features import (
    FeatureStore,
    QueryFeatures,
    QueryKey,
    Recipe,
    VideoFeatures,
    VideoKey,
    content_hash,
)
from stillseek.media import frames_at, read_image
from stillseek.timeline import ClipGrid, Segment

# About 100 kB a video of 200 clips and less a query: a few hundred megabytes at most.
_CACHED_VIDEOS, _CACHED_QUERIES = 2048, 8192


class StoredFeatures:
    """Features of a manifest's videos and query frames, read from a store.

    The store knows files by content: those whose hashes the manifest has need not be there.

    Args:
        manifest: The data set.
        store: Where the features are.
        fingerprint: Fingerprint of the recipe that made them.
    """

    def __init__(self, manifest: Manifest, store: FeatureStore, fingerprint: str) -> None:
        self._manifest = manifest
        self._store = store
        self._fingerprint = fingerprint
        self._contents: dict[FileName, str] = {}
        self._grids: dict[str, ClipGrid] = {}
        self._start_caches()

    def _start_caches(self) -> None:
        self._video = lru_cache(maxsize=_CACHED_VIDEOS)(self._read_video)
        self._query = lru_cache(maxsize=_CACHED_QUERIES)(self._store.get_query)

    def __getstate__(self) -> dict[str, Any]:
        """Another process takes the hashes of the files along, and reads features on its own."""
        return {name: self.__dict__[name] for name in self.__dict__.keys() - {"_video", "_query"}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._start_caches()

    def load_video_features(self, video_id: str, window: Segment | None) -> VideoFeatures:
        """Clip features of a video or window, and the grid whose clips they are.

        `ClipGrid.window` says which clips belong to a window.

        Raises:
            FeatureError: The store does not have them.
            MediaError: The video file is missing, and its hash is not known.
            DatasetError: The video file is not the one that the data set was made with.
            UsageError: The window starts after the video ends.
        """
        return self._video(video_id, window)

    def load_grid(self, video_id: str, window: Segment | None) -> ClipGrid:
        """The grid of `load_video_features`; no clip is read, and it raises the same."""
        if video_id not in self._grids:
            self._grids[video_id] = self._store.get_grid(self.video_key(video_id))
        whole = self._grids[video_id]
        return whole if window is None else whole.window(window)[1]

    def load_query_features(self, sample: Sample) -> QueryFeatures:
        """Region features, boxes and global feature of a sample's query image.

        Raises:
            FeatureError: The store does not have them.
            MediaError: The image, or the video that it is a frame of, is missing, and its hash is
                not known.
            DatasetError: That file is not the one that the data set was made with.
        """
        return self._query(self.query_key(sample))

    def video_key(self, video_id: str) -> VideoKey:
        """Where a store has the features of a video."""
        content = self._content(FileName("video", video_id))
        return VideoKey(content=content, fingerprint=self._fingerprint)

    def query_key(self, sample: Sample) -> QueryKey:
        """Where a store has the features of a sample's query."""
        return QueryKey(
            content=self._content(query_file(sample)),
            fingerprint=self._fingerprint,
            frame_seconds=sample.query_seconds,
        )

    def _content(self, file: FileName) -> str:
        if file not in self._contents:
            known = self._manifest.file_hashes.get(file)
            self._contents[file] = hash_of(self._manifest.path(file), known)
        return self._contents[file]

    def _read_video(self, video_id: str, window: Segment | None) -> VideoFeatures:
        key = self.video_key(video_id)
        # Of a long video only what the window shows is read and kept.
        return self._store.get(key) if window is None else self._store.get_window(key, window)


def video_paths(manifest: Manifest) -> list[Path]:
    """The files that the samples search, each once, in the order of the samples."""
    return [
        manifest.video_path(name) for name in dict.fromkeys(s.video_id for s in manifest.samples)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryOutcome:
    """What became of the query images of one file.

    Attributes:
        path: The image, or the video that they are frames of.
        num_encoded: Images encoded now.
        num_present: Images that the store had before.
        num_failed: Images that cannot be read, or whose features cannot be kept.
        error: Why the first of them failed; empty if none did.
    """

    path: Path
    num_encoded: int = 0
    num_present: int = 0
    num_failed: int = 0
    error: str = ""


def extract_queries(
    manifest: Manifest,
    recipe: Recipe,
    store: FeatureStore,
    *,
    strict: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
    on_outcome: Callable[[QueryOutcome], None] | None = None,
) -> tuple[QueryOutcome, ...]:
    """Encodes the query images that the store does not have; it can be stopped and run again.

    Args:
        manifest: The data set.
        recipe: How pixels become features.
        store: Where features are kept.
        strict: Whether the first file that cannot be read stops the work; otherwise it is reported
            and skipped.
        on_progress: Called with the files done and the files in total.
        on_outcome: Called as each file ends.

    Raises:
        MediaError: A file cannot be read, or ends before the time of a query, and the work is
            strict.
        FeatureError: The store cannot be written.
    """
    wanted, outcomes = _query_files(manifest), []
    for file, times in wanted.items():
        path, known = manifest.path(file), manifest.file_hashes.get(file)
        outcomes.append(outcome := _extract_file(path, known, times, recipe, store))
        if on_outcome is not None:
            on_outcome(outcome)
        if strict and outcome.error:
            raise MediaError(outcome.error)
        if on_progress is not None:
            on_progress(len(outcomes), len(wanted))
    return tuple(outcomes)


def _extract_file(
    path: Path,
    known: FileHash | None,
    times: Sequence[float | None],
    recipe: Recipe,
    store: FeatureStore,
) -> QueryOutcome:
    missing: list[QueryKey] = []
    try:
        refuse_changed(path, known)
        content = content_hash(path)
        refuse_other_bytes(path, content, known)
        keys = [
            QueryKey(content=content, fingerprint=recipe.fingerprint, frame_seconds=time)
            for time in times
        ]
        missing = [key for key in keys if store.find_query(key) is None]
        images = _read_images(path, [key.frame_seconds for key in missing])
    except (MediaError, DatasetError) as error:
        num_failed = len(missing) or len(times)
        num_present = len(times) - num_failed
        return QueryOutcome(
            path=path, num_present=num_present, num_failed=num_failed, error=str(error)
        )
    errors: list[str] = []
    for key, image in zip(missing, images, strict=True):
        features = recipe.encode_image(image)
        try:
            store.put_query(key, features, source=path.name, recipe=recipe.name)
        except UnusableFeaturesError as error:
            errors.append(f"a query of {path} has no features: {error}")
    return QueryOutcome(
        path=path,
        num_encoded=len(missing) - len(errors),
        num_present=len(times) - len(missing),
        num_failed=len(errors),
        error=errors[0] if errors else "",
    )


def _read_images(
    path: Path, times: Sequence[float | None]
) -> Sequence[UInt8[np.ndarray, "height width 3"]]:
    """The frames of a video; an image file has one time at most, which is None."""
    instants = [time for time in times if time is not None]
    try:
        return frames_at(path, instants) if instants else [read_image(path) for _ in times]
    except UsageError as error:
        raise MediaError(
            f"{path}: {error}; the data set asks for this time: it was made for another video"
        ) from error


def _query_files(manifest: Manifest) -> dict[FileName, list[float | None]]:
    """The files that queries come from, each with the times of its frames; None for an image."""
    times: dict[FileName, set[float | None]] = {}
    for sample in manifest.samples:
        times.setdefault(query_file(sample), set()).add(sample.query_seconds)
    return {file: sorted(seconds, key=lambda time: time or 0.0) for file, seconds in times.items()}
