"""Trains SAIL as printed in several ways on the rendered benchmark, to see what each way does.

Every change alone and together, three seeds each, scored on validation classes, which no training
saw; test classes have no part in it. To be quick, all ways learn from half of the samples of half
of the training videos, for two epochs. Needs a data set and a store as
`benchmarks/pocket.py` makes them, resumes, and puts the table into docs/models/sail.md.

    python benchmarks/sail_training.py --data runs/pocket --out runs/sail_training
"""

import argparse
import json
import platform
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from pages import DOCS, fill, made_by
from torch import nn

from stillseek.data.augmentation import Augmentation
from stillseek.data.example import ExampleSet
from stillseek.data.manifest import read_manifest
from stillseek.data.sample import Sample
from stillseek.data.stored import StoredFeatures
from stillseek.evaluation.inference import predict
from stillseek.evaluation.overlap import segment_bounds, temporal_iou
from stillseek.evaluation.score_tables import bootstrap_means
from stillseek.features import FeatureStore, load_recipe
from stillseek.files import replacing
from stillseek.models.additive_attention import pair_engine
from stillseek.models.local_transformer import Fusion
from stillseek.models.sail import Sail, SailConfig
from stillseek.training.config import TrainConfig
from stillseek.training.loop import train

RESULTS = DOCS / "sail_training.json"
CARD = DOCS / "models/sail.md"
SEEDS = (0, 1, 2)
# Those of the head that ships with `pocket`.
SIZES = {"projection_dim": 32, "ffn_dim": 256, "hidden_dim": 64}
NUM_VIDEOS = 240
BEFORE = TrainConfig(max_epochs=2, patience=2, schedule="constant", weight_average=0.0)


def random_start(model: Sail) -> None:
    """The region encoder as it started before: all of it drawn."""
    for module in model.region_encoder.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to train.

    Attributes:
        words: What differs from the first way.
        config: How.
        start: Changes the weights before training.
        compares: Whether fusions compare from the start, or are drawn as before.
    """

    words: str
    config: TrainConfig = BEFORE
    start: Callable[[Sail], None] = lambda model: None
    compares: bool = False


TURNED = Augmentation(rotation=0.5)
FALLING = replace(BEFORE, schedule="cosine", weight_average=0.999)
ALONE = {"start": random_start}
WAYS = {
    "before": Way(words="constant rate, `W_g` and `W^r` drawn", **ALONE),
    "start": Way(words="`W_g` an identity, `W^r` 0"),
    "compare": Way(words="`W_f` compares", compares=True, **ALONE),
    "cosine": Way(words="rate falls", config=replace(BEFORE, schedule="cosine"), **ALONE),
    "average": Way(words="weight average", config=replace(BEFORE, weight_average=0.999), **ALONE),
    "joint": Way(words="loss of pairs", config=replace(BEFORE, joint_loss=True), **ALONE),
    "soft": Way(words="soft boundaries", config=replace(BEFORE, boundary_softness=1.0), **ALONE),
    "turned": Way(words="turned spaces", config=replace(BEFORE, augmentation=TURNED), **ALONE),
    "three": Way(words="`W_g`, falling rate and average", config=FALLING),
    "defaults": Way(words="these and `W_f`: the defaults", config=FALLING, compares=True),
    "all": Way(
        words="the defaults, pairs, soft boundaries and turned spaces",
        config=replace(FALLING, joint_loss=True, boundary_softness=1.0, augmentation=TURNED),
        compares=True,
    ),
}


def main() -> None:
    """Trains what was not trained before and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="has dataset/ and store/")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    recipe, manifest = load_recipe("pocket"), read_manifest(options.data / "dataset")
    store = FeatureStore(options.data / "store")
    source = StoredFeatures(manifest, store, recipe.fingerprint)
    parts = few_samples(manifest.of_split("train")), manifest.of_split("validation")
    examples = [ExampleSet(samples, source) for samples in parts]
    widths = {name: getattr(recipe, name) for name in ("clip_dim", "region_dim", "global_dim")}
    ious: dict[str, list[list[list[float]]]] = {name: [] for name in WAYS}
    with pair_engine("compiled"):  # one process for all: the compiler's seconds pay
        for seed in SEEDS:
            for name in WAYS:
                file = options.out / f"{name}_{seed}.json"
                if not file.exists():
                    run(file, name, seed, SailConfig(**widths, **SIZES), *examples)
                ious[name].append(json.loads(file.read_text()))
            # What there is of seeds so far, for whoever does not wait for the others.
            write_results(ious, parts[1], num_train=len(parts[0]))
            fill(CARD, page(json.loads(RESULTS.read_text())), mark="training")


def few_samples(samples: Sequence[Sample]) -> list[Sample]:
    """Every other sample of the first videos."""
    videos = list(dict.fromkeys(sample.video_id for sample in samples))
    chosen = set(videos[:NUM_VIDEOS])
    return [sample for sample in samples if sample.video_id in chosen][::2]


def run(
    file: Path, name: str, seed: int, config: SailConfig, data: ExampleSet, held_out: ExampleSet
) -> None:
    """Trains once; the file gets the IoU of every validation sample, joint and independent."""
    way = WAYS[name]
    torch.manual_seed(seed)
    with nullcontext() if way.compares else patch.object(Fusion, "start_comparing"):
        model = Sail(config)
    way.start(model)
    with TemporaryDirectory() as folder:
        train(model, data, held_out, replace(way.config, seed=seed), Path(folder), quiet=True)
    truth = segment_bounds(held_out.samples)
    answers = predict(model, held_out, methods=("joint", "independent"), batch_size=64)
    scores = [
        temporal_iou(np.array([(row.start_seconds, row.end_seconds) for row in rows]), truth)
        for rows in answers.values()
    ]
    with replacing(file) as place:
        place.write_text(json.dumps([s.round(6).tolist() for s in scores]) + "\n")
    print(name, seed, *(f"{100 * s.mean():.1f}" for s in scores), flush=True)


def write_results(
    ious: dict[str, list[list[list[float]]]], samples: Sequence[Sample], *, num_train: int
) -> None:
    """Means over samples and seeds, and the gain over the first way, with intervals over videos."""
    videos = [sample.source_video_id for sample in samples]
    simple = np.array([sample.query_kind == "simple" for sample in samples])
    first = np.array(ious["before"])[:, 0].mean(axis=0)
    rows = {}
    for name, runs in ious.items():
        scores = np.array(runs)  # seed, decoding, sample
        joint = scores[:, 0]
        (gain,) = bootstrap_means((joint.mean(axis=0) - first)[:, None], videos, seed=0)
        rows[name] = {
            "words": WAYS[name].words,
            "miou": joint.mean(),
            "seeds": joint.mean(axis=1).tolist(),
            "gain": [gain.value, gain.low, gain.high],
            "simple": joint[:, simple].mean(),
            "difficult": joint[:, ~simple].mean(),
            "independent": scores[:, 1].mean(),
        }
    results = {
        "made_by": made_by(),
        "machine": f"{platform.machine()}, one thread, torch {torch.__version__}",
        "num_seeds": len(ious["before"]),
        "train_samples": num_train,
        "validation_samples": len(samples),
        "validation_videos": len(set(videos)),
        "rows": rows,
    }
    with replacing(RESULTS) as place:
        place.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def page(results: dict[str, Any]) -> str:
    """What the page about SAIL says of the results."""
    lines = [
        f"{results['made_by']} ({results['machine']}). Rendered benchmark, features of `pocket`,",
        f"{BEFORE.max_epochs} epochs over {results['train_samples']} training samples; mIoU in "
        f"percent on the {results['validation_samples']}",
        f"samples of {results['validation_videos']} videos of validation classes, "
        + (
            "one seed"
            if results["num_seeds"] == 1
            else f"mean of {results['num_seeds']} seeds (each of them in brackets)"
        )
        + ", and",
        "the gain over the first row with its 95% interval over videos.",
        "",
        "| training | mIoU | gain | simple | difficult | independent decoding |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for row in results["rows"].values():
        seeds = ", ".join(f"{100 * seed:.1f}" for seed in row["seeds"])
        value, low, high = (100 * part for part in row["gain"])
        rest = (f"{100 * row[name]:.1f}" for name in ("simple", "difficult", "independent"))
        cells = [
            row["words"],
            f"{100 * row['miou']:.1f} ({seeds})",
            f"{value:+.1f} [{low:+.1f}, {high:+.1f}]",
            *rest,
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
