"""Files that clients send: bounded while they arrive, known by content, gone after a time."""

import asyncio
import errno
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from secrets import token_hex
from typing import Any, Literal

from stillseek.errors import MediaError
from stillseek.features.store.content_address import content_hash
from stillseek.files import IMAGE_SUFFIXES, remove_left_over, replacing, shown_name
from stillseek.media import probe, read_image
from stillseek.media.container import is_list_of_files
from stillseek.media.faults import not_a_video
from stillseek.media.folder import VIDEO_SUFFIXES
from stillseek.web.database import Database
from stillseek.web.kept_features import KeptFeatures
from stillseek.web.refusals import RefusedError
from stillseek.web.service_settings import ServiceSettings

PICTURE_SUFFIXES = frozenset({*IMAGE_SUFFIXES, ".webp", ".avif"})
_KEPT_SUFFIXES = {"video": VIDEO_SUFFIXES, "image": PICTURE_SUFFIXES | {".gif"}}
# Written at once: a step of a thread for every piece of the network would cost more than the disk.
_BLOCK_BYTES = 1 << 20
# Of the disk; jobs and their results need some, too.
_LEAST_FREE_BYTES = 1 << 28
_LONGEST_NAME = 200
_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, sqlite3.SQLITE_FULL})


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that a client sent.

    Attributes:
        id: Its random name.
        suffix: Of its file, with the dot; empty where the sender's is none of a video or picture.
        name: What the sender calls it.
        kind: What it is, by content.
        size_bytes: Of the file.
        duration_seconds: Of a video.
        width: As seen, in pixels.
        height: As seen, in pixels.
        expires_at: When it goes, in seconds since 1970.
    """

    id: str
    suffix: str
    name: str
    kind: Literal["video", "image"]
    size_bytes: int
    duration_seconds: float | None
    width: int
    height: int
    expires_at: float

    def to_json_dict(self) -> dict[str, Any]:
        """What the sender is told, as far as the schema has it."""
        return asdict(self) | {"source": f"upload:{self.id}"}


class Uploads:
    """The folder of uploads, and what is known of them and was made of them."""

    def __init__(
        self, settings: ServiceSettings, database: Database, features: KeptFeatures
    ) -> None:
        self.folder = (settings.data / "uploads").resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        remove_left_over(self.folder)
        self._settings = settings
        self._database = database
        self._features = features
        # Bytes that are still to come, of the uploads that arrive.
        self._coming: dict[str, int] = {}

    async def receive(
        self, name: str, stream: AsyncIterator[bytes], announced_bytes: int | None
    ) -> Upload:
        """Takes a file; nothing of it stays where it is refused or breaks off.

        Raises:
            RefusedError: It is too large, too slow, one too many, or neither a video nor a picture.
        """
        self._check_room(announced_bytes)
        name = shown_name(name.replace("\\", "/").rpartition("/")[2])
        suffix = PurePosixPath(name).suffix.lower()
        name = name[:_LONGEST_NAME].strip(". ") or "upload"
        if suffix not in VIDEO_SUFFIXES | PICTURE_SUFFIXES:
            suffix = ""
        upload_id = token_hex(16)
        self._coming[upload_id] = announced_bytes or 0
        try:
            with ExitStack() as stack:
                place = stack.enter_context(replacing(self.folder / f"{upload_id}{suffix}"))
                size = await self._write(place, stream, upload_id)
                upload = await asyncio.to_thread(self._look, place, upload_id, suffix, name, size)
                # Waits for the disk.
                await asyncio.to_thread(stack.pop_all().close)
            await asyncio.to_thread(self._remember, upload, self.folder / f"{upload_id}{suffix}")
        except (OSError, sqlite3.OperationalError) as error:
            code = getattr(error, "errno", None) or getattr(error, "sqlite_errorcode", None)
            if code in _DISK_FULL:
                raise _full() from error
            raise
        finally:
            del self._coming[upload_id]
        return upload

    def find(self, upload_id: str) -> Upload:
        """What is known of an upload.

        Raises:
            RefusedError: There is none, or not any more.
        """
        row = self._row(upload_id)
        if row is None:
            raise RefusedError(
                "not_found",
                f"there is no upload {shown_name(upload_id)!r}; it may have expired: send the file "
                "again",
            )
        return Upload(**dict(row))

    def path(self, upload_id: str) -> Path:
        """The file of an upload.

        Raises:
            RefusedError: There is none, or not any more.
        """
        return self._path(self.find(upload_id))

    def name(self, upload_id: str, *, default: str = "upload") -> str:
        """What its sender calls an upload."""
        row = self._row(upload_id)
        return default if row is None else str(row["name"])

    def remove(self, upload_id: str) -> None:
        """Removes an upload, and the features of it.

        Raises:
            RefusedError: There is none.
        """
        upload = self.find(upload_id)
        path, content = self._path(upload), ""
        with suppress(MediaError):
            content = content_hash(path)
        self._database.all("DELETE FROM uploads WHERE id = ?", (upload_id,))
        path.unlink(missing_ok=True)
        if content and not self._is_kept(content, upload.size_bytes):
            self._features.remove(content)

    def sweep(self, in_use: str) -> None:
        """Removes files that nobody knows any more, and what has expired and is not `in_use`.

        That is a text with the sources in it that jobs wait for.
        """
        rows = self._database.all("SELECT * FROM uploads")
        uploads = [Upload(**dict(row)) for row in rows]
        now = time.time()
        for upload in uploads:
            if upload.expires_at < now and upload.id not in in_use:
                # One that its sender removes meanwhile is gone as well.
                with suppress(RefusedError):
                    self.remove(upload.id)
        known = {self._path(upload) for upload in uploads}
        for path in self.folder.iterdir():
            # One that is just arriving is known a little later, by another name.
            with suppress(FileNotFoundError):
                is_old = path.stat().st_mtime < now - self._settings.keep_hours * 3600
                if path not in known and is_old:
                    path.unlink()

    def _is_kept(self, content: str, size_bytes: int) -> bool:
        """Whether an upload has this content."""
        rows = self._database.all("SELECT * FROM uploads WHERE size_bytes = ?", (size_bytes,))
        with suppress(MediaError):
            return any(content_hash(self._path(Upload(**dict(row)))) == content for row in rows)
        return False

    def _row(self, upload_id: str) -> sqlite3.Row | None:
        return self._database.one("SELECT * FROM uploads WHERE id = ?", (upload_id,))

    def _path(self, upload: Upload) -> Path:
        return self.folder / f"{upload.id}{upload.suffix}"

    def _check_room(self, announced_bytes: int | None) -> None:
        settings = self._settings
        if announced_bytes is not None and announced_bytes > settings.max_upload_bytes:
            raise self._too_large()
        if len(self._coming) >= settings.max_receiving:
            raise RefusedError(
                "queue_full",
                f"{len(self._coming)} uploads arrive already; try again when one is done",
            )
        number = self._database.count("uploads")
        if number >= settings.max_uploads:
            raise RefusedError(
                "queue_full",
                f"there are {number} uploads, the most that are kept; delete some, or wait until "
                "they expire",
            )
        free = shutil.disk_usage(self.folder).free - sum(self._coming.values())
        if free - (announced_bytes or 0) < _LEAST_FREE_BYTES:
            raise _full()

    def _too_large(self) -> RefusedError:
        return RefusedError(
            "too_large",
            f"an upload has at most {self._settings.max_upload_bytes} bytes here; send a smaller "
            "file, or start the service with a larger --max-upload-mb",
        )

    async def _write(self, place: Path, stream: AsyncIterator[bytes], upload_id: str) -> int:
        """Writes what arrives, as long as it is small and fast enough; gives its size."""
        size, block, start = 0, bytearray(), time.monotonic()
        pieces = aiter(stream)
        with place.open("wb") as file:
            while True:
                try:
                    async with asyncio.timeout(self._settings.idle_seconds):
                        piece = await anext(pieces, None)
                except TimeoutError as error:
                    raise self._too_slow() from error
                size += len(piece or b"")
                block += piece or b""
                if size > self._settings.max_upload_bytes:
                    raise self._too_large()
                if piece is None or len(block) >= _BLOCK_BYTES:
                    await asyncio.to_thread(file.write, bytes(block))
                    self._coming[upload_id] = max(0, self._coming[upload_id] - len(block))
                    block.clear()
                if piece is None:
                    return size
                elapsed = time.monotonic() - start
                least = self._settings.least_bytes_per_second * elapsed
                if elapsed > self._settings.idle_seconds and size < least:
                    raise self._too_slow()

    def _too_slow(self) -> RefusedError:
        return RefusedError(
            "timeout",
            "the upload is too slow; it must send something every "
            f"{self._settings.idle_seconds:g} seconds, and "
            f"{self._settings.least_bytes_per_second:g} bytes a second: send it again over a "
            "faster network",
        )

    def _look(self, place: Path, upload_id: str, suffix: str, name: str, size: int) -> Upload:
        """What a file is, by its content."""
        kind: Literal["video", "image"] = "video"
        try:
            # A list of other files would show what the sender may not see.
            if is_list_of_files(place):
                raise not_a_video(place)
            info = probe(place)
            width, height, duration = info.width, info.height, info.duration_seconds
        except MediaError as no_video:
            try:
                rows, columns = read_image(place).shape[:2]
            except MediaError as no_picture:
                # What its sender takes it for.
                told = no_picture if suffix in PICTURE_SUFFIXES else no_video
                message = str(told).replace(str(place), name)
                raise RefusedError("unsupported_type", message) from told
            kind, width, height, duration = "image", columns, rows, None
        return Upload(
            id=upload_id,
            suffix=suffix if suffix in _KEPT_SUFFIXES[kind] else "",
            name=name,
            kind=kind,
            size_bytes=size,
            duration_seconds=duration,
            width=width,
            height=height,
            expires_at=time.time() + self._settings.keep_hours * 3600,
        )

    def _remember(self, upload: Upload, place: Path) -> None:
        place.replace(self._path(upload))
        self._database.all(
            "INSERT INTO uploads VALUES"
            " (:id, :suffix, :name, :kind, :size_bytes, :duration_seconds, :width, :height,"
            " :expires_at)",
            asdict(upload),
        )


def _full() -> RefusedError:
    return RefusedError("too_large", "the service's disk is full; ask whoever runs it to make room")
