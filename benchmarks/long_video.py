"""Memory and time of `locate` on a long file: a two-hour 720p video that this script writes.

python benchmarks/long_video.py [--minutes 120] [--recipe lite] [--json]
"""

import argparse
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from extract import HEIGHT, UNIQUE_SECONDS, WIDTH, repeat_video, write_video
from PIL import Image

from stillseek.cli.console import progress_bar
from stillseek.localize import Localizer

MOST_MEGABYTES = 600


def megabytes_in_use() -> float:
    """Resident memory of this process now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def write_long_video(path: Path, minutes: float) -> None:
    """The same scenes again and again: they are decoded and encoded anew each time."""
    scenes = path.with_name("scenes.mp4")
    write_video(scenes)
    repeat_video(scenes, path, round(minutes * 60 / UNIQUE_SECONDS))


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--recipe", default="lite")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        video, image = folder / "long.mp4", folder / "query.png"
        # In a process of its own: its memory is not locate's.
        writer = multiprocessing.Process(target=write_long_video, args=(video, options.minutes))
        writer.start()
        writer.join()
        pixels = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(image)
        localizer = Localizer.load(options.recipe)
        before, start = megabytes_in_use(), time.perf_counter()
        with progress_bar("reading") as advance:
            found = localizer.locate(video, image, on_progress=advance)
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    result = {
        "video_seconds": found.duration_seconds,
        "locate_seconds": seconds,
        "times_real_time": found.duration_seconds / seconds,
        "megabytes_after_imports": before,
        "megabytes_peak": peak,
        "megabytes_above": peak - before,
    }
    if options.json:
        print(json.dumps(result))
    else:
        for key, value in result.items():
            print(f"{key:24} {value:10.1f}")
    sys.exit(0 if peak - before <= MOST_MEGABYTES else 1)


if __name__ == "__main__":
    main()
