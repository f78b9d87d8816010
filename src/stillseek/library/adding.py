"""Bringing a library up to date with its files: what is new, changed, moved or gone."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stillseek.errors import MediaError
from stillseek.features import ExtractionProgress, ExtractionReport, VideoOutcome
from stillseek.features.store.content_address import entry_name
from stillseek.files import safe_name, shown_name
from stillseek.library.index import Index
from stillseek.library.index_tables import IndexedVideo
from stillseek.library.settings import Settings
from stillseek.media.faults import entries_of

# Videos in one write, and the time after which fewer are written: a search sees them then, and
# whoever is killed loses no more of the index (what was extracted stays either way). A write into
# an index of 10,000 videos takes 0.05 s.
_MOST_WAITING, _WAIT_SECONDS = 64, 2.0

Extractor = Callable[..., ExtractionReport]


@dataclass(frozen=True, slots=True, kw_only=True)
class AddReport:
    """What became of the files that were looked at.

    Attributes:
        outcomes: What became of each that is new or changed: ``encoded``, ``present`` (its bytes
            were known: moved, copied, or only touched) or ``failed``; and of folders that may not
            be looked into and files whose names are not UTF-8, which ``failed`` every time.
        unchanged: Videos whose size and time are those of before.
        unchanged_failed: Of these, the ones that could not be read before.
        moved: Names that went while their bytes are there under another one; of files that cannot
            be read, while one of the same name and size is there.
        gone: Names of files that are no longer there.
        wall_seconds: Time that it took.
    """

    outcomes: tuple[VideoOutcome, ...]
    unchanged: int
    unchanged_failed: int
    moved: tuple[str, ...]
    gone: tuple[str, ...]
    wall_seconds: float

    @property
    def failed(self) -> tuple[VideoOutcome, ...]:
        """The files that could not be read now."""
        return tuple(outcome for outcome in self.outcomes if outcome.status == "failed")


def with_roots(settings: Settings, places: Sequence[Path]) -> Settings:
    """The settings with a root for each place that no root holds."""
    for place in places:
        folder = place if place.is_dir() else place.parent
        if settings.name(folder / "x") is None:
            settings = settings.with_root(folder)
    return settings


def add_files(
    settings: Settings,
    index: Index,
    places: Sequence[Path],
    files: Sequence[Path],
    extract: Extractor,
    *,
    workers: int | None,
    may_read: Callable[[Path], bool] | None,
    on_progress: Callable[[ExtractionProgress], None] | None,
    on_outcome: Callable[[VideoOutcome], None] | None,
) -> AddReport:
    """Adds what is new in files and folders, as `Library.add` says.

    The caller has the right to write. The roots of the settings hold the places, and files are
    what was found there; features are made by an engine (`stillseek.features.extraction.engines`).
    """
    began = time.perf_counter()
    known = index.tables.videos()
    files = [file for file in files if may_read is None or may_read(file)]
    refused = {
        file: VideoOutcome(path=file, status="failed", error=reason)
        for file in files
        if (reason := _why_not(file, settings.name(file) or ""))
    }
    if on_outcome is not None:
        for outcome in refused.values():
            on_outcome(outcome)
    files = [file for file in files if file not in refused]
    fresh, there = _changes(settings, files, known, index)
    added = add_to_index(
        index, fresh, extract, workers=workers, on_progress=on_progress, on_outcome=on_outcome
    )
    now = index.tables.videos()
    found = {video.name for video in (*there, *fresh.values())}
    gone = _gone(settings, places, known, found, {_identity(now[v.name]) for v in fresh.values()})
    if gone:
        index.tables.drop(video.name for video in gone)
    left = {_identity(video) for video in index.tables.videos().values()}
    return AddReport(
        outcomes=(*refused.values(), *added),
        unchanged=len(there),
        unchanged_failed=sum(bool(video.error) for video in there),
        moved=tuple(video.name for video in gone if _identity(video) in left),
        gone=tuple(video.name for video in gone if _identity(video) not in left),
        wall_seconds=time.perf_counter() - began,
    )


def add_to_index(
    index: Index,
    videos: dict[Path, IndexedVideo],
    extract: Extractor,
    *,
    workers: int | None,
    on_progress: Callable[[ExtractionProgress], None] | None,
    on_outcome: Callable[[VideoOutcome], None] | None,
) -> tuple[VideoOutcome, ...]:
    """Extracts videos, and puts them into an index as they are done, some at a time."""
    if not videos:
        return ()
    waiting = _Waiting(index, videos, on_outcome)
    try:
        extract(
            paths=list(videos),
            store=index.store,
            workers=workers,
            on_progress=on_progress,
            on_outcome=waiting.add,
        )
    finally:
        try:
            waiting.write()
        except KeyboardInterrupt:
            waiting.write()
            raise
    return tuple(waiting.written)


def _changes(
    settings: Settings, files: Sequence[Path], known: dict[str, IndexedVideo], index: Index
) -> tuple[dict[Path, IndexedVideo], list[IndexedVideo]]:
    """Files that are new or changed, with what they are now; and those that are as they were.

    One whose features are lost counts as new.
    """
    fresh, there, entries = {}, [], set(index.store.files.entries())
    for file in files:
        name = settings.name(file)
        assert name is not None  # `with_roots` saw to it
        size_bytes, modified_ns = file_state(file) or (0, 0)
        before = known.get(name)
        if (
            before is not None
            and (before.size_bytes, before.modified_ns) == (size_bytes, modified_ns)
            and (not before.content or entry_name(index.key(before)) in entries)
        ):
            there.append(before)
        else:
            fresh[file] = IndexedVideo(name=name, size_bytes=size_bytes, modified_ns=modified_ns)
    return fresh, there


def _why_not(file: Path, name: str) -> str:
    """Why a file cannot be in an index, whatever it holds; empty where it can."""
    if shown_name(name) != safe_name(name):
        return f"the name of {file} is not UTF-8, as names in a library are; rename it"
    try:
        if file.is_dir():
            entries_of(file)
    except MediaError as error:
        return str(error)
    except PermissionError as error:
        return f"{file} cannot be read ({error.strerror}); check its permissions"
    return ""


def _identity(video: IndexedVideo) -> tuple[str, int]:
    """What makes two files one video: the bytes; of files that cannot be read, name and size."""
    return (video.content, 0) if video.content else (Path(video.name).name, video.size_bytes)


def file_state(file: Path) -> tuple[int, int] | None:
    """Size in bytes and time in nanoseconds of a file; None for one that is not there."""
    try:
        state = file.stat()
    except OSError:
        return None
    return state.st_size, state.st_mtime_ns


def _gone(
    settings: Settings,
    places: Sequence[Path],
    known: dict[str, IndexedVideo],
    found: set[str],
    identities: set[tuple[str, int]],
) -> list[IndexedVideo]:
    """Videos whose files are not there any more: of the folders searched, or found elsewhere now.

    One of another folder whose bytes were found nowhere may lie on a disk that is not mounted.
    Names are of what was found in the places, identities of what of it was not known before.
    """
    prefixes = [
        name.removesuffix("x")
        for place in places
        if place.is_dir() and (name := settings.name(place / "x")) is not None
    ]
    return [
        video
        for name, video in known.items()
        if name not in found
        and (_identity(video) in identities or any(name.startswith(prefix) for prefix in prefixes))
        and _is_gone(settings.path(name))
    ]


def _is_gone(file: Path) -> bool:
    """Whether a file is surely not there; of one that may not be looked at, nobody knows."""
    try:
        file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        pass
    return False


class _Waiting:
    """Videos whose features are there, on their way into the index."""

    def __init__(
        self,
        index: Index,
        videos: dict[Path, IndexedVideo],
        on_outcome: Callable[[VideoOutcome], None] | None,
    ) -> None:
        self._index, self._videos, self._on_outcome = index, videos, on_outcome
        self._outcomes: list[VideoOutcome] = []
        self._since = time.perf_counter()
        self.written: list[VideoOutcome] = []

    def add(self, outcome: VideoOutcome) -> None:
        """Takes what became of a video."""
        self._outcomes.append(outcome)
        is_late = time.perf_counter() - self._since > _WAIT_SECONDS
        if is_late or len(self._outcomes) >= _MOST_WAITING:
            self.write()

    def write(self) -> None:
        """Puts what waits into the index, and tells of it."""
        records = {}
        for outcome in self._outcomes:
            video = self._videos[outcome.path]
            is_read = outcome.status != "failed"
            records[video.name] = replace(
                video,
                content=outcome.content if is_read else "",
                duration_seconds=outcome.duration_seconds,
                error=shown_name(outcome.error),
            )
        if records:
            self._index.add(list(records.values()))
        # Not before: who is stopped in between writes once more.
        outcomes, self._outcomes = self._outcomes, []
        for outcome in outcomes:
            self.written.append(outcome)
            if self._on_outcome is not None:
                self._on_outcome(outcome)
        self._since = time.perf_counter()
