"""How fast, how small and how right a library is, beside a plain product of NumPy.

    python benchmarks/library.py [--clips 1000 100000 1000000] [--videos 1000] [--runs 5] [--json F]
        [--features STORE] [--index-videos FOLDER] [--parts shortlist head index] [--page]

1. Shortlist: libraries of so many clips, made by perturbing real features of lite (those of
   --features, a store that stillseek extract wrote; else drawn from its shipped background). Times
   are medians on the clock and of processor seconds, which say more on a machine that others use.
2. Shortlist and head on --videos one-minute videos: warm, and in a process of its own; the share of
   queries whose best video, and of whose ten best, are those of the head's look at every video.
3. Indexing with two workers: times real time, and MB an hour, of 720p videos that it writes, or of
   the folder --index-videos. --parts index runs this alone.

--page fills docs/library.md with all three. Nothing is chosen by it.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from extract import repeat_video, write_video
from pages import DOCS, fill, made_by
from PIL import Image

from stillseek.features import FeatureStore, RecipeOptions, VideoFeatures, VideoKey, load_recipe
from stillseek.library import Library
from stillseek.library.index import FEATURES, Index, make_index, writing
from stillseek.library.index_tables import IndexedVideo
from stillseek.library.settings import LibraryRecipe, Settings
from stillseek.library.shortlist import best_videos
from stillseek.timeline import ClipGrid

CLIPS_A_VIDEO = 120
AIMS_MS = {1_000: 5, 100_000: 20, 1_000_000: 100}
NUM_QUERIES = 50
PARTS = ("shortlist", "head", "index")
# Share of a feature's length that noise has: copies are alike, and none is another.
NOISE, DRIFT = 0.5, 0.3


def main() -> None:
    """Prints the figures, and writes them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, nargs="+", default=[1_000, 100_000, 1_000_000])
    parser.add_argument("--videos", type=int, default=1_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--features", type=Path)
    parser.add_argument("--index-videos", type=Path)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--page", action="store_true", help="fill the page; takes all parts")
    options = parser.parse_args()
    if options.page and set(options.parts) != set(PARTS):
        parser.error("--page shows all parts; leave --parts out")
    found: dict[str, Any] = {"command": " ".join(sys.argv), "load": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory() as folder:
        real = real_features(options.features)
        for clips in options.clips if "shortlist" in options.parts else []:
            videos = max(1, clips // CLIPS_A_VIDEO)
            library = make_library(Path(folder) / f"of-{clips}", real, videos)
            found[f"shortlist_{clips}"] = show(f"{clips} clips", shortlist(library, options.runs))
        if "head" in options.parts:
            library = make_library(Path(folder) / "videos", real, options.videos)
            found["head"] = show(f"{options.videos} videos", with_head(library, options.runs))
        if "index" in options.parts:
            videos = options.index_videos or hd_videos(Path(folder) / "720p")
            found["indexing"] = show("indexing", indexing(Path(folder), videos))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found["memory_mib"] = show("memory", {"peak_mib": round(peak)})
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    if options.page:
        fill(DOCS / "library.md", page(found), mark="speed")


def page(found: dict[str, Any]) -> str:
    """The figures as a table."""
    head, indexing, rows = found["head"], found["indexing"], []
    for name, made in found.items():
        if name.startswith("shortlist_"):
            times = f"{made['shortlist']['wall_ms']} ms | {made['numpy_all_clips']['wall_ms']} ms"
            rows.append(f"| the best 20 videos by {made['clips']:,} clips | {times} |")
    warm = head["warm"]["wall_ms"] / 1000
    rows += [
        f"| a search of {head['videos']:,} one-minute videos, library open | {warm:.2f} s | |",
        f"| the same as a command, from its start | {head['cold_s']['head']:.2f} s | |",
        f"| the same with `--fast` | {head['cold_s']['fast']:.2f} s | |",
    ]
    return f"""{made_by()}: {os.cpu_count()} processors, load {found["load"]:.1f} before.

| | takes | NumPy, every clip |
|---|---:|---:|
{chr(10).join(rows)}

Of {head["queries"]} queries, {100 * head["agreement_top_1"]:.0f}% find the video that is best where
the head looks at every one, and {100 * head["agreement_top_10"]:.0f}% of the ten best are the same.
720p videos are indexed at {indexing["times_real_time"]:.1f} times real time by two workers, into
{indexing["mb_an_hour"]:.2f} MB an hour beside {indexing["mb_fixed"]:.1f} MB of any library. All of
this, with NumPy's clips, took at most {found["memory_mib"]["peak_mib"]:,} MiB of memory."""


def real_features(store: Path | None) -> np.ndarray:
    """Features of lite of length 1, one a row."""
    recipe = load_recipe("lite")
    if store is not None:
        files = FeatureStore(store)
        keys = (Path(name).name.split(".") for name in files.files.entries("*"))
        rows = [
            files.get(VideoKey(content=content, fingerprint=recipe.fingerprint)).clips
            for content, digits, _ in (key for key in keys if "-" not in key[0])
            if recipe.fingerprint.startswith(digits)
        ]
        features = np.concatenate(rows)
        features = features[np.abs(features).max(axis=1) > 0]
    else:
        # What the background was before it was whitened, up to its length.
        with tempfile.TemporaryDirectory() as folder:
            name = make_index(Path(folder), recipe)
            space = Index(Path(folder), name, recipe.fingerprint).space
        features = space.background @ np.linalg.pinv(space.metric) + space.centre
    return (features / np.linalg.norm(features, axis=1, keepdims=True)).astype(np.float32)


def make_library(folder: Path, real: np.ndarray, videos: int) -> Library:
    """A library of one-minute videos that drift between perturbed real features."""
    recipe, chance = load_recipe("lite"), np.random.default_rng(videos)
    dim = real.shape[1]
    with writing(folder):
        made_by = LibraryRecipe(
            name="lite", options=RecipeOptions(), fingerprint=recipe.fingerprint
        )
        settings = Settings(folder=folder, recipe=made_by, index=make_index(folder, recipe))
        settings.with_root(folder.parent, "made").write()
        index = Index(folder, settings.index, recipe.fingerprint)
        store = FeatureStore(folder / FEATURES)
        grid = ClipGrid(stride_seconds=0.5, length_seconds=0.5, duration_seconds=CLIPS_A_VIDEO / 2)
        waiting = []
        for number in range(videos):
            scenes = real[chance.integers(len(real), size=6)]
            scenes = scenes + NOISE * chance.standard_normal(scenes.shape) / dim**0.5
            clips = np.repeat(scenes, CLIPS_A_VIDEO // 6, axis=0)
            clips = clips + DRIFT * chance.standard_normal(clips.shape) / dim**0.5
            content = f"{chance.integers(2**60):015x}{number:049x}"
            features = VideoFeatures(
                clips=clips.astype(np.float32), grid=grid, fingerprint=recipe.fingerprint
            )
            key = VideoKey(content=content, fingerprint=recipe.fingerprint)
            store.put(key, features, source="made")
            waiting.append(
                IndexedVideo(
                    name=f"made/{number}.mp4",
                    size_bytes=1,
                    modified_ns=1,
                    content=content,
                    duration_seconds=grid.duration_seconds,
                )
            )
            if len(waiting) == 1_000 or number == videos - 1:
                index.add(waiting)
                waiting = []
    return Library.open(folder)


def questions(library: Library) -> list[np.ndarray]:
    """Pictures of noise stand for none: queries are perturbed clips of the library."""
    chance = np.random.default_rng(1)
    settings = Settings.read(library.folder)
    assert settings is not None
    index = Index(library.folder, settings.index, settings.recipe.fingerprint)
    videos = [video for video in library.videos() if video.content]
    chosen = [videos[place] for place in chance.integers(len(videos), size=NUM_QUERIES)]
    asked = []
    for video in chosen:
        clip = index.features(video).clips[chance.integers(CLIPS_A_VIDEO)]
        noise = chance.standard_normal(len(clip)) / len(clip) ** 0.5
        asked.append((clip + NOISE * noise).astype(np.float32))
    return asked


def shortlist(library: Library, runs: int) -> dict[str, object]:
    """The shortlist of 20 videos, and a product with every clip."""
    settings = Settings.read(library.folder)
    assert settings is not None
    index = Index(library.folder, settings.index, settings.recipe.fingerprint)
    rows, lengths = index.tables.rows(), {v.number: v.num_clips for v in library.videos()}
    question = index.space.question([questions(library)[0]])
    every = np.random.default_rng(2).standard_normal((sum(lengths.values()), rows.vectors.shape[1]))
    every = every.astype(np.float32)
    best_videos(index.space, rows, question, lengths, 20)
    clips = sum(lengths.values())
    return {
        "clips": clips,
        "rows": len(rows.clips),
        "aim_ms": AIMS_MS.get(round(clips, -3)),
        "shortlist": timed(lambda: best_videos(index.space, rows, question, lengths, 20), runs),
        "numpy_all_clips": timed(lambda: np.argpartition(every @ every[0], -20), runs),
        "reading_rows": timed(index.tables.rows, 1),
        "row_mib": round(rows.vectors.nbytes / 2**20, 1),
    }


def with_head(library: Library, runs: int) -> dict[str, object]:
    """Time of a search, and agreement with the head's look at every video."""
    from stillseek.features import QueryFeatures
    from stillseek.localize.localizer import Localizer

    recipe, vectors = library.recipe, questions(library)
    localizer = Localizer.load(recipe)
    settings = Settings.read(library.folder)
    assert settings is not None
    index = Index(library.folder, settings.index, settings.recipe.fingerprint)
    every = {video.name: index.features(video) for video in library.videos()}
    picture = np.random.default_rng(0).integers(0, 255, (90, 120, 3)).astype(np.uint8)
    first, ten = [], []
    plain = recipe.encode_pixels(picture)
    for vector in vectors:
        asked = QueryFeatures(
            regions=np.repeat(vector[None], len(plain.regions), axis=0),
            boxes=plain.boxes,
            global_feature=vector,
            fingerprint=recipe.fingerprint,
        )
        recipe.encode_pixels = lambda _, asked=asked: asked
        query = localizer.encode_query(picture)
        looks = (
            (localizer.locate_features(features, query, video=Path(name)).presence, name)
            for name, features in every.items()
        )
        best = [name for _, name in sorted(looks, key=lambda look: -(look[0] or 0.0))[:10]]
        answered = library.search(picture, localizer=localizer).results
        found = [f"made/{result.video.name}" for result in answered]
        first.append(best[0] == found[0])
        ten.append(len(set(best) & set(found)) / len(best))
    warm = timed(lambda: library.search(picture, localizer=localizer), runs)
    return {
        "videos": len(every),
        "queries": len(vectors),
        "agreement_top_1": statistics.mean(first),
        "agreement_top_10": statistics.mean(ten),
        "warm": warm,
        "cold_s": {fast: cold(library, picture, fast=fast == "fast") for fast in ("head", "fast")},
    }


def cold(library: Library, picture: np.ndarray, *, fast: bool) -> float:
    """Seconds of the command line in a process of its own."""
    path = library.folder.parent / "picture.png"
    Image.fromarray(picture).save(path)
    words = [sys.executable, "-m", "stillseek", "library", "search", str(library.folder)]
    began = time.perf_counter()
    subprocess.run(
        [*words, "--image", str(path), *["--fast"] * fast], check=True, stdout=subprocess.DEVNULL
    )
    return round(time.perf_counter() - began, 2)


def hd_videos(folder: Path) -> Path:
    """Four 720p videos of two minutes."""
    folder.mkdir()
    for seed in range(4):
        with tempfile.TemporaryDirectory() as beside:
            unique = Path(beside) / "unique.mp4"
            write_video(unique, seed=seed)
            repeat_video(unique, folder / f"{seed}.mp4", 6)
    return folder


def indexing(folder: Path, videos: Path) -> dict[str, object]:
    """Times real time with two workers, and the size of what came of it."""
    library = Library.open(folder / "indexed")
    report = library.add(videos, workers=2)
    stats = library.stats()
    size = (stats.index_bytes + stats.feature_bytes - stats.space_bytes) / 1e6
    return {
        "hours": round(stats.seconds / 3600, 3),
        "times_real_time": round(stats.seconds / report.wall_seconds, 1),
        "mb_an_hour": round(size / (stats.seconds / 3600), 2),
        "mb_fixed": round(stats.space_bytes / 1e6, 2),
        "failed": stats.failed,
    }


def timed(work: Callable[[], object], runs: int) -> dict[str, float]:
    """Medians in milliseconds, on the clock and of the processor."""
    wall, processor = [], []
    for _ in range(runs):
        began, used = time.perf_counter(), time.process_time()
        work()
        wall.append(1000 * (time.perf_counter() - began))
        processor.append(1000 * (time.process_time() - used))
    return {
        "wall_ms": round(statistics.median(wall), 2),
        "processor_ms": round(statistics.median(processor), 2),
    }


def show(name: str, figures: dict[str, object]) -> dict[str, object]:
    """Prints figures as they come."""
    print(f"{name}: {json.dumps(figures)}", flush=True)
    return figures


if __name__ == "__main__":
    main()
