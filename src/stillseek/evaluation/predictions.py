"""The predictions file: tables and figures are made from it and from nothing else."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from stillseek.data.sample import Sample
from stillseek.errors import DatasetError
from stillseek.outputs import Output
from stillseek.records import (
    dump_record,
    iterate_objects,
    parse_record,
    read_text,
    write_text_atomic,
)
from stillseek.timeline import ClipGrid

FORMAT_VERSION = 1
PREDICTIONS_FOLDER = "predictions"
# What an evaluation writes beside the predictions; the last three for calibrated heads.
_TABLES = ("tables.md", "tables.json", "presence.md", "presence.json", "reliability.png")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """A model's answer to one sample.

    Attributes:
        sample_id: The sample of the manifest.
        start_seconds: Start, on the sample's own time axis.
        end_seconds: End; at or before the start where independent decoding reversed them.
        score: The model's confidence.
        presence: Calibrated probability that the activity is there; None until calibrated.
    """

    sample_id: str
    start_seconds: float
    end_seconds: float
    score: float
    presence: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionsHeader:
    """The first line of a predictions file: what made it.

    Attributes:
        model: Name of the model or prior; runs that differ in the seed only share it.
        checkpoint: The weights, for people; None for priors.
        decode: How boundaries were chosen: ``joint``, ``independent``, or a prior's own way.
        seed: Seed of the training run or of the prior.
        format_version: Version of this file format.
    """

    model: str
    checkpoint: str | None
    decode: str
    seed: int
    format_version: int = FORMAT_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictions:
    """The answers of one run."""

    header: PredictionsHeader
    rows: tuple[Prediction, ...]

    def bounds_for(self, samples: Sequence[Sample]) -> Float[np.ndarray, "sample 2"]:
        """Predicted start and end in seconds, in the order of the samples.

        Raises:
            DatasetError: A sample has no prediction.
        """
        by_id = {row.sample_id: row for row in self.rows}
        missing = [sample.sample_id for sample in samples if sample.sample_id not in by_id]
        if missing:
            raise DatasetError(
                f"predictions of {self.header.model!r} (seed {self.header.seed}) miss "
                f"{len(missing)} of {len(samples)} samples, the first is {missing[0]!r}; run the "
                "model on this manifest"
            )
        rows = [by_id[sample.sample_id] for sample in samples]
        bounds = [(row.start_seconds, row.end_seconds) for row in rows]
        return np.array(bounds, dtype=np.float64).reshape(-1, 2)


def scores_output(path: Path) -> Output:
    """The folder of an evaluation that is about to be written, for `check_outputs`."""
    files = f"{PREDICTIONS_FOLDER}/*.jsonl"
    return Output(name="--out", path=path, holds=(*_TABLES, files), signs=((files, '"decode"'),))


def predictions_name(header: PredictionsHeader) -> str:
    """The name of a predictions file: model, decoding and seed."""
    name = f"{header.model}_{header.decode}_seed{header.seed}"
    return "".join(c if c.isalnum() or c in "._" else "-" for c in name) + ".jsonl"


def prediction_of_positions(
    sample_id: str, grid: ClipGrid, start: float, end: float, score: float
) -> Prediction:
    """A prediction from decoded positions in steps, half-open: step ``i`` is ``[i, i + 1)``.

    An end at or before the start stays there, and scores 0.
    """
    return Prediction(
        sample_id=sample_id,
        start_seconds=grid.seconds_at(start),
        end_seconds=grid.seconds_at(end),
        score=score,
    )


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Writes a predictions file in one step."""
    records = (predictions.header, *predictions.rows)
    lines = [
        json.dumps(dump_record(record), ensure_ascii=False, allow_nan=False) for record in records
    ]
    write_text_atomic(path, "\n".join(lines) + "\n")


def read_predictions(path: Path) -> Predictions:
    """Reads and checks a predictions file.

    Raises:
        DatasetError: The file is missing or broken, or names a sample twice.
    """
    lines = iterate_objects(read_text(path), path)
    where, first = next(lines, (str(path), {}))
    if first.get("format_version") != FORMAT_VERSION:
        raise DatasetError(
            f"{where}: expected the header of a predictions file with format_version "
            f"{FORMAT_VERSION}, got {first.get('format_version')!r}; evaluate again"
        )
    header = parse_record(PredictionsHeader, first, where)
    rows: list[Prediction] = []
    seen: set[str] = set()
    for where, values in lines:
        row = parse_record(Prediction, values, where)
        if row.sample_id in seen:
            raise DatasetError(f"{where}: sample_id {row.sample_id!r} has a prediction already")
        seen.add(row.sample_id)
        rows.append(row)
    return Predictions(header=header, rows=tuple(rows))
