"""Extraction on many machines: a Ray Data job whose actors hold the encoder.

A row of the job is one video. An actor decodes it, encodes it and writes the features into the
store itself; paths go in and outcomes come out, so that pixels and features never pass through
Ray. Whoever dies takes one video along, which is done again elsewhere.
"""

import pickle
import sys
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from stillseek.errors import FeatureError, MediaError, UsageError
from stillseek.features.extraction.extraction_report import (
    ExtractionProgress,
    ExtractionReport,
    Tally,
    VideoOutcome,
)
from stillseek.features.extraction.local_extraction import extract
from stillseek.features.extraction.ray_session import ray_session
from stillseek.features.recipes.recipe import Recipe
from stillseek.features.store.feature_store import FeatureStore

# Ray gives a video to another worker whenever one dies. A machine that goes away does that once, a
# file that crashes the decoder would do it for ever.
_ATTEMPTS = 4


def extract_with_ray(
    paths: Sequence[Path],
    load: Callable[[], Recipe],
    store: FeatureStore,
    *,
    fingerprint: str,
    strict: bool = False,
    workers: int | None = None,
    gpus_per_worker: float = 0.0,
    on_progress: Callable[[ExtractionProgress], None] | None = None,
    on_outcome: Callable[[VideoOutcome], None] | None = None,
) -> ExtractionReport:
    """Encodes the videos whose features the store does not have, like `extract`, with Ray.

    It connects to the cluster that ``RAY_ADDRESS`` names, or starts a Ray on this machine. All
    machines must see the videos and the store under the same names, and have the same version of
    this package. A worker works at one video at a time, in batches of this video alone; the
    features are, to the byte, those of `extract` with one video. Copies of a file that are worked
    at together are encoded twice.

    Args:
        paths: Video files.
        load: Loads the recipe; called once in every worker, so weights never travel.
        store: Where features are kept.
        fingerprint: Of the recipe; a worker where it comes out otherwise stops the extraction.
        strict: Whether the first video that cannot be read stops the extraction; otherwise it is
            reported and skipped.
        workers: Videos at work at the same time; None is one for every processor of the cluster,
            or for every GPU where workers need one.
        gpus_per_worker: GPUs, or part of one, that a worker needs.
        on_progress: Called after every video.
        on_outcome: Called as each video ends; also before an exception ends the extraction.

    Raises:
        UsageError: The number of workers is not positive, or the cluster cannot be reached.
        InstallationError: Ray is not installed.
        MediaError: A video cannot be read, and the extraction is strict.
        FeatureError: A worker has another recipe, the store cannot be written, or Ray gave up.
    """
    if workers is not None and workers < 1:
        raise UsageError(f"extraction needs at least one worker, got {workers}")
    tally = Tally(paths, on_progress, on_outcome)
    if not paths:
        return tally.report()
    with ray_session(workers=workers) as ray:
        if workers is None:
            kind = "GPU" if gpus_per_worker else "CPU"
            workers = max(1, int(ray.cluster_resources().get(kind, 1) / (gpus_per_worker or 1)))
        places = [str(path.absolute()) for path in paths]
        attempts = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(_Attempts).remote()
        settings = {
            "load": load,
            # Workers have a working directory of their own.
            "store": store if isinstance(store.root, str) else FeatureStore(store.root.absolute()),
            "fingerprint": fingerprint,
            "strict": strict,
            "begin": partial(_begin, attempts),
        }
        for answer in _answers(ray, places, settings, min(workers, len(paths)), gpus_per_worker):
            for message in answer.warnings:
                warnings.warn(message, stacklevel=2)
            if answer.outcome is not None:
                tally.finish(answer.index, replace(answer.outcome, path=paths[answer.index]))
                tally.tell()
            if answer.stop is not None:
                raise answer.stop
    return tally.report()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What a worker says of a video.

    Attributes:
        index: Its place in the list.
        outcome: What became of it; None where something else than the video failed.
        warnings: What was warned of.
        stop: What ends the extraction; None goes on.
    """

    index: int
    outcome: VideoOutcome | None = None
    warnings: tuple[Warning, ...] = ()
    stop: Exception | None = None


class _Attempts:
    """Counts how often work on a video began; a small actor of its own."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def begin(self, index: int) -> int:
        """The number of times that the video was begun, this one included."""
        self._counts[index] += 1
        return self._counts[index]


def _begin(attempts: Any, index: int) -> int:
    """Counts an attempt, from inside a worker."""
    import ray

    return ray.get(attempts.begin.remote(index))


class _Worker:
    """The encoder in a process of its own: from a path to features in the store."""

    def __init__(
        self,
        load: Callable[[], Recipe],
        store: FeatureStore,
        fingerprint: str,
        strict: bool,
        begin: Callable[[int], int],
    ) -> None:
        self._store, self._strict, self._begin = store, strict, begin
        self._recipe: Recipe | None = None
        try:
            recipe = load()
            if recipe.fingerprint != fingerprint:
                raise FeatureError(
                    f"recipe {recipe.name!r} has fingerprint {recipe.fingerprint[:16]} on a worker "
                    f"and {fingerprint[:16]} where the extraction was started; use the same "
                    "version and weights everywhere, and --precision fp32 where processors differ"
                )
            self._recipe = recipe
        # An actor that fails to start is started again and again: the first video tells.
        except Exception as error:
            self._error = _with_trace(error)

    def __call__(self, rows: dict[str, np.ndarray]) -> dict[str, list[bytes]]:
        """The answer to the one video of a batch; it goes through Ray as bytes."""
        index, path = int(rows["index"][0]), Path(str(rows["path"][0]))
        return {"answer": [pickle.dumps(self._answer(index, path))]}

    def _answer(self, index: int, path: Path) -> _Answer:
        if self._recipe is None:
            return _Answer(index=index, stop=self._error)
        if self._begin(index) > _ATTEMPTS:
            failure = MediaError(
                f"{path} took down {_ATTEMPTS} workers: it needs more memory than there is, or it "
                "crashes the decoder; leave it out, or have ffmpeg write it anew"
            )
            outcome = VideoOutcome(path=path, status="failed", error=str(failure))
            return _Answer(index=index, outcome=outcome, stop=failure if self._strict else None)
        outcomes: list[VideoOutcome] = []
        stop = None
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                extract(
                    [path],
                    self._recipe,
                    self._store,
                    strict=self._strict,
                    workers=1,
                    on_outcome=outcomes.append,
                )
            # What leaves here reaches the user; Ray would wrap it into its own.
            except Exception as error:
                stop = _with_trace(error)
        said = {str(each.message): each.message for each in caught}
        return _Answer(
            index=index,
            outcome=outcomes[0] if outcomes else None,
            warnings=tuple(each for each in said.values() if isinstance(each, Warning)),
            stop=stop,
        )


def _with_trace(error: Exception) -> Exception:
    """The error with the way to it as a note: pickling loses the way."""
    error.add_note(f"In a worker of Ray:\n{traceback.format_exc()}")
    return error


def _answers(
    ray: Any, places: list[str], settings: dict[str, Any], workers: int, gpus_per_worker: float
) -> Iterator[_Answer]:
    context = ray.data.DataContext.get_current().copy()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.max_consecutive_actor_init_deaths = _ATTEMPTS
    with ray.data.DataContext.current(context):
        # A block is what is lost and done again, and what is told of when it is done.
        videos = ray.data.from_items(
            [{"index": index, "path": place} for index, place in enumerate(places)],
            override_num_blocks=len(places),
        )
        answers = videos.map_batches(
            _Worker,
            batch_size=1,
            batch_format="numpy",
            # A video waits with Ray until somebody is free, not behind a long one.
            compute=ray.data.ActorPoolStrategy(size=workers, max_tasks_in_flight_per_actor=1),
            fn_constructor_kwargs=settings,
            num_cpus=1,
            num_gpus=gpus_per_worker,
        )
    try:
        rows = iter(answers.iter_rows())
        while True:
            # Ray tells of workers that died on stdout, which is for what people asked for.
            with redirect_stdout(sys.stderr):
                row = next(rows, None)
            if row is None:
                return
            yield pickle.loads(row["answer"])
    except ray.exceptions.RayError as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise FeatureError(
            f"Ray gave up ({lines[-1]}); what is done is kept, give the same command again"
        ) from error
