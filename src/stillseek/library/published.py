"""Libraries at a URL, such as object storage: one machine publishes, any number searches.

What is there is only added, until ``library.json`` names the new index: a reader sees the library
of before or that of now, and a kill leaves it as it was.
"""

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from stillseek.errors import LibraryError
from stillseek.features import VideoKey
from stillseek.features.store.content_address import entry_name
from stillseek.features.store.store_files import StoreFiles
from stillseek.features.store.store_place import open_files
from stillseek.files import replacing, shown_url
from stillseek.library.index import SPACE, TABLES, Index
from stillseek.library.settings import FILE, Settings

_DIGITS = 16
# A publisher may remove what a reader was about to read; then there is something newer.
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What `publish` did.

    Attributes:
        url: Where the library is.
        videos: Videos in it, of copies one.
        copied: Of these, whose features were not there before.
        copied_bytes: Bytes that were written, the index included.
    """

    url: str
    videos: int
    copied: int
    copied_bytes: int


def url_of(place: Path | str) -> str | None:
    """The URL that stands for a place; None where it is a path of this machine."""
    url = shown_url(str(place))
    return None if url is None or Path(place).exists() else url.rstrip("/")


def publish(
    settings: Settings, place: Path | str, on_progress: Callable[[int, int], None] | None = None
) -> Published:
    """Copies a library to a URL or folder; only what is not there yet.

    Args:
        settings: Of the library, to which nobody may be writing.
        place: URL that fsspec knows, such as ``s3://bucket/library``, or a folder.
        on_progress: Called with the videos done and the videos in total.

    Raises:
        LibraryError: What is there is no published library.
        FeatureError: It cannot be reached, or a feature is missing.
    """
    url = url_of(place) or Path(place).absolute().as_uri()
    there, features = open_files(url), open_files(f"{url}/features")
    before = _read(there, settings.folder)
    if before is not None and not before.origin:
        raise LibraryError(
            f"{url} is a library that is written there, not a published one; choose another place"
        )
    index = Index.of(settings)
    contents = sorted({each.content for each in index.tables.videos().values() if each.content})
    names = [entry_name(VideoKey(content=c, fingerprint=index.fingerprint)) for c in contents]
    present = set(features.entries())
    copied = copied_bytes = 0
    for done, name in enumerate(names, start=1):
        if name not in present:
            content = index.store.files.read(name)
            features.write(name, content)
            copied, copied_bytes = copied + 1, copied_bytes + len(content)
        if on_progress is not None:
            on_progress(done, len(names))
    with TemporaryDirectory() as folder:
        copy = Path(folder, TABLES)
        index.tables.copy_to(copy)
        tables = copy.read_bytes()
    folder_name = f"{settings.index}-{_digest(tables)}"
    for name, content in ((SPACE, index.space.to_bytes()), (TABLES, tables)):
        there.write(f"{folder_name}/{name}", content)
        copied_bytes += len(content)
    roots = {name: str(settings.root(name)) for name in settings.roots}
    now = replace(settings, index=folder_name, roots=roots, origin=url)
    there.write(FILE, now.to_bytes())
    for name in present.difference(names):
        features.remove(name)
    if before is not None and before.index != now.index:
        for name in (SPACE, TABLES):
            there.remove(f"{before.index}/{name}")
    return Published(url=url, videos=len(names), copied=copied, copied_bytes=copied_bytes)


def fetch(url: str) -> Path:
    """A folder with the index of a published library as of now; features stay where they are.

    Raises:
        LibraryError: There is no published library, or it is broken.
        FeatureError: It cannot be reached.
    """
    # What downloads takes a while to import.
    from stillseek.features.weights.published_files import cache_folder

    there = open_files(url)
    folder = cache_folder() / "libraries" / _digest(url.encode())
    now = replace(_with_index(there, folder, url), origin=url)
    if Settings.read(folder) != now:
        now.write()
        for old in folder.glob("index-*"):
            if old.name != now.index:
                shutil.rmtree(old, ignore_errors=True)
    return folder


def _with_index(there: StoreFiles, folder: Path, url: str) -> Settings:
    """What is published now, with its index in the folder."""
    for attempt in range(_ATTEMPTS):
        found = _read(there, folder)
        if found is None:
            raise LibraryError(
                f"there is no library at {url}; publish one with stillseek library publish LIBRARY "
                f"{url}"
            )
        if not found.origin:
            raise LibraryError(
                f"{url} is a library that is written there; give its path, or publish it elsewhere"
            )
        try:
            for name in (SPACE, TABLES):
                _copy(there, f"{found.index}/{name}", folder)
        except FileNotFoundError as error:
            if attempt == _ATTEMPTS - 1:
                raise LibraryError(f"{url} has no {error.filename}; publish it again") from error
        else:
            return found
    raise AssertionError  # the last attempt returns or raises


def _copy(there: StoreFiles, name: str, folder: Path) -> None:
    """Copies a file where it is missing; that of the tables is the one its folder is named by."""
    place = folder / name
    if place.exists():
        return
    try:
        content = there.read(name)
    except FileNotFoundError as error:
        error.filename = name
        raise
    if place.name == TABLES and not place.parent.name.endswith(_digest(content)):
        raise LibraryError(f"{there.place(name)} is broken; publish the library again")
    with replacing(place) as temporary:
        temporary.write_bytes(content)


def _read(there: StoreFiles, folder: Path) -> Settings | None:
    try:
        content = there.read(FILE)
    except FileNotFoundError:
        return None
    return Settings.parse(content, folder, str(there.place(FILE)))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_DIGITS]
