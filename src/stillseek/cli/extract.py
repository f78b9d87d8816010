"""``stillseek extract``: features of videos and query frames, once, into a store."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from stillseek.cli.console import progress_bar
from stillseek.errors import UsageError

if TYPE_CHECKING:
    from stillseek.features import ExtractionReport, FeatureStore, Recipe


def extract(
    *videos: Path,
    out: Path,
    recipe: str = "pocket",
    dataset: Path | None = None,
) -> int:
    """Compute the features of videos and query images once, into a store.

    What is in the store already is skipped: run the same command again to go on where an
    extraction stopped.

    Args:
        videos: Video files, or folders that are searched for them.
        out: Folder of the feature store.
        recipe: How pixels become features.
        dataset: Folder of a data set: its videos, and the frames that are its query images.
    """
    if not videos and dataset is None:
        raise UsageError("nothing to extract; give videos, folders or --dataset DIR")
    from stillseek.features import FeatureStore, load_recipe

    paths = find_videos(videos)
    encoder, store = load_recipe(recipe), FeatureStore(out)
    queries = 0
    if dataset is not None:
        from stillseek.data.manifest import read_manifest
        from stillseek.data.stored import extract_queries, video_paths

        manifest = read_manifest(dataset)
        paths += video_paths(manifest)
        with progress_bar("query images") as advance:
            queries = extract_queries(manifest, encoder, store, on_progress=advance)
    report = _extract_videos(paths, encoder, store)
    failed = report.with_status("failed")
    speed = "" if report.times_real_time is None else f" at {report.times_real_time:.0f}x real time"
    print(
        f"videos: {len(report.with_status('encoded'))} encoded{speed}, "
        f"{len(report.with_status('present'))} already there, {len(failed)} failed"
    )
    if dataset is not None:
        print(f"query images: {queries} encoded")
    for outcome in failed:
        print(f"error: {outcome.error}", file=sys.stderr)
    return 1 if failed else 0


def find_videos(places: tuple[Path, ...]) -> list[Path]:
    """The files given, and the video files below the folders given, in order of name.

    Raises:
        UsageError: A folder has no video file in it.
    """
    from stillseek.media.folder import videos_below

    found = []
    for place in places:
        if not place.is_dir():
            found.append(place)
            continue
        inside = videos_below(place)
        if not inside:
            raise UsageError(f"there is no video file in {place}; give files or another folder")
        found += inside
    return found


def _extract_videos(
    paths: list[Path], recipe: "Recipe", store: "FeatureStore"
) -> "ExtractionReport":
    from stillseek.features import ExtractionProgress, extract

    with progress_bar("videos") as advance:

        def show(progress: ExtractionProgress) -> None:
            advance(progress.share_done, 1.0)

        return extract(paths, recipe, store, on_progress=show)
