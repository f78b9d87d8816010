"""Makes everything that ships for the `pocket` recipe, and the model card that says how good it is.

Renders the benchmark, trains the encoder, extracts features, trains SAIL and its query-blind twin
with three seeds each, scores all of them beside the answers that ignore the query, and writes the
card. Every step is a `stillseek` command; a step that is done is not done again, so the script
resumes. The head that ships is the seed with the best validation mIoU: nothing is chosen on test
classes.

    python benchmarks/pocket.py --out runs/pocket [--install]

`--install` puts the new encoder and head into the package and rewrites the card; without it the
encoder that ships makes the features.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import torch

from stillseek.features import load_recipe
from stillseek.files import replacing
from stillseek.models.checkpoint import load_checkpoint, save_checkpoint

ROOT = Path(__file__).resolve().parent.parent
ENCODER = ROOT / "src/stillseek/features/weights/pocket_encoder.safetensors"
HEAD = ROOT / "src/stillseek/localize/heads/pocket"
CARD = ROOT / "docs/model_cards/pocket.md"
RECIPE = ("--recipe", "pocket")
SEEDS = (0, 1, 2)
KINDS = {"sail": (), "blind": ("--query-blind",)}
SPLITS = {"seen": "seen classes", "validation": "validation classes", "test": "unseen classes"}
# Reduced stream widths of the shipped head: 2.8 MB in half precision.
SIZES = ("--projection-dim", "32", "--ffn-dim", "256", "--hidden-dim", "64")
# The order of examples that the shipped head was trained in.
SCHEDULE = ("--max-epochs", "4", "--patience", "2", "--no-bucket-by-length")


def run(out: Path, name: str, *arguments: str, threads: int | None = None, ranks: int = 1) -> None:
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
    environment = os.environ | ({"OMP_NUM_THREADS": str(threads)} if threads else {})
    start = time.perf_counter()
    torchrun = ("torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}", "-m")
    program = [sys.executable, "-m", *(torchrun if ranks > 1 else ()), "stillseek"]
    subprocess.run([*program, *arguments], check=True, env=environment)
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
    names = [f"{kind}_{seed}" for seed in SEEDS for kind in KINDS]
    # Small models use one core best: two trainings side by side, with a thread each.
    with ThreadPoolExecutor(2) as pool:
        for training in [pool.submit(train_head, out, name, *data) for name in names]:
            training.result()
    heads = [str(out / name / "head") for name in names]
    for split in SPLITS:
        scores = ("--split", split, "--out", str(out / "scores" / split))
        run(out, f"evaluate_{split}", "evaluate", *data, "--checkpoint", *heads, *scores)


def train_head(out: Path, name: str, *data: str) -> None:
    """Trains one head."""
    kind, seed = name.split("_")
    folder = ("--out", str(out / name), "--seed", seed, "--resume")
    run(out, name, "train", *data, *folder, *SIZES, *SCHEDULE, *KINDS[kind], threads=1)


def chosen_seed(out: Path) -> tuple[int, float]:
    """The seed with the best validation mIoU."""
    best = {
        seed: json.loads((out / f"sail_{seed}/head/checkpoint.json").read_text())["training"][
            "best_validation_miou"
        ]
        for seed in SEEDS
    }
    seed = max(best, key=lambda s: best[s])
    return seed, best[seed]


def install(out: Path) -> None:
    """Copies the chosen head, in half precision, into the package."""
    # Refuses a head that was trained on the features of another encoder, say of an older run.
    checkpoint = load_checkpoint(
        out / f"sail_{chosen_seed(out)[0]}/head",
        recipe_fingerprint=load_recipe("pocket").fingerprint,
    )
    save_checkpoint(HEAD, checkpoint, weights="float16")


def percent(estimate: dict[str, float]) -> str:
    """A share with its interval, in percent."""
    value, low, high = (100 * estimate[k] for k in ("value", "low", "high"))
    return f"{value:.1f} [{low:.1f}, {high:.1f}]"


def read_scores(out: Path, split: str) -> dict:
    """The tables of one split."""
    return json.loads((out / "scores" / split / "tables.json").read_text())


def table(out: Path, split: str, queries: str) -> str:
    """One Markdown table: every model on one part of a split."""
    scores = read_scores(out, split)
    lines = [
        "| model | decoding | seeds | mIoU | IoU@0.3 | IoU@0.5 | IoU@0.7 | swap accuracy |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in scores["scores"]:
        if row["queries"] != queries:
            continue
        swap = scores["swap_accuracy"].get(f"{row['model']}, {row['decode']}")
        cells = [percent(row["miou"]), *(percent(e) for e in row["iou_above"].values())]
        cells.append(percent(swap["per_query"]) if swap and queries == "all" else "")
        lines.append(
            f"| {row['model']} | {row['decode']} | {row['num_seeds']} | {' | '.join(cells)} |"
        )
    return "\n".join(lines)


def best_blind(out: Path, split: str) -> tuple[str, float]:
    """The strongest answer that ignores the query, and its mIoU on all queries."""
    rows = [
        row
        for row in read_scores(out, split)["scores"]
        if row["queries"] == "all" and row["model"] != "sail"
    ]
    row = max(rows, key=lambda r: r["miou"]["value"])
    return f"{row['model']}, {row['decode']}", row["miou"]["value"]


def summary(out: Path) -> str:
    """The aims and what came out, on unseen classes."""
    scores = read_scores(out, "test")
    rows = {(r["model"], r["decode"], r["queries"]): r for r in scores["scores"]}
    sail, simple, difficult = (
        rows["sail", "joint", queries] for queries in ("all", "simple", "difficult")
    )
    name, blind = best_blind(out, "test")
    swap = scores["swap_accuracy"]["sail, joint"]
    return (
        f"On {sail['num_videos']} rendered videos of classes that no training saw, SAIL reaches "
        f"an mIoU of {percent(sail['miou'])}% (mean of {sail['num_seeds']} seeds, 95% interval "
        f"over videos): {percent(simple['miou'])}% with pictures of the same activity (Simple) and "
        f"{percent(difficult['miou'])}% with pictures of a similar one (Difficult). The best "
        f"answer that ignores the picture ({name}) reaches {100 * blind:.1f}%: SAIL is "
        f"{sail['miou']['value'] / blind:.2f} times as good. On {swap['num_pairs']} videos that "
        f"hold two unseen activities, {percent(swap['per_query'])}% of the pictures find their "
        "own activity and not the other one."
    )


def write_card(out: Path) -> None:
    """Writes the model card."""
    steps = {
        path.stem: json.loads(path.read_text())
        for path in sorted((out / "steps").glob("*.json"), key=lambda p: p.stat().st_mtime)
    }
    encoder = json.loads((out / "encoder/encoder.json").read_text())
    header = json.loads((out / "dataset/manifest.json").read_text())
    seed, validation = chosen_seed(out)
    head = json.loads((out / f"sail_{seed}/head/checkpoint.json").read_text())
    model = load_checkpoint(out / f"sail_{seed}/head", recipe_fingerprint=None).model
    parameters = sum(p.numel() for p in model.parameters())
    commands = "\n".join(
        f"| `{name}` | `{' '.join(step['command']).replace(str(out), 'OUT')}` | "
        f"{step['seconds'] / 60:.1f} |"
        for name, step in steps.items()
    )
    parts = []
    for split, words in SPLITS.items():
        for queries in ("all", "simple", "difficult"):
            parts.append(
                f"### {words.capitalize()}, {queries} queries\n\n{table(out, split, queries)}"
            )
    tables = "\n\n".join(parts)
    CARD.write_text(f"""# Model card: `pocket`

Generated by `python benchmarks/pocket.py` on {date.today()}, {platform.machine()} with \
{torch.get_num_threads()} threads, torch {torch.__version__}. Not edited by hand.

{summary(out)} The head that ships is one of these seeds.

## What it is

- **Encoder**: {encoder["parameters"] / 1e6:.2f}M parameters, trained on \
{encoder["config"]["pictures"]} rendered pictures of {len(encoder["seen_classes"])} seen classes \
for {encoder["config"]["epochs"]} epochs. On validation classes a picture is nearer to one of its \
own class than to one of another with a chance of {encoder["best_validation_auc"]:.3f}.
- **Head**: SAIL with {parameters / 1e6:.2f}M parameters, seed {seed}, the best of \
{len(SEEDS)} seeds on validation classes (validation mIoU {100 * validation:.1f}%).
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

Minutes are wall time of this run; the trainings ran two at a time with a thread each. Epoch and
seed of the head were chosen on validation classes.

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
    if options.install:
        install(options.out)
        write_card(options.out)
    print(summary(options.out))


if __name__ == "__main__":
    main()
