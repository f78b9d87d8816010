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

from filelock import FileLock

from stillseek.errors import FeatureError, LibraryError
from stillseek.features.store.content_address import entry_name
from stillseek.features.store.store_files import StoreFiles
from stillseek.features.store.store_place import open_files
from stillseek.files import replacing, shown_url
from stillseek.library.index import SPACE, TABLES, Index
from stillseek.library.settings import FEATURES, FILE, Settings

# In the cache folder.
FETCHED = "libraries"
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
    settings: Settings,
    place: Path | str,
    overwrite: bool,
    on_progress: Callable[[int, int], None] | None,
) -> Published:
    """Copies a library, to which nobody may be writing, as `Library.publish` says.

    Raises:
        LibraryError: Something else is there.
        FeatureError: It cannot be reached, or features of a video are missing.
    """
    url = url_of(place) or _url_of_folder(Path(place))
    there, features = open_files(url), open_files(f"{url}/{FEATURES}")
    before = _read(there, settings.folder)
    if before is not None and not before.origin:
        raise LibraryError(
            f"{url} is a library that is written there, not a published one; choose another place"
        )
    source = str(settings.folder.absolute())
    if before is not None and before.source != source and not overwrite:
        raise LibraryError(
            f"what is at {url} was published from {before.source}; choose another place, or give "
            "--overwrite to replace it"
        )
    others = [name for name in there.top() if name != FEATURES and not name.startswith("index-")]
    if before is None and others:
        raise LibraryError(f"{url} holds {others[0]} and no library; choose an empty place")
    index = Index.of(settings)
    videos = {each.content: each for each in index.tables.videos().values() if each.content}
    names = {entry_name(index.key(video)): video.name for video in videos.values()}
    present = set(features.entries())
    if before is None and not present <= names.keys():
        raise LibraryError(
            f"{url}/{FEATURES} holds features that are not this library's; choose another place"
        )
    copied = copied_bytes = 0
    for done, (name, video) in enumerate(sorted(names.items()), start=1):
        if name not in present:
            entry = _entry(index, name, video)
            features.write(name, entry)
            copied, copied_bytes = copied + 1, copied_bytes + len(entry)
        if on_progress is not None:
            on_progress(done, len(names))
    tables = _snapshot(index)
    folder = f"{settings.index}-{_digest(tables)}"
    for name, content in ((SPACE, index.space.to_bytes()), (TABLES, tables)):
        if there.size(f"{folder}/{name}") != len(content):
            there.write(f"{folder}/{name}", content)
            copied_bytes += len(content)
    roots = {name: str(settings.root(name)) for name in settings.roots}
    there.write(
        FILE, replace(settings, index=folder, roots=roots, origin=url, source=source).to_bytes()
    )
    # Who reads one of these now begins again, with the new index.
    for name in present.difference(names):
        features.remove(name)
    for old in there.top():
        if old.startswith("index-") and old != folder:
            for name in (SPACE, TABLES):
                there.remove(f"{old}/{name}")
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
    folder = cache_folder() / FETCHED / _digest(url.encode())
    found = _published(there, folder, url)
    if _here(folder) == replace(found, origin=url):
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "fetch.lock"):
        now = replace(_with_index(there, folder, url), origin=url)
        if _here(folder) != now:
            now.write()
        for old in folder.glob("index-*"):
            if old.name != now.index:
                shutil.rmtree(old, ignore_errors=True)
    return folder


def origin_of(place: Path) -> str | None:
    """The URL that a place stands for, as a URL or a folder that was published to; else None."""
    if url := url_of(place):
        return url
    settings = Settings.read(place)
    return _url_of_folder(place) if settings is not None and settings.origin else None


def _url_of_folder(folder: Path) -> str:
    return f"file://{folder.absolute().as_posix()}"


def _entry(index: Index, name: str, video: str) -> bytes:
    try:
        return index.store.files.read(name)
    except FileNotFoundError as error:
        raise FeatureError(
            f"the features of {video} are missing; add it to the library again"
        ) from error


def _snapshot(index: Index) -> bytes:
    """The tables as of now."""
    with TemporaryDirectory() as folder:
        index.tables.copy_to(Path(folder, TABLES))
        return Path(folder, TABLES).read_bytes()


def _here(folder: Path) -> Settings | None:
    """What was fetched; None where that is nothing, broken, or of another version."""
    try:
        return Settings.read(folder)
    except LibraryError:
        return None


def _published(there: StoreFiles, folder: Path, url: str) -> Settings:
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
    return found


def _with_index(there: StoreFiles, folder: Path, url: str) -> Settings:
    """What is published now, with its index in the folder."""
    for attempt in range(_ATTEMPTS):
        found = _published(there, folder, url)
        try:
            for name in (SPACE, TABLES):
                _copy(there, f"{found.index}/{name}", folder)
        except FileNotFoundError as error:
            if attempt == _ATTEMPTS - 1:
                raise LibraryError(f"{url} misses its index ({error}); publish it again") from error
        else:
            return found
    raise AssertionError  # the last attempt returns or raises


def _copy(there: StoreFiles, name: str, folder: Path) -> None:
    """Copies a file where it is missing; the name of its folder has the digests of both."""
    place = folder / name
    if place.exists():
        return
    content = there.read(name)
    if _digest(content) not in place.parent.name.split("-"):
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
