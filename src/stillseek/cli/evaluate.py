"""``stillseek evaluate``: score heads on a data set and print the tables."""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from stillseek.cli.recipe_options import RecipeBesideHead, files_of
from stillseek.data.manifest import Split
from stillseek.errors import DatasetError, UsageError
from stillseek.files import Output, check_outputs, replacing

if TYPE_CHECKING:
    from stillseek.data.example import FeatureSource
    from stillseek.data.manifest import Manifest, Sample
    from stillseek.evaluation.predictions import Predictions, PredictionsHeader
    from stillseek.evaluation.report import SwapAccuracy
    from stillseek.models.checkpoint import Checkpoint

_TABLES = ("tables.md", "tables.json", "presence.md", "presence.json", "reliability.png")
# Seeds of the controls that draw at random; fixed, so that a table can be made again.
_CONTROL_SEED = 0
_RECIPE = RecipeBesideHead()


def evaluate(
    *,
    dataset: Path,
    store: Path,
    out: Path,
    checkpoint: Annotated[
        tuple[Path, ...], Parameter(consume_multiple=True, show_default=False)
    ] = (),
    matching: bool = False,
    split: Split = "test",
    recipe: str | None = None,
    recipe_options: Annotated[RecipeBesideHead, Parameter(name="*")] = _RECIPE,
    clip_features: Path | None = None,
    device: str = "cpu",
    overwrite: bool = False,
) -> None:
    """Score heads on a data set and print the tables.

    Beside every head stand its answers to shuffled queries, and answers that look at nothing:
    Random, the whole video, the centre. Heads that differ in the seed only share a row.

    Args:
        dataset: Folder of the data set.
        store: Folder of the feature store, filled by stillseek extract --dataset.
        out: Folder for the predictions files and the tables made from them.
        checkpoint: Folders of trained heads, of any model, or of the training runs that made them.
        matching: Score matching too, which compares clips and picture and needs no training.
        split: Which samples; unseen classes are in test.
        recipe: Recipe of the features; that of the first checkpoint, or lite, where not given.
        recipe_options: How the recipe was loaded when they were made; as that checkpoint says,
            where not given.
        clip_features: HDF5 file in the layout of ActivityNet's C3D features: clips come from it,
            queries from the store.
        device: Where the heads run: cpu, cuda, cuda:1.
        overwrite: Replace files that stillseek did not write.

    Calibrated heads are also asked about what is not in the videos; presence.md, presence.json and
    reliability.png say how well their presence and scores can be trusted.
    """
    if not checkpoint and not matching:
        raise UsageError("nothing to score; give --checkpoint DIR, --matching or both")
    if matching and clip_features is not None:
        raise UsageError(
            "--matching compares clips and pictures of one encoder, and those of --clip-features "
            "are of two; leave one of them out"
        )
    output = Output(
        name="--out",
        path=out,
        holds=(*_TABLES, "predictions/*.jsonl"),
        signs=(("predictions/*.jsonl", '"decode"'),),
    )
    inputs = [dataset, store, clip_features, *checkpoint, *files_of(recipe_options)]
    check_outputs([output], inputs=inputs, overwrite=overwrite)
    from stillseek.models.checkpoint_header import find_checkpoint

    for path in checkpoint:
        find_checkpoint(path)
    from stillseek.cli.dataset_features import check_store, open_features
    from stillseek.data.manifest import read_manifest
    from stillseek.evaluation.predictions import read_predictions, write_predictions
    from stillseek.features import DEFAULT_RECIPE, load_recipe
    from stillseek.features.precision import recipe_device
    from stillseek.localize.head import check_recipe, matching_head, recipe_of
    from stillseek.models.checkpoint import load_checkpoint

    manifest = read_manifest(dataset)
    samples = manifest.of_split(split)
    if not samples:
        raise DatasetError(f"{dataset} has no sample of split {split!r}; choose another --split")
    heads: dict[Path | None, Checkpoint] = {
        path: load_checkpoint(path, recipe_fingerprint=None) for path in checkpoint
    }
    name, options = recipe or DEFAULT_RECIPE, recipe_options.options()
    for path, head in list(heads.items())[:1]:
        name, options = recipe_of(head, str(path), recipe, options)
    options = replace(options, device=recipe_device(name, device))
    encoder = load_recipe(name, options)
    features = open_features(manifest, store, encoder, clip_file=clip_features)
    for path, head in heads.items():
        check_recipe(head, str(path), features.name, features.fingerprint, options)
    if matching:
        heads[None] = matching_head(encoder)
    check_store(manifest, samples[0], store, encoder, options, clip_file=clip_features)
    files: list[Path] = []
    for predictions in (
        *_priors(manifest, samples),
        *(
            run
            for path, head in heads.items()
            for run in _answers(path, head, samples, features.source, device)
        ),
    ):
        file = out / "predictions" / _file_name(predictions.header)
        if file in files:
            raise UsageError(
                f"two heads are called {predictions.header.model!r} with seed "
                f"{predictions.header.seed}; train one of them with another --name or --seed"
            )
        files.append(file)
        write_predictions(file, predictions)
    _write_tables(manifest, [read_predictions(file) for file in files], split, out)
    calibrated = {path: head for path, head in heads.items() if head.calibration is not None}
    if calibrated:
        _write_presence(manifest, samples, calibrated, features.source, device, out)


def _file_name(header: "PredictionsHeader") -> str:
    name = f"{header.model}_{header.decode}_seed{header.seed}"
    return "".join(c if c.isalnum() or c in "._" else "-" for c in name) + ".jsonl"


def _priors(manifest: "Manifest", samples: "tuple[Sample, ...]") -> "Iterator[Predictions]":
    from stillseek.evaluation.priors import (
        centre_prior,
        fit_centre_length,
        random_prior,
        whole_video_prior,
    )

    yield random_prior(samples, seed=_CONTROL_SEED)
    yield whole_video_prior(samples)
    if training := manifest.of_split("train"):
        yield centre_prior(samples, relative_length=fit_centre_length(training))


def _answers(
    path: Path | None,
    head: "Checkpoint",
    samples: "tuple[Sample, ...]",
    source: "FeatureSource",
    device: str,
) -> "Iterator[Predictions]":
    """A head's answers, and those to shuffled queries where the head looks at queries at all."""
    from stillseek.data.example import ExampleSet
    from stillseek.evaluation.inference import predict
    from stillseek.evaluation.predictions import Predictions, PredictionsHeader
    from stillseek.evaluation.shuffling import shuffle_queries
    from stillseek.models.calibration import calibration_of
    from stillseek.models.catalog import model_name

    config = head.training.get("config", {})
    unnamed = model_name(head.model) if path is None else path.name
    name, seed = head.training.get("name", unnamed), config.get("seed", 0)
    is_blind = config.get("query_blind", False)
    questions = {name: samples}
    if not is_blind:
        control = f"{name}, shuffled"
        try:
            questions[control] = shuffle_queries(samples, seed=_CONTROL_SEED)
        except DatasetError as error:
            print(f"warning: the table has no row {control!r}: {error}", file=sys.stderr)
    model = head.model.to(device)
    for row_name, asked in questions.items():
        answers = predict(
            model,
            ExampleSet(asked, source),
            methods=model.decode_methods,
            query_blind=is_blind,
            calibration=calibration_of(head.calibration),
        )
        for method, rows in answers.items():
            header = PredictionsHeader(
                model=row_name,
                checkpoint=None if path is None else str(path),
                decode=method,
                seed=seed,
            )
            yield Predictions(header=header, rows=rows)


def _write_presence(
    manifest: "Manifest",
    samples: "tuple[Sample, ...]",
    heads: "Mapping[Path | None, Checkpoint]",
    source: "FeatureSource",
    device: str,
    out: Path,
) -> None:
    """Asks calibrated heads about what is not there; prints and writes what came of it."""
    from stillseek.data.absence import absent_of
    from stillseek.data.example import ExampleSet
    from stillseek.evaluation.inference import predict
    from stillseek.evaluation.predictions import (
        Predictions,
        PredictionsHeader,
        read_predictions,
        write_predictions,
    )
    from stillseek.evaluation.presence import draw_reliability, presence_table, report_presence
    from stillseek.models.calibration import calibration_of

    asked = absent_of(manifest, samples[0].split)
    reports = {}
    for path, head in heads.items():
        calibration = calibration_of(head.calibration)
        assert calibration is not None
        name = "matching" if path is None else head.training.get("name", path.name)
        answers = {}
        for kind, questions in {"present": samples, **asked}.items():
            rows = predict(
                head.model.to(device), ExampleSet(questions, source), calibration=calibration
            )
            header = PredictionsHeader(
                model=f"{name}, {kind}",
                checkpoint=None if path is None else str(path),
                decode="joint",
                seed=head.training.get("config", {}).get("seed", 0),
            )
            file = out / "predictions" / _file_name(header)
            write_predictions(file, Predictions(header=header, rows=rows["joint"]))
            answers[kind] = read_predictions(file)
        present = answers.pop("present")
        reports[name] = report_presence(samples, present, answers, threshold=calibration.threshold)
    text = presence_table(reports)
    print(text, end="")
    with replacing(out / "presence.md") as place:
        place.write_text(text, encoding="utf-8")
    with replacing(out / "presence.json") as place:
        values = {name: asdict(report) for name, report in reports.items()}
        place.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    draw_reliability(next(iter(reports.values())), out / "reliability.png")


def _write_tables(
    manifest: "Manifest", predictions: "list[Predictions]", split: Split, out: Path
) -> None:
    """Prints the tables and writes them as Markdown and JSON."""
    from stillseek.evaluation.report import markdown_table, score_rows, swap_accuracy

    models: dict[tuple[str, str], list[Predictions]] = {}
    for run in predictions:
        models.setdefault((run.header.model, run.header.decode), []).append(run)
    rows = [
        row for runs in models.values() for row in score_rows(manifest.samples, runs, split=split)
    ]
    swaps = {
        f"{model}, {decode}": swap
        for (model, decode), runs in models.items()
        if (swap := swap_accuracy(manifest.samples, runs, split=split)) is not None
    }
    text = markdown_table(rows)
    if swaps:
        text += "\n" + _swap_table(swaps)
    print(text, end="")
    with replacing(out / "tables.md") as place:
        place.write_text(text, encoding="utf-8")
    values = {
        "scores": [asdict(row) for row in rows],
        "swap_accuracy": {name: asdict(swap) for name, swap in swaps.items()},
    }
    with replacing(out / "tables.json") as place:
        place.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def _swap_table(swaps: "Mapping[str, SwapAccuracy]") -> str:
    lines = ["| model | pairs | swap accuracy | both right |", "| --- | ---: | ---: | ---: |"]
    for name, swap in swaps.items():
        cells = [
            f"{100 * e.value:.2f} [{100 * e.low:.2f}, {100 * e.high:.2f}]"
            for e in (swap.per_query, swap.strict)
        ]
        lines.append(f"| {name} | {swap.num_pairs} | {cells[0]} | {cells[1]} |")
    return "\n".join(lines) + "\n"
