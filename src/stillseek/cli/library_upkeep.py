"""``stillseek library``: verbs that look after a library."""

from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from stillseek.cli.console import print_some, progress_bar
from stillseek.cli.recipe_options import RecipeBesideHead
from stillseek.errors import UsageError
from stillseek.files import counted, json_text, shown_name

if TYPE_CHECKING:
    from stillseek.library.saved_library import Library

_RECIPE = RecipeBesideHead()


def list_(folder: Path, /, *, failed: bool = False, json: bool = False) -> None:
    """List the videos of a library.

    Args:
        folder: Folder of the library, or URL of a published one.
        failed: Only those that could not be read, with the reason.
        json: Print one JSON object.
    """
    place = open_library(folder)
    videos = [video for video in place.videos() if video.error or not failed]
    if json:
        print(json_text({"videos": [asdict(v) | {"path": str(place.path(v))} for v in videos]}))
        return
    for video in videos:
        length = "failed" if video.error else str(timedelta(seconds=round(video.duration_seconds)))
        why = f"  {shown_name(video.error)}" if failed else ""
        print(f"{length:>10}  {shown_name(video.name)}{why}")


def remove(folder: Path, /, *names: str) -> None:
    """Remove videos from a library, with their features; no video file is touched.

    Args:
        folder: Folder of the library.
        names: Paths of files or folders, names as library list shows them, or patterns of either.
    """
    if not names:
        raise UsageError("nothing to remove; give paths, names or patterns")
    removed = open_library(folder).remove(*names)
    print(f"removed: {counted(len(removed), 'video')}")


def stats(folder: Path, /, *, json: bool = False) -> None:
    """Show how much a library holds.

    Args:
        folder: Folder of the library, or URL of a published one.
        json: Print one JSON object.
    """
    found = open_library(folder).stats()
    if json:
        roots = {name: str(path) for name, path in found.roots.items()}
        print(json_text(asdict(found) | {"roots": roots}))
        return
    hours = found.seconds / 3600
    fixed = found.space_bytes / 1e6
    growing = (found.index_bytes + found.feature_bytes) / 1e6 - fixed
    each = f" and {growing:.1f} MB that grow, {growing / hours:.2f} MB an hour" if hours else ""
    print(f"videos   {found.videos} ({timedelta(seconds=round(found.seconds))})")
    print(f"failed   {found.failed}")
    print(f"recipe   {found.recipe}, fingerprint {found.fingerprint[:16]}")
    print(f"rows     {found.rows} of {found.clips} clips")
    print(f"index    {found.index}: every row is compared, agreement 1")
    print(f"size     {fixed:.1f} MB fixed{each}")
    for name, path in found.roots.items():
        print(f"root     {shown_name(name)}: {shown_name(str(path))}")


def verify(folder: Path, /, *, json: bool = False) -> int:
    """Compare all checksums, rows and files with what the library says.

    Exits with 1 where something is wrong with the library.

    Args:
        folder: Folder of the library, or URL of a published one.
        json: Print one JSON object.
    """
    with progress_bar("videos") as advance:
        found = open_library(folder).verify(on_progress=advance)
    if json:
        print(json_text(asdict(found) | {"changed": [str(path) for path in found.changed]}))
    else:
        print(
            f"videos: {found.intact} intact, {counted(len(found.problems), 'problem')}, "
            f"{counted(len(found.changed), 'file')} gone or changed since"
        )
        print_some("error", found.problems)
        print_some("gone or changed", [str(path) for path in found.changed])
    return 1 if found.problems else 0


def publish(folder: Path, place: Path, /, *, overwrite: bool = False) -> None:
    """Copy a library to object storage or a share, where others search it.

    Only what is not there yet is copied. Others give the URL in the place of a folder, to library
    search, similar, list, stats and verify.

    Args:
        folder: Folder of the library.
        place: URL such as s3://bucket/library, or a folder: empty, or one that this library was
            published to before.
        overwrite: Replace another library that was published there.
    """
    with progress_bar("videos") as advance:
        found = open_library(folder).publish(place, overwrite=overwrite, on_progress=advance)
    size = found.copied_bytes / 1e6
    print(
        f"published {found.url}: {counted(found.videos, 'video')}, {found.copied} copied, "
        f"{size:.1f} MB"
    )


def migrate(
    folder: Path,
    /,
    *,
    recipe: str | None = None,
    recipe_options: Annotated[RecipeBesideHead, Parameter(name="*")] = _RECIPE,
    workers: int | None = None,
    engine: Literal["local", "ray"] = "local",
) -> None:
    """Make the index of a library anew by another recipe, while the old one answers.

    It may be killed at any moment: run the same command again to go on.

    Args:
        folder: Folder of the library.
        recipe: The recipe; where not given, that of the library, as after an update of stillseek.
        recipe_options: How the recipe is loaded.
        workers: As for library add.
        engine: As for library add.
    """
    from stillseek.cli.extraction_log import show_progress

    if recipe is None and recipe_options != _RECIPE:
        raise UsageError("options of a recipe need --recipe NAME; give it, or leave them out")
    options = None if recipe is None else recipe_options.options()
    place = open_library(folder)
    with show_progress() as show:
        place.migrate(
            recipe, recipe_options=options, workers=workers, engine=engine, on_progress=show
        )
    print(f"the library {shown_name(str(folder))} is of recipe {place.stats().recipe}")


def open_library(
    folder: Path, recipe: str | None = None, options: RecipeBesideHead = _RECIPE
) -> "Library":
    """A library as a verb opens it."""
    from stillseek.library.saved_library import Library

    given = None if options == _RECIPE else options.options()
    return Library.open(folder, recipe=recipe, recipe_options=given)
