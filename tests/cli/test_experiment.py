import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from stillseek.cli.app import main
from stillseek.experiments import conduct


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Runs trainings in this process, small and short; their commands."""
    commands = []
    small = ("--num-layers", "1", "--num-heads", "1", "--max-epochs", "1", "--batch-size", "3")

    def start(arguments, log: Path):
        commands.append(list(arguments))
        cut = arguments.index("--max-epochs")
        status = main([*arguments[:cut], *arguments[cut + 2 :], *small])
        return SimpleNamespace(poll=lambda: status)

    def run(*values, **named):
        return conduct_experiment(*values, **named, start=start)

    conduct_experiment = conduct.run_experiment
    monkeypatch.setattr(conduct, "run_experiment", run)
    return commands


@pytest.fixture
def places(use_small_recipe, dataset: Path, tmp_path: Path, capsys) -> list[str]:
    store = str(tmp_path / "store")
    assert main(["extract", "--dataset", str(dataset), "--out", store, "--recipe", "pocket"]) == 0
    capsys.readouterr()
    return ["--dataset", str(dataset), "--store", store, "--recipe", "pocket"]


def test_examples_from_features_to_the_report(
    places: list[str], commands: list[list[str]], tmp_path: Path, capsys
) -> None:
    out = tmp_path / "out"
    command = ["experiment", "examples", *places, "--out", str(out), "--profile", "quick"]

    assert main([*command, "--seeds", "4", "5"]) == 0

    captured = capsys.readouterr()
    assert captured.out.endswith(f"wrote {out}/report.html\n")
    lines = captured.err.splitlines()
    assert lines[0] == "training sail, seed 4"
    assert any(re.fullmatch(r"1 of 1: sail, seed 4: validation mIoU \d+\.\d\d%", x) for x in lines)
    assert commands[0][: len(places) + 1] == ["train", *places]
    report = json.loads((out / "report.json").read_text())
    assert report["facts"]["recipe"] == "pocket"
    # Two videos of each class, and no Difficult query.
    assert list(report["figures"]) == ["example_1", "example_2", "example_3"]
    assert report["trainings"][0]["num_epochs"] == 1

    # Again: nothing is trained. From predictions only: no store is needed.
    (out / "report.html").unlink()
    assert main([*command, "--seeds", "4", "5"]) == 0
    assert capsys.readouterr() == (f"wrote {out}/report.html\n", "")
    (out / "report.html").unlink()
    assert main(["experiment", *places[:2], "--out", str(out), "--report-only"]) == 0
    assert (out / "report.html").exists()
    assert len(commands) == 1

    capsys.readouterr()
    assert main([*command[:-1], "full"]) == 2
    assert capsys.readouterr().err.endswith(
        f"error: {out} holds an experiment with profile quick, and this one has full; give another "
        "--out\n"
    )


def test_wrong_requests_are_one_line(places: list[str], tmp_path: Path, capsys) -> None:
    command = ["experiment", *places[:2], "--out", str(tmp_path / "out")]

    assert main(command) == 2
    assert capsys.readouterr().err == (
        "error: the features are missing; give --store DIR, or --report-only\n"
    )
    assert main([*command, "methods", "--report-only"]) == 2
    assert capsys.readouterr().err == (
        "error: --report-only shows all that the folder was asked for; leave the names of runs and "
        "--seeds out\n"
    )
    assert main([*command, "--report-only"]) == 1
    assert capsys.readouterr().err == (
        f"error: {tmp_path}/out holds no experiment; make one with stillseek experiment\n"
    )
    assert main(["experiment", "table5", *places, "--out", str(tmp_path / "out")]) == 2
    assert "methods" in capsys.readouterr().err
    assert main([*command, *places[2:], "--workers", "0"]) == 2
    assert capsys.readouterr().err == "error: --workers must be at least 1, got 0\n"
    assert main([*command, *places[2:], "--seeds", "1", "1"]) == 2
    assert capsys.readouterr().err == (
        "error: seeds must be different whole numbers from 0 on, got [1, 1]\n"
    )
    assert not (tmp_path / "out").exists()
