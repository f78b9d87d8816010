"""How well long videos are searched: validation videos of benchmarks strung together.

Every question of the first data set's validation split (or some, by seed) is asked of a stream that
holds its video among others of all the data sets, none of which shows the activity or the query's,
until the stream is `--minutes` long or no such video is left. Test classes are not touched.

    python benchmarks/long_search.py --dataset D E --store S [--minutes 30 120]
        [--recipe lite] [--pictures 1 3] [--questions 100] [--seed 0] [--json] [--page]
"""

import argparse
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pages import DOCS, fill, made_by

from stillseek.data.manifest import Manifest, read_manifest
from stillseek.data.sample import Sample
from stillseek.data.several_pictures import SeveralPictures
from stillseek.data.stored import StoredFeatures
from stillseek.features import FeatureStore, QueryFeatures, Recipe, load_recipe
from stillseek.localize import Localizer
from stillseek.localize.judgement import judge
from stillseek.localize.query import encode
from stillseek.localize.window_search import SearchMethod, find_moments
from stillseek.models.matching import Matching, MatchingConfig
from stillseek.models.similarity import Similarity
from stillseek.timeline import ClipGrid, Segment

SEARCHES: tuple[SearchMethod, ...] = ("refined", "exhaustive", "pooled")
# What the threshold grows by with every doubling, where a long video is looked at as a whole.
GROWTHS = (0.0, 0.04, 0.08)
TOP = 5
SCORES = ("miou", "recall", "miou_of_5", "recall_of_5")


def main() -> None:
    """Prints mIoU and R@0.5 of the best moment, and of the best of five."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", default="lite")
    parser.add_argument("--dataset", type=Path, nargs="+", required=True)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--minutes", type=float, nargs="+", default=[30.0])
    parser.add_argument("--pictures", type=int, nargs="+", default=[1], help="asked with as one")
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--page", action="store_true", help="put the table into the model card")
    options = parser.parse_args()
    localizer = Localizer.load(load_recipe(options.recipe), engine="torch")
    rows = [
        row
        for minutes, pictures in itertools.product(options.minutes, options.pictures)
        for row in measure(localizer, minutes, pictures, options)
    ]
    if options.json:
        print(json.dumps({**vars(options), "rows": rows}, default=str))
        return
    table = "\n".join(
        [
            "| minutes | pictures | queries | way | questions | mIoU | R@0.5 | mIoU of five "
            "| R@0.5 of five |",
            "|---:|---:|---|---|" + "---:|" * 5,
            *(
                f"| {row['minutes']:.0f} | {row['pictures']} | {row['queries']} | {row['way']} | "
                f"{row['n']} | " + " | ".join(f"{100 * row[name]:.1f}" for name in SCORES) + " |"
                for row in rows
            ),
        ]
    )
    print(table)
    if options.page:
        fill(DOCS / "model_cards/lite.md", f"{made_by()}.\n\n{table}", mark="long")


def measure(
    localizer: Localizer, minutes: float, pictures: int, options: argparse.Namespace
) -> list[dict]:
    """The scores of all ways on streams of one length."""
    calibration = localizer.calibration and localizer.calibration.for_pictures(pictures)
    recipe, cpu = localizer.recipe, "cpu"
    head = similar = localizer.model
    if isinstance(similar, Similarity):
        similar = similar.matching
    if not isinstance(similar, Matching):
        widths = {"clip_dim": recipe.clip_dim, "region_dim": recipe.region_dim}
        similar = Matching(MatchingConfig(**widths, global_dim=recipe.global_dim))
    whole = {}
    for growth in GROWTHS:
        model = Matching(replace(similar.config, growth=growth))
        model.evidence = similar.evidence  # whose metric whitens
        whole[f"matching as a whole, growth {growth:g}"] = model
    ious: dict[tuple[str, str], list[list[float]]] = {}
    lengths = []
    for stream in streams(recipe, minutes, pictures, options):
        lengths.append(stream.grid.duration_seconds / 60)
        likeness = encode(similar, [stream.query], cpu)
        sure = judge(likeness, stream.clips, stream.grid, calibration).clip_logits
        answer = encode(head, [stream.query], cpu)
        ways = {f"the shipped head, {search}": (answer, search, None) for search in SEARCHES}
        if isinstance(head, Matching | Similarity):  # as `Localizer` searches with them
            ways = {
                "the shipped head": (answer, "refined", sure),
                "the matching in it": (likeness, "refined", sure),
            }
        for name, model in whole.items() if pictures == 1 else ():
            ways[name] = (encode(model, [stream.query], cpu), "refined", None)
        for name, (score, search, certainty) in ways.items():
            _, found = find_moments(
                score,
                stream.clips,
                stream.grid,
                similar=likeness,
                certainty=certainty,
                search=search,
                top=TOP,
            )
            ious.setdefault((name, stream.sample.query_kind), []).append(
                [moment.segment.iou(stream.truth) for moment in found] or [0.0]
            )
        own = find_moments(answer, stream.own, stream.own_grid, similar=likeness, top=TOP)[1]
        ious.setdefault(("its own video alone", stream.sample.query_kind), []).append(
            [moment.segment.iou(stream.sample.segment) for moment in own] or [0.0]
        )
    rows = [
        {"minutes": float(np.mean(lengths)), "pictures": pictures, **summary(name, kind, values)}
        for (name, kind), values in ious.items()
    ]
    return sorted(rows, key=lambda row: (row["queries"] != "simple", -row["miou"]))


@dataclass(frozen=True, kw_only=True, eq=False)
class Stream:
    """A question, its video among others, and its video alone."""

    sample: Sample
    query: QueryFeatures
    clips: np.ndarray
    grid: ClipGrid
    truth: Segment
    own: np.ndarray
    own_grid: ClipGrid


def streams(
    recipe: Recipe, minutes: float, pictures: int, options: argparse.Namespace
) -> Iterator[Stream]:
    """Questions, each with a stream of about so many minutes."""
    store = FeatureStore(options.store)
    sources, shown = {}, {}
    for folder in options.dataset:
        manifest = read_manifest(folder)
        stored = StoredFeatures(manifest, store, recipe.fingerprint)
        source = SeveralPictures(stored, manifest.samples, pictures)
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
        video = sources[own].load_video_features(sample.video_id, None)
        clips, grid = video.clips, video.grid
        most = minutes * 60 / grid.stride_seconds
        parts, number = [clips], len(clips)
        for k in random.permutation(len(others)):
            part = sources[others[k]].load_video_features(others[k][1], None).clips
            if number + len(part) <= most:
                parts.append(part)
                number += len(part)
        place = int(random.integers(len(parts)))
        parts = [*parts[1 : place + 1], clips, *parts[place + 1 :]]
        start = sum(len(part) for part in parts[:place]) * grid.stride_seconds
        truth = Segment(start + sample.segment.start_seconds, start + sample.segment.end_seconds)
        joined = np.concatenate(parts).astype(np.float32)
        yield Stream(
            sample=sample,
            query=sources[own].load_query_features(sample),
            clips=joined,
            grid=replace(grid, duration_seconds=len(joined) * grid.stride_seconds),
            truth=truth,
            own=clips.astype(np.float32),
            own_grid=grid,
        )


def labels_of(folder: Path, manifest: Manifest) -> dict[str, set[str]]:
    """What the videos of a data set show; those of test classes are left out."""
    database = json.loads((folder / "annotations.json").read_text(encoding="utf-8"))["database"]
    # In the order of the manifest, not of a set: what a seed draws stays the same.
    names = (s.video_id for s in manifest.samples if s.split in ("train", "validation"))
    return {
        name: {each["label"] for each in database[name]["annotations"]}
        for name in dict.fromkeys(names)
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
