"""Entries of a store: headers and arrays by their keys, each checked as it is read."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from stillseek.errors import CorruptFeaturesError, FeatureError, UnusableFeaturesError
from stillseek.features.store.content_address import (
    FINGERPRINT_DIGITS,
    QueryKey,
    VideoKey,
    entry_name,
)
from stillseek.features.store.entry_format import (
    CorruptEntryError,
    EntryHead,
    has_blocks,
    pack,
    read_head,
    unpack,
)
from stillseek.features.store.store_place import open_files

ReadBytes = Callable[[int, int], bytes]

_VERSION = 1


class MissingFeaturesError(FeatureError):
    """There is no such entry, or no longer."""


@contextmanager
def unless_too_large(source: object) -> Iterator[None]:
    """Says of what features are that do not fit half precision."""
    try:
        yield
    except OverflowError as error:
        raise UnusableFeaturesError(
            f"features of {source} are {error}; check the recipe's weights"
        ) from error


class Entries:
    """What a store holds, without what it means.

    Args:
        root: Folder or URL of the store.

    Attributes:
        files: The store's files, for what looks after them.
    """

    def __init__(self, root: Path | str) -> None:
        self.files = open_files(root)

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
        with self._naming_corrupt(name):
            header, _ = unpack(self.files.read(name))
        digits = header["fingerprint"][:FINGERPRINT_DIGITS]
        if digits != (named := name.split(".")[-2]):
            raise CorruptFeaturesError(
                f"features in {self.files.place(name)} are those of recipe fingerprint {digits}, "
                f"not of {named}"
            )
        return header

    @contextmanager
    def _opened(self, key: VideoKey | QueryKey) -> Iterator[tuple[EntryHead | None, ReadBytes]]:
        """The head of an entry and what reads its bytes; None where it has no blocks to read."""
        name = entry_name(key)

        def read(start: int, stop: int) -> bytes:
            return self.files.read(name, start, stop)

        with self._naming_missing(key), self._naming_corrupt(name):
            head = read_head(read)
            if has_blocks(head):
                self._check_recipe(name, head.header, key.fingerprint)
                yield head, read
            else:
                yield None, read

    def _read(
        self, key: VideoKey | QueryKey
    ) -> tuple[dict[str, Any], dict[str, Float32[np.ndarray, "..."]]]:
        with self._naming_missing(key):
            return self._read_entry(entry_name(key), key.fingerprint)

    def _read_entry(
        self, name: str, fingerprint: str
    ) -> tuple[dict[str, Any], dict[str, Float32[np.ndarray, "..."]]]:
        with self._naming_corrupt(name):
            header, arrays = unpack(self.files.read(name))
        self._check_recipe(name, header, fingerprint)
        return header, arrays

    @contextmanager
    def _naming_missing(self, key: VideoKey | QueryKey) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            others = self.other_fingerprints(key)
            there = f", only those of recipe fingerprint {', '.join(others)}" if others else ""
            raise MissingFeaturesError(
                f"the store {self.files.root} has no features of {key.stem.split('/')[-1]} for "
                f"recipe fingerprint {key.fingerprint[:FINGERPRINT_DIGITS]}{there}; extract with "
                "this recipe first"
            ) from error

    @contextmanager
    def _naming_corrupt(self, name: str) -> Iterator[None]:
        try:
            yield
        except CorruptEntryError as error:
            raise CorruptFeaturesError(
                f"features in {self.files.place(name)} are corrupt ({error})"
            ) from error

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
        with unless_too_large(header["source"]):
            content = pack(header, arrays)
        self.files.write(name, content)
