"""Makes everything that ships for the `pocket` recipe, and the model card that says how good it is.

Renders the benchmark, trains the encoder, extracts features, and makes every table and figure of
`stillseek experiment` on them, in its quick profile. Every step is a `stillseek` command; a step
that is done is not done again, so the script resumes. The head that ships is the SAIL with the best
validation mIoU: nothing is chosen on test classes.

    python benchmarks/pocket.py --out runs/pocket [--install]

`--install` puts the new encoder and head into the package and rewrites the card; without it the
encoder that ships makes the features.
"""

import argparse
import json
import platform
import shutil
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import torch

from stillseek.data.manifest import read_manifest
from stillseek.experiments.conduct import report_experiment
from stillseek.experiments.page import Report, markdown_table_of, markdown_trainings_of
from stillseek.experiments.page import percent as shown
from stillseek.experiments.tables import SHUFFLED, Row
from stillseek.experiments.trainings import TrainingRecord
from stillseek.features import load_recipe
from stillseek.files import replacing
from stillseek.models.checkpoint import load_checkpoint, save_checkpoint

ROOT = Path(__file__).resolve().parent.parent
ENCODER = ROOT / "src/stillseek/features/weights/pocket_encoder.safetensors"
HEAD = ROOT / "src/stillseek/localize/heads/pocket"
CARD = ROOT / "docs/model_cards/pocket.md"
RECIPE = ("--recipe", "pocket")
SPLITS = {"seen": "seen classes", "test": "unseen classes"}
QUERIES = {"table2": "all", "simple": "simple", "table3": "difficult"}


def run(out: Path, name: str, *arguments: str, ranks: int = 1) -> None:
    """Runs one command unless it was done before, and remembers how long it took.

    A step that was done with other options is not taken for this one. Several ranks are started by
    torchrun.
    """
    log = out / "steps" / f"{name}.json"
    command = ["stillseek", *arguments]
    if log.exists():
        if json.loads(log.read_text())["command"] != command:
            sys.exit(f"{log} is of another command; remove it, or give another folder with --out")
        return
    print(f"== {name}: stillseek {' '.join(arguments)}", flush=True)
    start = time.perf_counter()
    torchrun = ("torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}", "-m")
    program = [sys.executable, "-m", *(torchrun if ranks > 1 else ()), "stillseek"]
    subprocess.run([*program, *arguments], check=True)
    step = {"command": command, "seconds": time.perf_counter() - start}
    print(f"   {name}: {step['seconds'] / 60:.1f} min", flush=True)
    with replacing(log) as place:
        place.write_text(json.dumps(step) + "\n")


def run_everything(out: Path, *, new_encoder: bool) -> None:
    """The commands, in order."""
    out.mkdir(parents=True, exist_ok=True)
    dataset, store = str(out / "dataset"), str(out / "store")
    data = ("--dataset", dataset, "--store", store, *RECIPE)
    run(out, "render", "dataset", "render", dataset)
    # Features come from the half precision file at its place in the package.
    if new_encoder:
        run(out, "encoder", "train-encoder", "--out", str(out / "encoder"))
        ENCODER.parent.mkdir(exist_ok=True)
        shutil.copy(out / "encoder/pocket_encoder.safetensors", ENCODER)
    run(out, "extract", "extract", "--dataset", dataset, "--out", store, *RECIPE)
    place = ("--out", str(out / "experiment"))
    run(out, "experiment", "experiment", *data, *place, "--profile", "quick")


def experiment_of(out: Path) -> Report:
    """What the experiment gave."""
    return report_experiment(read_manifest(out / "dataset"), out / "experiment")


def chosen(report: Report) -> TrainingRecord:
    """The SAIL with the best validation mIoU."""
    heads = [record for record in report.trainings if record.name == "sail"]
    return max(heads, key=lambda record: record.best_validation_miou)


def install(out: Path, seed: int) -> None:
    """Copies the chosen head, in half precision, into the package."""
    # Refuses a head that was trained on the features of another encoder, say of an older run.
    checkpoint = load_checkpoint(
        out / f"experiment/heads/sail_{seed}/head",
        recipe_fingerprint=load_recipe("pocket").fingerprint,
    )
    save_checkpoint(HEAD, checkpoint, weights="float16")


def percent(estimate: dict[str, float]) -> str:
    """A share with its interval, in percent."""
    value, low, high = (100 * estimate[k] for k in ("value", "low", "high"))
    return f"{value:.1f} [{low:.1f}, {high:.1f}]"


def summary(report: Report) -> str:
    """What came out, on unseen classes."""
    tables = {table.name: table for table in report.tables}
    rows = (tables[f"{name}_test"].row("sail") for name in QUERIES)
    everything, simple, difficult = (row for row in rows if row is not None)
    blind = max(
        (row for row in tables["table2_test"].rows if is_blind(row)),
        key=lambda row: row.miou.value,
    )
    return (
        f"On {everything.num_videos} rendered videos of classes that no training saw, SAIL "
        f"reaches an mIoU of {shown(everything.miou)}% (mean of {everything.num_seeds} "
        f"seeds, 95% interval over videos): {shown(simple.miou)}% with pictures of the same "
        f"activity (Simple) and {shown(difficult.miou)}% with pictures of a similar one "
        f"(Difficult). The best answer that ignores the picture ({blind.model}) reaches "
        f"{100 * blind.miou.value:.1f}%: SAIL is "
        f"{everything.miou.value / blind.miou.value:.2f} times as good. In videos that hold "
        f"two unseen activities, {shown(everything.swap)}% of the pictures find their own "
        "activity and not the other one."
    )


def is_blind(row: Row) -> bool:
    """Whether an answer ignores the picture."""
    return row.model == "random" or (row.kind == "control" and SHUFFLED not in row.model)


def write_card(out: Path) -> None:
    """Writes the model card."""
    steps = {
        path.stem: json.loads(path.read_text())
        for path in sorted((out / "steps").glob("*.json"), key=lambda p: p.stat().st_mtime)
    }
    encoder = json.loads((out / "encoder/encoder.json").read_text())
    header = json.loads((out / "dataset/manifest.json").read_text())
    report = experiment_of(out)
    best = chosen(report)
    folder = out / f"experiment/heads/sail_{best.seed}/head"
    head = json.loads((folder / "checkpoint.json").read_text())
    commands = "\n".join(
        f"| `{name}` | `{' '.join(step['command']).replace(str(out), 'OUT')}` | "
        f"{step['seconds'] / 60:.1f} |"
        for name, step in steps.items()
    )
    tables = "\n\n".join(
        "\n".join((f"### {words.capitalize()}, {kind} queries", "", *markdown_table_of(table)))
        for split, words in SPLITS.items()
        for name, kind in QUERIES.items()
        for table in report.tables
        if table.name == f"{name}_{split}"
    )
    trainings = "\n".join(markdown_trainings_of(report.trainings))
    CARD.write_text(f"""# Model card: `pocket`

Generated by `python benchmarks/pocket.py` on {date.today()}, {platform.machine()} with \
{torch.get_num_threads()} threads, torch {torch.__version__}. Not edited by hand.

{summary(report)} The head that ships is one of these seeds.

## What it is

- **Encoder**: {encoder["parameters"] / 1e6:.2f}M parameters, trained on \
{encoder["config"]["pictures"]} rendered pictures of {len(encoder["seen_classes"])} seen classes \
for {encoder["config"]["epochs"]} epochs. On validation classes a picture is nearer to one of its \
own class than to one of another with a chance of {encoder["best_validation_auc"]:.3f}.
- **Head**: SAIL with {best.num_weights / 1e6:.2f}M parameters, seed {best.seed}, the best of \
its seeds on validation classes (validation mIoU {100 * best.best_validation_miou:.1f}%).
- **Trained on**: rendered streams only, figures that this package draws. No photograph and no \
recorded video. Benchmark settings `{header["settings_sha256"][:16]}`, samples \
`{header["samples_sha256"][:16]}`.

## What it is not

- It never saw a recorded video or a photograph. On real footage it is a demonstration of the \
software, not a tool: train a head on features of a recipe that knows real pictures.
- It always names a segment, also where the activity of the picture is not in the video.
- Its time grid has steps of a second.

## How it was made

| step | command | minutes |
|---|---|---:|
{commands}

Minutes are wall time of this run; the trainings of the experiment ran two at a time with a thread
each. Epoch and seed of the head were chosen on validation classes.

{trainings}

Head configuration: `{json.dumps(head["config"])}`.

## Results

In percent, with 95% intervals from a bootstrap over source videos. `shuffled` asks the same head \
with pictures of other classes; `query-blind` was trained and is asked without a picture. Swap \
accuracy counts, on videos that hold two activities of the split, the pictures whose answer \
overlaps their own segment longer than the other's.

{tables}
""")


def main() -> None:
    """Runs the script."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/pocket"))
    parser.add_argument("--install", action="store_true", help="copy the weights into the package")
    options = parser.parse_args()
    run_everything(options.out, new_encoder=options.install)
    report = experiment_of(options.out)
    if options.install:
        install(options.out, chosen(report).seed)
        write_card(options.out)
    print(summary(report))


if __name__ == "__main__":
    main()
