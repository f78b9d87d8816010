"""The two tables of an index, in LanceDB: which videos there are, and the rows to compare with.

A video is there when the table of videos says so, which is written last and removed first. So a
writer that dies leaves at most rows of no video, which nobody finds, and the next one sweeps.

LanceDB keeps the rows, whole under any kill, for readers beside a writer. It is not asked to
compare: on 200,000 rows of 128 numbers its exact search takes 150 ms of processor time, the product
of NumPy 9 ms (`benchmarks/library.py`), and nothing is approximate.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import timedelta
from itertools import islice
from typing import Any

import numpy as np
from jaxtyping import Float32, Int, Int64

from stillseek.errors import InstallationError

# Names or numbers in one condition.
_MOST_NAMED = 500
# LanceDB warns of 0, as a reader may lose the version that it reads; a search then reads again.
_AT_ONCE = timedelta(milliseconds=1)
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


class Tables:
    """The tables of one index.

    Args:
        folder: Where they are, or will be.
        dim: Width of a row.

    Raises:
        InstallationError: LanceDB is not installed.
    """

    def __init__(self, folder: str, *, dim: int) -> None:
        lancedb, arrow = _import_lancedb()
        self._arrow, self._dim = arrow, dim
        kinds = {str: arrow.string(), int: arrow.int64(), float: arrow.float64()}
        self._of_videos = arrow.schema([(f.name, kinds[f.type]) for f in fields(IndexedVideo)])
        self._of_rows = arrow.schema(
            [
                ("video", arrow.int64()),
                ("clip", arrow.int32()),
                ("vector", arrow.list_(arrow.float16(), dim)),
            ]
        )
        database = lancedb.connect(folder)
        self._videos = database.create_table("videos", schema=self._of_videos, exist_ok=True)
        self._rows = database.create_table("rows", schema=self._of_rows, exist_ok=True)

    @property
    def version(self) -> tuple[int, int]:
        """What changes with every write."""
        self._refresh()
        return self._videos.version, self._rows.version

    def videos(self) -> dict[str, IndexedVideo]:
        """All videos by name, in order of name."""
        self._refresh()
        found = (IndexedVideo(**row) for row in self._videos.to_arrow().to_pylist())
        return {video.name: video for video in sorted(found, key=lambda video: video.name)}

    def rows(self) -> Rows:
        """All rows."""
        self._refresh()
        found = self._rows.to_arrow()
        numbers, clips = found["video"].to_numpy(), found["clip"].to_numpy()
        vectors = np.empty((len(numbers), self._dim), np.float32)
        begin = 0
        for chunk in found["vector"].chunks:
            halves = chunk.flatten().to_numpy(zero_copy_only=True)
            vectors[begin : begin + len(chunk)] = halves.reshape(len(chunk), self._dim)
            begin += len(chunk)
        order = np.lexsort((clips, numbers))
        if (order[1:] < order[:-1]).any():
            numbers, clips, vectors = numbers[order], clips[order], vectors[order]
        videos, starts = np.unique(numbers, return_index=True)
        return Rows(videos=videos, starts=starts, clips=clips, vectors=vectors)

    def numbers(self) -> set[int]:
        """The videos that have rows."""
        self._refresh()
        column = self._rows.search().select(["video"]).to_arrow()["video"]
        return set(np.unique(column.to_numpy()).tolist())

    def put(
        self,
        videos: Sequence[IndexedVideo],
        rows: Iterable[tuple[int, np.ndarray, np.ndarray]] = (),
    ) -> None:
        """Adds rows, and then adds or replaces videos.

        Args:
            videos: The videos, no two of one name.
            rows: For each video that has none yet, its number, the clips and the vectors.
        """
        arrow = self._arrow
        batches = [
            arrow.record_batch(
                [
                    arrow.array(np.full(len(clips), number)),
                    arrow.array(clips.astype(np.int32)),
                    arrow.FixedSizeListArray.from_arrays(
                        arrow.array(vectors.astype(np.float16).reshape(-1)), self._dim
                    ),
                ],
                schema=self._of_rows,
            )
            for number, clips, vectors in rows
        ]
        if batches:
            self._rows.add(arrow.Table.from_batches(batches))
        if videos:
            records = [asdict(video) for video in videos]
            self._videos.merge_insert(
                "name"
            ).when_matched_update_all().when_not_matched_insert_all().execute(
                arrow.Table.from_pylist(records, schema=self._of_videos)
            )

    def drop(self, names: Iterable[str]) -> None:
        """Removes videos; their rows stay until `sweep`."""
        for part in _parts(names):
            quoted = ", ".join("'" + name.replace("'", "''") + "'" for name in part)
            self._videos.delete(f"name IN ({quoted})")

    def sweep(self) -> None:
        """Removes rows of no video."""
        there = {video.number for video in self.videos().values() if video.content}
        for part in _parts(sorted(self.numbers() - there)):
            self._rows.delete(f"video IN ({', '.join(map(str, part))})")

    def compact(self) -> None:
        """Joins what small writes left, and removes old versions; nobody else may be writing."""
        for table in (self._videos, self._rows):
            table.optimize(cleanup_older_than=_AT_ONCE, delete_unverified=True)

    def _refresh(self) -> None:
        for table in (self._videos, self._rows):
            table.checkout_latest()


def _parts(values: Iterable[Any]) -> Iterator[list[Any]]:
    left = iter(values)
    while part := list(islice(left, _MOST_NAMED)):
        yield part


def _import_lancedb() -> tuple[Any, Any]:
    try:
        import lancedb
        import pyarrow
    except ImportError as error:
        raise InstallationError(
            "a library needs LanceDB, which is not installed; pip install 'stillseek[library]'"
        ) from error
    return lancedb, pyarrow
