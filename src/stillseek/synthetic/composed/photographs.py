"""A folder of labelled photographs: which can be used, and which of them are one picture."""

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from stillseek.data.processes import map_in_processes
from stillseek.errors import DatasetError, MediaError
from stillseek.media import read_image
from stillseek.synthetic.composed.duplicates import near_duplicates, perceptual_hash

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".webp"})
MIN_SIDE_PIXELS = 32

_CHUNK = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Photograph:
    """One usable image file.

    Attributes:
        name: Path below the folder, with ``/`` between its parts.
        label: Class: the path of the file's folder.
        sha256: Hash of the file.
        phash: What `perceptual_hash` gives.
        mirrored_phash: The hash of the mirror image.
        group: Photographs of one group are near-duplicates of each other.
    """

    name: str
    label: str
    sha256: str
    phash: int
    mirrored_phash: int
    group: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotographFolder:
    """The photographs of a folder.

    Attributes:
        path: The folder.
        photographs: What can be used, sorted by name.
        unreadable: One line for each file that is no image, is broken, or is too small.
        unlabelled: Images that lie in no class folder.
        num_shared: Photographs left out because a near-duplicate has another class.
        sha256: Hash of the names and contents of the photographs.
    """

    path: Path
    photographs: tuple[Photograph, ...]
    unreadable: tuple[str, ...]
    unlabelled: tuple[str, ...]
    num_shared: int
    sha256: str

    @property
    def by_label(self) -> dict[str, tuple[Photograph, ...]]:
        """The photographs of each class; the classes are sorted."""
        found: dict[str, list[Photograph]] = defaultdict(list)
        for photograph in self.photographs:
            found[photograph.label].append(photograph)
        return {label: tuple(found[label]) for label in sorted(found)}


def read_photographs(
    folder: Path,
    *,
    workers: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> PhotographFolder:
    """Finds the photographs of a folder, of any depth; the folder of a file is its class.

    Hidden files and folders are passed over. Links are followed, but not into a folder that they
    lie in.

    Args:
        folder: Where they are.
        workers: Processes that read; None takes one a core.
        on_progress: Called with the images read and the images in all.

    Raises:
        DatasetError: The folder has no classes.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder} is no folder; give one with a folder of images for a class")
    names = sorted(_names(folder))
    labelled = [name for name in names if "/" in name]
    if not labelled:
        found = f"only {len(names)} images without a class" if names else "no image at all"
        raise DatasetError(
            f"{folder} has no classes, {found}; expected FOLDER/CLASS/image with one of the "
            f"suffixes {', '.join(sorted(SUFFIXES))}"
        )
    read: list[Photograph] = []
    unreadable: list[str] = []
    results = map_in_processes(partial(_read, folder), labelled, workers=workers, chunk=_CHUNK)
    for done, result in enumerate(results, start=1):
        if isinstance(result, Photograph):
            read.append(result)
        else:
            unreadable.append(result)
        if on_progress:
            on_progress(done, len(labelled))
    photographs = _grouped(read)
    if not photographs:
        raise DatasetError(
            f"{folder}: none of the {len(labelled)} images can be used"
            + (f"; the first: {unreadable[0]}" if unreadable else "")
        )
    listing = "".join(f"{photo.sha256} {photo.name}\n" for photo in photographs)
    return PhotographFolder(
        path=folder,
        photographs=photographs,
        unreadable=tuple(unreadable),
        unlabelled=tuple(name for name in names if "/" not in name),
        num_shared=len(read) - len(photographs),
        sha256=hashlib.sha256(listing.encode()).hexdigest(),
    )


def _names(folder: Path) -> list[str]:
    names = []
    # The real folders that each folder lies in, itself included.
    above = {folder: frozenset({folder.resolve()})}
    for place, folders, files in os.walk(folder, followlinks=True):
        inside = above.pop(Path(place))
        for name in tuple(folders):
            real = Path(place, name).resolve()
            if name.startswith(".") or real in inside:
                folders.remove(name)
            else:
                above[Path(place, name)] = inside | {real}
        for name in files:
            path = Path(place, name)
            if path.suffix.lower() in SUFFIXES and not name.startswith("."):
                names.append(path.relative_to(folder).as_posix())
    return names


def _read(folder: Path, name: str) -> Photograph | str:
    path = folder / name
    try:
        pixels = read_image(path)
    except MediaError as error:
        return str(error)
    if min(pixels.shape[:2]) < MIN_SIDE_PIXELS:
        height, width = pixels.shape[:2]
        return f"{path} has {width} x {height} pixels, too small to be shown in a video"
    phash, mirrored = perceptual_hash(pixels)
    return Photograph(
        name=name,
        label=name.rpartition("/")[0],
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        phash=phash,
        mirrored_phash=mirrored,
    )


def _grouped(read: list[Photograph]) -> tuple[Photograph, ...]:
    """The photographs with their groups, without those of groups that have several classes."""
    groups = near_duplicates(
        np.array([photo.phash for photo in read], dtype=np.uint64),
        np.array([photo.mirrored_phash for photo in read], dtype=np.uint64),
    ).tolist()
    labels: dict[int, set[str]] = defaultdict(set)
    for photo, group in zip(read, groups, strict=True):
        labels[group].add(photo.label)
    return tuple(
        replace(photo, group=group)
        for photo, group in zip(read, groups, strict=True)
        if len(labels[group]) == 1
    )
