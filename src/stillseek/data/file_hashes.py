"""Hash and size of the files of a data set: with them its features are found without the files."""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from stillseek.errors import DatasetError, MediaError
from stillseek.features.store.content_address import content_hash
from stillseek.records import (
    dump_record,
    iterate_objects,
    parse_record,
    read_text,
    write_text_atomic,
)

HASHES_NAME = "file_hashes.jsonl"
# Hashing terabytes takes hours: whoever stops it loses no more than this.
_SAVE_SECONDS = 30.0

_CHANGED = (
    "put that file back; or, if it is right as it is, run stillseek dataset upgrade with --again "
    "on the data set, and extract its features"
)

_COPY = "copy the file again"

FileKind = Literal["video", "image"]


class FileName(NamedTuple):
    """A file as samples name it.

    Attributes:
        kind: What the name is: a ``video_id``, or a ``query_image``.
        name: The name.
    """

    kind: FileKind
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileHash:
    """What a file held when the data set was made.

    Attributes:
        kind: As in `FileName`.
        name: As in `FileName`.
        num_bytes: Size of the file.
        sha256: Its `content_hash`, by which a store knows its features.
    """

    kind: FileKind
    name: str
    num_bytes: int
    sha256: str


def hash_of(path: Path, known: FileHash | None) -> str:
    """`content_hash` of a file, which need not be on this machine where it is known.

    Raises:
        MediaError: It is not known, and the file cannot be read.
        DatasetError: The file is here and has another size than is known.
    """
    if known is None:
        return content_hash(path)
    refuse_changed(path, known)
    return known.sha256


def refuse_changed(path: Path, known: FileHash | None) -> None:
    """Refuses a file that has another size than is known; one that is not here is fine.

    Raises:
        DatasetError: It has; the message says what to do.
    """
    with suppress(OSError):
        if known is not None and (found := path.stat().st_size) != known.num_bytes:
            raise DatasetError(
                f"{path} has {found} bytes, and had {known.num_bytes} when its hash was noted: "
                f"{_CHANGED}"
            )


def is_unchanged(path: Path, known: FileHash, noted_ns: int) -> bool:
    """Whether a file is as it was when its hash was noted; one that is not here counts as such."""
    try:
        found = path.stat()
    except OSError:
        return True
    # One that was moved here may have any time of its own.
    changed_ns = max(found.st_mtime_ns, found.st_ctime_ns)
    return found.st_size == known.num_bytes and changed_ns <= noted_ns


def refuse_other_bytes(path: Path, content: str, known: FileHash | None) -> None:
    """Refuses a file that has another hash than is known.

    Raises:
        DatasetError: It has; the message says what to do.
    """
    if known is not None and content != known.sha256:
        raise DatasetError(f"{path} was changed since its hash was noted: {_CHANGED}")


def read_hashes(folder: Path, owner: Mapping[str, str]) -> dict[FileName, FileHash]:
    """The hashes beside a manifest, none where there is no such file.

    Args:
        folder: Folder of the manifest.
        owner: What tells its manifest from others.

    Raises:
        DatasetError: The file is broken or belongs to another manifest.
    """
    path = folder / HASHES_NAME
    if not path.exists():
        return {}
    text = read_text(path)
    (_, head), *rows = [*iterate_objects(text, path)] or [("", {})]
    if head != {**owner, "files_sha256": text_sha256(text.partition("\n")[2])}:
        raise DatasetError(
            f"{path} does not belong to its manifest, or was edited or cut off; copy it again; "
            f"or, where the videos are, remove it and run: stillseek dataset upgrade {folder}"
        )
    files = [parse_record(FileHash, values, where, advice=_COPY) for where, values in rows]
    return {FileName(file.kind, file.name): file for file in files}


def hash_files(
    folder: Path,
    owner: Mapping[str, str],
    paths: Mapping[FileName, Path],
    known: Mapping[FileName, FileHash],
    *,
    again: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> dict[FileName, FileHash]:
    """Hashes files that are here, and keeps the hashes in one file beside the manifest.

    It may be killed at any moment: the file is whole, and has what was hashed half a minute before.
    Arguments as of `read_hashes` and `stillseek.data.manifest.add_file_hashes`.

    Returns:
        Those known and those hashed now; files that are not here or cannot be read are left out.
    """
    wanted = [n for n, path in paths.items() if (again or n not in known) and path.is_file()]
    found, saved = dict(known), time.monotonic()

    def save() -> None:
        _write(folder, owner, (found[name] for name in paths if name in found))

    if known and not (folder / HASHES_NAME).exists():
        save()
    try:
        for done, name in enumerate(wanted, start=1):
            with suppress(MediaError, OSError):
                num_bytes = paths[name].stat().st_size
                sha256 = content_hash(paths[name])
                found[name] = FileHash(**name._asdict(), num_bytes=num_bytes, sha256=sha256)
            if time.monotonic() - saved > _SAVE_SECONDS:
                save()
                saved = time.monotonic()
            if on_progress is not None:
                on_progress(done, len(wanted))
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt("stopped; run the same command again to go on") from error
    finally:
        if wanted:
            save()
    return found


def _write(folder: Path, owner: Mapping[str, str], files: Iterable[FileHash]) -> None:
    rows = "".join(json.dumps(dump_record(file), ensure_ascii=False) + "\n" for file in files)
    head = json.dumps({**owner, "files_sha256": text_sha256(rows)})
    write_text_atomic(folder / HASHES_NAME, f"{head}\n{rows}")


def text_sha256(text: str) -> str:
    """Hash of a text."""
    return hashlib.sha256(text.encode()).hexdigest()
