import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from stillseek.errors import StillseekError
from stillseek.experiments import trainings
from stillseek.experiments.methods import PROFILES, trainings_of
from stillseek.experiments.trainings import read_records, run_trainings

QUICK = PROFILES["quick"]
METHODS = trainings_of(["methods"], (3,), QUICK)
DATA = ("--dataset", "D", "--store", "S")


def test_commands_say_everything(trainer, tmp_path: Path) -> None:
    run_trainings(METHODS, DATA, tmp_path, QUICK, workers=2, start=trainer)

    assert [command[: len(DATA) + 1] for command in trainer.commands] == [("train", *DATA)] * 6
    schedule = ("--max-epochs", "4", "--patience", "2")
    sizes = ("--projection-dim", "32", "--ffn-dim", "256", "--hidden-dim", "64")
    sail, blind = (("--model", "sail", "--name", name) for name in ("sail", "sail query-blind"))
    assert trainer.commands[3][5:] == (
        *("--out", f"{tmp_path}/heads/sail_3", "--resume", *sail, "--seed", "3"),
        *(*schedule, *sizes),
    )
    assert trainer.commands[5][5:] == (
        *("--out", f"{tmp_path}/heads/sail-query-blind_3", "--resume", *blind, "--seed", "3"),
        *(*schedule, *sizes, "--query-blind"),
    )
    records = read_records(tmp_path, METHODS)
    names = ["flp", "sst+", "tal+", "sail", "similarity", "sail query-blind"]
    assert [record.name for record in records] == names
    assert {record.seed for record in records} == {3}
    assert records[5].command.endswith("--hidden-dim 64 --query-blind")
    assert "--name 'sail query-blind'" in records[5].command
    assert (records[0].num_epochs, records[0].best_epoch, records[0].max_epochs) == (3, 1, 50)
    assert records[0].best_validation_miou == 0.25


def test_as_many_at_a_time_as_workers(trainer, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(trainings, "_WAIT_SECONDS", 0)
    alive, most = set(), []

    def start(arguments, log):
        trainer(arguments, log)
        alive.add(log)
        most.append(len(alive))
        polls = iter((None, None))

        def poll():
            status = next(polls, 0)
            if status == 0:
                alive.discard(log)
            return status

        return SimpleNamespace(poll=poll)

    run_trainings(METHODS, DATA, tmp_path, QUICK, workers=3, start=start)

    assert max(most) == 3
    assert most[:3] == [1, 2, 3]
    assert len(read_records(tmp_path, METHODS)) == 6


def test_a_stopped_one_goes_on_where_it_was(trainer, tmp_path: Path) -> None:
    def interrupted(arguments, log):
        if trainer.commands:
            raise KeyboardInterrupt
        return trainer(arguments, log)

    with pytest.raises(KeyboardInterrupt):
        run_trainings(METHODS, DATA, tmp_path, QUICK, workers=1, start=interrupted)
    assert [record.name for record in read_records(tmp_path, METHODS)] == ["flp"]

    run_trainings(METHODS, DATA, tmp_path, QUICK, workers=1, start=trainer)

    models = [command[command.index("--model") + 1] for command in trainer.commands]
    assert models == ["flp", "sst", "tal", "sail", "similarity", "sail"]
    assert all("--resume" in command for command in trainer.commands)


def test_a_failed_training_is_named_and_ends_the_others(tmp_path: Path) -> None:
    ended = []

    def start(arguments, log):
        if "flp" not in arguments:
            return SimpleNamespace(
                poll=lambda: None,
                terminate=lambda: ended.append("terminate"),
                wait=lambda: ended.append("wait"),
            )
        log.parent.mkdir(parents=True)
        log.write_text("head: 5 parameters\nerror: the loss became nan; lower it\n")
        return SimpleNamespace(poll=lambda: 1)

    message = (
        "training flp, seed 3, failed: the loss became nan; lower it; all it said is in "
        f"{tmp_path}/steps/flp_3.log; the same command goes on from here"
    )
    with pytest.raises(StillseekError, match=re.escape(message)):
        run_trainings(METHODS, DATA, tmp_path, QUICK, workers=2, start=start)
    assert ended == ["terminate", "wait"]
    assert not read_records(tmp_path, METHODS)


def test_a_command_that_cannot_run_says_why(tmp_path: Path) -> None:
    with pytest.raises(StillseekError, match=r"failed: .*is no data set; expected a folder"):
        run_trainings(
            METHODS[:1],
            ("--dataset", str(tmp_path / "none"), "--store", str(tmp_path / "store")),
            tmp_path / "out",
            QUICK,
            workers=1,
        )
