"""Runs the command and looks at its summary: every run ends in an answer or in one clear line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = Path(__file__).parent
# Every thirty runs break something of each kind.
SAMPLE, ALL = 30, 3000


def fuzz(keep: Path, *arguments: object) -> tuple[int, dict]:
    command = [sys.executable, COMMAND, "--json", "--keep", keep, *arguments]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_a_sample_of_broken_files_is_answered_or_refused(tmp_path: Path) -> None:
    code, summary = fuzz(tmp_path, "--runs", SAMPLE, "--workers", 1)

    assert (summary["faults"], code) == ([], 0)
    assert summary["runs"] == sum(summary["outcomes"].values()) == SAMPLE
    # Breaking must leave something to read, and must break something.
    assert min(summary["outcomes"][outcome] for outcome in ("answer", "error")) > SAMPLE / 6


@pytest.mark.slow
def test_all_broken_files_are_answered_or_refused(tmp_path: Path) -> None:
    code, summary = fuzz(tmp_path, "--runs", ALL - SAMPLE, "--first", SAMPLE)

    assert (summary["faults"], code) == ([], 0)
