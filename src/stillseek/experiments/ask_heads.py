"""The answers of all methods to all splits as predictions files; each head is asked once."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from stillseek.data.example import FeatureSource
from stillseek.data.manifest import Manifest
from stillseek.data.sample import Split
from stillseek.evaluation.predictions import (
    PREDICTIONS_FOLDER,
    Predictions,
    PredictionsHeader,
    predictions_name,
    read_predictions,
    write_predictions,
)
from stillseek.evaluation.run import Head, answers_of, answers_that_look_at_nothing
from stillseek.experiments.methods import METHODS, Training
from stillseek.experiments.places import STEPS_FOLDER
from stillseek.experiments.trainings import head_path
from stillseek.files import replacing
from stillseek.models.checkpoint import Checkpoint, load_checkpoint
from stillseek.models.checkpoint_header import HEAD_FOLDER

SPLITS: tuple[Split, ...] = ("test", "seen")
"""What is asked: unseen classes, and other videos of seen ones where a data set has them."""


def splits_of(manifest: Manifest) -> tuple[Split, ...]:
    """Those of `SPLITS` that a data set has."""
    return tuple(split for split in SPLITS if manifest.of_split(split))


def answer_all(
    manifest: Manifest,
    source: FeatureSource,
    trainings: Sequence[Training],
    matching: Checkpoint | None,
    out: Path,
    *,
    device: str,
    on_event: Callable[[str], None],
) -> None:
    """Asks whoever was not asked before.

    Args:
        manifest: The data set.
        source: Its features.
        trainings: Whose heads are asked; all are trained by now, so that nothing is chosen after
            a test class was seen.
        matching: The head that needs no training; None where the features do not allow it.
        out: Folder of the experiment.
        device: Where heads run.
        on_event: Called with a line as something begins, or cannot be done.
    """
    for split in splits_of(manifest):
        samples = manifest.of_split(split)
        ask = partial(
            answers_of, samples=samples, source=source, device=device, on_left_out=on_event
        )
        askings: dict[str, Callable[[], Iterable[Predictions]]] = {
            "priors": partial(answers_that_look_at_nothing, manifest, samples)
        }
        if matching is not None:
            askings["matching"] = partial(ask, Head.of(matching, None))
        for training in trainings:
            askings[training.place] = partial(_ask_trained, out, training, ask)
        for name, answers in askings.items():
            step = out / STEPS_FOLDER / f"{name}_on_{split}.done"
            if step.exists():
                continue
            on_event(f"asking {name} about split {split}")
            for run in answers():
                folder = out / PREDICTIONS_FOLDER / split
                write_predictions(folder / predictions_name(run.header), run)
            with replacing(step) as place:
                place.touch()


def read_answers(out: Path, split: Split) -> list[Predictions]:
    """All answers about a split that are there.

    Raises:
        DatasetError: A file is broken.
    """
    return [read_predictions(p) for p in sorted((out / PREDICTIONS_FOLDER / split).glob("*.jsonl"))]


def answers_of_run(out: Path, model: str, seed: int) -> Predictions | None:
    """A model's answers about unseen classes by joint decoding; None where they are not there."""
    header = PredictionsHeader(model=model, checkpoint=None, decode="joint", seed=seed)
    path = out / PREDICTIONS_FOLDER / "test" / predictions_name(header)
    return read_predictions(path) if path.exists() else None


def _ask_trained(
    out: Path, training: Training, ask: Callable[..., Iterator[Predictions]]
) -> Iterator[Predictions]:
    path = head_path(out, training) / HEAD_FOLDER
    head = Head.of(load_checkpoint(path, recipe_fingerprint=None), path)
    return ask(head, shuffled=training.method in METHODS)
