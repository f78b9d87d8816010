"""A data set's questions put to heads: predictions files, and the tables made from them.

```python
head = Head.of(load_checkpoint(Path("my-run/head"), recipe_fingerprint=None), Path("my-run"))
print(evaluate(manifest, [head], source, Path("scores")).text)
```
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from stillseek.data.absence import absent_of
from stillseek.data.example import ExampleSet, FeatureSource
from stillseek.data.manifest import Manifest
from stillseek.data.sample import Sample, Split
from stillseek.data.several_pictures import SeveralPictures
from stillseek.errors import DatasetError, UsageError
from stillseek.evaluation.inference import predict
from stillseek.evaluation.predictions import (
    PREDICTIONS_FOLDER,
    Predictions,
    PredictionsHeader,
    predictions_name,
    read_predictions,
    write_predictions,
)
from stillseek.evaluation.presence import (
    PresenceReport,
    draw_reliability,
    presence_table,
    report_presence,
)
from stillseek.evaluation.priors import (
    centre_prior,
    fit_centre_length,
    random_prior,
    whole_video_prior,
)
from stillseek.evaluation.score_tables import (
    ScoreRow,
    SwapAccuracy,
    markdown_table,
    score_rows,
    swap_accuracy,
    swap_table,
)
from stillseek.evaluation.shuffling import shuffle_queries
from stillseek.models.calibration import Calibration, calibration_of
from stillseek.models.catalog import model_name
from stillseek.models.checkpoint import Checkpoint
from stillseek.models.checkpoint_header import COMPARING, max_steps_of
from stillseek.records import write_text_atomic

# Seeds of the controls that draw at random; fixed, so that a table can be made again.
_CONTROL_SEED = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A head that is scored.

    Attributes:
        checkpoint: The head.
        name: What it is called in tables where its training gave it no name.
        path: Its weights, for people; None where they are not on disk.
        max_steps: Most steps of a video that it is asked with; None for those of its training.
        num_pictures: How many pictures it is asked with as one.
    """

    checkpoint: Checkpoint
    name: str
    path: Path | None = None
    max_steps: int | None = None
    num_pictures: int = 1

    @classmethod
    def of(cls, checkpoint: Checkpoint, path: Path | None) -> "Head":
        """A head that is called as its folder, or as its model where it has none."""
        name = model_name(checkpoint.model) if path is None else path.name
        return cls(checkpoint=checkpoint, name=name, path=path)

    @property
    def row_name(self) -> str:
        """What it is called in tables; runs that differ in the seed only share it."""
        name = self.checkpoint.training.get("name", self.name)
        return name if self.num_pictures == 1 else f"{name}, {self.num_pictures} pictures"

    def examples(self, samples: Sequence[Sample], source: FeatureSource) -> ExampleSet:
        """Questions as it reads them."""
        steps = self.max_steps or max_steps_of(self.checkpoint.training)
        return ExampleSet(samples, source, max_steps=steps)

    @property
    def query_blind(self) -> bool:
        """Whether it was trained without the query."""
        return self.checkpoint.training.get("config", {}).get("query_blind", False)

    @property
    def calibration(self) -> Calibration | None:
        """Its calibration, for so many pictures."""
        found = calibration_of(self.checkpoint.calibration)
        return found and found.for_pictures(self.num_pictures)

    def header(self, model: str, decode: str) -> PredictionsHeader:
        """The header of its answers under a name."""
        return PredictionsHeader(
            model=model,
            checkpoint=None if self.path is None else str(self.path),
            decode=decode,
            seed=self.checkpoint.training.get("config", {}).get("seed", 0),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The tables of a split.

    Attributes:
        rows: Scores of every model, decoding and kind of query.
        swaps: Swap accuracy by model and decoding; empty where the split has no swap pairs.
        presence: What presence of the calibrated heads is worth, by name.
    """

    rows: tuple[ScoreRow, ...]
    swaps: Mapping[str, SwapAccuracy]
    presence: Mapping[str, PresenceReport]

    @property
    def text(self) -> str:
        """The tables as Markdown."""
        return self.scores_text + (f"\n{presence_table(self.presence)}" if self.presence else "")

    @property
    def scores_text(self) -> str:
        """The tables of scores and swap accuracy as Markdown."""
        return markdown_table(self.rows) + ("\n" + swap_table(self.swaps) if self.swaps else "")


def evaluate(
    manifest: Manifest,
    heads: Sequence[Head],
    source: FeatureSource,
    out: Path,
    *,
    split: Split = "test",
    num_pictures: int = 1,
    device: str = "cpu",
    on_left_out: Callable[[str], None] | None = None,
) -> Evaluation:
    """Scores heads on a split, beside shuffled queries and answers that look at nothing.

    Args:
        manifest: The data set.
        heads: What is scored; heads of one name that differ in the seed share a row.
        source: The features that they were trained on.
        out: Folder for the predictions files and the tables made from them.
        split: Which samples; unseen classes are in test.
        num_pictures: How many pictures of its class every question is asked with as one, for heads
            that compare pictures with clips.
        device: Where the heads run.
        on_left_out: Called with the reason why a row of the table is missing.

    Raises:
        DatasetError: The split is empty, or a class of it has too few pictures.
        UsageError: Two heads have one name and seed, one does not compare and is asked with several
            pictures, or there is not even one.
        FeatureError: Features are missing.
    """
    if num_pictures < 1:
        raise UsageError(f"the number of pictures must be at least 1, got {num_pictures}")
    samples = samples_of_split(manifest, split)
    if num_pictures > 1:
        for head in heads:
            if model_name(head.checkpoint.model) not in COMPARING:
                raise UsageError(
                    f"head {head.name!r} does not compare pictures with clips, so it cannot be "
                    "asked with several pictures as one; leave it out, or ask with one"
                )
        source = SeveralPictures(source, manifest.samples, num_pictures)
        heads = [replace(head, num_pictures=num_pictures) for head in heads]
    files: list[Path] = []
    for predictions in (
        *answers_that_look_at_nothing(manifest, samples),
        *(
            run
            for head in heads
            for run in answers_of(head, samples, source, device=device, on_left_out=on_left_out)
        ),
    ):
        file = out / PREDICTIONS_FOLDER / predictions_name(predictions.header)
        if file in files:
            raise UsageError(
                f"two heads are called {predictions.header.model!r} with seed "
                f"{predictions.header.seed}; train one of them with another --name or --seed"
            )
        files.append(file)
        write_predictions(file, predictions)
    scores = score(manifest, map(read_predictions, files), split=split)
    write_text_atomic(out / "tables.md", scores.scores_text)
    _write_json(
        out / "tables.json",
        {
            "scores": [asdict(row) for row in scores.rows],
            "swap_accuracy": {name: asdict(swap) for name, swap in scores.swaps.items()},
        },
    )
    calibrated = [head for head in heads if head.checkpoint.calibration is not None]
    if not calibrated:
        return scores
    presence = _score_presence(manifest, samples, calibrated, source, out, device=device)
    write_text_atomic(out / "presence.md", presence_table(presence))
    _write_json(out / "presence.json", {name: asdict(report) for name, report in presence.items()})
    draw_reliability(next(iter(presence.values())), out / "reliability.png")
    return Evaluation(rows=scores.rows, swaps=scores.swaps, presence=presence)


def samples_of_split(manifest: Manifest, split: Split) -> tuple[Sample, ...]:
    """The samples of a split.

    Raises:
        DatasetError: It has none.
    """
    if samples := manifest.of_split(split):
        return samples
    raise DatasetError(
        f"{manifest.folder} has no sample of split {split!r}; choose another --split"
    )


def score(manifest: Manifest, runs: Iterable[Predictions], *, split: Split) -> Evaluation:
    """The tables of answers that were given before; nothing but predictions is needed.

    Raises:
        DatasetError: A run misses a sample of the split, or the split is empty.
        UsageError: Two runs of one model and decoding have the same seed.
    """
    models = by_model(runs)
    return Evaluation(
        rows=tuple(
            row
            for runs in models.values()
            for row in score_rows(manifest.samples, runs, split=split)
        ),
        swaps={
            f"{model}, {decode}": swap
            for (model, decode), runs in models.items()
            if (swap := swap_accuracy(manifest.samples, runs, split=split)) is not None
        },
        presence={},
    )


def by_model(runs: Iterable[Predictions]) -> dict[tuple[str, str], list[Predictions]]:
    """Runs by model and decoding: those of one model differ in the seed."""
    models: dict[tuple[str, str], list[Predictions]] = {}
    for run in runs:
        models.setdefault((run.header.model, run.header.decode), []).append(run)
    return models


def answers_that_look_at_nothing(
    manifest: Manifest, samples: Sequence[Sample]
) -> Iterator[Predictions]:
    """Random, the whole video and, where there are training samples to fit it, the centre."""
    yield random_prior(samples, seed=_CONTROL_SEED)
    yield whole_video_prior(samples)
    if training := manifest.of_split("train"):
        yield centre_prior(samples, relative_length=fit_centre_length(training))


def answers_of(
    head: Head,
    samples: Sequence[Sample],
    source: FeatureSource,
    *,
    device: str = "cpu",
    shuffled: bool = True,
    on_left_out: Callable[[str], None] | None = None,
) -> Iterator[Predictions]:
    """A head's answers by every decoding, and those to shuffled queries.

    Args:
        head: The head.
        samples: The questions.
        source: Their features.
        device: Where the head runs.
        shuffled: Whether it is asked with shuffled queries too; not if it never looks at queries.
        on_left_out: Called with the reason where the queries cannot be shuffled.
    """
    questions = {head.row_name: tuple(samples)}
    if shuffled and not head.query_blind:
        control = f"{head.row_name}, shuffled"
        try:
            questions[control] = shuffle_queries(samples, seed=_CONTROL_SEED)
        except DatasetError as error:
            if on_left_out is not None:
                on_left_out(f"the table has no row {control!r}: {error}")
    model = head.checkpoint.model.to(device)
    for row_name, asked in questions.items():
        answers = predict(
            model,
            head.examples(asked, source),
            methods=model.decode_methods,
            query_blind=head.query_blind,
            calibration=head.calibration,
        )
        for method, rows in answers.items():
            yield Predictions(header=head.header(row_name, method), rows=rows)


def _score_presence(
    manifest: Manifest,
    samples: Sequence[Sample],
    heads: Sequence[Head],
    source: FeatureSource,
    out: Path,
    *,
    device: str,
) -> dict[str, PresenceReport]:
    """Asks calibrated heads about what is not there."""
    asked = absent_of(manifest, samples[0].split)
    sources = {s.sample_id: s.source_video_id for each in asked.values() for s in each}
    reports = {}
    for head in heads:
        calibration = head.calibration
        assert calibration is not None
        answers = {}
        for kind, questions in {"present": samples, **asked}.items():
            rows = predict(
                head.checkpoint.model.to(device),
                head.examples(questions, source),
                calibration=calibration,
            )
            header = head.header(f"{head.row_name}, {kind}", "joint")
            file = out / PREDICTIONS_FOLDER / predictions_name(header)
            write_predictions(file, Predictions(header=header, rows=rows["joint"]))
            answers[kind] = read_predictions(file)
        present = answers.pop("present")
        reports[head.row_name] = report_presence(
            samples, present, answers, sources=sources, threshold=calibration.threshold
        )
    return reports


def _write_json(path: Path, value: object) -> None:
    write_text_atomic(path, json.dumps(value, indent=2) + "\n")
