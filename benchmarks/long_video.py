"""Memory and time of `locate` on a long file: a 20-minute 720p video that this script writes.

python benchmarks/long_video.py [--minutes 20] [--json]
"""

import argparse
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from stillseek.cli.console import progress_bar
from stillseek.localize import Localizer
from stillseek.media import VideoWriter

WIDTH, HEIGHT, FRAMES_PER_SECOND = 1280, 720, 25


def megabytes_in_use() -> float:
    """Resident memory of this process now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def write_long_video(path: Path, minutes: float) -> None:
    """Textured pictures that move and change, so that the file costs what real ones cost."""
    rng = np.random.default_rng(0)
    places = [
        cv2.resize(rng.integers(0, 256, (45, 80, 3), dtype=np.uint8), (WIDTH * 2, HEIGHT * 2))
        for _ in range(6)
    ]
    with VideoWriter(
        path, frame_rate=Fraction(FRAMES_PER_SECOND), crf=28, preset="ultrafast"
    ) as writer:
        for index in range(int(minutes * 60 * FRAMES_PER_SECOND)):
            place = places[index // (FRAMES_PER_SECOND * 20) % len(places)]
            left, top = index * 3 % WIDTH, index % HEIGHT
            writer.write(np.ascontiguousarray(place[top : top + HEIGHT, left : left + WIDTH]))


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=20.0)
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
        localizer = Localizer.load("pocket")
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
    sys.exit(0 if peak - before <= 600 else 1)


if __name__ == "__main__":
    main()
