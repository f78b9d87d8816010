"""``stillseek library``: an index over many videos, made once and asked with pictures for ever."""

import sys
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from stillseek.cli.console import print_some, print_wrote
from stillseek.cli.handoff_options import HandoffOptions
from stillseek.cli.library_upkeep import (
    list_,
    migrate,
    open_library,
    publish,
    remove,
    stats,
    verify,
)
from stillseek.cli.query_options import Queries, check_pictures
from stillseek.cli.ranking_table import check_calibrated, most_like, print_ranking
from stillseek.cli.recipe_options import HeadName, RecipeBesideHead
from stillseek.cli.search_outputs import SearchOutputs
from stillseek.errors import UsageError
from stillseek.files import counted, json_text, shown_name

if TYPE_CHECKING:
    from stillseek.features import VideoOutcome
    from stillseek.library.adding import AddReport
    from stillseek.library.saved_library import Library
    from stillseek.library.watching import Added, Alert, Began, Trouble
    from stillseek.localize.localizer import Localizer
    from stillseek.localize.ranking import Ranking

library = App(name="library")
library.command(list_, name="list")
for _verb in (remove, stats, verify, migrate, publish):
    library.command(_verb)

_RECIPE = RecipeBesideHead()
_HANDOFF = HandoffOptions()


@library.command
def add(
    folder: Path,
    /,
    *videos: Path,
    root: str | None = None,
    recipe: str | None = None,
    recipe_options: Annotated[RecipeBesideHead, Parameter(name="*")] = _RECIPE,
    workers: int | None = None,
    engine: Literal["local", "ray"] = "local",
) -> int:
    """Bring a library up to date with video files and folders.

    What is as it was costs a look at its size and time; new and changed files are read, moved ones
    found again by their bytes, and those that are gone from the folders leave the index. It may be
    killed at any moment: run the same command again to go on. Exits with 1 where a file failed.

    Args:
        folder: Folder of the library; made where there is none.
        videos: Video files, or folders that are searched for them.
        root: Name of the one folder given; with the name of one that has moved, its videos are
            found where the folder is now.
        recipe: How pixels become features: lite, where not given and the library is new.
        recipe_options: How the recipe is loaded.
        workers: Videos that are decoded at the same time; where not given, one a processor, at
            most 8.
        engine: Who does the work: this process, or Ray, on the cluster that RAY_ADDRESS names or
            else on this machine.
    """
    from stillseek.cli.extraction_log import show_progress

    place = open_library(folder, recipe, recipe_options)
    try:
        with show_progress() as show:
            report = place.add(*videos, root=root, workers=workers, engine=engine, on_progress=show)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"stopped: what was done is in {folder}; run the same command again to go on"
        ) from None
    _print_added(report)
    return 1 if report.failed else 0


@library.command
def search(
    folder: Path,
    /,
    *,
    queries: Queries,
    top: int = 10,
    moments: int = 1,
    found: bool = False,
    within: Annotated[str | None, Parameter(name="--in")] = None,
    since: datetime | None = None,
    min_duration: float = 0.0,
    fast: bool = False,
    checkpoint: Path | None = None,
    model: HeadName | None = None,
    json: bool = False,
    csv: Path | None = None,
    handoff: Annotated[HandoffOptions, Parameter(name="*")] = _HANDOFF,
    report: Path | None = None,
    overwrite: bool = False,
) -> int:
    """Find the moments of a library that show the activity of a picture, best first.

    Args:
        folder: Folder of the library, or URL of a published one.
        queries: Picture of the activity (--image), or a paused frame of a video as VIDEO@SECONDS
            (--frame); several count as one. A --box x,y,w,h after one (pixels from its top left
            corner) keeps to that part of it. --not is a picture or frame of what it is not.
        top: Find up to this many videos.
        moments: Find up to this many moments in a video.
        found: Leave out videos in which the activity probably is not.
        within: Only this video, by its name as library list shows it; only videos of this folder,
            such as archive/2024; or only those whose name or path, or the end of it, fits this
            pattern, such as "2024/*" or match.mp4.
        since: Only videos whose files are not older, such as 2026-03-31.
        min_duration: Only videos that are not shorter, in seconds.
        fast: Answer from the index alone, without a head.
        checkpoint: Use this trained head instead of the shipped one.
        model: The head that looks closer; the one shipped for the recipe where not given.
        json: Print one JSON object and nothing else.
        csv: Write a table of all moments, best video first.
        handoff: What is written for other programs.
        report: Write one self-contained HTML page with frames of every moment.
        overwrite: Replace files that stillseek did not write.
    """
    if not queries:
        raise UsageError(
            "--image needs a picture: stillseek library search LIBRARY --image PICTURE"
        )
    check_pictures(queries)
    outputs = SearchOutputs(report=report, handoff=handoff, csv=csv, overwrite=overwrite)
    here = [folder] if folder.exists() else []  # and not at a URL
    outputs.check(None, top, inputs=[*here, *(query.file for query in queries)])
    if fast and (checkpoint is not None or model is not None):
        raise UsageError(
            "--fast leaves the head out; leave --checkpoint and --model out, or --fast"
        )
    place = open_library(folder)
    if found:
        check_calibrated(place.is_calibrated, place.recipe.name)
    wanted = [query for query in queries if not query.is_unlike]
    ranking = place.search(
        [query.picture for query in wanted],
        boxes=[query.box for query in wanted],
        unlike=[query.picture for query in queries if query.is_unlike] or None,
        top=top,
        moments=moments,
        within=within,
        since=since,
        min_duration_seconds=min_duration,
        fast=fast,
        localizer=None if fast else _localizer(place, checkpoint, model),
    )
    shown = ranking.only_found() if found else ranking
    given = {"--in": within, "--since": since, "--min-duration": min_duration}
    filters = [name for name, value in given.items() if value]
    code = _print_found(ranking, shown, place, filters, json=json)
    for path, remark in outputs.write(shown, ranking):
        if not json:
            print_wrote(f"{path}{remark}")
    return code


@library.command
def similar(
    folder: Path,
    frame: str,
    /,
    *,
    top: int = 10,
    moments: int = 1,
    fast: bool = False,
    json: bool = False,
) -> int:
    """Find more like one moment of a video.

    Args:
        folder: Folder of the library, or URL of a published one.
        frame: The moment, as VIDEO@SECONDS.
        top: Find up to this many videos.
        moments: Find up to this many moments in a video.
        fast: Answer from the index alone, without a head.
        json: Print one JSON object and nothing else.
    """
    from stillseek.cli.query_options import parse_frame

    parsed = parse_frame(frame)
    if parsed is None:
        raise UsageError(f"{frame} is not VIDEO@SECONDS, e.g. match.mp4@12.5 or match.mp4@1:02.5")
    place = open_library(folder)
    head = None if fast else _localizer(place)
    found = place.similar(*parsed, top=top, moments=moments, fast=fast, localizer=head)
    return _print_found(found, found, place, json=json)


@library.command
def watch(
    folder: Path,
    /,
    *videos: Path,
    alert: tuple[Path, ...] = (),
    run: str | None = None,
    settle: float = 5.0,
    workers: int | None = None,
) -> None:
    """Follow folders: add videos as they are complete, until it is stopped.

    Args:
        folder: Folder of the library.
        videos: Folders of videos.
        alert: Print when the activity of this picture appears in a video that is added.
        run: With --alert: a program with its arguments (no shell) that is run then, with the JSON
            object of the video on its standard input.
        settle: Seconds for which a file must not change to be complete.
        workers: As for library add.
    """
    from stillseek.library.watching import follow

    events = follow(
        open_library(folder),
        videos,
        alerts=alert,
        command=run,
        settle_seconds=settle,
        workers=workers,
    )
    try:
        _print_events(events, videos)
    except KeyboardInterrupt:
        print("stopped; what was added is in the library", file=sys.stderr)


def _print_events(
    events: "Iterable[Began | Added | Alert | Trouble]", videos: Sequence[Path]
) -> None:
    """Prints what comes of following folders, as it comes."""
    from stillseek.library.watching import Added, Alert, Began

    for event in events:
        match event:
            case Began(found=found, known=known):
                places = ", ".join(shown_name(str(place)) for place in videos)
                print(
                    f"watching {places}: {counted(found, 'video')}, {known} in the library already "
                    "(Ctrl-C stops it; what was added stays)",
                    file=sys.stderr,
                )
            case Added(report=report):
                _print_added(report)
            case Alert(picture=picture, ranking=ranking):
                print(f"alert: {shown_name(str(picture))}")
                print_ranking(ranking)
            case trouble:
                print_some("error", [trouble.error])
        sys.stdout.flush()


def _localizer(
    place: "Library",
    checkpoint: Path | None = None,
    model: HeadName | None = None,
) -> "Localizer":
    """The head that looks at the best videos."""
    from stillseek.localize.localizer import Localizer

    return Localizer.load(place.recipe, checkpoint=checkpoint, model=model)


def _print_added(report: "AddReport") -> None:
    """One line of what was done, and the errors."""
    outcomes: Sequence[VideoOutcome] = report.outcomes
    encoded = [outcome for outcome in outcomes if outcome.status == "encoded"]
    parts = [
        f"{len(encoded)} encoded",
        f"{sum(outcome.status == 'present' for outcome in outcomes)} known by their bytes",
        f"{report.unchanged} unchanged",
        f"{len(report.moved)} moved",
        f"{len(report.gone)} gone",
        f"{len(report.failed)} failed",
        *([f"{report.unchanged_failed} unreadable as before"] * bool(report.unchanged_failed)),
    ]
    print(f"videos: {', '.join(parts)}")
    seconds = sum((outcome.duration_seconds for outcome in encoded), start=0.0)
    if seconds:
        times = seconds / report.wall_seconds
        print(f"encoded {timedelta(seconds=round(seconds))} at {times:.1f}x real time")
    print_some("error", [outcome.error for outcome in report.failed])


def _print_found(
    found: "Ranking", shown: "Ranking", place: "Library", filters: Sequence[str] = (), *, json: bool
) -> int:
    """Prints what is shown of all that was found."""
    if json:
        print(json_text(shown.to_json_dict()))
    elif not found.results and not found.failures:
        print(_why_none(place, filters))
    else:
        if found.results and found.results[0].found is False:
            num_moments = sum(len(each.moments) for each in shown.results)
            print(f"probably nowhere in this library{most_like(num_moments)}")
        print_ranking(shown)
    print_some("error", [failure.error for failure in found.failures])
    return 1 if found.failures and not found.results else 0


def _why_none(place: "Library", filters: Sequence[str]) -> str:
    """Why a search has no answer, from the options that leave videos out."""
    videos = place.videos()
    if any(video.num_clips for video in videos):
        return f"no video of the library that shows anything fits {', '.join(filters)}"
    if any(video.content for video in videos):
        return "the videos of the library show nothing but frames of one colour"
    if videos:
        return "no video of the library could be read; stillseek library list --failed shows why"
    return "the library has no video; add some with stillseek library add"
