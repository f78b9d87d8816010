"""Files of a store that lies elsewhere: object storage and whatever else fsspec reaches."""

import fnmatch
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import fsspec

from stillseek.errors import FeatureError, InstallationError, UsageError
from stillseek.features.store.content_address import is_entry_name
from stillseek.features.store.store_files import SUFFIX, StoreFiles


class RemoteFiles(StoreFiles):
    """Files below a URL such as ``s3://bucket/store``; credentials are those of fsspec's driver.

    Object stores put a file whole or not at all, so there are no temporary files. Where a file
    system cannot do that (SFTP), a reader may meet half an entry: its checksum gives it away.

    Args:
        url: Place of the store.

    Raises:
        UsageError: fsspec knows no file system of this name.
        InstallationError: The driver of the file system is not installed.
    """

    def __init__(self, url: str) -> None:
        self._root = url.rstrip("/")
        try:
            # Other machines write too: what was listed a minute ago says nothing.
            self._system, path = fsspec.url_to_fs(self.root, use_listings_cache=False)
        except ImportError as error:
            raise InstallationError(
                f"a store at {url} needs another package: {error}; pip install it"
            ) from error
        except ValueError as error:
            raise UsageError(
                f"a store cannot lie at {url}: {error}; give a folder, or a URL that fsspec knows, "
                "such as s3://bucket/store"
            ) from error
        self._path = path.rstrip("/")

    @property
    def root(self) -> str:
        """URL of the store."""
        return self._root

    def place(self, name: str) -> str:
        """Where a file is, for people."""
        return f"{self.root}/{name}"

    def exists(self, name: str) -> bool:
        """Whether there is such a file."""
        with self._reaching(name):
            return self._system.exists(f"{self._path}/{name}")

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        """The bytes ``[start, stop)`` of a file, fewer where it ends before."""
        if stop is not None and stop <= start:
            return b""
        with self._reaching(name):
            return self._system.cat_file(f"{self._path}/{name}", start=start or None, end=stop)

    def write(self, name: str, content: bytes) -> None:
        """Makes or replaces a file."""
        path = f"{self._path}/{name}"
        with self._reaching(name):
            try:
                self._system.pipe_file(path, content)
            except FileNotFoundError:
                # A file system with real folders.
                self._system.makedirs(path.rpartition("/")[0], exist_ok=True)
                self._system.pipe_file(path, content)

    def remove(self, name: str) -> None:
        """Removes a file; one that another process has removed is fine."""
        with suppress(FileNotFoundError), self._reaching(name):
            self._system.rm_file(f"{self._path}/{name}")

    def size(self, name: str) -> int:
        """Bytes of a file; 0 where another process has removed it."""
        with suppress(FileNotFoundError), self._reaching(name):
            return self._system.size(f"{self._path}/{name}") or 0
        return 0

    def top(self) -> list[str]:
        """Names of the files and folders right below the root, none where there is no root."""
        with suppress(FileNotFoundError), self._reaching(""):
            paths = self._system.ls(self._path, detail=False)
            return sorted(str(path).rstrip("/").rpartition("/")[2] for path in paths)
        return []

    def entries(self, pattern: str = "*") -> Iterator[str]:
        """Names of entries in order, of one recipe where the pattern is ``*.FINGERPRINT``."""
        for name in self._names(""):
            if is_entry_name(name) and fnmatch.fnmatchcase(name, f"{pattern}{SUFFIX}"):
                yield name

    def entry_bytes(self) -> int:
        """Bytes of all entries, from one listing."""
        with self._reaching(""):
            found = self._system.find(self._path, detail=True)
        return sum(
            details.get("size") or 0
            for path, details in found.items()
            if is_entry_name(path[len(self._path) + 1 :])
        )

    def versions(self, stem: str) -> list[str]:
        """Beginnings of the fingerprints that there is an entry of a place for."""
        names = self._names(stem.rpartition("/")[0])
        return [name.split(".")[-2] for name in names if fnmatch.fnmatchcase(name, f"{stem}.*.*")]

    def temporaries(self, *, older_than_seconds: float) -> list[str]:
        """No names: writers leave nothing."""
        return []

    def _names(self, folder: str) -> list[str]:
        with self._reaching(folder):
            paths = self._system.find(f"{self._path}/{folder}")
        return sorted(str(path)[len(self._path) + 1 :] for path in paths)

    @contextmanager
    def _reaching(self, name: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        # Every driver has exceptions of its own.
        except Exception as error:
            raise FeatureError(
                f"cannot reach {self.place(name)} ({error or type(error).__name__}); check the "
                "address, your rights and the network"
            ) from error
