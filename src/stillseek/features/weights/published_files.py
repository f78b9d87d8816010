"""Weights that others published: given by the user, cached, or downloaded, and always verified."""

import hashlib
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pooch
import requests
from filelock import FileLock
from requests import HTTPError, RequestException, Timeout
from tqdm import tqdm

from stillseek.errors import FeatureError

_SHORTEST_PREFIX = 8
_TIMEOUT_SECONDS = 30
# What a cut connection may lose.
_CHUNK_BYTES = 1 << 16
_RANGE_NOT_SATISFIABLE = 416
_LOCK, _PARTIAL = ".lock", ".part"


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsFile:
    """A file of weights that someone published.

    Attributes:
        name: File name in the cache, and in a folder that the user gives.
        url: Where it is published.
        sha256: SHA-256 of the file as 64 hexadecimal digits. Where the publisher tells only how it
            begins, as torchvision does in its file names, these digits, at least 8: enough to find
            damage, not enough to find a forgery.
        size_bytes: Its size; None if it is not known.
        licence: What its publisher says about its use.
    """

    name: str
    url: str
    sha256: str
    size_bytes: int | None
    licence: str

    def __post_init__(self) -> None:
        if not re.fullmatch(rf"[0-9a-f]{{{_SHORTEST_PREFIX},64}}", self.sha256):
            raise ValueError(
                f"{self.name} needs {_SHORTEST_PREFIX} to 64 lowercase hexadecimal digits of its "
                f"SHA-256, got {self.sha256!r}"
            )


def cache_folder() -> Path:
    """Where downloaded weights are: ``$STILLSEEK_CACHE``, or the platform's cache folder."""
    chosen = os.environ.get("STILLSEEK_CACHE")
    return (Path(chosen) if chosen else pooch.os_cache("stillseek")).expanduser().absolute()


def is_offline() -> bool:
    """Whether ``$STILLSEEK_OFFLINE`` forbids downloads."""
    return os.environ.get("STILLSEEK_OFFLINE", "") not in ("", "0")


def cached_files() -> dict[str, int]:
    """Names and sizes in bytes of the files in the cache; parts of files are left out."""
    folder = cache_folder()
    return {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix not in (_LOCK, _PARTIAL)
    }


def fetch(file: WeightsFile, *, given: Path | None = None) -> Path:
    """A verified copy of a file of weights on this machine, downloaded if there is none.

    What torchvision itself has downloaded before is not downloaded again. A download that was cut
    off goes on where it stopped; several processes that want one file download it once.

    Args:
        file: What is wanted.
        given: The user's own copy, or a folder that holds it under its name. Then nothing else is
            looked at.

    Raises:
        FeatureError: The given file is missing or another one, or the file cannot be downloaded;
            the message says where to put it.
    """
    if given is not None:
        return _verified(given / file.name if given.is_dir() else given, file)
    cached = cache_folder() / file.name
    if _matches(cached, file):
        return cached
    elsewhere = _torch_cache(file)
    if elsewhere is not None and _matches(elsewhere, file):
        return elsewhere
    if is_offline():
        raise FeatureError(
            f"there is no intact {file.name} on this machine and STILLSEEK_OFFLINE is set; "
            f"download {file.url} elsewhere and put it at {cached}"
        )
    try:
        cached.parent.mkdir(parents=True, exist_ok=True)
        partial = cached.with_name(file.name + _PARTIAL)
        # The lock's file stays: once it is removed, two processes that wait may both get the lock.
        with FileLock(cached.with_name(file.name + _LOCK)):
            # Another process may have brought it while this one waited.
            if not _matches(cached, file):
                _download(file, partial, cached)
    except RequestException as error:
        raise FeatureError(
            f"cannot download {file.name} from {file.url} ({_reason(error)}); check the "
            f"network and run again, or put the file at {cached}"
        ) from error
    except OSError as error:
        raise FeatureError(
            f"cannot keep {file.name} in {cached.parent} ({error.strerror or error}); make space "
            "or rights there, or set STILLSEEK_CACHE to another folder"
        ) from error
    return cached


def _verified(path: Path, file: WeightsFile) -> Path:
    if not path.is_file():
        raise FeatureError(
            f"there is no file {path}; download {file.url} and put it there, or leave the path out"
        )
    if not _matches(path, file):
        raise FeatureError(
            f"{path} is not {file.name} as published: its SHA-256 is {_sha256(path)}, expected "
            f"{file.sha256}; download {file.url} again"
        )
    return path


def _torch_cache(file: WeightsFile) -> Path | None:
    """Where torchvision keeps the file once it has loaded it itself."""
    address = urlsplit(file.url)
    if address.hostname != "download.pytorch.org":
        return None
    from torch import hub

    return Path(hub.get_dir()) / "checkpoints" / address.path.rpartition("/")[2]


def _download(file: WeightsFile, partial: Path, target: Path) -> None:
    """Brings the file to its place in one step, so that nobody ever sees a part of it there."""
    # A server that cuts the connection is asked again for as long as bytes come.
    while True:
        before = _size(partial)
        try:
            _transfer(file, partial)
            break
        except HTTPError as error:
            # There is nothing left to send: the hash says whether it is the whole file.
            if getattr(error.response, "status_code", None) == _RANGE_NOT_SATISFIABLE:
                break
            raise
        except RequestException:
            if _size(partial) <= before:
                if not before:
                    partial.unlink(missing_ok=True)
                raise
    if not _matches(partial, file):
        found = _sha256(partial)
        partial.unlink()
        raise FeatureError(
            f"{file.url} sent something else than {file.name}: its SHA-256 is {found}, expected "
            f"{file.sha256}, and it was removed; run again, or put the right file at {target}"
        )
    partial.replace(target)


def _transfer(file: WeightsFile, partial: Path) -> None:
    """Appends what is missing; the bar shows itself on a terminal only."""
    # A compressed answer would have other positions than the file.
    headers = {"Range": f"bytes={_size(partial)}-", "Accept-Encoding": "identity"}
    with requests.get(file.url, headers=headers, stream=True, timeout=_TIMEOUT_SECONDS) as response:
        response.raise_for_status()
        total = int(response.headers.get("Content-Length", 0)) or file.size_bytes
        bar = tqdm(
            desc=file.name, total=total, unit="B", unit_scale=True, leave=False, disable=None
        )
        # A server that does not know ranges sends the file from its start.
        with bar, partial.open("wb" if response.status_code == 200 else "ab") as out:
            for chunk in response.iter_content(_CHUNK_BYTES):
                bar.update(out.write(chunk))
            os.fsync(out.fileno())


def _reason(error: RequestException) -> str:
    if isinstance(error, HTTPError):
        return f"HTTP {getattr(error.response, 'status_code', None)}"
    return "no answer" if isinstance(error, Timeout) else "no connection"


def _size(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


def _matches(path: Path, file: WeightsFile) -> bool:
    return path.is_file() and _sha256(path).startswith(file.sha256)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except OSError as error:
        raise FeatureError(f"cannot read {path} ({error.strerror}); check its rights") from error
