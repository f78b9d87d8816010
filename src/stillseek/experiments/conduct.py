"""An experiment from trainings to the report; stopped anywhere, it goes on from there."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from stillseek.data.example import FeatureSource
from stillseek.data.manifest import Manifest
from stillseek.errors import DatasetError, UsageError
from stillseek.experiments.ask_heads import answer_all, answers_of_run
from stillseek.experiments.examples import attend, choose_samples, read_attention, write_attention
from stillseek.experiments.methods import (
    PROFILES,
    RUNS,
    SAIL,
    Settings,
    Training,
    seeds_of,
    trainings_of,
)
from stillseek.experiments.page import Report, write_reports
from stillseek.experiments.places import SETTINGS_FILE
from stillseek.experiments.trainings import StartCommand, head_path, run_trainings, start_command
from stillseek.files import json_text
from stillseek.models.checkpoint import Checkpoint, load_checkpoint
from stillseek.models.checkpoint_header import HEAD_FOLDER
from stillseek.models.sail import Sail
from stillseek.records import parse_object, parse_record, read_text, write_text_atomic
from stillseek.timeline import Segment


def read_settings(out: Path) -> Settings:
    """What a folder was asked for.

    Raises:
        DatasetError: There is no experiment, or its file is broken.
    """
    path = out / SETTINGS_FILE
    if not path.exists():
        raise DatasetError(f"{out} holds no experiment; make one with stillseek experiment")
    values = parse_object(read_text(path), str(path))
    return parse_record(Settings, values, str(path), advice="give another --out")


def run_experiment(
    manifest: Manifest,
    source: FeatureSource,
    settings: Settings,
    out: Path,
    *,
    data: Sequence[str],
    matching: Checkpoint | None,
    workers: int = 2,
    device: str = "cpu",
    start: StartCommand = start_command,
    on_event: Callable[[str], None] = lambda _: None,
) -> Report:
    """Trains, asks, and writes the report; what is in the folder already is not done again.

    Args:
        manifest: The data set.
        source: Its features, for the answers.
        settings: What is asked for; what the folder was asked for before is shown with it.
        out: Folder of the experiment.
        data: Arguments of ``stillseek train`` that say where the same features are.
        matching: The head that needs no training; None where the features do not allow it.
        workers: Trainings at a time.
        device: Where heads answer.
        start: Starts a training.
        on_event: Called with a line as something begins or ends.

    Raises:
        UsageError: The folder holds another experiment, or the seeds are no seeds.
        StillseekError: A training failed.
    """
    profile = PROFILES[settings.profile]
    trainings = trainings_of(settings.runs, settings.seeds, profile)
    whole = _joined(settings, out)
    write_text_atomic(out / SETTINGS_FILE, json_text(asdict(whole), indent=2) + "\n")
    run_trainings(trainings, data, out, profile, workers=workers, start=start, on_event=on_event)
    answer_all(manifest, source, trainings, matching, out, device=device, on_event=on_event)
    if "examples" in settings.runs and not read_attention(out):
        seed = seeds_of("examples", settings.seeds, profile)[0]
        _look(manifest, source, Training(SAIL, seed), out)
    return report_experiment(manifest, out)


def report_experiment(manifest: Manifest, out: Path) -> Report:
    """Makes the report again from predictions and records; nothing is trained or asked.

    Raises:
        DatasetError: There is no experiment, a file is broken, or it is of another data set.
    """
    settings = read_settings(out)
    if settings.samples_sha256 != manifest.header.samples_sha256:
        raise DatasetError(
            f"the experiment in {out} is of other samples than those of {manifest.folder}; give "
            "the data set that it was made with"
        )
    return write_reports(out, manifest, settings)


def _joined(settings: Settings, out: Path) -> Settings:
    """What a folder was asked for before and now."""
    if not (out / SETTINGS_FILE).exists():
        return settings
    before = read_settings(out)
    for name in ("samples_sha256", "recipe", "fingerprint", "profile"):
        then, now = getattr(before, name), getattr(settings, name)
        if then != now:
            raise UsageError(
                f"{out} holds an experiment with {name} {then}, and this one has {now}; give "
                "another --out"
            )
    runs = {*before.runs, *settings.runs}
    return replace(
        settings,
        runs=tuple(run for run in RUNS if run in runs),
        seeds=tuple(sorted({*before.seeds, *settings.seeds})),
    )


def _look(manifest: Manifest, source: FeatureSource, training: Training, out: Path) -> None:
    """Keeps where SAIL looks in a few samples of unseen classes."""
    samples = manifest.of_split("test")
    answers = answers_of_run(out, SAIL.name, training.seed)
    if not samples or answers is None:
        return
    head = load_checkpoint(head_path(out, training) / HEAD_FOLDER, recipe_fingerprint=None)
    assert isinstance(head.model, Sail)
    by_id = {row.sample_id: Segment(row.start_seconds, row.end_seconds) for row in answers.rows}
    chosen = choose_samples(samples, answers)
    write_attention(
        out,
        [
            attend(head.model, sample, source, by_id[sample.sample_id], seed=training.seed)
            for sample in chosen
        ],
    )
