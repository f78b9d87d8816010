"""Extractions that are killed at any moment, with two writers on one store."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from stillseek.features import FeatureStore
from stillseek.features.store.verify_and_prune import verify
from stillseek.media import VideoWriter

POCKET = """
import torch
from stillseek.features.recipes.pocket_encoder import PocketEncoder
from stillseek.features.recipes.pocket import PocketRecipe, PocketSampling

torch.set_num_threads(1)
encoder = PocketEncoder.load(folder / "encoder.safetensors")
recipe = PocketRecipe(encoder=encoder, sampling=PocketSampling(side_pixels=32))
recipe.batch_units = 8
"""

# Imports no torch, and so starts soon.
COLOURS = """
from stillseek.features.recipes.frame_recipe import FrameRecipe


class Colours:
    dim, side_pixels, batch_frames, settings, weights = 3, 8, 8, {}, {}

    def embed(self, frames):
        return frames.mean((1, 2), dtype="float32")


recipe = FrameRecipe("colours", Colours())
assert "torch" not in sys.modules
"""

RUN = """
from stillseek.features import FeatureStore, extract

order = int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
report = extract(sorted(folder.glob("*.mp4"))[::order], recipe, FeatureStore(folder / "store"))
print(*(outcome.status for outcome in report.outcomes))
"""


@pytest.fixture
def make_folder(tmp_path: Path, pocket_encoder) -> Callable[[int], Path]:
    """Writes an encoder and a number of short videos, no two of the same bytes."""

    def make(num_videos: int) -> Path:
        pocket_encoder.save(tmp_path / "encoder.safetensors")
        for number in range(num_videos):
            path = tmp_path / f"{number:02}.mp4"
            with VideoWriter(path, frame_rate=Fraction(10), preset="ultrafast") as writer:
                for step in range(20 + number % 7):
                    writer.write(np.full((64, 64, 3), 4 * number + step, np.uint8))
        return tmp_path

    return make


def start(folder: Path, recipe: str, order: int) -> subprocess.Popen[str]:
    code = "import sys\nfrom pathlib import Path\nfolder = Path(sys.argv[1])\n" + recipe + RUN
    return subprocess.Popen(
        [sys.executable, "-c", code, str(folder), str(order)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def kill_two_writers(folder: Path, recipe: str, chance: random.Random) -> None:
    """Starts two writers at both ends of the list, and kills them at a random moment."""
    writers = [start(folder, recipe, order) for order in (1, -1)]
    assert [writer.stdout.readline() for writer in writers] == ["ready\n"] * 2
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    # However slow the machine is, some rounds end before the first entry and some after others.
    enough = len(entries(folder)) + chance.randint(0, 3)
    while len(entries(folder)) < enough and any(writer.poll() is None for writer in writers):
        time.sleep(0.002)
    time.sleep(chance.uniform(0.0, 0.03))
    for writer in writers:
        writer.kill()
    for writer in writers:
        writer.communicate()
        assert writer.returncode in (-signal.SIGKILL, 0)


def entries(folder: Path) -> dict[str, tuple[int, int]]:
    """What changes when an entry is written again; files that are still being written are none."""
    stats = {path.name: path.stat() for path in folder.rglob("[!.]*.safetensors")}
    del stats["encoder.safetensors"]
    return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in stats.items()}


@pytest.mark.parametrize(
    ("recipe", "num_videos", "num_kills"),
    [(COLOURS, 12, 2), pytest.param(POCKET, 50, 20, marks=pytest.mark.slow)],
    ids=["two kills", "twenty kills"],
)
def test_kills_cost_nothing_that_was_done(
    make_folder: Callable[[int], Path], recipe: str, num_videos: int, num_kills: int
):
    folder = make_folder(num_videos)
    chance, store = random.Random(7), FeatureStore(folder / "store")
    for _ in range(num_kills):
        before = entries(folder)
        kill_two_writers(folder, recipe, chance)
        after = entries(folder)
        assert {name: after.get(name) for name in before} == before
        assert (verify(store).corrupt, verify(store).intact) == ((), len(after))

    before = entries(folder)
    last = start(folder, recipe, 1)
    statuses = last.communicate("go\n")[0].split()[1:]
    assert last.returncode == 0
    assert statuses.count("present") == len(before)
    assert statuses.count("encoded") == num_videos - len(before)
    after = entries(folder)
    assert {name: after[name] for name in before} == before
    assert (verify(store).corrupt, verify(store).intact) == ((), num_videos)
