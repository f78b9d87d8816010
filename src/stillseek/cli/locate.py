"""``stillseek locate``: find where in videos the activity of a picture happens."""

import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from stillseek.cli.console import print_some, print_wrote, progress_bar
from stillseek.cli.handoff_options import HandoffOptions
from stillseek.cli.query_options import ImageQuery, Queries, check_pictures
from stillseek.cli.ranking_table import check_calibrated, most_like, print_lacking, print_ranking
from stillseek.cli.recipe_options import HeadOptions, files_of
from stillseek.cli.search_outputs import AnnotationFormat, SearchOutputs
from stillseek.errors import UsageError
from stillseek.files import counted, json_text, shown_name

if TYPE_CHECKING:
    from stillseek.localize.localization import Localization
    from stillseek.localize.ranking import Ranking

_HEAD, _HANDOFF = HeadOptions(), HandoffOptions()


def locate(
    *videos: Path,
    queries: Queries,
    top: int = 1,
    found: bool = False,
    json: bool = False,
    plot: Path | None = None,
    report: Path | None = None,
    explain: Path | None = None,
    handoff: Annotated[HandoffOptions, Parameter(name="*")] = _HANDOFF,
    csv: Path | None = None,
    annotations: Path | None = None,
    annotation_format: AnnotationFormat | None = None,
    recipe: str | None = None,
    head: Annotated[HeadOptions, Parameter(name="*")] = _HEAD,
    decode: Literal["joint", "independent"] = "joint",
    search: Literal["refined", "exhaustive", "pooled"] | None = None,
    cache: Path | None = None,
    overwrite: bool = False,
) -> int:
    """Find where in videos the activity of a picture happens.

    Of several videos, or those of a folder, it says which show the activity, best first. One that
    cannot be read is reported and skipped; exits with 1 where none could be.

    Args:
        videos: Video files, or folders that are searched for them.
        queries: Picture of the activity (--image), or a paused frame of a video as VIDEO@SECONDS
            (--frame); several count as one. A --box x,y,w,h after one (pixels from its top left
            corner) keeps to that part of it. --not is a picture or frame of what it is not: moments
            that look more like it are pushed down.
        top: Find up to this many moments in a video, those with the most evidence first: a longer
            one has more than a shorter one of the same score.
        found: Leave out videos in which the activity probably is not, from all that is printed and
            written.
        json: Print one JSON object and nothing else; of several videos its "results" has the object
            of each, best first.
        plot: Draw the result to this picture (.png, .jpg, .webp, .svg, .pdf).
        report: Write the result as one self-contained HTML page; of several videos, with frames of
            every moment.
        explain: Draw what of the picture was seen where to this picture (endings as of --plot): the
            frames most like it, and where the moment starts and ends.
        handoff: What is written for other programs.
        csv: Write a table of all moments, best video first.
        annotations: Write the moments as annotations of another tool, or for stillseek dataset
            import (.csv); labelled like the picture's file.
        annotation_format: Of which tool; where not given, the ending tells: .eaf is ELAN, .boris
            BORIS, .xml CVAT; .json may be of Label Studio, VIA or ActivityNet.
        recipe: How pixels become features; that of the checkpoint, or lite, where not given.
        head: Which head is used, and how it and the recipe compute.
        decode: How start and end are chosen: the best pair, or each for itself (SAIL only).
        search: How a video of more clips than the head was trained with, mostly 200, is searched:
            where clips look like the picture, then closer (refined, where not given); every window
            of so many; or the whole once, downsampled.
        cache: Keep features in this folder and use them again: a search of many videos that was
            stopped goes on there.
        overwrite: Replace files that stillseek did not write.
    """
    places, queries = _split(videos, queries)
    outputs = SearchOutputs(
        plot=plot,
        report=report,
        explain=explain,
        handoff=handoff,
        csv=csv,
        annotations=annotations,
        annotation_format=annotation_format,
        overwrite=overwrite,
    )
    if top < 1:
        raise UsageError(f"top must be at least 1, got {top}")
    files = _check_inputs(places, queries)
    is_one = len(files) == 1 and files == places
    if not is_one:
        outputs.refuse_those_of_one()
    inputs = [*places, *(query.file for query in queries), *files_of(head)]
    outputs.check(files, len(files), inputs=inputs, cache=cache)
    from stillseek.models.checkpoint_header import find_checkpoint

    if head.checkpoint is not None and head.checkpoint.suffix != ".onnx":
        find_checkpoint(head.checkpoint)
    from stillseek.localize.ranking import Ranking

    localizer = head.load(recipe, cache=cache)
    outputs.check_recipe(localizer)
    if found:
        check_calibrated(localizer.calibration is not None, localizer.recipe.name)
    wanted = [query for query in queries if not query.is_unlike]
    asked = localizer.encode_query(
        [query.picture for query in wanted],
        boxes=[query.box for query in wanted],
        unlike=[query.picture for query in queries if query.is_unlike] or None,
    )
    if is_one:
        with progress_bar(f"reading {files[0].name}") as advance:
            result = localizer.locate(
                files[0], asked, top=top, decode=decode, search=search, on_progress=advance
            )
        ranking = Ranking(results=(result,), failures=(), ranked_by=None)
    else:
        ranking = _search_many(
            lambda advance: localizer.locate_many(
                places, asked, top=top, decode=decode, search=search, on_progress=advance
            ),
            len(files),
            cache,
        )
    shown = ranking.only_found() if found else ranking
    if json and is_one:
        (result,) = shown.results or (replace(ranking.results[0], moments=()),)
        print(json_text(result.to_json_dict()))
    elif json:
        print(json_text(shown.to_json_dict()))
    elif ranking.results and not shown.results:
        print(f"probably not in {'this video' if is_one else 'these videos'}")
    elif is_one:
        _print_moments(ranking.results[0])
    else:
        print_ranking(shown)
    print_some("error", [failure.error for failure in ranking.failures])
    for path, remark in outputs.write(
        shown, ranking, localizer_of_one=localizer if is_one else None
    ):
        if not json:
            print_wrote(f"{path}{remark}")
    return 0 if ranking.results else 1


def _split(videos: tuple[Path, ...], queries: Queries) -> tuple[list[Path], tuple[ImageQuery, ...]]:
    """The videos and the pictures: ``--image PICTURE VIDEO`` has the video last."""
    if not queries:
        raise UsageError("--image needs a picture: stillseek locate VIDEO --image PICTURE")
    places = list(videos)
    if not places:
        last = queries[-1]
        if not last.follows or last.box is not None or last.seconds is not None:
            raise UsageError(
                "the video is missing: stillseek locate VIDEO --image "
                f"{shlex.quote(str(queries[0].file))}"
            )
        places, queries = [last.file], queries[:-1]
        # As a shell writes out --image PICTURE videos/*.mp4; of GIFs, only the last is a video.
        while queries[-1].follows and _is_surely_video(queries[-1]):
            places, queries = [queries[-1].file, *places], queries[:-1]
    return places, queries


def _is_surely_video(query: ImageQuery) -> bool:
    from stillseek.media.folder import is_video_name

    is_plain = query.seconds is None and query.box is None
    is_video = query.file.suffix.lower() != ".gif" and is_video_name(query.file)
    return is_plain and (is_video or query.file.is_dir())


def _check_inputs(places: list[Path], queries: Sequence[ImageQuery]) -> list[Path]:
    """Refuses what cannot be a video or a picture, before anything is loaded; gives the videos."""
    from stillseek.media.faults import check_file
    from stillseek.media.folder import find_videos

    files = find_videos(places)
    for place in places:
        # One video is checked whole; of many, a bad one is passed over, but a typo is told at once.
        if (files == places and len(files) == 1) or not place.exists():
            check_file(place, "video")
    check_pictures(queries)
    return files


def _search_many(
    search: Callable[[Callable[[float, float], None]], "Ranking"], number: int, cache: Path | None
) -> "Ranking":
    if cache is None:
        print("note: nothing is kept; with --cache DIR a search goes on", file=sys.stderr)
    try:
        with progress_bar(f"searching {counted(number, 'video')}") as advance:
            return search(advance)
    except KeyboardInterrupt:
        kept = (
            "nothing is kept; with --cache DIR it would go on from here"
            if cache is None
            else f"what was read is in {cache}; run the same command again to go on"
        )
        raise KeyboardInterrupt(f"stopped: {kept}") from None


def _print_moments(found: "Localization") -> None:
    from stillseek.localize.localization import format_score, format_span, format_time

    if found.found is False:
        print(f"probably not in this video{most_like(len(found.moments))}")
    presence = "" if found.presence is None else f", presence {format_score(found.presence)}"
    print(
        f"{shown_name(str(found.video))}  ({format_time(found.duration_seconds)}{presence}, "
        f"recipe {found.recipe}, model {found.model})"
    )
    if not found.moments:
        print("  no moment: the end came out before the start; use --decode joint")
    for moment in found.moments:
        score = "" if moment.score is None else f"  score {format_score(moment.score)}"
        print(f"  {format_span(moment.segment)}{score}")
    print_lacking(found)
