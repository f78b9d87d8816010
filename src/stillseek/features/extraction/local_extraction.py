"""Resumable extraction: many videos into the store, whatever some of them hold.

Threads decode ahead while the encoder works, and units of several videos share a batch. A video
is kept as soon as its last unit is encoded; whoever is stopped, however hard, loses the videos
at work and nothing else.
"""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from stillseek.errors import FeatureError, UnusableFeaturesError, UsageError
from stillseek.features.extraction.decode_ahead import DecodeAhead, DecodedUnit, VideoEnd, VideoJob
from stillseek.features.extraction.extraction_report import (
    ExtractionProgress,
    ExtractionReport,
    Status,
    Tally,
    VideoOutcome,
)
from stillseek.features.recipes.recipe import Recipe
from stillseek.features.store.content_address import VideoKey
from stillseek.features.store.feature_store import FeatureStore

# One batch at the encoder, one ready, one on the way.
_BATCHES_AHEAD = 2
_MAX_WORKERS = 8


def extract(
    paths: Sequence[Path],
    recipe: Recipe,
    store: FeatureStore,
    *,
    strict: bool = False,
    workers: int | None = None,
    on_progress: Callable[[ExtractionProgress], None] | None = None,
    on_outcome: Callable[[VideoOutcome], None] | None = None,
) -> ExtractionReport:
    """Encodes the videos whose features the store does not have.

    Every video is kept as soon as it is done, so an extraction that was stopped, or that several
    machines share, goes on where it is. Of files with the same bytes one is encoded. Memory holds
    a few batches of units and the features of the videos at work.

    Args:
        paths: Video files.
        recipe: How pixels become features.
        store: Where features are kept.
        strict: Whether the first video that cannot be read or encoded stops the extraction;
            otherwise it is reported and skipped.
        workers: Videos that are decoded at the same time; None is as many as there are
            processors, at most 8: several videos keep them busier than the threads of one decoder.
        on_progress: Called after every batch and every video.
        on_outcome: Called as each video ends; also before an exception ends the extraction.

    Raises:
        UsageError: The number of workers is not positive.
        MediaError: A video cannot be read, and the extraction is strict.
        FeatureError: The store cannot be written, or features don't fit it.
        UnusableFeaturesError: A video has no features that can be kept, and the extraction is
            strict.
    """
    if workers is None:
        workers = min(_MAX_WORKERS, _num_processors())
    if workers < 1:
        raise UsageError(f"extraction needs at least one worker, got {workers}")
    tally = Tally(paths, on_progress, on_outcome)
    run = _Run(recipe, store, strict, tally)
    capacity = _BATCHES_AHEAD * recipe.batch_units
    with DecodeAhead(
        paths, recipe, store, workers=min(workers, len(paths)), capacity=capacity
    ) as ahead:
        for event in ahead:
            if isinstance(event, DecodedUnit):
                run.add(event)
            else:
                run.end(event)
    run.encode()
    return tally.report()


def shard_of(paths: Sequence[Path], number: int, count: int) -> list[Path]:
    """The part of the work that one of several machines does: every ``count``-th video.

    All machines must be given the same list in the same order.

    Args:
        paths: All videos.
        number: Which part, from 1.
        count: Parts in total.

    Raises:
        UsageError: There is no such part.
    """
    if not 1 <= number <= count:
        raise UsageError(f"shards go from 1/{count} to {count}/{count}, got {number}/{count}")
    return list(paths[number - 1 :: count])


class _Run:
    """The encoder's side of an extraction: batches, and what is left of videos."""

    def __init__(self, recipe: Recipe, store: FeatureStore, strict: bool, tally: Tally) -> None:
        self._recipe, self._store, self._strict, self._tally = recipe, store, strict, tally
        self._batch: list[DecodedUnit] = []
        self._rows: dict[VideoJob, list[Float32[np.ndarray, " unit_dim"]]] = {}
        self._decoded: list[VideoJob] = []
        self._by_content: dict[str, VideoOutcome] = {}
        self._copies: list[VideoJob] = []

    def add(self, unit: DecodedUnit) -> None:
        """Takes a unit, and encodes when the batch is full."""
        self._batch.append(unit)
        if len(self._batch) == self._recipe.batch_units:
            self.encode()

    def end(self, event: VideoEnd) -> None:
        """Takes the end of a video; one whose units wait for a full batch is kept with it."""
        job = event.job
        match event.status:
            case "decoded":
                self._decoded.append(job)
                self._keep_encoded()
            case "present":
                self._finish(job, "present", duration_seconds=event.duration_seconds)
            case "copy":
                self._copies.append(job)
                self._finish_copies()
            case "failed":
                assert event.error is not None
                self._batch = [unit for unit in self._batch if unit.job is not job]
                self._rows.pop(job, None)
                self._finish(job, "failed", error=str(event.error))
                if self._strict:
                    self.encode()
                    raise event.error

    def encode(self) -> None:
        """Encodes the units that wait, and keeps the videos that this completes."""
        batch, self._batch = self._batch, []
        if batch:
            encoded = self._recipe.encode_units(np.stack([unit.pixels for unit in batch]))
            for unit, row in zip(batch, encoded, strict=True):
                self._rows.setdefault(unit.job, []).append(row)
            self._tell()
        self._keep_encoded()

    def _keep_encoded(self) -> None:
        waiting = {unit.job for unit in self._batch}
        ready = [job for job in self._decoded if job not in waiting]
        self._decoded = [job for job in self._decoded if job in waiting]
        errors: list[UnusableFeaturesError] = []
        for job in ready:
            try:
                duration_seconds = self._keep(job)
            except UnusableFeaturesError as error:
                errors.append(error)
                self._finish(job, "failed", error=str(error))
            else:
                self._finish(job, "encoded", duration_seconds=duration_seconds)
        if errors and self._strict:
            raise errors[0]

    def _keep(self, job: VideoJob) -> float:
        """Puts the features of a video into the store, and returns the seconds that they cover."""
        assert job.stream is not None
        rows = np.stack(self._rows.pop(job))
        try:
            features = self._recipe.assemble(rows, job.stream)
        except (FeatureError, UsageError) as error:
            raise UnusableFeaturesError(f"{job.path} has no features: {error}") from error
        key = VideoKey(content=job.content, fingerprint=self._recipe.fingerprint)
        self._store.put(key, features, source=job.path.name, recipe=self._recipe.name)
        return features.grid.duration_seconds

    def _finish(
        self, job: VideoJob, status: Status, *, duration_seconds: float = 0.0, error: str = ""
    ) -> None:
        outcome = VideoOutcome(
            path=job.path,
            status=status,
            content=job.content,
            duration_seconds=duration_seconds,
            wall_seconds=time.perf_counter() - job.started,
            error=error,
        )
        self._tally.finish(job.index, outcome)
        self._tell()
        if job.content and job.content not in self._by_content:
            self._by_content[job.content] = outcome
            self._finish_copies()

    def _finish_copies(self) -> None:
        ended = [job for job in self._copies if job.content in self._by_content]
        self._copies = [job for job in self._copies if job.content not in self._by_content]
        for job in ended:
            first = self._by_content[job.content]
            if first.status == "failed":
                error = f"{job.path} has the same bytes as {first.path}, which failed"
                self._finish(job, "failed", error=error)
            else:
                self._finish(job, "present", duration_seconds=first.duration_seconds)

    def _tell(self) -> None:
        seconds = done = 0.0
        for job, rows in self._rows.items():
            assert job.stream is not None
            encoded = job.stream.decoded_seconds(len(rows))
            seconds += encoded
            done += self._tally.sizes[job.index] * encoded / job.stream.duration_seconds
        self._tally.tell(begun_seconds=seconds, begun_bytes=done)


def _num_processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
