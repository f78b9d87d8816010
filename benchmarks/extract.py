"""Speed of extraction in multiples of real time, against plain decoding loops, and its memory.

python benchmarks/extract.py [--recipes pocket mobilenet ...] [--json] [--page] [--skip-memory]

It writes a 720p video of moving, textured pictures at about 3 Mbit/s, and longer ones by copying
its packets. For each recipe it times decoding alone (what the recipe needs of the frames), encoding
alone (all threads), and the extraction of two files, in turns; each figure is the best of --runs.

The bound. On a GPU decoding and encoding share nothing: it is the slower of the two. On a CPU they
share the processors, and a second of video costs the seconds of both: decoding alone and encoding
alone use all processors, so the bound is 1 / (1 / decode + 1 / encode). Each of the two loses some
time to waiting while it is alone, which the other can use, so the share may pass 1.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from pages import DOCS, fill, made_by
from random_recipes import recipe_for_timing

from stillseek.features import FeatureStore, Recipe, RecipeOptions, extract
from stillseek.features.extraction.decode_ahead import DecodeAhead, DecodedUnit
from stillseek.media import VideoWriter, sample

WIDTH, HEIGHT, FRAME_RATE = 1280, 720, 30
UNIQUE_SECONDS = 20
# Of decoding alone and of the plain loops: what `pocket` looks at.
INTERVAL_SECONDS, SIDE = 0.5, 128
# A slow encoder is timed on less video.
SECONDS_OF_A_RUN = 20.0


def write_video(path: Path, *, seed: int = 0) -> None:
    """Scenes of eight seconds over a detailed background that moves, with discs and grain."""
    rng = np.random.default_rng(seed)
    canvas = np.zeros((2 * HEIGHT, 2 * WIDTH, 3), np.float32)
    for octave in range(1, 8):
        noise = rng.normal(size=(2 * HEIGHT >> octave, 2 * WIDTH >> octave, 3)).astype(np.float32)
        canvas += cv2.resize(noise, (2 * WIDTH, 2 * HEIGHT)) * 2**octave * 0.36
    scene = np.clip(canvas + 110, 0, 239).astype(np.uint8)
    grain = rng.integers(0, 16, size=(8, HEIGHT, WIDTH, 1), dtype=np.uint8)
    with VideoWriter(path, frame_rate=Fraction(FRAME_RATE), crf=23, preset="veryfast") as writer:
        for index in range(UNIQUE_SECONDS * FRAME_RATE):
            seconds = index / FRAME_RATE
            left = int(WIDTH / 2 * (1 + np.sin(0.2 * seconds + seconds // 8)))
            top = int(HEIGHT / 2 * (1 + np.cos(0.15 * seconds + 2 * (seconds // 8))))
            frame = scene[top : top + HEIGHT, left : left + WIDTH] + grain[index % 8]
            for disc in range(3):
                x = int(WIDTH * (0.5 + 0.4 * np.sin(0.9 * seconds + 2 * disc)))
                y = int(HEIGHT * (0.5 + 0.4 * np.cos(1.3 * seconds + disc)))
                cv2.circle(frame, (x, y), 60 + 20 * disc, (40 + 80 * disc, 140, 90), -1)
            writer.write(frame)


def repeat_video(source: Path, target: Path, times: int, *, title: str = "") -> None:
    """The same packets again and again; another title makes another file of it."""
    with av.open(str(target), "w", options={"movflags": "faststart"}) as output:
        output.metadata["title"] = title
        stream = None
        offset = 0
        for _ in range(times):
            with av.open(str(source)) as container:
                video = container.streams.video[0]
                if stream is None:
                    stream = output.add_stream_from_template(video)
                for packet in container.demux(video):
                    if packet.dts is not None:
                        packet.pts, packet.dts = packet.pts + offset, packet.dts + offset
                        packet.stream = stream
                        output.mux(packet)
                offset += video.duration


def pyav_loop(path: Path) -> int:
    """What people write with PyAV: decode all, convert the frames that are wanted."""
    count, wanted = 0, 0.0
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for frame in container.decode(stream):
            if frame.time >= wanted:
                frame.to_ndarray(width=SIDE, height=SIDE, format="rgb24")
                count, wanted = count + 1, wanted + INTERVAL_SECONDS
    return count


def opencv_loop(path: Path) -> int:
    """What people write with OpenCV: grab all, retrieve the frames that are wanted."""
    capture = cv2.VideoCapture(str(path))
    step, count, index = round(FRAME_RATE * INTERVAL_SECONDS), 0, 0
    while capture.grab():
        if index % step == 0:
            cv2.resize(capture.retrieve()[1], (SIDE, SIDE))
            count += 1
        index += 1
    return count


def ffmpeg_pipe(path: Path) -> int:
    """Frames through a pipe of the ffmpeg command."""
    command = ["ffmpeg", "-v", "error", "-i", str(path)]
    command += ["-vf", f"fps={1 / INTERVAL_SECONDS},scale={SIDE}:{SIDE}"]
    command += ["-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    return len(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout) // (3 * SIDE**2)


def our_loop(path: Path) -> int:
    """`sample`."""
    return sum(1 for _ in sample(path, interval_seconds=INTERVAL_SECONDS, size=(SIDE, SIDE)))


def seconds_of(work: Callable[[], object]) -> float:
    """Wall time of a call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def best_of(runs: int, works: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Least wall time of each of several calls, in turns, so that a slow minute hits them all."""
    times = {name: float("inf") for name in works}
    for _ in range(runs):
        for name, work in works.items():
            times[name] = min(times[name], seconds_of(work))
    return times


def time_loops(path: Path, seconds: float, runs: int) -> dict[str, float | None]:
    """Real-time factors of the plain loops and of ours on one file."""
    loops = {"stillseek": our_loop, "pyav": pyav_loop, "opencv": opencv_loop}
    if shutil.which("ffmpeg"):
        loops["ffmpeg_pipe"] = ffmpeg_pipe
    works = {name: (lambda loop=loop: loop(path)) for name, loop in loops.items()}
    factors: dict[str, float | None] = {"ffmpeg_pipe": None}
    factors |= {name: round(seconds / took, 2) for name, took in best_of(runs, works).items()}
    return factors


def decode_all(paths: list[Path], recipe: Recipe, folder: Path) -> int:
    """The decoding half of an extraction, nobody at the other end."""
    workers = min(len(paths), os.cpu_count() or 1)
    ahead = DecodeAhead(
        paths, recipe, FeatureStore(folder), workers=workers, capacity=2 * recipe.batch_units
    )
    with ahead as events:
        return sum(isinstance(event, DecodedUnit) for event in events)


def time_recipe(recipe: Recipe, videos: dict[int, list[Path]], runs: int, folder: Path) -> dict:
    """Real-time factors of one recipe: decoding, encoding, and both in an extraction."""
    stream = recipe.open_video(videos[min(videos)][0])
    unit = next(stream.units)
    batch = np.repeat(unit[None], recipe.batch_units, axis=0)
    batch_seconds = recipe.batch_units * stream.interval_seconds
    recipe.encode_units(batch)
    rate = batch_seconds / seconds_of(lambda: recipe.encode_units(batch))
    seconds = max(
        (length for length in videos if 2 * length / rate < SECONDS_OF_A_RUN), default=min(videos)
    )
    paths = videos[seconds]
    repeats = max(1, round(2 * seconds / batch_seconds))
    empty = folder / "empty"
    times = best_of(
        runs,
        {
            "decode": lambda: decode_all(paths, recipe, empty),
            "encode": lambda: [recipe.encode_units(batch) for _ in range(repeats)],
            "extract": lambda: _extract(paths, recipe, folder / "store"),
        },
    )
    decode, whole = (2 * seconds / times[name] for name in ("decode", "extract"))
    encode = repeats * batch_seconds / times["encode"]
    return {
        "video_seconds": 2 * seconds,
        "decode": decode,
        "encode": encode,
        "extract": whole,
        "bound_shared": 1 / (1 / decode + 1 / encode),
        "bound_apart": min(decode, encode),
    }


def _extract(paths: list[Path], recipe: Recipe, store: Path) -> None:
    shutil.rmtree(store, ignore_errors=True)
    report = extract(paths, recipe, FeatureStore(store))
    assert len(report.with_status("encoded")) == len(paths), report


def peak_megabytes(path: Path, folder: Path) -> float:
    """Peak resident memory of `stillseek extract` with the pocket recipe on one file."""
    shutil.rmtree(folder, ignore_errors=True)
    command = [sys.executable, "-m", "stillseek", "extract", str(path), "--out", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, status
    return usage.ru_maxrss * 1024 / 1e6


def measure(options: argparse.Namespace, folder: Path) -> Iterator[tuple[str, object]]:
    """All figures, one part at a time."""
    unique = folder / "unique.mp4"
    write_video(unique)
    yield "megabits_a_second", unique.stat().st_size * 8e-6 / UNIQUE_SECONDS
    if not options.skip_memory:
        # First, while this process is small: the peak of a new process begins with its parent's.
        for minutes in (10, 60):
            path = folder / "long.mp4"
            repeat_video(unique, path, minutes * 60 // UNIQUE_SECONDS)
            yield f"peak_megabytes_{minutes}_minutes", round(peak_megabytes(path, folder / "m"))
    videos = {}
    for seconds in (20, 40, 120):
        videos[seconds] = [folder / f"{seconds}-{copy}.mp4" for copy in range(2)]
        for path in videos[seconds]:
            repeat_video(unique, path, seconds // UNIQUE_SECONDS, title=path.stem)
    yield "decode_loops", time_loops(videos[120][0], 120.0, options.runs)
    for name in options.recipes:
        recipe = recipe_for_timing(
            name, RecipeOptions(device=options.device, precision=options.precision)
        )
        if recipe is None:
            yield name, None
            continue
        figures = time_recipe(recipe, videos, options.runs, folder)
        bound = figures["bound_shared" if options.device == "cpu" else "bound_apart"]
        figures["share"] = figures["extract"] / bound
        yield name, {key: round(value, 2) for key, value in figures.items()}


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipes", nargs="*", default=["pocket"])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="auto", choices=("auto", "fp32", "bf16"))
    parser.add_argument("--runs", type=int, default=3, help="each figure is the best of them")
    parser.add_argument("--skip-memory", action="store_true")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--page", action="store_true", help="write docs/extract.md as well")
    options = parser.parse_args()
    figures: dict[str, object] = {"processors": os.cpu_count(), "device": options.device}
    with tempfile.TemporaryDirectory() as folder:
        for name, value in measure(options, Path(folder)):
            figures[name] = value
            if not options.json:
                print(f"{name}: {_words(value)}", flush=True)
    if options.json:
        print(json.dumps(figures))
    if options.page:
        write_page(figures)


def write_page(figures: dict[str, object]) -> None:
    """Puts the figures into the page about extraction."""
    rows = {name: value for name, value in figures.items() if isinstance(value, dict)}
    loops = rows.pop("decode_loops")
    lines = [
        f"{made_by()}, {figures['processors']} processors, device {figures['device']}.",
        "",
        "| recipe | decode | encode | bound | extract | share of the bound |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    bound = "bound_shared" if figures["device"] == "cpu" else "bound_apart"
    for name, row in rows.items():
        cells = [f"{row[key]:.1f}" for key in ("decode", "encode", bound, "extract")]
        lines.append(f"| `{name}` | {' | '.join(cells)} | {row['share']:.0%} |")
    lines += ["", "Decoding two frames a second of one file, in the same run: "]
    lines[-1] += ", ".join(f"{k} {'not here' if v is None else v}" for k, v in loops.items()) + "."
    memory = {name: value for name, value in figures.items() if name.startswith("peak_megabytes")}
    if memory:
        words = (f"{v} MB for {n.split('_')[2]} minutes" for n, v in memory.items())
        lines += ["", f"Most memory of `stillseek extract` with `pocket`: {', '.join(words)}."]
    fill(DOCS / "extract.md", "\n".join(lines))


def _words(value: object) -> str:
    match value:
        case None:
            return "skipped: its weights are not here"
        case dict():
            missing = "skipped: there is no such command"
            return ", ".join(f"{k} {missing if v is None else v}" for k, v in value.items())
        case _:
            return str(value)


if __name__ == "__main__":
    main()
