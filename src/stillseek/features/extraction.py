"""Resumable extraction: many videos into the store, whatever some of them hold."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from stillseek.errors import MediaError
from stillseek.features.recipe import Recipe
from stillseek.features.store import FeatureStore, VideoKey, content_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractionProgress:
    """Where an extraction stands.

    Attributes:
        video_index: Videos finished before this one.
        num_videos: Videos in total.
        path: The video at work.
        seconds_done: Seconds of this video that are encoded.
        duration_seconds: Length of this video.
    """

    video_index: int
    num_videos: int
    path: Path
    seconds_done: float
    duration_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoOutcome:
    """What became of one video.

    Attributes:
        path: The video file.
        status: ``encoded`` now, ``present`` in the store before, or ``failed``.
        duration_seconds: Length of the video; 0 if it failed.
        wall_seconds: Time it took.
        error: Why it failed; empty if it did not.
    """

    path: Path
    status: Literal["encoded", "present", "failed"]
    duration_seconds: float
    wall_seconds: float
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractionReport:
    """What became of every video, in the order given."""

    outcomes: tuple[VideoOutcome, ...]

    def with_status(
        self, status: Literal["encoded", "present", "failed"]
    ) -> tuple[VideoOutcome, ...]:
        """The videos that ended this way."""
        return tuple(outcome for outcome in self.outcomes if outcome.status == status)

    @property
    def encoded_seconds(self) -> float:
        """Seconds of video that were encoded now."""
        return sum((outcome.duration_seconds for outcome in self.with_status("encoded")), start=0.0)

    @property
    def times_real_time(self) -> float | None:
        """Seconds of video encoded in a second of work; None if nothing was encoded."""
        encoded = self.with_status("encoded")
        if not encoded:
            return None
        return self.encoded_seconds / sum(outcome.wall_seconds for outcome in encoded)


def extract(
    paths: Sequence[Path],
    recipe: Recipe,
    store: FeatureStore,
    *,
    strict: bool = False,
    on_progress: Callable[[ExtractionProgress], None] | None = None,
) -> ExtractionReport:
    """Encodes the videos whose features the store does not have.

    Every video is kept as soon as it is done, so an extraction that was stopped, or that several
    machines share, goes on where it is.

    Args:
        paths: Video files.
        recipe: How pixels become features.
        store: Where features are kept.
        strict: Whether the first video that cannot be read stops the extraction; otherwise it is
            reported and skipped.
        on_progress: Called while videos are encoded, and once as each one ends.

    Raises:
        MediaError: A video cannot be read, and the extraction is strict.
        FeatureError: The store cannot be written.
    """
    outcomes: list[VideoOutcome] = []
    for index, path in enumerate(paths):

        def report(done: float, total: float, index: int = index, path: Path = path) -> None:
            if on_progress is not None:
                on_progress(
                    ExtractionProgress(
                        video_index=index,
                        num_videos=len(paths),
                        path=path,
                        seconds_done=done,
                        duration_seconds=total,
                    )
                )

        try:
            outcome = _extract_one(path, recipe, store, report)
        except MediaError as error:
            if strict:
                raise
            outcome = VideoOutcome(
                path=path,
                status="failed",
                duration_seconds=0.0,
                wall_seconds=0.0,
                error=str(error),
            )
        report(outcome.duration_seconds, outcome.duration_seconds)
        outcomes.append(outcome)
    return ExtractionReport(outcomes=tuple(outcomes))


def _extract_one(
    path: Path, recipe: Recipe, store: FeatureStore, report: Callable[[float, float], None]
) -> VideoOutcome:
    started = time.perf_counter()
    key = VideoKey(content=content_hash(path), fingerprint=recipe.fingerprint)
    features = store.find(key)
    present = features is not None
    if features is None:
        features = recipe.encode_video(path, on_progress=report)
        store.put(key, features, source=path.name)
    return VideoOutcome(
        path=path,
        status="present" if present else "encoded",
        duration_seconds=features.grid.duration_seconds,
        wall_seconds=time.perf_counter() - started,
    )
