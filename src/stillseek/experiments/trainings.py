"""Trainings side by side, each a process of its own; what is done is not done again."""

import json
import os
import shlex
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from stillseek.errors import StillseekError
from stillseek.experiments.methods import Profile, Training
from stillseek.experiments.places import HEADS_FOLDER, STEPS_FOLDER
from stillseek.models.checkpoint import load_checkpoint
from stillseek.models.checkpoint_header import HEAD_FOLDER
from stillseek.records import parse_object, parse_record, read_text, write_text_atomic

_WAIT_SECONDS = 0.2


StartCommand = Callable[[Sequence[str], Path], subprocess.Popen[bytes]]
"""Starts ``stillseek`` with arguments; what it says goes to a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRecord:
    """What came of a training.

    Attributes:
        name: The method.
        seed: Its seed.
        command: The command, as one types it.
        seconds: Wall time, of the last part where it was interrupted.
        num_weights: Numbers that were learned.
        num_epochs: Epochs until training stopped.
        max_epochs: Epochs at most.
        best_epoch: The epoch that was kept.
        best_validation_miou: Its mIoU on validation.
    """

    name: str
    seed: int
    command: str
    seconds: float
    num_weights: int
    num_epochs: int
    max_epochs: int
    best_epoch: int
    best_validation_miou: float


def start_command(arguments: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """Starts a command of stillseek with one thread: small models use one core best."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "stillseek", *arguments],
            stdout=file,
            stderr=subprocess.STDOUT,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )


def run_trainings(
    trainings: Sequence[Training],
    data: Sequence[str],
    out: Path,
    profile: Profile,
    *,
    workers: int,
    start: StartCommand = start_command,
    on_event: Callable[[str], None] = lambda _: None,
) -> None:
    """Trains what was not trained before; an interrupted training goes on where it was.

    Args:
        trainings: What to train.
        data: Arguments of ``stillseek train`` that say what to train on.
        out: Folder of the experiment.
        profile: How.
        workers: Processes at a time.
        start: Starts a command.
        on_event: Called with a line as something begins or ends.

    Raises:
        StillseekError: A training failed; the others are stopped, and resume another time.
    """
    waiting = deque(t for t in trainings if not record_path(out, t).exists())
    running: dict[Training, tuple[subprocess.Popen[bytes], float]] = {}
    done, total = len(trainings) - len(waiting), len(trainings)
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                training = waiting.popleft()
                on_event(f"training {training.method.name}, seed {training.seed}")
                log = out / STEPS_FOLDER / f"{training.place}.log"
                process = start(_command(training, data, out, profile), log)
                running[training] = process, time.perf_counter()
            ended = {t: code for t, (p, _) in running.items() if (code := p.poll()) is not None}
            for training, code in ended.items():
                _, began = running.pop(training)
                if code != 0:
                    raise StillseekError(_failure(training, code, out))
                command = _command(training, data, out, profile)
                record = _record(training, command, out, time.perf_counter() - began)
                text = json.dumps(asdict(record), indent=2) + "\n"
                write_text_atomic(record_path(out, training), text)
                done += 1
                score = f"validation mIoU {record.best_validation_miou:.2%}"
                on_event(f"{done} of {total}: {record.name}, seed {record.seed}: {score}")
            if not ended:
                time.sleep(_WAIT_SECONDS)
    finally:
        for process, _ in running.values():
            process.terminate()
        for process, _ in running.values():
            process.wait()


def head_path(out: Path, training: Training) -> Path:
    """The folder of its run."""
    return out / HEADS_FOLDER / training.place


def record_path(out: Path, training: Training) -> Path:
    """The file that says that it is done."""
    return out / STEPS_FOLDER / f"{training.place}.json"


def read_records(out: Path, trainings: Sequence[Training]) -> tuple[TrainingRecord, ...]:
    """What came of the trainings that are done.

    Raises:
        DatasetError: A file is broken.
    """
    paths = (record_path(out, training) for training in trainings)
    return tuple(
        parse_record(TrainingRecord, parse_object(read_text(path), str(path)), str(path))
        for path in paths
        if path.exists()
    )


def _command(
    training: Training, data: Sequence[str], out: Path, profile: Profile
) -> tuple[str, ...]:
    place = ("--out", str(head_path(out, training)), "--resume")
    return ("train", *data, *place, *training.arguments(profile))


def _record(
    training: Training, command: tuple[str, ...], out: Path, seconds: float
) -> TrainingRecord:
    head = load_checkpoint(head_path(out, training) / HEAD_FOLDER, recipe_fingerprint=None)
    return TrainingRecord(
        name=training.method.name,
        seed=training.seed,
        command=shlex.join(("stillseek", *command)),
        seconds=seconds,
        num_weights=sum(weight.numel() for weight in head.model.parameters()),
        num_epochs=head.training["num_epochs"],
        max_epochs=head.training["config"]["max_epochs"],
        best_epoch=head.training["best_epoch"],
        best_validation_miou=head.training["best_validation_miou"],
    )


def _failure(training: Training, code: int, out: Path) -> str:
    log = out / STEPS_FOLDER / f"{training.place}.log"
    said = log.read_text("utf-8", "replace").splitlines() if log.exists() else []
    last = said[-1].removeprefix("error: ") if said else f"it ended with status {code}"
    return (
        f"training {training.method.name}, seed {training.seed}, failed: {last}; all it said is in "
        f"{log}; the same command goes on from here"
    )
