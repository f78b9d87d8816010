"""Trains and scores SAIL on streams composed of photographs, with features of a real encoder.

Composes the data set, extracts features, trains SAIL and its query-blind twin, and scores both
beside matching, which needs no training, and the answers that ignore the query. Every step is a
`stillseek` command and is done once: the script resumes. Epochs are chosen on validation classes.

    python benchmarks/photographs.py FOLDER --class-split FILE [--weights FILE] [--page]
"""

import argparse
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

from pages import DOCS, fill
from pocket import KINDS, ROOT, SIZES, run, table

SPLITS = {"validation": "Validation classes", "test": "Unseen classes (test)"}
# Streams of 1,280 do not learn at the pocket recipe's rate; this one is `planted.py`'s.
SCHEDULE = ("--max-epochs", "4", "--patience", "2", "--precision", "bf16")
SCHEDULE += ("--learning-rate", "5e-5", "--gradient-clip", "1")


def main() -> None:
    """Runs the script."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("photographs", type=Path, help="photographs in a folder for each class")
    parser.add_argument("--class-split", type=Path, required=True)
    parser.add_argument("--recipe", default="mobilenet")
    parser.add_argument("--weights", type=Path, help="of the recipe; its own if not given")
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each kind")
    parser.add_argument("--out", type=Path, default=ROOT / "runs/photographs")
    parser.add_argument("--page", action="store_true", help="write docs/data/composed.md as well")
    options = parser.parse_args()
    out = options.out
    out.mkdir(parents=True, exist_ok=True)
    dataset, store = str(out / "dataset"), str(out / "store")
    recipe = ["--recipe", options.recipe]
    if options.weights is not None:
        recipe += ["--weights", str(options.weights)]
    split = ("--class-split", str(options.class_split))
    run(out, "compose", "dataset", "compose", str(options.photographs), *split, "--out", dataset)
    run(out, "extract", "extract", "--dataset", dataset, *recipe, "--out", store)
    data = ("--dataset", dataset, "--store", store, *recipe)
    names = [f"{kind}_{seed}" for seed in range(options.seeds) for kind in KINDS]

    def train(name: str) -> None:
        kind, seed = name.split("_")
        folder = ("--out", str(out / name), "--seed", seed, "--resume")
        run(out, name, "train", *data, *folder, *SIZES, *SCHEDULE, *KINDS[kind], threads=1)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(train, names))
    heads = ("--matching", "--checkpoint", *(str(out / name / "head") for name in names))
    for name in SPLITS:
        scores = ("--split", name, "--out", str(out / "scores" / name))
        run(out, f"evaluate_{name}", "evaluate", *data, *heads, *scores)
    text = report(out, names, options.recipe)
    print(text)
    if options.page:
        fill(DOCS / "data" / "composed.md", text)


def report(out: Path, names: list[str], recipe: str) -> str:
    """The tables, and what they were made of."""
    header = json.loads((out / "dataset/manifest.json").read_text())
    settings = header["settings"]
    num_classes = sum(len(classes) for classes in settings["classes"].values())
    steps = {
        path.stem: json.loads(path.read_text())["seconds"] / 60
        for path in (out / "steps").glob("*.json")
    }
    minutes = ", ".join(f"{name} {steps[name]:.0f}" for name in ("compose", "extract", *names))
    lines = [
        "Made by `python benchmarks/photographs.py FOLDER --class-split FILE --page` on",
        f"{date.today()}: {settings['photographs']:,} photographs of "
        f"{num_classes} classes, recipe `{recipe}`,",
        f"samples `{header['samples_sha256'][:16]}`.",
        f"Minutes: {minutes}; trainings ran two at a time.",
    ]
    for name in names:
        trained = json.loads((out / name / "head/checkpoint.json").read_text())["training"]
        best = f"epoch {trained['best_epoch']} of {trained['num_epochs']}"
        lines.append(
            f"`{name}`: {best}, validation mIoU {100 * trained['best_validation_miou']:.1f}%."
        )
    for split, title in SPLITS.items():
        for queries in ("all", "simple", "difficult"):
            lines += ["", f"**{title}, {queries} queries**", "", table(out, split, queries)]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
