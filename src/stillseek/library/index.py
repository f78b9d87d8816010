"""One index of a library: its space, its tables, and the features that its rows are made of."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from stillseek.errors import LibraryError
from stillseek.features import FeatureStore, Recipe, VideoFeatures, VideoKey
from stillseek.features.store.entries import MissingFeaturesError
from stillseek.files import replacing
from stillseek.library.index_tables import IndexedVideo, Tables
from stillseek.library.settings import FEATURES, Settings
from stillseek.library.space import Space
from stillseek.localize.head import evidence_of

SPACE, TABLES, _LOCK = "space.safetensors", "index.sqlite", "writer.lock"
# Of a fingerprint and of a space's hash, in the name of an index.
_DIGITS = 16


class Index:
    """An index that exists.

    Args:
        library: Folder of the library.
        name: Folder of the index in it.
        fingerprint: Of the recipe that its features are made by.
        features: Where these are; None is in the library.

    Attributes:
        fingerprint: Of the recipe.
        space: Where clips and pictures are compared.
        tables: Videos and rows.
        store: Features of the clips.
    """

    def __init__(
        self, library: Path, name: str, fingerprint: str, features: Path | str | None = None
    ) -> None:
        folder = library / name
        self.fingerprint = fingerprint
        self.space = Space.read(str(folder / SPACE))
        self.tables = Tables(folder / TABLES, dim=self.space.dim)
        self.store = FeatureStore(features or library / FEATURES)

    @classmethod
    def of(cls, settings: Settings) -> "Index":
        """The index that answers."""
        return cls(settings.folder, settings.index, settings.recipe.fingerprint, settings.features)

    def key(self, video: IndexedVideo) -> VideoKey:
        """Where the features of a video are in the store."""
        return VideoKey(content=video.content, fingerprint=self.fingerprint)

    def features(self, video: IndexedVideo) -> VideoFeatures:
        """The clips of a video.

        Raises:
            FeatureError: They are missing or broken.
        """
        try:
            return self.store.get(self.key(video))
        except MissingFeaturesError as error:
            raise MissingFeaturesError(
                f"the features of {video.name} are missing; add it to the library again (and "
                "publish again what is published)"
            ) from error

    def add(self, videos: Sequence[IndexedVideo]) -> None:
        """Makes rows of the features of videos, and the videos findable.

        Args:
            videos: As files; what is known of their clips is filled in here.

        Raises:
            FeatureError: The features of one are missing or broken.
        """
        there = self.tables.numbers() if any(video.content for video in videos) else set()
        rows, records = [], []
        for video in videos:
            if video.content:
                clips = self.features(video).clips
                shown = int((abs(clips).max(axis=1) > 0).sum())
                video = replace(video, num_clips=shown)
                if video.number not in there:
                    there.add(video.number)
                    rows.append((video.number, *self.space.pooled(clips)))
            records.append(video)
        self.tables.put(records, [row for row in rows if len(row[1])])


def make_index(library: Path, recipe: Recipe) -> str:
    """Makes the empty index of a recipe where there is none, and returns its name.

    Raises:
        UsageError: The recipe encodes clips and pictures with different networks.
    """
    space = space_of(recipe)
    content = space.to_bytes()
    parts = (recipe.fingerprint, hashlib.sha256(content).hexdigest())
    name = "-".join(("index", *(part[:_DIGITS] for part in parts)))
    place = library / name / SPACE
    if not place.exists():
        Tables(place.with_name(TABLES), dim=space.dim).create()
        with replacing(place) as temporary:
            temporary.write_bytes(content)
    return name


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """The right to write to a library, which one process has at a time.

    The system takes it back from one that dies.

    Raises:
        LibraryError: Another process has it, or the library is a published one.
    """
    settings = Settings.read(folder)
    if settings is not None and settings.origin:
        raise LibraryError(
            f"{settings.origin} is a published library, which is searched only; change the "
            "one that it was published from, and publish that again"
        )
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / _LOCK, timeout=0)
    try:
        with lock:
            yield
    except Timeout as error:
        raise LibraryError(
            f"another process is writing to the library {folder}; wait until it is done, or stop "
            "it (searching goes on meanwhile)"
        ) from error


def current(folder: Path) -> Settings:
    """The settings of a library that exists.

    Raises:
        LibraryError: There is none.
    """
    settings = Settings.read(folder)
    if settings is None:
        raise LibraryError(
            f"there is no library at {folder}; make one with stillseek library add {folder} VIDEOS"
        )
    return settings


def space_of(recipe: Recipe) -> Space:
    """The space of the shipped likeness of a recipe; the plain one where it has no evidence."""
    found = evidence_of(recipe)
    if found is None:
        return Space(
            centre=np.zeros(recipe.clip_dim, np.float32),
            metric=np.eye(recipe.clip_dim, dtype=np.float32),
            background=np.zeros((0, recipe.clip_dim), np.float32),
            calibration=None,
        )
    buffers, calibration = found
    return Space(**buffers, calibration=calibration)
