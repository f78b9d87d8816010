"""Jobs: a bounded queue that outlives the process, and the threads that work on it."""

import json
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

from stillseek.files import json_text
from stillseek.web.database import Database
from stillseek.web.refusals import RefusedError, refusal_of

Report = Callable[[float, str], None]
"""Takes the share that is done and what is being done; raises `StoppedError` when nobody waits."""

ENDED = ("done", "failed", "cancelled")
# One that was running so often when the service died is what kills it.
_MOST_STARTS = 3
_SLOW_SECONDS = 2.0
# After a write that failed: a full disk may have room again.
_RETRY_SECONDS = 5.0
CLOSE_SECONDS = 3.0

_log = logging.getLogger(__name__)


class StoppedError(Exception):
    """Raised out of work whose job was cancelled, or whose service ends."""


def _progress(fraction: float, message: str, seconds_left: float | None) -> dict[str, object]:
    return {"fraction": fraction, "message": message, "seconds_left": seconds_left}


@dataclass(slots=True)
class _Running:
    """A job that is being computed."""

    cancelled: threading.Event = field(default_factory=threading.Event)
    since: float = field(default_factory=time.monotonic)
    progress: dict[str, object] = field(default_factory=lambda: _progress(0.0, "starting", None))

    def advance(self, fraction: float, message: str) -> None:
        """Says how far it is; between two calls clients see nothing change."""
        fraction, elapsed = min(1.0, max(0.0, fraction)), time.monotonic() - self.since
        left = None
        if fraction > 0 and elapsed > _SLOW_SECONDS:
            left = round(elapsed * (1 - fraction) / fraction, 1)
        self.progress = _progress(round(fraction, 4), message, left)


class Jobs:
    """The queue, its workers, and what became of jobs.

    Args:
        database: Where jobs are kept.
        work: Computes a job from its kind and request; what it returns is the result.
        lanes: Number of workers for each group of kinds: searches need not wait for videos.
        queue: Most jobs that wait.
        ending: Set when the service ends: work stops where it is.
        on_end: Called with the kind, what became of it, and the seconds that it took.
    """

    def __init__(
        self,
        database: Database,
        work: Callable[[str, str, dict[str, Any], Report], object],
        *,
        lanes: Mapping[tuple[str, ...], int],
        queue: int,
        ending: threading.Event,
        on_end: Callable[[str, str, float], None],
    ) -> None:
        self._database = database
        self._work = work
        self._lanes = lanes
        self._queue = queue
        self._on_end = on_end
        self._running: dict[str, _Running] = {}
        self._ending = ending
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Starts the workers; what was running when the service ended runs again."""
        fatal = RefusedError("failed", f"the service ended {_MOST_STARTS} times while this job ran")
        self._database.all(
            "UPDATE jobs SET status = 'failed', error = ?, ended_at = ?"
            " WHERE status = 'running' AND starts >= ?",
            (_error_text(fatal), time.time(), _MOST_STARTS),
        )
        self._database.all("UPDATE jobs SET status = 'queued' WHERE status = 'running'")
        for kinds, number in self._lanes.items():
            for _ in range(number):
                thread = threading.Thread(target=self._run, args=(kinds,), daemon=True)
                thread.start()
                self._threads.append(thread)

    def close(self, timeout_seconds: float = CLOSE_SECONDS) -> None:
        """Stops the workers where they are; their jobs run again when the service starts again."""
        with self._changed:
            self._ending.set()
            self._changed.notify_all()
        until = time.monotonic() + timeout_seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def submit(self, kind: str, request: Mapping[str, object], *, is_shared: bool = False) -> str:
        """Puts a job into the queue; gives its name.

        Args:
            kind: Of the job.
            request: What it is asked for.
            is_shared: Whether one that was asked for the same and has not ended will do.

        Raises:
            RefusedError: The queue is full.
        """
        job_id, text = token_hex(16), json.dumps(request)
        with self._changed:
            same = self._database.one(
                "SELECT id FROM jobs WHERE kind = ? AND request = ?"
                " AND status IN ('queued', 'running')",
                (kind, text),
            )
            if is_shared and same is not None:
                return same["id"]
            if self.num_queued >= self._queue:
                raise RefusedError(
                    "queue_full", f"{self._queue} jobs wait already; try again when some are done"
                )
            self._database.all(
                "INSERT INTO jobs (id, kind, request, status, created_at)"
                " VALUES (?, ?, ?, 'queued', ?)",
                (job_id, kind, text, time.time()),
            )
            self._changed.notify_all()
        return job_id

    @property
    def num_queued(self) -> int:
        """Jobs that wait."""
        return self._database.count("jobs", "status = 'queued'")

    @property
    def num_running(self) -> int:
        """Jobs that are being computed."""
        return len(self._running)

    @property
    def are_worked_on(self) -> bool:
        """Whether every worker is there."""
        return all(thread.is_alive() for thread in self._threads)

    def view(self, job_id: str) -> dict[str, Any]:
        """A job as clients see it.

        Raises:
            RefusedError: There is none, or not any more.
        """
        row = self._row(job_id)
        status, position, progress = row["status"], None, None
        running = self._running.get(job_id)
        if status == "queued":
            kinds = next(kinds for kinds in self._lanes if row["kind"] in kinds)
            waiting = f"status = 'queued' AND kind IN ({_marks(kinds)}) AND number < ?"
            position = self._database.count("jobs", waiting, (*kinds, row["number"]))
        elif status == "running" and running is not None:
            progress = running.progress
        elif status == "done":
            progress = _progress(1.0, "done", 0.0)
        return {
            "id": job_id,
            "kind": row["kind"],
            "status": status,
            "progress": progress,
            "position": position,
            "request": json.loads(row["request"]),
            "created_at": row["created_at"],
            "error": None if row["error"] is None else json.loads(row["error"]),
        }

    def result(self, job_id: str) -> str:
        """What a job that is done found, as JSON.

        Raises:
            RefusedError: It is not done.
        """
        row = self._row(job_id)
        if row["status"] != "done":
            raise RefusedError(
                "conflict",
                f"the job is {row['status']}; ask for its result when its status is done",
            )
        return row["result"]

    def cancel(self, job_id: str) -> dict[str, Any]:
        """Cancels a job that waits or runs; of one that ended, nothing changes."""
        self._row(job_id)
        with self._changed:
            self._database.all(
                "UPDATE jobs SET status = 'cancelled', ended_at = ?"
                " WHERE id = ? AND status IN ('queued', 'running')",
                (time.time(), job_id),
            )
            running = self._running.get(job_id)
            if running is not None:
                running.cancelled.set()
        return self.view(job_id)

    def sources_in_use(self) -> str:
        """The requests of all jobs that have not ended, as one text."""
        rows = self._database.all("SELECT request FROM jobs WHERE status IN ('queued', 'running')")
        return "\n".join(row["request"] for row in rows)

    def sweep(self, older_than: float) -> list[str]:
        """Forgets jobs that ended before a time in seconds since 1970; gives their names."""
        rows = self._database.all("DELETE FROM jobs WHERE ended_at < ? RETURNING id", (older_than,))
        return [row["id"] for row in rows]

    def _row(self, job_id: str) -> sqlite3.Row:
        row = self._database.one("SELECT * FROM jobs WHERE id = ?", (job_id,))
        if row is None:
            raise RefusedError(
                "not_found", "there is no such job; it may have expired: submit it again"
            )
        return row

    def _run(self, kinds: tuple[str, ...]) -> None:
        while (row := self._next(kinds)) is not None:
            try:
                self._compute(row)
            except Exception:
                # Whatever it was, the next job has a worker.
                _log.exception("the end of job %s failed", row["id"])
            finally:
                self._running.pop(row["id"], None)

    def _next(self, kinds: tuple[str, ...]) -> sqlite3.Row | None:
        """Waits for a job; None when the service ends."""
        with self._changed:
            while not self._ending.is_set():
                try:
                    row = self._claim(kinds)
                except sqlite3.Error:
                    _log.exception("jobs cannot be started; trying again")
                    self._changed.wait(_RETRY_SECONDS)
                    continue
                if row is not None:
                    return row
                self._changed.wait()
        return None

    def _claim(self, kinds: tuple[str, ...]) -> sqlite3.Row | None:
        """The job that has waited longest, which is running from now on."""
        row = self._database.one(
            "UPDATE jobs SET status = 'running', starts = starts + 1 WHERE number ="
            f" (SELECT min(number) FROM jobs WHERE status = 'queued' AND kind IN ({_marks(kinds)}))"
            " RETURNING *",
            kinds,
        )
        if row is not None:
            self._running[row["id"]] = _Running()
        return row

    def _compute(self, row: sqlite3.Row) -> None:
        job_id, kind = row["id"], row["kind"]
        running = self._running[job_id]

        def report(fraction: float, message: str) -> None:
            if running.cancelled.is_set() or self._ending.is_set():
                raise StoppedError
            running.advance(fraction, message)

        status, error, result = "done", None, None
        try:
            report(0.0, "starting")
            result = json_text(self._work(job_id, kind, json.loads(row["request"]), report))
        except StoppedError:
            status = "cancelled"
        except Exception as failure:
            refusal = refusal_of(failure)
            if refusal.kind == "failed":
                _log.exception("job %s (%s) failed", job_id, kind)
            status, error = "failed", _error_text(refusal)
        seconds = time.monotonic() - running.since
        if self._ending.is_set() and status == "cancelled" and not running.cancelled.is_set():
            # It is no fault of the job's.
            self._end("status = 'queued', starts = starts - 1", (), job_id)
            return
        self._end(
            "status = ?, error = ?, result = ?, ended_at = ?",
            (status, error, result, time.time()),
            job_id,
        )
        self._on_end(kind, status, seconds)

    def _end(self, change: str, values: tuple[object, ...], job_id: str) -> None:
        """Writes what became of a job, as soon as it can.

        One of which nothing is written runs again when the service starts again.
        """
        while True:
            try:
                self._database.all(
                    f"UPDATE jobs SET {change} WHERE id = ? AND status = 'running'",
                    (*values, job_id),
                )
                return
            except sqlite3.Error:
                _log.exception("the end of job %s cannot be written; trying again", job_id)
                if self._ending.wait(_RETRY_SECONDS):
                    return


def _marks(values: tuple[str, ...]) -> str:
    return ",".join("?" * len(values))


def _error_text(refusal: RefusedError) -> str:
    return json_text({"type": refusal.kind, "message": refusal.message})
