"""Speed and index size of the default recipe beside `mobilenet`, and other ways to run its network.

    python benchmarks/lite.py [--weights F] [--composed C --work runs/lite_engines] [--page]

A 720p video of moving, textured pixels (H.264) is drawn by --seed, and both recipes make its index
on two processors, decoding included, in turns; a ratio is that of one round. Then the network alone
runs in every way on frames of that video, in turns. With --composed, int8 is calibrated on frames
of training videos and scored by the shipped head on validation videos. bfloat16 runs only where the
processor multiplies in it. --page keeps the result in docs/lite.json and fills the model card.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from extract import UNIQUE_SECONDS, repeat_video, write_video
from lite_domains import made_questions, without_test
from lite_engines import INT8, OURS, encoder_with, engines, processor
from lite_head import HEAD, score
from pages import DOCS, fill, made_by

from stillseek.features import FeatureStore, Recipe, RecipeOptions, extract, load_recipe
from stillseek.features.recipes.lite import LiteEncoder, LiteRecipe
from stillseek.media import sample
from stillseek.models.checkpoint import load_checkpoint

RESULTS = DOCS / "lite.json"
CARD = DOCS / "model_cards" / "lite.md"
REPEATS = 6
VIDEO_SECONDS = UNIQUE_SECONDS * REPEATS
LEAST_TIMES_REAL, MOST_BYTES_AN_HOUR = 12, 3_000_000
FRAMES, CALIBRATION_FRAMES = 16, 64
SIDE = LiteEncoder.side_pixels


def in_turns(
    calls: dict[str, Callable[[], object]], rounds: int, work: float
) -> dict[str, dict[str, float]]:
    """Rate of each call, its ratios to the first call of the same round, and processor time."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    busy: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()  # opens the network
    for number in range(rounds):
        turn = number % len(calls)
        for name in [*list(calls)[turn:], *list(calls)[:turn]]:
            start, busy_start = time.perf_counter(), time.process_time()
            calls[name]()
            taken[name].append(work / (time.perf_counter() - start))
            busy[name].append((time.process_time() - busy_start) / work)
    first = np.array(taken[next(iter(calls))])
    found = {}
    for name, rates in taken.items():
        ratios = np.array(rates) / first
        found[name] = {
            "rate": statistics.median(rates),
            "best": max(rates),
            "ratio": float(np.median(ratios)),
            "least_ratio": float(ratios.min()),
            "greatest_ratio": float(ratios.max()),
            "busy": statistics.median(busy[name]),
        }
    return found


def time_recipes(options: argparse.Namespace, video: Path, folder: Path) -> dict[str, Any]:
    """Multiples of real time of whole extractions and of decoding, and bytes of the entries."""
    made = 0
    sizes: dict[str, float] = {}

    def index(recipe: Recipe) -> None:
        nonlocal made
        made += 1
        store = folder / f"store {made}"
        extract([video], recipe, FeatureStore(store), strict=True)
        written = sum(path.stat().st_size for path in store.rglob("*") if path.is_file())
        sizes[f"`{recipe.name}`"] = written * 3600 / VIDEO_SECONDS

    def decode() -> int:
        return sum(1 for _ in sample(video, interval_seconds=0.5, size=(SIDE, SIDE)))

    calls: dict[str, Callable[[], object]] = {}
    for name, weights in (("lite", None), ("mobilenet", options.weights)):
        recipe = load_recipe(name, RecipeOptions(weights=weights))
        calls[f"`{name}`"] = lambda recipe=recipe: index(recipe)
    calls["decoding alone"] = decode
    found = in_turns(calls, options.rounds, VIDEO_SECONDS)
    return {name: {**row, "bytes_an_hour": sizes.get(name)} for name, row in found.items()}


def time_engines(
    options: argparse.Namespace, frames: np.ndarray, ways: dict[str, tuple[Any, int]]
) -> dict[str, Any]:
    """Frames a second of each way, and how far its projected features are from the recipe's."""

    def run(engine: Any, batch: int) -> np.ndarray:
        parts = [frames[k : k + batch] for k in range(0, len(frames), batch)]
        return np.concatenate([engine.run(["pooled"], {"frames": part})[0] for part in parts])

    calls = {name: (lambda way=way: run(*way)) for name, way in ways.items()}
    features = {name: LiteEncoder()._project(call()) for name, call in calls.items()}
    ours, found = features[OURS], in_turns(calls, options.engine_rounds, len(frames))
    length = np.linalg.norm(ours, axis=1)
    for name, theirs in features.items():
        cosines = (theirs * ours).sum(axis=1) / length / np.linalg.norm(theirs, axis=1)
        found[name]["mean_cosine"] = float(cosines.mean())
        found[name]["difference"] = float((np.linalg.norm(theirs - ours, axis=1) / length).max())
    return found


def matching_of(options: argparse.Namespace, name: str, engine: Any) -> dict[str, float]:
    """Scores of the shipped head on features of an engine, by validation videos."""
    encoder = encoder_with(engine, side_pixels=SIDE, projected=True, settings={"engine": name})
    manifest = without_test(options.composed, options.videos)
    questions = made_questions(manifest, options.work / "store", LiteRecipe("lite", encoder))
    return score(load_checkpoint(HEAD, recipe_fingerprint=None).model.eval(), questions)


def training_frames(options: argparse.Namespace) -> np.ndarray:
    """Frames of training videos, drawn."""
    manifest = without_test(options.composed, 0)
    paths = dict.fromkeys(manifest.video_path(s.video_id) for s in manifest.samples)
    frames = [f.pixels for p in paths for f in sample(p, interval_seconds=7.0, size=(SIDE, SIDE))]
    chosen = np.random.default_rng(options.seed).permutation(len(frames))[:CALIBRATION_FRAMES]
    return np.stack([frames[k] for k in chosen])


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """All figures."""
    unique, video = folder / "unique.mp4", folder / "video.mp4"
    write_video(unique, seed=options.seed)
    repeat_video(unique, video, REPEATS)
    drawn = np.stack([f.pixels for f in sample(unique, interval_seconds=0.5, size=(SIDE, SIDE))])
    ways = engines(drawn if options.composed is None else training_frames(options))
    result = {
        "made_by": made_by(),
        "seed": options.seed,
        "processor": processor(),
        "processors": len(os.sched_getaffinity(0)),
        "load_before": os.getloadavg()[0],
        "recipes": time_recipes(options, video, folder),
        "engines": time_engines(options, drawn[:FRAMES], ways),
        "load_after": os.getloadavg()[0],
        "videos": options.composed and options.videos,
    }
    if options.composed is not None:
        for name in (OURS, INT8):
            result["engines"][name]["matching"] = matching_of(options, name, ways[name][0])
    return result


def page(result: dict[str, Any]) -> str:
    """Both tables."""
    lite = result["recipes"]["`lite`"]
    fast, small = lite["rate"] >= LEAST_TIMES_REAL, lite["bytes_an_hour"] <= MOST_BYTES_AN_HOUR
    lines = [
        f"{result['made_by']}, seed {result['seed']}, {result['processors']} processors "
        f"({result['processor']}),\nload {result['load_before']:.1f} before and "
        f"{result['load_after']:.1f} after; a 720p video of {VIDEO_SECONDS} seconds. `lite` "
        f"{'reaches' if fast else '**misses**'} {LEAST_TIMES_REAL} times real time and "
        f"{'keeps' if small else '**misses**'} an hour's index within "
        f"{MOST_BYTES_AN_HOUR / 1e6:g} MB.",
        "",
        "| recipe | times real time, median | best | against `lite` | processor seconds an hour "
        "| MB an hour |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, row in result["recipes"].items():
        size = "" if row["bytes_an_hour"] is None else f"{row['bytes_an_hour'] / 1e6:.2f}"
        lines.append(
            f"| {name} | {row['rate']:.1f} | {row['best']:.1f} | {_ratio(row)} "
            f"| {3600 * row['busy']:.0f} | {size} |"
        )
    lines += [
        "",
        "| the network alone | frames/s | against the first | cosine | difference "
        f"| mIoU, {result['videos'] or 0} videos | swap accuracy |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, row in result["engines"].items():
        found = row.get("matching")
        scores = f"{100 * found['miou']:.1f} | {100 * found['swap']:.1f}" if found else "|"
        lines.append(
            f"| {name} | {row['rate']:.0f} | {_ratio(row)} | {row['mean_cosine']:.4f} "
            f"| {row['difference']:.1e} | {scores} |"
        )
    return "\n".join(lines)


def _ratio(row: dict[str, float]) -> str:
    return f"{row['ratio']:.2f} ({row['least_ratio']:.2f} to {row['greatest_ratio']:.2f})"


def main() -> None:
    """Measures on two processors."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--weights", type=Path, help="of mobilenet, where not downloaded")
    parser.add_argument("--composed", type=Path, help="data set for int8")
    parser.add_argument("--work", type=Path, default=Path("runs/lite_engines"))
    parser.add_argument("--videos", type=int, default=20, help="validation videos that are asked")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--engine-rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--page", action="store_true", help="keep the result, fill the card")
    options = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    with tempfile.TemporaryDirectory() as folder:
        result = measure(options, Path(folder))
    print(page(result))
    if options.page:
        RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        fill(CARD, page(result), mark="speed")


if __name__ == "__main__":
    main()
