"""Speed and index size of the default recipe beside others, and other ways to run its network.

    python benchmarks/lite.py [--weights F] [--composed C --work runs/lite] [--page]

It draws a 720p video of moving, textured pixels (H.264), fresh for each seed, and makes the index
of it on two processors, decoding included, with all recipes in turns; a ratio is that of one round.
Then the network alone runs on frames of that video in every way, in turns. A way whose features
differ by more than --tolerance of their length is another recipe: with --composed its matching on
validation classes is measured, and int8 is calibrated on frames of training videos, not on the
drawn video. bfloat16 runs only where the processor multiplies in it.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from extract import UNIQUE_SECONDS, repeat_video, write_video
from lite_engines import OURS, engines
from lite_head import HEAD, score
from lite_sizes import EngineEncoder, questions_of, small
from pages import DOCS, fill, made_by

from stillseek.features import FeatureStore, Recipe, RecipeOptions, extract, load_recipe
from stillseek.features.lite import LiteEncoder, LiteRecipe
from stillseek.files import replacing
from stillseek.media import sample
from stillseek.models.checkpoint import load_checkpoint

REPEATS = 6
VIDEO_SECONDS = UNIQUE_SECONDS * REPEATS
MOST_BYTES_AN_HOUR, LEAST_TIMES_REAL = 3_000_000, 12.0
FRAMES, CALIBRATION_FRAMES = 32, 128


def in_turns(
    calls: dict[str, Callable[[], object]], rounds: int, work: float
) -> dict[str, dict[str, float]]:
    """Rate of each call, and its ratios to the first call of the same round."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds):
        for name in list(calls)[number % len(calls) :] + list(calls)[: number % len(calls)]:
            start = time.perf_counter()
            calls[name]()
            taken[name].append(work / (time.perf_counter() - start))
    first = taken[next(iter(calls))]
    found = {}
    for name, rates in taken.items():
        ratios = [ours / theirs for ours, theirs in zip(rates, first, strict=True)]
        found[name] = {
            "rate": statistics.median(rates),
            "best": max(rates),
            "ratio": statistics.median(ratios),
            "least_ratio": min(ratios),
            "greatest_ratio": max(ratios),
        }
    return found


def time_recipes(options: argparse.Namespace, video: Path, folder: Path) -> dict[str, Any]:
    """Times real time of decoding and of whole extractions, and bytes of the entries."""
    numbers = iter(range(1_000_000))
    sizes: dict[str, float] = {}

    def index(recipe: Recipe) -> None:
        store = folder / f"store {next(numbers)}"
        extract([video], recipe, FeatureStore(store), strict=True)
        written = sum(path.stat().st_size for path in store.rglob("*") if path.is_file())
        sizes[recipe.name] = written * 3600 / VIDEO_SECONDS

    def decode() -> int:
        side = LiteEncoder.side_pixels
        return sum(1 for _ in sample(video, interval_seconds=0.5, size=(side, side)))

    calls: dict[str, Callable[[], object]] = {}
    for name in ("lite", *options.recipes):
        weights = options.weights if name == "mobilenet" else None
        recipe = load_recipe(name, RecipeOptions(weights=weights))
        calls[name] = lambda recipe=recipe: index(recipe)
        calls[name]()  # opens the network
    calls["lite, decoding alone"] = decode
    found = in_turns(calls, options.rounds, VIDEO_SECONDS)
    return {name: {**row, "bytes_an_hour": sizes.get(name)} for name, row in found.items()}


def time_engines(
    options: argparse.Namespace, frames: np.ndarray, ways: dict[str, tuple[Any, int]]
) -> dict[str, Any]:
    """Frames a second of each way, and how far its features are from the recipe's."""

    def run(engine: Any, batch: int) -> np.ndarray:
        parts = [frames[k : k + batch] for k in range(0, len(frames), batch)]
        return np.concatenate([engine.run(["pooled"], {"frames": part})[0] for part in parts])

    calls = {name: (lambda way=way: run(*way)) for name, way in ways.items()}
    features = {name: _projected(call()) for name, call in calls.items()}
    ours = features[OURS]
    length = np.linalg.norm(ours, axis=1)
    found = in_turns(calls, options.engine_rounds, len(frames))
    for name, row in found.items():
        theirs = features[name]
        cosines = (theirs * ours).sum(axis=1) / length / np.linalg.norm(theirs, axis=1)
        row["mean_cosine"], row["least_cosine"] = float(cosines.mean()), float(cosines.min())
        row["difference"] = float((np.linalg.norm(theirs - ours, axis=1) / length).max())
        row["same"] = bool(row["difference"] <= options.tolerance)
    return found


def _projected(features: np.ndarray) -> np.ndarray:
    return LiteEncoder()._project(features)


def matching_of(options: argparse.Namespace, name: str, engine: Any) -> dict[str, float]:
    """Scores of the shipped head on features of an engine, by validation videos."""
    encoder = EngineEncoder(
        engine, side_pixels=LiteEncoder.side_pixels, projected=True, settings={"engine": name}
    )
    manifest = small(options.composed, options.videos)
    questions = questions_of(manifest, options.work / "store", LiteRecipe("lite", encoder))
    model = load_checkpoint(HEAD, recipe_fingerprint=None).model.eval()
    return score(model, questions)


def calibration_frames(options: argparse.Namespace, drawn: np.ndarray) -> np.ndarray:
    """Frames of training videos where there is a data set, else of the drawn video."""
    if options.composed is None:
        return drawn
    manifest = small(options.composed, 0)
    paths = dict.fromkeys(manifest.video_path(s.video_id) for s in manifest.samples)
    side = LiteEncoder.side_pixels
    frames = [f.pixels for p in paths for f in sample(p, interval_seconds=7.0, size=(side, side))]
    chosen = np.random.default_rng(options.seed).permutation(len(frames))[:CALIBRATION_FRAMES]
    return np.stack([frames[k] for k in chosen])


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """All figures."""
    unique, video = folder / "unique.mp4", folder / "video.mp4"
    write_video(unique, seed=options.seed)
    repeat_video(unique, video, REPEATS)
    side = LiteEncoder.side_pixels
    drawn = np.stack([f.pixels for f in sample(unique, interval_seconds=0.5, size=(side, side))])
    ways = engines(calibration_frames(options, drawn))
    load = os.getloadavg()[0]
    result = {
        "seed": options.seed,
        "processors": len(os.sched_getaffinity(0)),
        "load_before": load,
        "video_seconds": VIDEO_SECONDS,
        "recipes": time_recipes(options, video, folder),
        "engines": time_engines(options, drawn[:FRAMES], ways),
        "tolerance": options.tolerance,
        "calibrated_on": "training videos" if options.composed else "the drawn video",
    }
    result["load_after"] = os.getloadavg()[0]
    if options.composed is not None:
        result["videos"] = options.videos
        scored: dict[int, dict[str, float]] = {}
        for name, row in result["engines"].items():
            engine = ways[name][0]
            if name == OURS or not row["same"]:
                if id(engine) not in scored:
                    scored[id(engine)] = matching_of(options, name.partition(",")[0], engine)
                row["matching"] = scored[id(engine)]
    return result


def page(result: dict[str, Any]) -> str:
    """Both tables, and what is not met."""
    return "\n".join([*_recipe_lines(result), "", *_engine_lines(result)])


def _recipe_lines(result: dict[str, Any]) -> Iterator[str]:
    yield f"{made_by()}, seed {result['seed']}, {result['processors']} processors, load "
    yield (
        f"{result['load_before']:.1f} before and {result['load_after']:.1f} after. A 720p video of "
        f"{result['video_seconds']} seconds, in times real time:"
    )
    yield ""
    yield "| recipe | median | best round | against `lite`, same round | MB an hour |"
    yield "|---|---:|---:|---:|---:|"
    for name, row in result["recipes"].items():
        size = row["bytes_an_hour"]
        yield (
            f"| {name} | {row['rate']:.1f} | {row['best']:.1f} | {_ratio(row)} "
            f"| {'' if size is None else f'{size / 1e6:.2f}'} |"
        )
    lite = result["recipes"]["lite"]
    yield ""
    for wanted, holds in (
        (f"{LEAST_TIMES_REAL:g} times real time", lite["best"] >= LEAST_TIMES_REAL),
        (
            f"at most {MOST_BYTES_AN_HOUR / 1e6:g} MB an hour",
            lite["bytes_an_hour"] <= MOST_BYTES_AN_HOUR,
        ),
    ):
        yield f"- Aim for `lite`: {wanted}: {'reached' if holds else '**missed**'}."


def _engine_lines(result: dict[str, Any]) -> Iterator[str]:
    has_matching = "videos" in result
    yield (
        f"The network alone; int8 calibrated on {result['calibrated_on']}. *Same* means within "
        f"{result['tolerance']:g} of a feature's length"
        + (
            f"; mIoU and swap are of the shipped head on {result['videos']} composed validation "
            "videos."
            if has_matching
            else "."
        )
    )
    yield ""
    more = " mIoU | swap |" if has_matching else ""
    yield f"| way | frames/s | against ours | cosine, mean (least) | difference | same |{more}"
    yield f"|---|---:|---:|---:|---:|---|{'---:|---:|' if has_matching else ''}"
    for name, row in result["engines"].items():
        line = (
            f"| {f'**{name}**' if name == OURS else name} | {row['rate']:.0f} | {_ratio(row)} "
            f"| {row['mean_cosine']:.5f} ({row['least_cosine']:.5f}) | {row['difference']:.1e} "
            f"| {'yes' if row['same'] else 'no'} |"
        )
        if has_matching:
            found = row.get("matching")
            line += f" {100 * found['miou']:.1f} | {found['swap']:.3f} |" if found else " | |"
        yield line


def _ratio(row: dict[str, float]) -> str:
    return f"{row['ratio']:.2f} ({row['least_ratio']:.2f} to {row['greatest_ratio']:.2f})"


def main() -> None:
    """Measures on two processors."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipes", nargs="*", default=["mobilenet", "pocket"])
    parser.add_argument("--weights", type=Path, help="of mobilenet, where not downloaded")
    parser.add_argument("--composed", type=Path, help="data set for the matching of other ways")
    parser.add_argument("--videos", type=int, default=24, help="validation videos of it")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--engine-rounds", type=int, default=9)
    parser.add_argument("--tolerance", type=float, default=1e-4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, default=Path("runs/lite_speed"))
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--page", action="store_true", help="write docs/recipes.md as well")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    with tempfile.TemporaryDirectory() as folder:
        result = measure(options, Path(folder))
    with replacing(options.work / "lite.json") as place:
        place.write_text(json.dumps(result, indent=2), encoding="utf-8")
    print(json.dumps(result) if options.json else page(result))
    if options.page:
        fill(DOCS / "recipes.md", page(result), mark="lite")


if __name__ == "__main__":
    main()
