"""``stillseek dataset build OUT`` and ``stats``: ActivityIBAL from ActivityNet, and Table 1."""

import json as json_format
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from stillseek.cli.console import progress_bar, samples_of
from stillseek.cli.recipe_options import files_of
from stillseek.data.activity_ibal import CLASS_SPLIT_SEED, SOURCE, ActivityIbalConfig
from stillseek.data.windows import WindowFilter
from stillseek.errors import DatasetError, UsageError
from stillseek.features import DEFAULT_RECIPE, RecipeOptions
from stillseek.files import FIGURE_SUFFIXES
from stillseek.outputs import Output, check_outputs

if TYPE_CHECKING:
    from stillseek.data.activitynet import ActivityNet
    from stillseek.data.annotations import AnnotatedVideo
    from stillseek.data.query_frames import FrameChoice
    from stillseek.data.sample import Sample
    from stillseek.data.statistics import SplitStatistics
    from stillseek.features import Recipe

_CONFIG, _FILTER, _RECIPE = ActivityIbalConfig(), WindowFilter(), RecipeOptions()
_FENG = Path("feng")
_COLUMNS = ("", "samples", "classes", "video time", "target time")


def activity_ibal(
    out: Path = Path("activity-ibal"),
    /,
    *,
    annotations: Path,
    taxonomy: Path | None = None,
    videos: Path | None = None,
    class_split: Path | None = None,
    class_split_seed: int | None = None,
    query_frame: Literal["middle", "typical"] = "middle",
    chosen_frames: Path | None = None,
    recipe: str | None = None,
    options: Annotated[RecipeOptions, Parameter(name="*")] = _RECIPE,
    config: Annotated[ActivityIbalConfig, Parameter(name="*")] = _CONFIG,
    keep: Annotated[WindowFilter, Parameter(name="*")] = _FILTER,
) -> None:
    """Build ActivityIBAL from ActivityNet's annotations.

    Videos are cut into windows with one activity each, classes are split into seen and unseen
    ones, and every window gets 3 Simple and 2 Difficult queries: frames of other videos. Without
    --videos the manifest is for all annotated videos; they are needed to extract features, not
    to build.

    Args:
        out: Folder of the data set.
        annotations: ActivityNet's file, activity_net.v1-3.min.json or the layout of common
            copies, videos by name with duration_second.
        taxonomy: File with the class tree, where the annotations have none.
        videos: Folder of the videos: only those that are there are kept.
        class_split: The classes of each split: JSON lists train, validation and test; or a
            permutation of the sorted classes as .npy; or feng, for that of Feng et al. (2018),
            which is downloaded.
        class_split_seed: Seed of a random class split; the default comes nearest to Table 1.
        query_frame: Frame of an activity that asks: its middle, or the one that is nearest to
            the mean of the activity, which needs --videos.
        chosen_frames: CSV file with the columns video and seconds: frames chosen by hand.
        recipe: How typical frames are found; lite where not given.
        options: How that recipe is loaded.
        config: How questions are drawn.
        keep: Which windows are kept.
    """
    from stillseek.data.activity_ibal import build_activity_ibal
    from stillseek.data.activitynet import read_activitynet
    from stillseek.data.label_split import FENG_2018, draw_label_split, read_label_split
    from stillseek.features import content_hash
    from stillseek.features.weights.published_files import fetch

    if class_split is not None and class_split_seed is not None:
        raise UsageError("--class-split names the classes; --class-split-seed has no effect on it")
    if query_frame == "typical" and videos is None:
        raise UsageError("--query-frame typical looks at frames; give --videos DIR")
    inputs = [annotations, taxonomy, videos, class_split, chosen_frames, *files_of(options)]
    check_place(out, SOURCE, inputs=inputs, holds=("query_frames.jsonl",))
    encoder = _frame_recipe(query_frame, recipe, options)
    everything = read_activitynet(annotations, taxonomy=taxonomy)
    present, coverage = keep_there(everything.videos, videos)
    source = replace(everything, videos=present)
    labels = {label for video in everything.videos for label in video.labels}
    if class_split is not None:
        named = class_split == _FENG and not class_split.exists()
        split = read_label_split(fetch(FENG_2018) if named else class_split, labels)
    else:
        seed = CLASS_SPLIT_SEED if class_split_seed is None else class_split_seed
        split = draw_label_split(labels, seed=seed)
    with progress_bar("query frames") as advance:
        choice = _frame_choice(everything, out, videos, encoder, chosen_frames)
        made = build_activity_ibal(
            source, split, config=config, keep=keep, choice=choice, on_progress=advance
        )
    if not made.samples:
        raise DatasetError(
            f"no question is left of {len(source.videos)} videos; widen --min-seconds, "
            "--max-seconds and --max-coverage, or give more videos"
        )
    settings = made.settings
    settings["query_frames"] = {
        "of": query_frame,
        "fingerprint": None if encoder is None else encoder.fingerprint,
        "chosen_sha256": None if chosen_frames is None else content_hash(chosen_frames),
    }
    settings["counts"] = coverage | settings["counts"]
    write_built(
        out,
        made.samples,
        source.videos,
        source=SOURCE,
        seed=config.seed,
        settings=settings,
        videos=videos,
    )


def check_place(
    out: Path, source: str, *, inputs: Sequence[Path | None], holds: Sequence[str] = ()
) -> None:
    """Refuses a folder that a data set of a source may not be built in."""
    from stillseek.data.manifest import dataset_output, refuse_other_source

    output = dataset_output(out, name="OUT", holds=("durations.json", *holds))
    check_outputs([output], inputs=inputs)
    refuse_other_source(out, source)


def keep_there(
    annotated: "Sequence[AnnotatedVideo]", videos: Path | None
) -> "tuple[tuple[AnnotatedVideo, ...], dict[str, int]]":
    """The videos that are in the folder, and counts; all where none is given."""
    if videos is None:
        return tuple(annotated), {}
    from stillseek.data.activitynet import keep_present

    with progress_bar("videos") as advance:
        return keep_present(annotated, videos, on_progress=advance)


def write_built(
    out: Path, samples: "Sequence[Sample]", searched: "Sequence[AnnotatedVideo]", **about: Any
) -> None:
    """Writes a data set as `write_windows` does, and prints its counts and its size."""
    from stillseek.data.durations import write_windows

    with progress_bar("hashing") as advance:
        manifest = write_windows(out, samples, searched, **about, on_progress=advance)
    for name, number in manifest.header.settings["counts"].items():
        print(f"{name}: {number:,}")
    print(f"{manifest.folder}: {samples_of(manifest)}")


def stats(
    folder: Path,
    /,
    *,
    figure: Path | None = None,
    json: bool = False,
    overwrite: bool = False,
) -> None:
    """Print Table 1 of a data set, and what its questions are made of.

    ActivityIBAL stands beside the paper's own.

    Args:
        folder: Folder of the data set.
        figure: Image file for histograms of lengths and places; .png, .svg or .pdf.
        json: Print one JSON object instead.
        overwrite: Replace a figure that stillseek did not write.
    """
    if figure is not None:
        output = Output(name="--figure", path=figure, suffixes=FIGURE_SUFFIXES)
        check_outputs([output], inputs=[folder], overwrite=overwrite)
    from stillseek.data.manifest import read_manifest
    from stillseek.data.statistics import draw_histograms, split_statistics, statistics

    manifest = read_manifest(folder)
    if figure is not None:
        title = f"{folder.name}: {manifest.header.source}"
        draw_histograms(manifest.samples, figure, title=title, overwrite=overwrite)
    found = statistics(manifest)
    if json:
        print(json_format.dumps({"dataset": str(folder), **found}, indent=2))
        return
    beside = manifest.header.source == SOURCE
    print("\n".join(_table(split_statistics(manifest.samples), beside_paper=beside)))
    print()
    print(f"source videos: {found['videos']:,}")
    print(f"targets: {found['windows']:,}")
    for name, number in found["queries"].items():
        print(f"queries, {name}: {number:,}")
    for name, number in found["absent_questions"].items():
        print(f"absent, {name}: {number:,}")
    for distance, number in found["difficult_queries_by_distance"].items():
        print(f"difficult queries {distance} edges of the class tree away: {number:,}")


def _frame_recipe(query_frame: str, recipe: str | None, options: RecipeOptions) -> "Recipe | None":
    """What finds typical frames; None where no such frames are wanted."""
    if query_frame != "typical":
        if recipe is not None or options != _RECIPE:
            raise UsageError(
                "--recipe and its options find typical frames; give --query-frame typical as well"
            )
        return None
    if options.reduction is not None:
        raise UsageError("typical frames are found in pictures; --reduction has no effect on them")
    from stillseek.features import load_recipe

    return load_recipe(recipe or DEFAULT_RECIPE, options)


def _frame_choice(
    source: "ActivityNet",
    out: Path,
    videos: Path | None,
    recipe: "Recipe | None",
    chosen_frames: Path | None,
) -> "FrameChoice":
    """How query frames are chosen; a recipe finds typical ones."""
    from stillseek.data.query_frames import ChosenFrames, TypicalFrames, middle_of
    from stillseek.data.windows import split_video

    choice: FrameChoice = middle_of
    if recipe is not None:
        from stillseek.media.folder import find_video

        assert videos is not None
        folder = videos
        choice = TypicalFrames(
            recipe, lambda name: find_video(folder, name), out / "query_frames.jsonl"
        )
    if chosen_frames is not None:
        choice = ChosenFrames(chosen_frames, choice)
        choice.check(window for video in source.videos for window in split_video(video))
    return choice


def _table(rows: "tuple[SplitStatistics, ...]", *, beside_paper: bool) -> Iterator[str]:
    """Table 1, aligned; the paper's figures in brackets."""
    from stillseek.data.statistics import PAPER_TABLE

    lines: list[list[str]] = [list(_COLUMNS)]
    for row in rows:
        paper = PAPER_TABLE.get(row.split) if beside_paper else None
        cells = [row.split]
        for name in ("num_samples", "num_classes", "video_seconds", "target_seconds"):
            unit = " s" if name.endswith("_seconds") else ""
            printed = "" if paper is None else f" [{_number(getattr(paper, name))}]"
            cells.append(f"{_number(getattr(row, name))}{unit}{printed}")
        lines.append(cells)
    widths = [max(len(line[column]) for line in lines) for column in range(len(_COLUMNS))]
    for line in lines:
        yield "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
    if beside_paper:
        yield "[in brackets: Table 1 of the paper]"


def _number(value: Any) -> str:
    match value:
        case None:
            return "-"
        case int():
            return f"{value:,}"
        case _:
            return f"{value:.2f}"
