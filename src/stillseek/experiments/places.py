"""Where an experiment keeps what; without torch, so that the command line starts fast."""

from pathlib import Path

from stillseek.evaluation.predictions import PREDICTIONS_FOLDER
from stillseek.outputs import Output

SETTINGS_FILE = "experiment.json"
HEADS_FOLDER, STEPS_FOLDER = "heads", "steps"
FIGURES_FOLDER = "figures"
ATTENTION_FILE = "attention.json"
REPORT_FILES = ("report.html", "report.md", "report.json")


def experiment_output(path: Path) -> Output:
    """The folder of an experiment that is about to be written, for `check_outputs`."""
    folders = (HEADS_FOLDER, STEPS_FOLDER, PREDICTIONS_FOLDER, FIGURES_FOLDER)
    return Output(
        name="--out",
        path=path,
        holds=(SETTINGS_FILE, ATTENTION_FILE, *REPORT_FILES, *folders),
        signs=((SETTINGS_FILE, '"samples_sha256"'),),
    )
