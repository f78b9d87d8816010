"""What an extraction tells while it runs and when it ends."""

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
