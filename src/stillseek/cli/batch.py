"""``stillseek batch``: search many videos with many pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from stillseek.cli.console import print_some, print_wrote, progress_bar
from stillseek.cli.recipe_options import HeadOptions, files_of
from stillseek.errors import UsageError
from stillseek.files import counted
from stillseek.outputs import check_outputs

if TYPE_CHECKING:
    from stillseek.localize.pair_answers import Batch

_HEAD = HeadOptions()


def batch(
    pairs: Path | None = None,
    /,
    *,
    out: Path,
    videos: Annotated[list[Path] | None, Parameter(consume_multiple=True)] = None,
    images: Path | None = None,
    top: int = 1,
    recipe: str | None = None,
    head: Annotated[HeadOptions, Parameter(name="*")] = _HEAD,
    overwrite: bool = False,
) -> int:
    """Search many videos with many pictures, and write one table and one report.

    Run the same command again to go on where it was stopped: what was searched is not searched
    again while the files and the request are the same. A file that cannot be read is reported,
    recorded as failed, and tried again by the next run; exits with 1 where none could be searched.

    Args:
        pairs: CSV table with columns video and image, and if wanted box (x,y,w,h) and label; files
            are relative to it.
        out: Folder of the results: results.csv, results.json, report.html, and what a restart
            goes on with.
        videos: In place of a table: video files, or folders that are searched for them.
        images: Folder of pictures, each of which is searched in every one of --videos.
        top: Find up to this many moments in a video, best first.
        recipe: How pixels become features; that of the checkpoint, or lite, where not given.
        head: Which head is used, and how it and the recipe compute.
        overwrite: Replace results that stillseek did not write.
    """
    if top < 1:
        raise UsageError(f"top must be at least 1, got {top}")
    given = _inputs(pairs, videos, images)
    from stillseek.localize.pair_table import pairs_of, read_pairs
    from stillseek.localize.search_pairs import (
        RECORDS,
        REPORT,
        TABLE,
        batch_output,
        features_of,
        search_pairs,
    )

    check_outputs(
        [batch_output(out, name="--out")],
        inputs=[*given, *files_of(head)],
        overwrite=overwrite,
    )
    wanted = read_pairs(pairs) if pairs is not None else pairs_of(videos or [], images or Path())
    localizer = head.load(recipe, cache=features_of(out))
    try:
        with progress_bar(f"searching {counted(len(wanted), 'pair')}") as advance:
            found = search_pairs(
                localizer, wanted, out, top=top, overwrite=overwrite, on_progress=advance
            )
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"stopped: what was searched is in {out}; run the same command again to go on"
        ) from None
    print(_describe(found))
    for name in (TABLE, RECORDS, REPORT):
        print_wrote(str(out / name))
    print_some("error", found.errors)
    return 0 if any(answer.found is not None for answer in found.answers) else 1


def _inputs(
    pairs: Path | None, videos: Sequence[Path] | None, images: Path | None
) -> list[Path | None]:
    """What is read, in one of two ways to say it."""
    if pairs is not None and (videos or images is not None):
        raise UsageError("a table and --videos or --images were given; give one of the two")
    if pairs is None and (not videos or images is None):
        raise UsageError("stillseek batch needs PAIRS.csv, or --videos PLACES with --images FOLDER")
    for place in videos or []:
        if not place.exists():
            from stillseek.media.faults import check_file

            check_file(place, "video")
    if images is not None and not images.is_dir():
        raise UsageError(f"--images {images} is no folder; give one that holds pictures")
    return [pairs, *(videos or []), images]


def _describe(found: "Batch") -> str:
    answers = found.answers
    failed = sum(answer.found is None for answer in answers)
    shown = sum(answer.found is not None and bool(answer.found.found) for answer in answers)
    words = [counted(len(answers), "pair"), f"{shown} show the activity"]
    if found.num_kept:
        words.append(f"{found.num_kept} searched before")
    if failed:
        words.append(f"{failed} failed")
    return ", ".join(words)
