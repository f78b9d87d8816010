"""How well long videos are searched: validation videos of the rendered benchmark strung together.

Every question of the validation split (or some, by seed) is asked of a stream of `--videos` videos,
one of which is its own; the others show neither the activity nor the query's. Test classes are not
touched. Needs what `benchmarks/pocket.py` left in the folder.

    python benchmarks/long_search.py --out runs/pocket [--videos 30] [--questions 100] [--json]
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from pocket import ROOT

from stillseek.data.manifest import Sample, read_manifest
from stillseek.data.stored import StoredFeatures
from stillseek.features import FeatureStore, QueryFeatures, load_recipe
from stillseek.localize import Localizer
from stillseek.localize.query import encode
from stillseek.localize.search import SearchMethod, find_moments
from stillseek.models.matching import Matching, MatchingConfig
from stillseek.timeline import ClipGrid, Segment

SEARCHES: tuple[SearchMethod, ...] = ("refined", "exhaustive", "pooled")
GROWTHS = (0.0, 0.04, 0.06, 0.08, 0.1)
TOP = 5


def main() -> None:
    """Prints mIoU and R@0.5 of the best moment, and of the best of five."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "runs/pocket")
    parser.add_argument("--videos", type=int, default=30)
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    recipe, cpu = load_recipe("pocket"), torch.device("cpu")
    head = Localizer.load("pocket").model
    config = MatchingConfig(
        clip_dim=recipe.clip_dim, region_dim=recipe.region_dim, global_dim=recipe.global_dim
    )
    ious: dict[tuple[str, str], list[list[float]]] = {}
    for sample, clips, grid, truth, query in streams(options):
        likeness = encode(Matching(config), [query], cpu)
        ways = {
            f"sail, {search}": (encode(head, [query], cpu), search) for search in SEARCHES
        } | {
            f"matching, growth {growth}": (
                encode(Matching(replace(config, growth=growth)), [query], cpu), "refined"
            )
            for growth in GROWTHS
        }  # fmt: skip
        for name, (score, search) in ways.items():
            _, found = find_moments(score, clips, grid, similar=likeness, search=search, top=TOP)
            ious.setdefault((name, sample.query_kind), []).append(
                [moment.segment.iou(truth) for moment in found] or [0.0]
            )
    rows = [summary(name, kind, values) for (name, kind), values in ious.items()]
    rows.sort(key=lambda row: (row["queries"] != "simple", -row["miou"]))
    if options.json:
        print(json.dumps({**vars(options), "out": str(options.out), "rows": rows}))
        return
    print(f"{'queries':10} {'way':22} {'n':>4} {'mIoU':>7} {'R@0.5':>7} {'mIoU of 5':>10} R@0.5")
    for row in rows:
        print(
            f"{row['queries']:10} {row['way']:22} {row['n']:4} {row['miou']:7.3f} "
            f"{row['recall']:7.3f} {row['miou_of_5']:10.3f} {row['recall_of_5']:.3f}"
        )


def streams(
    options: argparse.Namespace,
) -> Iterator[tuple[Sample, np.ndarray, ClipGrid, Segment, QueryFeatures]]:
    """Questions with the clips of a long stream, its time, and where in it the answer is."""
    manifest = read_manifest(options.out / "dataset")
    store = FeatureStore(options.out / "store")
    source = StoredFeatures(manifest, store, load_recipe("pocket").fingerprint)
    database = json.loads((options.out / "dataset/annotations.json").read_text())["database"]
    shown = {name: {a["label"] for a in video["annotations"]} for name, video in database.items()}
    samples = manifest.of_split("validation")
    names = sorted({sample.video_id for sample in samples})
    random = np.random.default_rng(options.seed)
    for index in random.permutation(len(samples))[: options.questions]:
        sample = samples[index]
        free = [
            name
            for name in names
            if name != sample.video_id and not shown[name] & {sample.label, sample.query_label}
        ]
        order = [str(name) for name in random.permutation(free)[: options.videos - 1]]
        place = int(random.integers(len(order) + 1))
        order.insert(place, sample.video_id)
        parts = [source.load_video_features(name, None) for name in order]
        clips = np.concatenate([features for features, _ in parts]).astype(np.float32)
        before = sum(len(features) for features, _ in parts[:place])
        grid = parts[0][1]
        start = before * grid.stride_seconds
        truth = Segment(start + sample.segment.start_seconds, start + sample.segment.end_seconds)
        grid = replace(grid, duration_seconds=len(clips) * grid.stride_seconds)
        regions, boxes, global_feature = source.load_query_features(sample)
        query = QueryFeatures(
            regions=regions,
            boxes=boxes,
            global_feature=global_feature,
            fingerprint=load_recipe("pocket").fingerprint,
        )
        yield sample, clips, grid, truth, query


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
