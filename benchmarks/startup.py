"""How long people wait before anything happens, each way as a ratio to `python -c "import torch"`.

    python benchmarks/startup.py [--rounds 7] [--json]

Every way runs in a process of its own, all of them in turns; a ratio is that of one round, and
printed are medians with the least and the greatest, of seconds on the clock and of processor
seconds, which say more on a machine that others use. The search is of a video of a minute whose
features are in the cache, as are the picture's. Aims: help 0.15, load and search 1.
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
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from stillseek.media import VideoWriter

SECONDS, FRAMES_A_SECOND = 60, 8
BASELINE = "import torch"


def main() -> None:
    """Prints the table, or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        video, image, cache = (Path(folder) / name for name in ("v.mp4", "q.png", "cache"))
        write_video(video)
        write_picture(image)
        ways = commands(video, image, cache)
        for command in ways.values():  # fills the cache, writes .pyc files, warms the disk
            run(command)
        taken = {name: [] for name in ways}
        for _ in range(options.rounds):
            for name, command in ways.items():
                taken[name].append(run(command))
    rows = [summary(name, times, taken[BASELINE]) for name, times in taken.items()]
    if options.json:
        print(json.dumps({"rounds": options.rounds, "cpus": os.cpu_count(), "rows": rows}))
        return
    print(f"{'way':26} {'seconds':>9} {'ratio':>22} {'of processor seconds':>22}")
    for row in rows:
        spreads = (
            f"{row[key]['median']:.2f} ({row[key]['least']:.2f} to {row[key]['greatest']:.2f})"
            for key in ("ratio", "processor_ratio")
        )
        print(f"{row['way']:26} {row['seconds']:9.3f}", *(f"{spread:>22}" for spread in spreads))


def commands(video: Path, image: Path, cache: Path) -> dict[str, list[str]]:
    """What is timed, by its name in the table."""
    load = "from stillseek import Localizer; Localizer.load()"
    search = (
        "from stillseek import Localizer; "
        f"Localizer.load(cache={str(cache)!r}).locate({str(video)!r}, {str(image)!r})"
    )
    verb = ["-m", "stillseek"]
    locate = [*verb, "locate", str(video), "--image", str(image), "--cache", str(cache)]
    return {
        name: [sys.executable, *arguments]
        for name, arguments in {
            BASELINE: ["-c", BASELINE],
            "import numpy": ["-c", "import numpy"],
            "import stillseek": ["-c", "import stillseek"],
            "stillseek --help": [*verb, "--help"],
            "stillseek locate --help": [*verb, "locate", "--help"],
            "Localizer.load()": ["-c", load],
            "load and cached search": ["-c", search],
            "stillseek locate, cached": locate,
        }.items()
    }


def run(command: list[str]) -> tuple[float, float]:
    """Seconds on the clock, and processor seconds, until the command has ended."""
    used, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    elapsed, now = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return elapsed, now.ru_utime - used.ru_utime + now.ru_stime - used.ru_stime


def summary(
    way: str, times: list[tuple[float, float]], baseline: list[tuple[float, float]]
) -> dict:
    """Median seconds, and the ratios to the baseline of the same round."""
    row = {"way": way, "seconds": statistics.median(elapsed for elapsed, _ in times)}
    for place, key in enumerate(("ratio", "processor_ratio")):
        ratios = [one[place] / other[place] for one, other in zip(times, baseline, strict=True)]
        row[key] = {
            "median": statistics.median(ratios),
            "least": min(ratios),
            "greatest": max(ratios),
        }
    return row


def write_video(path: Path) -> None:
    """A minute whose colour changes every second."""
    rows, columns = np.mgrid[:96, :160]
    with VideoWriter(path, frame_rate=Fraction(FRAMES_A_SECOND)) as writer:
        for number in range(SECONDS * FRAMES_A_SECOND):
            colour = np.full_like(rows, 4 * (number // FRAMES_A_SECOND))
            writer.write(np.stack((rows * 2, columns, colour), axis=-1).astype(np.uint8))


def write_picture(path: Path) -> None:
    """Noise: what is found does not matter."""
    pixels = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


if __name__ == "__main__":
    main()
