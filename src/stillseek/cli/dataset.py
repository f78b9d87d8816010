"""``stillseek dataset``: make data sets."""

import sys
from dataclasses import asdict
from json import dumps
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from stillseek.cli.console import print_some, progress_bar
from stillseek.cli.recipe_options import describe_others, extract_command
from stillseek.data.rendered.dataset import RenderedConfig
from stillseek.errors import UsageError
from stillseek.features import RecipeOptions
from stillseek.files import IMAGE_SUFFIXES, Output, check_outputs

dataset = App(name="dataset")
dataset.command(
    "stillseek.cli.own_videos:import_",
    name="import",
    help="Make a data set of your own videos from annotations of what happens when.",
)
dataset.command(
    "stillseek.cli.composed:compose",
    name="compose",
    help="Make untrimmed videos and questions from a folder of labelled photographs.",
)
dataset.command("stillseek.cli.activity_ibal:build", name="build")
dataset.command("stillseek.cli.activity_ibal:stats", name="stats")

_DEFAULTS, _RECIPE = RenderedConfig(), RecipeOptions()


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


@dataset.command
def sheet(folder: Path, /, *, out: Path, videos: int = 12, overwrite: bool = False) -> None:
    """Draw a contact sheet: queries of some videos, and frames over time with what happens.

    Args:
        folder: Folder of the data set.
        out: The picture, such as sheet.png.
        videos: Most videos on it; they are taken evenly from all.
        overwrite: Replace a file that stillseek did not write.
    """
    output = Output(name="--out", path=out, suffixes=IMAGE_SUFFIXES)
    check_outputs([output], inputs=[folder], overwrite=overwrite)
    from stillseek.data.manifest import read_manifest
    from stillseek.data.sheet import write_sheet

    number = write_sheet(read_manifest(folder), out, videos=videos, overwrite=overwrite)
    print(f"wrote {out}: {number} videos")


@dataset.command
def check(
    folder: Path,
    /,
    *,
    store: Path | None = None,
    recipe: str | None = None,
    options: Annotated[RecipeOptions, Parameter(name="*")] = _RECIPE,
    json: bool = False,
) -> int:
    """Check that a data set is whole: files, lengths, and features in a store.

    Exits with 1 where something is missing.

    Args:
        folder: Folder of the data set.
        store: Folder of a feature store that should have all its features.
        recipe: Recipe of the features; pocket where not given.
        options: How the recipe was loaded when they were made.
        json: Print everything as one JSON object.
    """
    from stillseek.data.check import check_dataset
    from stillseek.data.manifest import read_manifest

    if store is None and (recipe is not None or options != _RECIPE):
        raise UsageError(
            "--recipe and its options say which features to look for; give --store DIR too"
        )
    manifest, features = read_manifest(folder), None
    if store is not None:
        from stillseek.features import FeatureStore, load_recipe

        features = FeatureStore(store), load_recipe(recipe or "pocket", options).fingerprint
    with progress_bar("checking") as advance:
        report = check_dataset(manifest, features=features, on_progress=advance)
    if json:
        print(dumps({"dataset": str(folder), **asdict(report)}, indent=2, default=str))
        return 1 if report.problems else 0
    print_some("error", [f"{each.path}: {each.message}" for each in report.problems])
    entries = f", {report.num_entries} entries of the store" if store is not None else ""
    found = f"{len(report.problems)} problems" if report.problems else "all there"
    print(f"{folder}: {report.num_samples} samples, {report.num_files} files{entries}: {found}")
    if features is not None and any(each.kind == "features" for each in report.problems):
        name, others = recipe or "pocket", ""
        if report.fingerprints:
            found = describe_others(
                features[0], report.fingerprints, name, options, flag="--precision"
            )
            others = f"; the store has those of {found}"
        command = extract_command(folder, features[0].root, name, options)
        print(f"what is missing for recipe {name} comes with: {command}{others}", file=sys.stderr)
    return 1 if report.problems else 0
