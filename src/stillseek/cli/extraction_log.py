"""What ``stillseek extract`` tells: progress, a summary, and a JSON file with every video."""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from stillseek.cli.console import line_printer, print_some
from stillseek.errors import FeatureError
from stillseek.features import (
    ExtractionProgress,
    ExtractionReport,
    FeatureStore,
    Recipe,
    VideoOutcome,
)
from stillseek.features.extraction.extraction_report import Status
from stillseek.features.store.store_files import LocalFiles
from stillseek.files import MADE_BY, json_text

if TYPE_CHECKING:
    from stillseek.data.stored import QueryOutcome

_WORDS: dict[Status, str] = {"encoded": "encoded", "present": "already there", "failed": "failed"}


class ExtractionLog:
    """A JSON file with what became of every video; a context manager that writes it at the end.

    A file that cannot be written is an error on stderr, and no exception: the work is done.

    Args:
        num_videos: Videos that there are to do.
        recipe: How pixels become features.
        store: Where features are kept.
        shard: Which part of the work this is, as it was asked for.
        path: The file; None makes one in the store's folder of logs.

    Attributes:
        outcomes: What became of each video.
        queries: What became of the query images of each file.
        is_written: False once the file could not be written.
    """

    def __init__(
        self,
        num_videos: int,
        recipe: Recipe,
        store: FeatureStore,
        *,
        shard: str | None,
        path: Path | None,
    ) -> None:
        self._started_at = datetime.now(UTC)
        self._started = time.perf_counter()
        self.outcomes: list[VideoOutcome] = []
        self.queries: list[QueryOutcome] = []
        self.is_written = True
        self._facts = {
            "made_by": MADE_BY,
            "recipe": recipe.name,
            "fingerprint": recipe.fingerprint,
            "store": str(store.root),
            "shard": shard,
            "started": self._started_at.isoformat(timespec="seconds"),
            "num_videos": num_videos,
        }
        if path is None:
            name = f"extract-{self._started_at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}.json"
            self._files, self._name = store.files, f"logs/{name}"
        else:
            self._files, self._name = LocalFiles(path.parent), path.name

    @property
    def num_kept(self) -> int:
        """Videos whose features the store has, by now."""
        return sum(outcome.status != "failed" for outcome in self.outcomes)

    @property
    def num_queries(self) -> Mapping[Status, int]:
        """Query images that ended each way, by now."""
        return {
            status: sum(getattr(outcome, f"num_{status}") for outcome in self.queries)
            for status in _WORDS
        }

    @property
    def errors(self) -> list[str]:
        """Why files failed, each once: a video may be searched and be asked with."""
        ended = [*self.queries, *self.outcomes]
        return list(dict.fromkeys(outcome.error for outcome in ended if outcome.error))

    def begin_videos(self) -> None:
        """Starts the clock of the videos, which come after the query images."""
        self._started = time.perf_counter()

    def report(self) -> ExtractionReport:
        """What became of the videos up to now, in the order in which they ended."""
        return ExtractionReport(
            outcomes=tuple(self.outcomes), wall_seconds=time.perf_counter() - self._started
        )

    def __enter__(self) -> "ExtractionLog":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        report = self.report()
        ended = "complete" if kind is None else "failed"
        failed = [outcome for outcome in self.queries if outcome.error]
        facts = self._facts | {
            "ended": "interrupted" if kind is KeyboardInterrupt else ended,
            "wall_seconds": round(report.wall_seconds, 3),
            "encoded_seconds": report.encoded_seconds,
            "times_real_time": report.times_real_time,
            "queries": {
                **self.num_queries,
                "failures": [{"path": str(o.path), "error": o.error} for o in failed],
            },
            "videos": [asdict(o) | {"path": str(o.path)} for o in report.outcomes],
        }
        text = json_text(facts, indent=1) + "\n"
        try:
            self._files.write(self._name, text.encode())
        except FeatureError as failure:
            print_some("error", [str(failure)])
            self.is_written = False


def print_summary(report: ExtractionReport) -> None:
    """Prints how many videos ended in which way, and how fast."""
    print(f"{'videos':<14}{'number':>8}{'length':>12}")
    for status, words in _WORDS.items():
        outcomes = report.with_status(status)
        length = sum((outcome.duration_seconds for outcome in outcomes), start=0.0)
        print(f"{words:<14}{len(outcomes):>8}{_time(length):>12}")
    if report.times_real_time is not None:
        print(f"encoded in {_time(report.wall_seconds)} at {report.times_real_time:.1f}x real time")


def print_query_summary(num_queries: Mapping[Status, int]) -> None:
    """Prints how many query images ended in which way."""
    counts = ", ".join(f"{num_queries[status]} {words}" for status, words in _WORDS.items())
    print(f"query images: {counts}")


@contextmanager
def show_progress() -> Iterator[Callable[[ExtractionProgress], None]]:
    """A bar on stderr that disappears when the work is done; now and then a line in a log."""
    console = Console(stderr=True)
    if not console.is_terminal:
        print_line = line_printer()
        yield lambda progress: print_line(
            lambda: f"videos: {progress.share_done:.0%} done, {_words(progress)}"
        )
        return
    words = TextColumn("{task.fields[words]}")
    columns = (TextColumn("videos"), BarColumn(), TaskProgressColumn(), words)
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("videos", total=1.0, words="")
        yield lambda progress: bar.update(
            task, completed=progress.share_done, words=_words(progress)
        )


def _words(progress: ExtractionProgress) -> str:
    parts = [f"{progress.videos_done} of {progress.num_videos}"]
    if progress.encoded_seconds:
        parts.append(f"{progress.times_real_time:.1f}x real time")
    if progress.remaining_seconds is not None:
        parts.append(f"{_time(progress.remaining_seconds)} left")
    return ", ".join(parts)


def _time(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
