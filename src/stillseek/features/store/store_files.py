"""The files of a feature store: the one place that knows where a store lies and how to reach it."""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stillseek.errors import FeatureError
from stillseek.features.store.content_address import is_entry_name
from stillseek.features.weights.whole_file import write_whole
from stillseek.files import LEFT_OVER

SUFFIX = ".safetensors"


class StoreFiles(ABC):
    """Files below a root, by names with forward slashes, such as ``videos/ab/abcd.safetensors``."""

    @property
    @abstractmethod
    def root(self) -> Path | str:
        """Where the store lies: a folder, or the URL of one."""

    @abstractmethod
    def place(self, name: str) -> Path | str:
        """Where a file is, for people."""

    @abstractmethod
    def exists(self, name: str) -> bool:
        """Whether there is such a file."""

    @abstractmethod
    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        """The bytes ``[start, stop)`` of a file, fewer where it ends before.

        Raises:
            FileNotFoundError: There is no such file.
            FeatureError: It cannot be read, which says nothing about its bytes.
        """

    @abstractmethod
    def write(self, name: str, content: bytes) -> None:
        """Makes or replaces a file: a reader sees a whole file or none.

        Raises:
            FeatureError: It cannot be written.
        """

    @abstractmethod
    def remove(self, name: str) -> None:
        """Removes a file; one that another process has removed is fine.

        Raises:
            FeatureError: It cannot be removed.
        """

    @abstractmethod
    def size(self, name: str) -> int:
        """Bytes of a file; 0 where another process has removed it."""

    @abstractmethod
    def top(self) -> list[str]:
        """Names of the files and folders right below the root, none where there is no root."""

    @abstractmethod
    def entries(self, pattern: str = "*") -> Iterator[str]:
        """Names of entries in order, of one recipe where the pattern is ``*.FINGERPRINT``."""

    def entry_bytes(self) -> int:
        """Bytes of all entries."""
        return sum(self.size(name) for name in self.entries())

    @abstractmethod
    def versions(self, stem: str) -> list[str]:
        """Beginnings of the fingerprints that there is an entry of a place for."""

    @abstractmethod
    def temporaries(self, *, older_than_seconds: float) -> list[str]:
        """Names of files that a writer began so long ago that it must have died."""


class LocalFiles(StoreFiles):
    """Files in a folder of this machine or of a share.

    A file is written beside its place and moved there in one step; whoever dies in between leaves
    a hidden file that nobody reads.

    Args:
        root: Folder of the store; made when the first file is written.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def root(self) -> Path:
        """Folder of the store."""
        return self._root

    def place(self, name: str) -> Path:
        """Where a file is, for people."""
        return self.root / name

    def exists(self, name: str) -> bool:
        """Whether there is such a file."""
        with self._reading(name):
            return self.place(name).exists()

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        """The bytes ``[start, stop)`` of a file, fewer where it ends before."""
        with self._reading(name), self.place(name).open("rb") as file:
            file.seek(start)
            return file.read(-1 if stop is None else max(0, stop - start))

    def write(self, name: str, content: bytes) -> None:
        """Makes or replaces a file in one step."""
        write_whole(self.place(name), content)

    def remove(self, name: str) -> None:
        """Removes a file; one that another process has removed is fine."""
        try:
            self.place(name).unlink(missing_ok=True)
        except OSError as error:
            raise FeatureError(
                f"cannot remove {self.place(name)} ({error.strerror}); check the rights of its "
                "folder"
            ) from error

    def size(self, name: str) -> int:
        """Bytes of a file; 0 where another process has removed it."""
        with suppress(FileNotFoundError), self._reading(name):
            return self.place(name).stat().st_size
        return 0

    def top(self) -> list[str]:
        """Names of the files and folders right below the root, none where there is no root."""
        return sorted(path.name for path in self.root.iterdir()) if self.root.is_dir() else []

    def entries(self, pattern: str = "*") -> Iterator[str]:
        """Names of entries in order, of one recipe where the pattern is ``*.FINGERPRINT``."""
        for path in sorted(self.root.glob(f"*/*/{pattern}{SUFFIX}")):
            name = path.relative_to(self.root).as_posix()
            if is_entry_name(name):
                yield name

    def versions(self, stem: str) -> list[str]:
        """Beginnings of the fingerprints that there is an entry of a place for."""
        place = self.place(stem)
        return sorted(path.suffixes[-2][1:] for path in place.parent.glob(f"{place.name}.*.*"))

    def temporaries(self, *, older_than_seconds: float) -> list[str]:
        """Names of files that a writer began so long ago that it must have died."""
        found = []
        for path in sorted(self.root.rglob(LEFT_OVER)):
            with suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > older_than_seconds:
                    found.append(path.relative_to(self.root).as_posix())
        return found

    @contextmanager
    def _reading(self, name: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            raise FeatureError(
                f"cannot read {self.place(name)} ({error.strerror or error}); check its rights and "
                "the disk or share"
            ) from error
