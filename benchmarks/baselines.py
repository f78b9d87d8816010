"""Trains the baselines on the rendered benchmark and scores them beside SAIL and matching.

SST+ is trained with several numbers of proposals and keeps the one that is best on validation
classes; the numbers of the matching head are chosen there too. Test classes are scored once, at
the end. Needs what `benchmarks/pocket.py` left in the same folder (videos' features and SAIL's
heads), resumes like it, and writes the tables of docs/models.md.

    python benchmarks/baselines.py --out runs/pocket
"""

import argparse
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path

import numpy as np
from pages import DOCS, fill, made_by
from pocket import RECIPE, ROOT, SCHEDULE, percent, run

from stillseek.data.example import ExampleSet
from stillseek.data.manifest import read_manifest
from stillseek.data.stored import StoredFeatures
from stillseek.evaluation.inference import predict
from stillseek.evaluation.overlap import segment_bounds, temporal_iou
from stillseek.features import FeatureStore, load_recipe
from stillseek.models.checkpoint import load_checkpoint
from stillseek.models.matching import Matching, MatchingConfig

HEAD = "| queries | model | mIoU | IoU@0.3 | IoU@0.5 | IoU@0.7 |\n|---|---|---:|---:|---:|---:|"
# One trial each, but for SST+'s number of proposals; SAIL's schedule for all.
NUM_PROPOSALS = (16, 32, 64)
TRAININGS = {
    "flp": ("--model", "flp"),
    "tal": ("--model", "tal"),
    **{f"sst_{k}": ("--model", "sst", "--num-proposals", str(k)) for k in NUM_PROPOSALS},
}
SWEEP = {
    "centring": (None, "video"),
    "smoothing": (0, 1, 2, 3),
    "threshold": tuple(round(0.05 * step, 2) for step in range(13)),
    "growth": (0.0, 0.08),
}


def main() -> None:
    """Runs what was not run before and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "runs/pocket")
    out = parser.parse_args().out
    data = ("--dataset", str(out / "dataset"), "--store", str(out / "store"), *RECIPE)
    sweep_matching(out)
    with ThreadPoolExecutor(2) as pool:
        waiting = [
            pool.submit(
                run, out, name, "train", *data, *options, *SCHEDULE,
                "--resume", "--out", str(out / name), threads=1,
            )
            for name, options in TRAININGS.items()
        ]  # fmt: skip
        for training in waiting:
            training.result()
    best = max((f"sst_{k}" for k in NUM_PROPOSALS), key=lambda name: validation_miou(out / name))
    heads = [str(out / name / "head") for name in ("sail_0", "flp", best, "tal")]
    for split in ("validation", "test"):
        run(
            out, f"baselines_{split}", "evaluate", *data, "--split", split, "--matching",
            "--checkpoint", *heads, "--out", str(out / "baselines" / split),
        )  # fmt: skip
    write_page(out)


def validation_miou(folder: Path) -> float:
    """The best epoch's score of a training run."""
    lines = (folder / "epochs.jsonl").read_text().splitlines()
    return max(json.loads(line)["validation_miou"] for line in lines)


def sweep_matching(out: Path) -> None:
    """Validation mIoU of the matching head for every setting, best first, to matching.json."""
    file = out / "matching.json"
    if file.exists():
        return
    recipe, manifest = load_recipe("pocket"), read_manifest(out / "dataset")
    source = StoredFeatures(manifest, FeatureStore(out / "store"), recipe.fingerprint)
    examples = list(ExampleSet(manifest.of_split("validation"), source))
    truth = segment_bounds([example.sample for example in examples])
    base = MatchingConfig(
        clip_dim=recipe.clip_dim, region_dim=recipe.region_dim, global_dim=recipe.global_dim
    )
    trials = []
    for values in product(*SWEEP.values()):
        settings = dict(zip(SWEEP, values, strict=True))
        rows = predict(Matching(replace(base, **settings)), examples, batch_size=64)["joint"]
        found = np.array([(row.start_seconds, row.end_seconds) for row in rows])
        miou = float(temporal_iou(found, truth).mean())
        trials.append(settings | {"validation_miou": miou})
        print(trials[-1], file=sys.stderr)
    trials.sort(key=lambda trial: -trial["validation_miou"])
    file.write_text(json.dumps({"default": asdict(base), "trials": trials}, indent=2) + "\n")


def trained_row(folder: Path) -> str:
    """One line about a training run, from its checkpoint."""
    checkpoint = load_checkpoint(folder / "head", recipe_fingerprint=None)
    training, config = checkpoint.training, checkpoint.training["config"]
    weights = sum(weight.numel() for weight in checkpoint.model.parameters())
    cells = (
        folder.name,
        f"{weights / 1e6:.2f} M",
        f"{training['num_epochs']} of {config['max_epochs']}",
        config["learning_rate"],
        config["batch_size"],
        config["seed"],
        f"{100 * training['best_validation_miou']:.1f}",
    )
    return f"| {' | '.join(map(str, cells))} |"


def write_page(out: Path) -> None:
    """Puts the tables into the page about models."""
    sweep = json.loads((out / "matching.json").read_text())
    default = {key: sweep["default"][key] for key in SWEEP}
    chosen = next(t for t in sweep["trials"] if all(t[k] == v for k, v in default.items()))
    best = sweep["trials"][0]
    lines = [
        f"{made_by()}. Trained models:",
        "",
        "| model | weights | epochs | learning rate | batch | seed | best validation mIoU |",
        "|---|---:|---:|---:|---:|---:|---:|",
        *(trained_row(out / name) for name in ("sail_0", *sorted(TRAININGS))),
        "",
        f"Matching: {len(sweep['trials'])} settings were tried on validation; the best is {best}.",
        f"The defaults are {chosen}: growth is for longer videos, where",
        "`benchmarks/long_search.py` shows what it does.",
    ]
    for split, title in (("validation", "Validation classes"), ("test", "Unseen classes (test)")):
        tables = json.loads((out / "baselines" / split / "tables.json").read_text())
        lines += ["", f"**{title}**", "", HEAD]
        for queries in ("all", "simple", "difficult"):
            for row in tables["scores"]:
                if row["queries"] != queries or row["decode"] == "independent":
                    continue
                cells = [percent(row["miou"]), *(percent(e) for e in row["iou_above"].values())]
                lines.append(f"| {queries} | {row['model']} | {' | '.join(cells)} |")
    fill(DOCS / "models.md", "\n".join(lines))


if __name__ == "__main__":
    main()
