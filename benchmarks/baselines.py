"""Chooses the numbers of matching on rendered validation classes, and fills docs/models.md.

The tables are those of the experiment that `benchmarks/pocket.py` left in the same folder.

    python benchmarks/baselines.py --out runs/pocket
"""

import argparse
import json
import sys
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from pages import DOCS, fill, made_by
from pocket import ROOT, experiment_of

from stillseek.data.example import ExampleSet
from stillseek.data.manifest import read_manifest
from stillseek.data.stored import StoredFeatures
from stillseek.evaluation.inference import predict
from stillseek.evaluation.overlap import segment_bounds, temporal_iou
from stillseek.experiments.page import markdown_table_of, markdown_trainings_of
from stillseek.features import FeatureStore, load_recipe
from stillseek.models.matching import Matching, MatchingConfig

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
    sweep_matching(out)
    write_page(out)


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


def write_page(out: Path) -> None:
    """Puts the tables into the page about models."""
    sweep = json.loads((out / "matching.json").read_text())
    default = {key: sweep["default"][key] for key in SWEEP}
    chosen = next(t for t in sweep["trials"] if all(t[k] == v for k, v in default.items()))
    best = sweep["trials"][0]
    report = experiment_of(out)
    lines = [
        f"{made_by()}. Trained models:",
        "",
        *markdown_trainings_of(report.trainings),
        "",
        *settings_text(len(sweep["trials"]), best, chosen),
    ]
    for table in report.tables:
        lines += ["", f"**{table.title}**", "", *markdown_table_of(table)]
    fill(DOCS / "models.md", "\n".join(lines))


def settings_text(num_trials: int, best: dict[str, Any], chosen: dict[str, Any]) -> list[str]:
    """The settings of matching that are best on validation, and those that are its defaults."""
    said = [
        f"{', '.join(f'{key} {trial[key]}' for key in SWEEP)}: {trial['validation_miou']:.1%}"
        for trial in (best, chosen)
    ]
    return [
        f"Matching: {num_trials} settings were tried on validation. The best mIoU is that of",
        f"{said[0]}.",
        f"The defaults are {said[1]};",
        "growth is for longer videos, where `benchmarks/long_search.py` shows what it does.",
    ]


if __name__ == "__main__":
    main()
