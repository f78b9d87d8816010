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

    def start(arguments, log: Path):
        commands.append(list(arguments))
        small = ("--num-layers", "1", "--num-heads", "1", "--max-epochs", "1", "--batch-size", "3")
        cut = arguments.index("--max-epochs")
        status = main([*arguments[:cut], *arguments[cut + 2 :], *small])
        return SimpleNamespace(poll=lambda: status)

    def run(*values, **named):
        return conduct_experiment(*values, **named, start=start)

    conduct_experiment = conduct.run_experiment
    monkeypatch.setattr(conduct, "run_experiment", run)
    return commands


@pytest.fixture
def places(places: list[str]) -> list[str]:
    return [*places, "--recipe", "pocket"]


def test_examples_from_features_to_the_report(
    places: list[str], commands: list[list[str]], tmp_path: Path, run, heard
) -> None:
    out = tmp_path / "out"
    command = ["experiment", "examples", *places, "--out", str(out), "--profile", "quick"]

    captured = heard(*command, "--seeds", "4", "5")

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
    assert run(*command, "--seeds", "4", "5") == f"wrote {out}/report.html\n"
    (out / "report.html").unlink()
    run("experiment", *places[:2], "--out", out, "--report-only")
    assert (out / "report.html").exists()
    assert len(commands) == 1


def test_wrong_requests_are_one_line(places: list[str], tmp_path: Path, refused) -> None:
    out, rest = tmp_path / "out", places[2:]

    for words, code, message in (
        ([], 2, "the features are missing; give --store DIR, or --report-only"),
        (
            ["methods", "--report-only"],
            2,
            "--report-only shows all that the folder was asked for; ",
        ),
        (["table5", *rest], 2, 'Invalid value "table5" for'),
        ([*rest, "--workers", "0"], 2, "--workers must be at least 1, got 0"),
    ):
        told = refused("experiment", *places[:2], "--out", out, *words, code=code)
        assert told.startswith(message)
    assert not out.exists()
