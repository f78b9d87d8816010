"""``stillseek extract``: features of videos and query frames, once, into a store."""

import re
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from stillseek.cli.console import print_some, progress_bar
from stillseek.cli.extraction_log import (
    ExtractionLog,
    print_query_summary,
    print_summary,
    show_progress,
)
from stillseek.cli.recipe_options import files_of, without_files
from stillseek.errors import DatasetError, UsageError
from stillseek.features import DEFAULT_RECIPE, RecipeOptions
from stillseek.files import counted
from stillseek.outputs import Output, check_outputs

if TYPE_CHECKING:
    from stillseek.data.file_hashes import FileHash
    from stillseek.data.manifest import Manifest
    from stillseek.features import FeatureStore, VideoOutcome

Engine = Literal["local", "ray"]

_DEFAULTS = RecipeOptions()


def extract(
    *videos: Path,
    out: Path,
    recipe: str = DEFAULT_RECIPE,
    dataset: Path | None = None,
    queries_only: bool = False,
    options: Annotated[RecipeOptions, Parameter(name="*")] = _DEFAULTS,
    engine: Engine = "local",
    workers: int | None = None,
    shard: str | None = None,
    strict: bool = False,
    log: Path | None = None,
    overwrite: bool = False,
) -> int:
    """Compute the features of videos and query images once, into a store.

    What is in the store already is skipped: run the same command again to go on where an
    extraction stopped. It may be killed at any moment, and several may write into one store.
    Exits with 1 where a video failed.

    Args:
        videos: Video files, or folders that are searched for them.
        out: Folder of the feature store; or a URL that fsspec knows, such as s3://bucket/store.
        recipe: How pixels become features.
        dataset: Folder of a data set: its videos, and the frames that are its query images.
        queries_only: Encode the query images of --dataset and no video, as for training on clips
            of --clip-features.
        options: How the recipe is loaded.
        engine: Who does the work: this process, or Ray, on the cluster that RAY_ADDRESS names or
            else on this machine.
        workers: Videos that are decoded at the same time; where not given, one a processor, at
            most 8. With Ray, processes with an encoder each; where not given, one a processor of
            the cluster, or a GPU.
        shard: Part i of n of the work, as i/n: what one of n machines does that are given the
            same videos. One store for all of them is fine.
        strict: Stop at the first video or query image that cannot be read.
        log: JSON file for what became of the videos and query images; in OUT/logs where not given.
        overwrite: Replace a log that stillseek did not write.
    """
    if not videos and dataset is None:
        raise UsageError("nothing to extract; give videos, folders or --dataset DIR")
    if queries_only and (videos or dataset is None):
        raise UsageError("--queries-only encodes the queries of --dataset DIR, and no videos")
    number, count = _parse_shard(shard)
    from stillseek.features import FeatureStore, load_recipe, shard_of
    from stillseek.features.extraction.engines import extractor
    from stillseek.media.folder import find_videos

    store = FeatureStore(out)
    inputs = [*videos, dataset, *files_of(options)]
    check_outputs(_outputs(store, log), inputs=inputs, overwrite=overwrite)
    paths, asked = find_videos(videos), None
    known: dict[Path, FileHash] = {}
    encoder = load_recipe(recipe, options)
    run = extractor(engine, encoder, recipe, options)
    if dataset is not None:
        from stillseek.data.manifest import read_manifest
        from stillseek.data.stored import video_paths

        manifest = read_manifest(dataset)
        paths += [] if queries_only else video_paths(manifest)
        known = {manifest.path(file): each for file, each in manifest.file_hashes.items()}
        asked = _queries_of(manifest, number, count)
    paths = shard_of(paths, number, count)
    record = ExtractionLog(len(paths), encoder, store, shard=shard, path=log)
    try:
        with ExitStack() as stack:
            # Written whatever ends the extraction.
            stack.enter_context(record)
            if asked is not None:
                from stillseek.data.stored import extract_queries

                with progress_bar("query images") as advance:
                    extract_queries(
                        asked,
                        encoder,
                        store,
                        strict=strict,
                        on_progress=advance,
                        on_outcome=record.queries.append,
                    )
                record.begin_videos()
            show = stack.enter_context(show_progress())
            run(
                paths,
                store=store,
                strict=strict,
                workers=workers,
                on_progress=show,
                on_outcome=lambda outcome: record.outcomes.append(_unless_changed(outcome, known)),
            )
    except KeyboardInterrupt:
        kept = [] if queries_only else [f"{record.num_kept} of {counted(len(paths), 'video')}"]
        if asked is not None:
            number = record.num_queries["encoded"] + record.num_queries["present"]
            kept.append(counted(number, "query image"))
        raise KeyboardInterrupt(
            f"stopped: {out} has {' and '.join(kept)}; run the same command again to go on"
        ) from None
    print_summary(record.report())
    if asked is not None:
        print_query_summary(record.num_queries)
    print_some("error", record.errors)
    if dataset is not None and paths and not any(path.exists() for path in paths):
        print(
            f"error: none of the videos of {dataset} is there; put them into "
            f"{paths[0].parent}, or make the data set again with the folder that has them; or "
            f"{without_files(dataset)}",
            file=sys.stderr,
        )
    return 1 if record.errors or not record.is_written else 0


def _outputs(store: "FeatureStore", log: Path | None) -> list[Output]:
    """The store, where it is a folder of this machine, and the log."""
    outputs = []
    if isinstance(store.root, Path):
        outputs.append(Output(name="--out", path=store.root))
    if log is not None:
        outputs.append(Output(name="--log", path=log, suffixes=(".json",)))
    return outputs


def _parse_shard(text: str | None) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)/(\d+)", text or "1/1")
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise UsageError(f"--shard is i/n with 1 <= i <= n, such as 2/8, got {text!r}")
    return int(match[1]), int(match[2])


def _unless_changed(outcome: "VideoOutcome", known: "Mapping[Path, FileHash]") -> "VideoOutcome":
    """What became of a video, a failure where it is not the one that the data set has noted."""
    from stillseek.data.file_hashes import refuse_other_bytes

    try:
        if outcome.content:
            refuse_other_bytes(outcome.path, outcome.content, known.get(outcome.path))
    except DatasetError as error:
        return replace(outcome, status="failed", duration_seconds=0.0, error=str(error))
    return outcome


def _queries_of(manifest: "Manifest", number: int, count: int) -> "Manifest":
    """The manifest with the samples whose query file is this shard's."""
    from stillseek.features import shard_of

    files = sorted({manifest.query_path(sample) for sample in manifest.samples})
    own = set(shard_of(files, number, count))
    samples = tuple(sample for sample in manifest.samples if manifest.query_path(sample) in own)
    return replace(manifest, samples=samples)
