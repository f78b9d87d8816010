"""What an extraction tells while it runs and when it ends."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Status = Literal["encoded", "present", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractionProgress:
    """Where an extraction stands.

    Attributes:
        num_videos: Videos in total.
        videos_done: Videos that ended, whatever became of them.
        share_done: Part of all bytes that is done, in [0, 1].
        encoded_seconds: Seconds of video encoded up to now.
        wall_seconds: Time up to now.
        remaining_seconds: Estimate of the time to the end; None before the first video.
    """

    num_videos: int
    videos_done: int
    share_done: float
    encoded_seconds: float
    wall_seconds: float
    remaining_seconds: float | None

    @property
    def times_real_time(self) -> float:
        """Seconds of video encoded in a second of work."""
        return self.encoded_seconds / self.wall_seconds if self.wall_seconds else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoOutcome:
    """What became of one video.

    Attributes:
        path: The video file.
        status: ``encoded`` now, ``present`` in the store before, or ``failed``.
        content: `content_hash` of the file; empty if it could not be read.
        duration_seconds: Length of the video; 0 if it failed.
        wall_seconds: Time from its first byte to its features; videos at work together share it.
        error: Why it failed; empty if it did not.
    """

    path: Path
    status: Status
    content: str = ""
    duration_seconds: float = 0.0
    wall_seconds: float = 0.0
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractionReport:
    """What became of every video, in the order given, and the time that it took."""

    outcomes: tuple[VideoOutcome, ...]
    wall_seconds: float

    def with_status(self, status: Status) -> tuple[VideoOutcome, ...]:
        """The videos that ended this way."""
        return tuple(outcome for outcome in self.outcomes if outcome.status == status)

    @property
    def encoded_seconds(self) -> float:
        """Seconds of video that were encoded now."""
        return sum((outcome.duration_seconds for outcome in self.with_status("encoded")), start=0.0)

    @property
    def times_real_time(self) -> float | None:
        """Seconds of video encoded in a second of work; None if nothing was encoded."""
        return self.encoded_seconds / self.wall_seconds if self.with_status("encoded") else None


class Tally:
    """Counts the videos of an extraction, by their places in the list, as they end.

    Args:
        paths: All videos.
        on_progress: Called by `tell`.
        on_outcome: Called as each video ends.

    Attributes:
        outcomes: What became of the videos that ended.
        sizes: Bytes of each file, at least 1.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        on_progress: Callable[[ExtractionProgress], None] | None,
        on_outcome: Callable[[VideoOutcome], None] | None,
    ) -> None:
        self.outcomes: dict[int, VideoOutcome] = {}
        self.sizes = [_size(path) for path in paths]
        self._on_progress, self._on_outcome = on_progress, on_outcome
        self._started = time.perf_counter()
        self._bytes_total = sum(self.sizes)
        self._bytes_ended = self._bytes_present = 0
        self._seconds_ended = 0.0

    def finish(self, index: int, outcome: VideoOutcome) -> None:
        """Takes what became of a video."""
        self.outcomes[index] = outcome
        self._bytes_ended += self.sizes[index]
        self._bytes_present += self.sizes[index] * (outcome.status == "present")
        self._seconds_ended += outcome.duration_seconds * (outcome.status == "encoded")
        if self._on_outcome is not None:
            self._on_outcome(outcome)

    def tell(self, *, begun_seconds: float = 0.0, begun_bytes: float = 0.0) -> None:
        """Says how far the work is.

        Args:
            begun_seconds: Seconds encoded of videos that have not ended.
            begun_bytes: Their bytes.
        """
        if self._on_progress is None:
            return
        done = self._bytes_ended + begun_bytes
        wall_seconds = time.perf_counter() - self._started
        # What was there before took no time and says nothing about the rest.
        worked, left = done - self._bytes_present, self._bytes_total - done
        self._on_progress(
            ExtractionProgress(
                num_videos=len(self.sizes),
                videos_done=len(self.outcomes),
                share_done=done / self._bytes_total,
                encoded_seconds=self._seconds_ended + begun_seconds,
                wall_seconds=wall_seconds,
                remaining_seconds=wall_seconds * left / worked if worked else None,
            )
        )

    def report(self) -> ExtractionReport:
        """What became of the videos."""
        return ExtractionReport(
            outcomes=tuple(self.outcomes[index] for index in sorted(self.outcomes)),
            wall_seconds=time.perf_counter() - self._started,
        )


def _size(path: Path) -> int:
    """Bytes of a file, at least 1; a missing one is found out when it is its turn."""
    try:
        return max(1, path.stat().st_size)
    except OSError:
        return 1
