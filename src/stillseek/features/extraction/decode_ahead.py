"""Decoding ahead of the encoder: threads that hash, look into the store and decode.

FFmpeg decodes and scales without Python's lock, so threads do what processes would, and frames
reach the encoder without being copied.
"""

import queue
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import UInt8

from stillseek.errors import MediaError, StillseekError
from stillseek.features.recipes.recipe import Recipe, UnitStream
from stillseek.features.store.content_address import VideoKey, content_hash
from stillseek.features.store.feature_store import FeatureStore
from stillseek.media.faults import check_file

# How soon a thread that waits for the encoder notices that it should stop.
_STOP_SECONDS = 0.2
# A thread may hash a large file when the work stops; the process does not wait for it.
_JOIN_SECONDS = 5.0


@dataclass(slots=True, eq=False)
class VideoJob:
    """One video of an extraction.

    Attributes:
        index: Its place in the list.
        path: The file.
        started: When work on it began, on `time.perf_counter`'s clock.
        content: `content_hash` of the file; empty until it is known.
        stream: Where its units come from; None until it is opened.
    """

    index: int
    path: Path
    started: float = field(default_factory=time.perf_counter)
    content: str = ""
    stream: UnitStream | None = None


@dataclass(frozen=True, slots=True, eq=False)
class DecodedUnit:
    """The next unit of a video."""

    job: VideoJob
    pixels: UInt8[np.ndarray, "..."]


@dataclass(frozen=True, slots=True, eq=False)
class VideoEnd:
    """The last that is heard of a video.

    Attributes:
        job: The video.
        status: All units were ``decoded``; or the features are ``present`` in the store, or its
            bytes are those of a video that came before (``copy``), or it ``failed``.
        duration_seconds: Length of a video that is present.
        error: Why it failed.
    """

    job: VideoJob
    status: Literal["decoded", "present", "copy", "failed"]
    duration_seconds: float = 0.0
    error: StillseekError | None = None


class DecodeAhead:
    """The units of many videos in the order in which they are decoded; a context manager.

    Iterating gives every unit of a video in order, then its end; units of several videos mix.
    Threads stop and wait when the units that nobody has taken reach ``capacity``.

    Args:
        paths: The videos.
        recipe: Which pixels are units.
        store: Where features may be already.
        workers: Threads, each at one video at a time.
        capacity: Units that are decoded ahead.
    """

    def __init__(
        self,
        paths: Iterable[Path],
        recipe: Recipe,
        store: FeatureStore,
        *,
        workers: int,
        capacity: int,
    ) -> None:
        self._waiting = enumerate(paths)
        self._recipe = recipe
        self._store = store
        self._queue: queue.Queue[DecodedUnit | VideoEnd | BaseException | None] = queue.Queue(
            capacity
        )
        self._lock = threading.Lock()
        self._contents: set[str] = set()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, name=f"decode-{number}", daemon=True)
            for number in range(workers)
        ]

    def __enter__(self) -> "DecodeAhead":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        deadline = time.monotonic() + _JOIN_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def __iter__(self) -> Iterator[DecodedUnit | VideoEnd]:
        working = len(self._threads)
        while working:
            event = self._queue.get()
            if event is None:
                working -= 1
            elif isinstance(event, BaseException):
                raise event
            else:
                yield event

    def _work(self) -> None:
        try:
            while not self._stop.is_set():
                with self._lock:
                    index, path = next(self._waiting, (0, None))
                if path is None:
                    break
                self._decode(VideoJob(index, path))
        except BaseException as error:
            # Raised again where the units are taken.
            self._put(error)
        else:
            self._put(None)

    def _decode(self, job: VideoJob) -> None:
        try:
            check_file(job.path, "video")
            job.content = content_hash(job.path)
            with self._lock:
                is_copy = job.content in self._contents
                self._contents.add(job.content)
            if is_copy:
                self._put(VideoEnd(job, "copy"))
                return
            found = self._store.find(
                VideoKey(content=job.content, fingerprint=self._recipe.fingerprint)
            )
            if found is not None:
                self._put(VideoEnd(job, "present", found.grid.duration_seconds))
                return
            job.stream = self._recipe.open_video(job.path)
            for pixels in job.stream.units:
                if not self._put(DecodedUnit(job, pixels)):
                    return
            self._put(VideoEnd(job, "decoded"))
        except StillseekError as error:
            self._put(VideoEnd(job, "failed", error=error))
        except OSError as error:
            # A share or a disk that went away in the middle of the file.
            failure = MediaError(f"cannot read {job.path} ({error.strerror or error}); try again")
            self._put(VideoEnd(job, "failed", error=failure))

    def _put(self, event: DecodedUnit | VideoEnd | BaseException | None) -> bool:
        """Hands something over when there is room; False if nobody wants it any more."""
        while not self._stop.is_set():
            with suppress(queue.Full):
                self._queue.put(event, timeout=_STOP_SECONDS)
                return True
        return False
