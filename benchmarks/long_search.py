"""How well long videos are searched: validation videos of benchmarks strung together.

Every question of the first data set's validation split (or some, by seed) is asked of a stream that
holds its video among others of all the data sets, none of which shows the activity or the query's,
until the stream is `--minutes` long or no such video is left. Test classes are not touched.

    python benchmarks/long_search.py --recipe pocket --dataset D --store S
        [--dataset E] [--minutes 30] [--questions 100] [--seed 0] [--json]
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from stillseek.data.manifest import Manifest, Sample, read_manifest
from stillseek.data.stored import StoredFeatures
from stillseek.features import FeatureStore, QueryFeatures, Recipe, load_recipe
from stillseek.localize import Localizer
from stillseek.localize.judgement import judge
from stillseek.localize.query import encode
from stillseek.localize.search import SearchMethod, find_moments
from stillseek.models.matching import Matching, MatchingConfig
from stillseek.timeline import ClipGrid, Segment

SEARCHES: tuple[SearchMethod, ...] = ("refined", "exhaustive", "pooled")
GROWTHS = (0.0, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1)
AT_PEAKS = "matching at peaks"
TOP = 5


def main() -> None:
    """Prints mIoU and R@0.5 of the best moment, and of the best of five."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", default="lite")
    parser.add_argument("--dataset", type=Path, action="append", required=True)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    recipe, cpu = load_recipe(options.recipe), torch.device("cpu")
    localizer = Localizer.load(recipe)
    head = similar = localizer.model
    if not isinstance(similar, Matching):
        widths = {"clip_dim": recipe.clip_dim, "region_dim": recipe.region_dim}
        similar = Matching(MatchingConfig(**widths, global_dim=recipe.global_dim))
    ious: dict[tuple[str, str], list[list[float]]] = {}
    lengths = []
    for sample, clips, grid, truth, query in streams(recipe, options):
        lengths.append(grid.duration_seconds)
        likeness = encode(similar, [query], cpu)
        ways = {}
        if head is not similar:
            ways = {f"head, {search}": (encode(head, [query], cpu), search) for search in SEARCHES}
        for growth in GROWTHS:
            model = Matching(replace(similar.config, growth=growth, background=0))
            ways[f"matching, growth {growth:g}"] = (encode(model, [query], cpu), "refined")
        if localizer.calibration is not None:
            ways[AT_PEAKS] = (likeness, "refined")
        for name, (score, search) in ways.items():
            sure = None
            if name == AT_PEAKS:
                sure = judge(likeness, clips, grid, localizer.calibration).clip_logits
            _, found = find_moments(
                score, clips, grid, similar=likeness, certainty=sure, search=search, top=TOP
            )
            ious.setdefault((name, sample.query_kind), []).append(
                [moment.segment.iou(truth) for moment in found] or [0.0]
            )
    rows = [summary(name, kind, values) for (name, kind), values in ious.items()]
    rows.sort(key=lambda row: (row["queries"] != "simple", -row["miou"]))
    minutes = float(np.mean(lengths)) / 60
    if options.json:
        print(json.dumps({**vars(options), "mean_minutes": minutes, "rows": rows}, default=str))
        return
    print(f"streams of {minutes:.0f} minutes, {similar.config}")
    print(f"{'queries':10} {'way':22} {'n':>4} {'mIoU':>7} {'R@0.5':>7} {'mIoU of 5':>10} R@0.5")
    for row in rows:
        print(
            f"{row['queries']:10} {row['way']:22} {row['n']:4} {row['miou']:7.3f} "
            f"{row['recall']:7.3f} {row['miou_of_5']:10.3f} {row['recall_of_5']:.3f}"
        )


def streams(
    recipe: Recipe, options: argparse.Namespace
) -> Iterator[tuple[Sample, np.ndarray, ClipGrid, Segment, QueryFeatures]]:
    """Questions with the clips of a long stream, its time, and where in it the answer is."""
    store = FeatureStore(options.store)
    sources, shown = {}, {}
    for folder in options.dataset:
        manifest = read_manifest(folder)
        source = StoredFeatures(manifest, store, recipe.fingerprint)
        for name, labels in labels_of(folder, manifest).items():
            sources[folder, name], shown[folder, name] = source, labels
    first = options.dataset[0]
    samples = read_manifest(first).of_split("validation")
    random = np.random.default_rng(options.seed)
    for index in random.permutation(len(samples))[: options.questions]:
        sample = samples[index]
        own = (first, sample.video_id)
        others = [
            name
            for name, labels in shown.items()
            if not labels & {sample.label, sample.query_label}
        ]
        clips, grid = sources[own].load_video_features(sample.video_id, None)
        most = options.minutes * 60 / grid.stride_seconds
        parts, number = [clips], len(clips)
        for k in random.permutation(len(others)):
            part, _ = sources[others[k]].load_video_features(others[k][1], None)
            if number + len(part) <= most:
                parts.append(part)
                number += len(part)
        place = int(random.integers(len(parts)))
        parts = [*parts[1 : place + 1], clips, *parts[place + 1 :]]
        start = sum(len(part) for part in parts[:place]) * grid.stride_seconds
        truth = Segment(start + sample.segment.start_seconds, start + sample.segment.end_seconds)
        joined = np.concatenate(parts).astype(np.float32)
        grid = replace(grid, duration_seconds=len(joined) * grid.stride_seconds)
        regions, boxes, global_feature = sources[own].load_query_features(sample)
        query = QueryFeatures(
            regions=regions,
            boxes=boxes,
            global_feature=global_feature,
            fingerprint=recipe.fingerprint,
        )
        yield sample, joined, grid, truth, query


def labels_of(folder: Path, manifest: Manifest) -> dict[str, set[str]]:
    """What the videos of a data set show; those of test classes are left out."""
    database = json.loads((folder / "annotations.json").read_text(encoding="utf-8"))["database"]
    return {
        name: {each["label"] for each in database[name]["annotations"]}
        for name in {s.video_id for s in manifest.samples if s.split in ("train", "validation")}
    }


def summary(way: str, queries: str, ious: list[list[float]]) -> dict:
    """Scores of the first moment and of the best of five."""
    first, best = (np.array([pick(row) for row in ious]) for pick in (lambda row: row[0], max))
    return {
        "queries": queries,
        "way": way,
        "n": len(ious),
        "miou": float(first.mean()),
        "recall": float((first > 0.5).mean()),
        "miou_of_5": float(best.mean()),
        "recall_of_5": float((best > 0.5).mean()),
    }


if __name__ == "__main__":
    main()
