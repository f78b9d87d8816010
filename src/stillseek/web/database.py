"""What a service must not forget: jobs, uploads and labels, in one SQLite file."""

import sqlite3
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stillseek.errors import UsageError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    request TEXT NOT NULL,
    status TEXT NOT NULL,
    starts INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    result TEXT,
    created_at REAL NOT NULL,
    ended_at REAL
);
CREATE INDEX IF NOT EXISTS jobs_by_status ON jobs (status, number);
CREATE TABLE IF NOT EXISTS uploads (
    id TEXT PRIMARY KEY,
    suffix TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    duration_seconds REAL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    expires_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS labels (
    id TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    video TEXT NOT NULL,
    start_seconds REAL NOT NULL,
    end_seconds REAL NOT NULL,
    label TEXT NOT NULL,
    is_kept INTEGER NOT NULL,
    score REAL,
    query TEXT,
    time TEXT NOT NULL
);
"""


class Database:
    """One SQLite file, made where it is missing, from any thread.

    Raises:
        UsageError: The file is broken, or another program's.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        connection = None
        try:
            self._connection = connection = sqlite3.connect(path, check_same_thread=False)
            connection.row_factory = sqlite3.Row
            if self.one("SELECT 1 FROM sqlite_master"):  # of another program, nothing is changed
                self.one("SELECT number, request, starts FROM jobs LIMIT 1")
            # A kill at any moment loses nothing that was answered.
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(_SCHEMA)
        except sqlite3.Error as error:
            if connection is not None:
                connection.close()
            raise UsageError(
                f"{path} cannot be used ({error}); expected the jobs, uploads and labels of a "
                "service: give another folder with --data, or move the file away"
            ) from error

    def all(
        self, statement: str, values: Sequence[Any] | Mapping[str, Any] = ()
    ) -> list[sqlite3.Row]:
        """Runs one statement as a transaction of its own, and gives the rows."""
        with self._lock, self._connection:
            return self._connection.execute(statement, values).fetchall()

    def one(self, statement: str, values: Sequence[Any] = ()) -> sqlite3.Row | None:
        """The first row, None where there is none."""
        return next(iter(self.all(statement, values)), None)

    def count(self, table: str, where: str = "TRUE", values: Sequence[Any] = ()) -> int:
        """How many rows of a table fulfil a condition."""
        return self.all(f"SELECT count(*) AS number FROM {table} WHERE {where}", values)[0][
            "number"
        ]

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._connection.close()
