"""The two tables of an index, in SQLite: which videos there are, and the rows to compare with.

Every write is one transaction: whole or not there under any kill, for readers beside a writer; what
a writer that died had begun is undone by whoever opens the file next.

SQLite keeps the rows and is not asked to compare: that is one product of NumPy over all of them, so
nothing is approximate. `benchmarks/library.py` times it.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from urllib.request import pathname2url

import numpy as np
from jaxtyping import Float32, Int, Int64

from stillseek.errors import LibraryError

# A write takes milliseconds, and longer on a disk that others use.
_WAIT_SECONDS = 60.0
# Of a content hash, in the number of a video: 60 bits.
_ID_DIGITS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedVideo:
    """A video file of a library.

    Attributes:
        name: Its root's name and its path below, such as ``archive/2024/match.mp4``.
        size_bytes: Size of the file when it was read.
        modified_ns: When it was changed last, in nanoseconds since 1970.
        content: SHA-256 of its bytes; empty where it could not be read.
        duration_seconds: Its length; 0 where it could not be read.
        num_clips: Clips that show something.
        error: Why it could not be read; empty where it was.
    """

    name: str
    size_bytes: int
    modified_ns: int
    content: str = ""
    duration_seconds: float = 0.0
    num_clips: int = 0
    error: str = ""

    @property
    def number(self) -> int:
        """What its rows are marked with."""
        return int(self.content[:_ID_DIGITS] or "0", 16)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """All rows of an index, those of a video together.

    Attributes:
        videos: `IndexedVideo.number` of each video that has rows, ascending.
        starts: Where the rows of each begin.
        clips: The clip in the middle of each row.
        vectors: The rows.
    """

    videos: Int64[np.ndarray, " video"]
    starts: Int[np.ndarray, " video"]
    clips: Int[np.ndarray, " row"]
    vectors: Float32[np.ndarray, "row dim"]


_KINDS = {str: "TEXT", int: "INTEGER", float: "REAL"}
_COLUMNS = [field.name for field in fields(IndexedVideo)]
_SCHEMA = f"""
PRAGMA auto_vacuum = FULL;
CREATE TABLE IF NOT EXISTS videos (
    {", ".join(f"{field.name} {_KINDS[field.type]} NOT NULL" for field in fields(IndexedVideo))},
    number INTEGER NOT NULL,
    PRIMARY KEY (name)
);
CREATE TABLE IF NOT EXISTS rows (
    video INTEGER PRIMARY KEY,
    clips BLOB NOT NULL,
    vectors BLOB NOT NULL
);
"""


class Tables:
    """The tables of one index; every call opens the file anew, so threads may share them.

    Args:
        path: The file.
        dim: Width of a row.
    """

    def __init__(self, path: Path, *, dim: int) -> None:
        self._path, self._dim = path, dim

    def create(self) -> None:
        """Makes the file where it is missing."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._open("rwc") as file:
            file.executescript(_SCHEMA)

    @property
    def version(self) -> int:
        """What changes with every write."""
        with self._open() as file:
            return file.execute("PRAGMA user_version").fetchone()[0]

    def videos(self) -> dict[str, IndexedVideo]:
        """All videos by name, in order of name."""
        with self._open() as file:
            found = file.execute(f"SELECT {', '.join(_COLUMNS)} FROM videos ORDER BY name")
            videos = [IndexedVideo(**dict(zip(_COLUMNS, row, strict=True))) for row in found]
        return {video.name: video for video in videos}

    def rows(self) -> Rows:
        """All rows."""
        with self._open() as file:
            found = file.execute("SELECT video, clips, vectors FROM rows ORDER BY video").fetchall()
        clips = [np.frombuffer(row[1], "<i4") for row in found]
        ends = np.cumsum([0, *map(len, clips)])
        vectors = np.empty((ends[-1], self._dim), np.float32)
        for (_, _, halves), start, end in zip(found, ends[:-1], ends[1:], strict=True):
            vectors[start:end] = np.frombuffer(halves, "<f2").reshape(-1, self._dim)
        return Rows(
            videos=np.array([row[0] for row in found], np.int64),
            starts=ends[:-1],
            clips=np.concatenate([np.empty(0, np.int32), *clips]),
            vectors=vectors,
        )

    def numbers(self) -> set[int]:
        """The videos that have rows."""
        with self._open() as file:
            return {row[0] for row in file.execute("SELECT video FROM rows")}

    def put(
        self,
        videos: Sequence[IndexedVideo],
        rows: Iterable[tuple[int, np.ndarray, np.ndarray]] = (),
    ) -> None:
        """Adds or replaces videos, with their rows.

        Args:
            videos: The videos, no two of one name.
            rows: For each video that has none yet, its number, the clips and the vectors.
        """
        blobs = [
            (number, clips.astype("<i4").tobytes(), vectors.astype("<f2").tobytes())
            for number, clips, vectors in rows
        ]
        places = ", ".join("?" * (len(_COLUMNS) + 1))
        with self._write() as file:
            file.executemany("INSERT INTO rows VALUES (?, ?, ?)", blobs)
            file.executemany(
                f"INSERT OR REPLACE INTO videos VALUES ({places})",
                [(*astuple(video), video.number) for video in videos],
            )

    def drop(self, names: Iterable[str]) -> None:
        """Removes videos."""
        with self._write() as file:
            file.executemany("DELETE FROM videos WHERE name = ?", [(name,) for name in names])

    def copy_to(self, place: Path) -> None:
        """Copies the file as of one moment, whoever writes meanwhile."""
        with self._open() as file, closing(sqlite3.connect(place)) as copy:
            file.backup(copy)

    def damage(self) -> str | None:
        """What SQLite finds wrong with the file."""
        with self._open() as file:
            found = file.execute("PRAGMA integrity_check(1)").fetchone()[0]
        return None if found == "ok" else found

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        """One transaction, after which no row is of no video."""
        with self._open() as file:
            file.execute("BEGIN IMMEDIATE")
            yield file
            file.execute(
                "DELETE FROM rows WHERE video NOT IN "
                "(SELECT number FROM videos WHERE content != '')"
            )
            version = file.execute("PRAGMA user_version").fetchone()[0]
            file.execute(f"PRAGMA user_version = {version + 1}")
            file.execute("COMMIT")

    @contextmanager
    def _open(self, mode: str = "rw") -> Iterator[sqlite3.Connection]:
        """The file; what is written and not committed is undone.

        Raises:
            LibraryError: It is missing, broken, or cannot be written.
        """
        place = f"file:{pathname2url(str(self._path.absolute()))}?mode={mode}"
        try:
            file = sqlite3.connect(place, uri=True, timeout=_WAIT_SECONDS, isolation_level=None)
            with closing(file):
                yield file
        except sqlite3.Error as error:
            raise LibraryError(
                f"cannot use {self._path} ({error}); see that its disk is there, writable and not "
                "full, then copy the library again or make a new one"
            ) from error
