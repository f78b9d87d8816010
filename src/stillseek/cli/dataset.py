"""``stillseek dataset``: make data sets."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from stillseek.cli.console import progress_bar
from stillseek.data.own_videos.dataset import OwnVideosConfig
from stillseek.data.rendered.dataset import RenderedConfig
from stillseek.errors import UsageError

if TYPE_CHECKING:
    from stillseek.data.check import DatasetReport
    from stillseek.data.own_videos.dataset import ImportedVideos

dataset = App(name="dataset")

_DEFAULTS = RenderedConfig()
_OWN_DEFAULTS = OwnVideosConfig()
# Of problems and the like; the rest is counted.
_LISTED = 20



@dataset.command
def render(
    out: Path,
    /,
    *,
    config: Annotated[RenderedConfig, Parameter(name="*")] = _DEFAULTS,
    workers: int | None = None,
) -> None:
    """Render a benchmark that needs no outside data: videos, annotations and questions.

    Videos that are there already are kept: run the same command again to go on where a rendering
    stopped.

    Args:
        out: Folder of the data set.
        config: Settings of the benchmark.
        workers: Processes that render; one a core where not given.
    """
    from stillseek.data.rendered.dataset import render_dataset

    with progress_bar("rendering") as advance:
        manifest = render_dataset(out, config, workers=workers, on_progress=advance)
    counts = ", ".join(f"{number} {split}" for split, number in manifest.header.counts.items())
    print(f"{out}: {len(manifest.samples)} samples ({counts})")


@dataset.command(name="import")
def import_(
    annotations: Path,
    /,
    *,
    videos: Path,
    out: Path,
    images: Path | None = None,
    taxonomy: Path | None = None,
    config: Annotated[OwnVideosConfig, Parameter(name="*")] = _OWN_DEFAULTS,
) -> int:
    """Make a data set of your own videos from annotations of what happens when.

    Annotations are a CSV or JSON table with video, start, end and label (and image and split, if
    wanted), a project or CSV export of VIA 3, or ActivityNet's JSON. Activities are asked for
    with their own images, or with frames of other videos that show the same label.

    Args:
        annotations: File of the annotations, .csv or .json.
        videos: Folder of the videos, with subfolders; they stay where they are.
        out: Folder of the data set.
        images: Folder of query images, with a subfolder a label.
        taxonomy: JSON file of similar classes: lists of labels by group, or a tree like
            ActivityNet's; for Difficult queries.
        config: Settings of the data set.
    """
    from stillseek.data.own_videos.dataset import BrokenAnnotationsError, import_videos

    try:
        with progress_bar("videos") as advance:
            made = import_videos(
                annotations,
                videos,
                out,
                config,
                images=images,
                taxonomy=taxonomy,
                on_progress=advance,
            )
    except BrokenAnnotationsError as error:
        _list_errors("error", error.problems)
        print(f"error: {error.summary}", file=sys.stderr)
        return 1
    _list_errors("skipped", made.skipped)
    for line in _describe_import(out, made):
        print(line)
    return 0


def _list_errors(kind: str, lines: Sequence[str]) -> None:
    for line in lines[:_LISTED]:
        print(f"{kind}: {' '.join(line.split())}", file=sys.stderr)
    if len(lines) > _LISTED:
        print(f"{kind}: ... and {len(lines) - _LISTED} more", file=sys.stderr)


def _describe_import(out: Path, made: "ImportedVideos") -> Iterator[str]:
    samples = made.manifest.samples
    counts = ", ".join(f"{n} {split}" for split, n in made.manifest.header.counts.items())
    videos = len({sample.video_id for sample in samples})
    classes = len({sample.label for sample in samples})
    yield f"{out}: {len(samples)} samples ({counts})"
    yield f"asked for: {made.num_activities} activities of {classes} classes in {videos} videos"
    by_hand = sum(sample.query_image is not None for sample in samples)
    difficult = sum(sample.query_kind == "difficult" for sample in samples)
    yield (
        f"queries: {by_hand} images, {len(samples) - by_hand} frames of other videos; "
        f"{len(samples) - difficult} simple, {difficult} difficult"
    )
    yield f"split: {made.split}"
    if made.num_shared_videos:
        yield f"searched in more than one split: {made.num_shared_videos} videos"
    if made.left_out:
        listed = ", ".join(made.left_out[:_LISTED])
        more = f" and {len(made.left_out) - _LISTED} more" if len(made.left_out) > _LISTED else ""
        yield f"not asked for, as no picture shows the label: {listed}{more}"
    if made.num_joined:
        yield f"joined to another activity of the same label that they overlap: {made.num_joined}"
    if made.num_cut:
        yield f"cut to the end of their video: {made.num_cut}"
    if made.skipped:
        yield f"skipped as broken: {len(made.skipped)}"
    if made.unread:
        yield f"not read: {', '.join(made.unread)}"
    if (c := made.cleaning) is not None and any((c.reversed, c.outside, c.duplicates)):
        yield (
            f"dropped by ActivityNet's reader: {c.reversed} that end before they start, "
            f"{c.outside} after their video, {c.duplicates} duplicates"
        )


@dataset.command
def check(
    folder: Path,
    /,
    *,
    store: Path | None = None,
    recipe: str | None = None,
    json: bool = False,
) -> int:
    """Check that a data set is whole: files, lengths, and features in a store.

    Exits with 1 where something is missing.

    Args:
        folder: Folder of the data set.
        store: Folder of a feature store that should have all its features.
        recipe: Recipe of the features; pocket where not given.
        json: Print everything as one JSON object.
    """
    from stillseek.data.check import check_dataset
    from stillseek.data.manifest import read_manifest

    if store is None and recipe is not None:
        raise UsageError("--recipe says which features to look for; give --store DIR too")
    manifest, features = read_manifest(folder), None
    if store is not None:
        from stillseek.features import FeatureStore, load_recipe

        features = FeatureStore(store), load_recipe(recipe or "pocket").fingerprint
    with progress_bar("checking") as advance:
        report = check_dataset(manifest, features=features, on_progress=advance)
    if json:
        print(dumps({"dataset": str(folder), **asdict(report)}, indent=2, default=str))
        return 1 if report.problems else 0
    _list_errors("error", [f"{each.path}: {each.message}" for each in report.problems])
    entries = f", {report.num_entries} entries of the store" if store is not None else ""
    found = f"{len(report.problems)} problems" if report.problems else "all there"
    print(f"{folder}: {report.num_samples} samples, {report.num_files} files{entries}: {found}")
    if any(each.kind == "features" for each in report.problems):
        print(_how_to_extract(folder, store, recipe or "pocket", report), file=sys.stderr)
    return 1 if report.problems else 0


def _how_to_extract(folder: Path, store: Path | None, recipe: str, report: "DatasetReport") -> str:
    others = ", ".join(report.fingerprints)
    there = f" (the store has features of recipe fingerprint {others})" if others else ""
    return (
        f"what is missing for recipe {recipe}{there} comes with: "
        f"stillseek extract --dataset {folder} --out {store} --recipe {recipe}"
    )
