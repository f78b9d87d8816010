"""Following folders: videos are added when they are complete, and told of when they show it."""

import glob
import math
import shlex
import subprocess
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from time import monotonic
from typing import TYPE_CHECKING

from stillseek.errors import LibraryError, MediaError, UsageError
from stillseek.files import json_text
from stillseek.library.adding import AddReport, file_state
from stillseek.library.index import current
from stillseek.media import read_image
from stillseek.media.faults import entries_of
from stillseek.media.folder import is_video_name, look_below

if TYPE_CHECKING:
    from stillseek.library.saved_library import Library
    from stillseek.localize.ranking import Ranking

# How often files that change are looked at.
_TICK_MILLISECONDS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Began:
    """Folders are followed from now on.

    Attributes:
        found: Videos that are in them.
        known: Of these, the ones in the library.
    """

    found: int
    known: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """Videos that were added."""

    report: AddReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A picture whose activity is in videos that were added.

    Attributes:
        picture: The picture.
        ranking: The videos that show it.
    """

    picture: Path
    ranking: "Ranking"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What went wrong, while the folders are followed on."""

    error: str


def follow(
    library: "Library",
    folders: Sequence[Path],
    *,
    alerts: Sequence[Path] = (),
    command: str | None = None,
    settle_seconds: float = 5.0,
    workers: int | None = None,
    stop: threading.Event | None = None,
) -> Iterator[Began | Added | Alert | Trouble]:
    """Adds what is and comes into folders, until it is stopped.

    Args:
        library: The library.
        folders: Folders of videos.
        alerts: Pictures of what to tell of.
        command: Run for each alert, as one program and its arguments, with the JSON object of
            `Ranking.to_json_dict` on its standard input.
        settle_seconds: For so long a file must not change to be complete.
        workers: As for `Library.add`.
        stop: Ends it when set.

    Raises:
        UsageError: A folder is none, or an alert cannot be given, as of a program that is missing.
        MediaError: A picture cannot be read, or a folder may not be looked into.
    """
    # Nothing else needs it.
    from watchfiles import watch

    if not folders or not all(folder.is_dir() for folder in folders):
        raise UsageError("watch follows folders; give folders that are there")
    for folder in folders:
        entries_of(folder)
    if not 0 <= settle_seconds < math.inf:
        raise UsageError(f"files settle in 0 or more seconds, got {settle_seconds}")
    if command is not None and not alerts:
        raise UsageError("a command is run for an alert; give a picture with --alert")
    for picture in alerts:
        read_image(picture)
    program = None if command is None else _program(command)
    library.add_roots(*folders)
    if alerts and not library.is_calibrated:
        raise UsageError(
            f"recipe {library.recipe.name} has no calibration, so nobody can say whether an "
            "activity is there; use a library of recipe lite"
        )
    ticks = watch(
        *folders,
        watch_filter=lambda _, path: is_video_name(Path(path)),
        rust_timeout=_TICK_MILLISECONDS,
        yield_on_timeout=True,
        stop_event=stop,
        raise_interrupt=True,
        ignore_permission_denied=True,
    )
    changing = _Changing(settle_seconds)
    looks = [look_below(folder) for folder in folders]
    found = [video for videos, _ in looks for video in videos]
    changing.see(found)
    names = {video.name for video in library.videos()}
    settings = current(library.folder)
    known = [video for video in found if settings.name(video) in names]
    yield Began(found=len(found), known=len(known))
    for path in (path for _, locked in looks for path in locked):
        yield Trouble(error=f"{path} cannot be read, and is not followed; check its permissions")
    for changes in ticks:
        changing.see([Path(path) for _, path in changes])
        ready, has_gone = changing.ready()
        for places in (ready, list(folders) if has_gone else []):
            if not places:
                continue
            try:
                report = library.add(*places, workers=workers)
            except (LibraryError, MediaError, UsageError) as error:
                # Somebody else is writing, or a folder is empty or locked: later again.
                changing.see(ready)
                yield Trouble(error=str(error))
                continue
            if report.outcomes or report.gone or report.moved:
                yield Added(report=report)
            yield from _alerts(library, report, alerts, program)


def _program(command: str) -> list[str]:
    """A program that is there, and its arguments."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"the command {command!r} cannot be read ({error})") from error
    if not words or which(words[0]) is None:
        raise UsageError(
            f"there is no program to run in {command!r}; give the path of one that may be run, or "
            "the name of one that is installed"
        )
    return words


class _Changing:
    """Files that changed, until they are complete or gone."""

    def __init__(self, settle_seconds: float) -> None:
        self._settle_seconds = settle_seconds
        self._files: dict[Path, tuple[tuple[int, int] | None, float]] = {}

    def see(self, files: Sequence[Path]) -> None:
        """Takes files that are new or changed or gone."""
        for file in files:
            self._files[file] = (file_state(file), monotonic())

    def ready(self) -> tuple[list[Path], bool]:
        """The files that are complete, and whether one has gone."""
        ready, has_gone = [], False
        for file, (state, since) in list(self._files.items()):
            now = file_state(file)
            if now is None:
                has_gone = True
                del self._files[file]
            elif now != state:
                self._files[file] = (now, monotonic())
            elif monotonic() - since >= self._settle_seconds:
                ready.append(file)
                del self._files[file]
        return ready, has_gone


def _alerts(
    library: "Library", report: AddReport, pictures: Sequence[Path], program: list[str] | None
) -> Iterator[Alert | Trouble]:
    """What of the pictures is in the videos that are new, and what a command says of it.

    Not in those that were known and only moved or copied: of these it was told before.
    """
    encoded = [outcome.path for outcome in report.outcomes if outcome.status == "encoded"]
    new = [glob.escape(str(path.absolute())) for path in encoded]
    for picture in pictures if new else ():
        found = library.search(picture, within=new, top=len(new))
        shown = found.only_found()
        if not shown.results:
            continue
        yield Alert(picture=picture, ranking=shown)
        if program is not None:
            try:
                done = subprocess.run(program, input=json_text(shown.to_json_dict()), text=True)
            except OSError as error:
                yield Trouble(error=f"cannot run {program[0]} ({error.strerror or error})")
            else:
                if done.returncode:
                    yield Trouble(error=f"{shlex.join(program)} ended with {done.returncode}")
