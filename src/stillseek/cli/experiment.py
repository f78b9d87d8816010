"""``stillseek experiment``: the paper's tables and figures on a data set."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from stillseek.cli.console import one_line, print_wrote
from stillseek.cli.recipe_options import RecipeBesideHead, files_of, train_arguments
from stillseek.errors import UsageError
from stillseek.experiments.methods import RUNS, ProfileName, RunName
from stillseek.experiments.places import experiment_output
from stillseek.features import DEFAULT_RECIPE
from stillseek.outputs import check_outputs

if TYPE_CHECKING:
    from stillseek.experiments.page import Report

_RECIPE = RecipeBesideHead()
_SEEDS = (0, 1, 2)


def experiment(
    *runs: RunName,
    dataset: Path,
    out: Path,
    store: Path | None = None,
    recipe: str = DEFAULT_RECIPE,
    recipe_options: Annotated[RecipeBesideHead, Parameter(name="*")] = _RECIPE,
    clip_features: Path | None = None,
    profile: ProfileName = "full",
    seeds: Annotated[
        tuple[int, ...], Parameter(consume_multiple=True, negative_iterable=())
    ] = _SEEDS,
    workers: int = 2,
    device: str = "cpu",
    report_only: bool = False,
) -> None:
    """Make the paper's tables and figures on a data set.

    Trains every method, scores it on unseen and seen classes, and writes report.html, report.md,
    report.json and figures. Stopped anywhere, the same command goes on from there.

    Args:
        runs: What to make; all where not given. methods: Tables 2 and 3, all methods; ablations:
            Table 4, SAIL without its parts; layers: Figure 4, 1 to 7 layers; examples: Figure 5,
            answers and where SAIL looks.
        dataset: Folder of the data set.
        out: Folder of the experiment; the report shows all that was ever made in it.
        store: Folder of the feature store, filled by stillseek extract --dataset.
        recipe: Recipe of the features.
        recipe_options: How the recipe was loaded when they were made.
        clip_features: HDF5 file in the layout of ActivityNet's C3D features: clips come from it,
            queries from the store.
        profile: full: the paper's sizes, all seeds; quick: small heads and few epochs, ablations
            and layers with the first seed only.
        seeds: Seeds of the trainings.
        workers: Trainings at a time, each with one thread.
        device: Where trained heads answer: cpu, cuda, cuda:1.
        report_only: Make the report again from the predictions in the folder; needs no store.
    """
    check_outputs(
        [experiment_output(out)],
        inputs=[dataset, store, clip_features, *files_of(recipe_options)],
    )
    if report_only:
        if runs or seeds != _SEEDS:
            raise UsageError(
                "--report-only shows all that the folder was asked for; leave the names of runs "
                "and --seeds out"
            )
        from stillseek.data.manifest import read_manifest
        from stillseek.experiments.conduct import report_experiment

        _tell(report_experiment(read_manifest(dataset), out), out)
        return
    if store is None:
        raise UsageError("the features are missing; give --store DIR, or --report-only")
    if workers < 1:
        raise UsageError(f"--workers must be at least 1, got {workers}")
    from stillseek.cli.dataset_features import check_store, open_features
    from stillseek.data.manifest import read_manifest
    from stillseek.evaluation.run import samples_of_split
    from stillseek.experiments.conduct import Settings, run_experiment
    from stillseek.features import load_recipe
    from stillseek.localize.head import matching_head

    manifest, options = read_manifest(dataset), recipe_options.options()
    encoder = load_recipe(recipe, options)
    features = open_features(manifest, store, encoder, clip_file=clip_features)
    for split in ("train", "validation", "test"):
        first = samples_of_split(manifest, split)[0]
        check_store(manifest, first, store, encoder, options, clip_file=clip_features)
    one_space = clip_features is None and encoder.one_space
    report = run_experiment(
        manifest,
        features.source,
        Settings(
            samples_sha256=manifest.header.samples_sha256,
            recipe=features.name,
            fingerprint=features.fingerprint,
            profile=profile,
            runs=tuple(run for run in RUNS if run in runs) or RUNS,
            seeds=seeds,
        ),
        out,
        data=train_arguments(dataset, store, recipe, recipe_options, clip_features),
        matching=matching_head(encoder) if one_space else None,
        workers=workers,
        device=device,
        on_event=lambda line: print(one_line(line), file=sys.stderr),
    )
    _tell(report, out)


def _tell(report: "Report", out: Path) -> None:
    for claim in report.claims:
        print(f"{claim.verdict}: {claim.says}: {claim.here}")
    print_wrote(str(out / "report.html"))
