"""Writers of a library that are killed at any moment, with a searcher beside them."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stillseek.library import Library

WORKER = Path(__file__).with_name("tiny.py")


def start(library: Path, verb: str, *arguments: object) -> subprocess.Popen[str]:
    words = [sys.executable, str(WORKER), str(library), verb, *map(str, arguments)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> list[str]:
    out, err = process.communicate()
    assert process.returncode == 0, err
    return out.splitlines()


def kill(process: subprocess.Popen[str], after_seconds: float) -> list[str]:
    """Kills a writer a while after its start, and returns what it told."""
    time.sleep(after_seconds)
    process.send_signal(signal.SIGKILL)
    out, _ = process.communicate()
    return out.splitlines()


@pytest.mark.parametrize("times", [2, pytest.param(30, marks=pytest.mark.slow)])
def test_whoever_is_killed_loses_nothing_that_was_told(
    tmp_path: Path, tiny, write_video, times: int
) -> None:
    chance = random.Random(3)
    for number in range(70):
        folder = write_video(f"{number % 7}/{number}.mp4", kind=number % 8, seed=number).parent
    folder, place, recipe = folder.parent, tmp_path / "library", "tiny"
    began = time.perf_counter()
    finish(start(place, "add", folder))
    seconds = time.perf_counter() - began
    told = set(map(str, folder.glob("*/*.mp4")))
    for attempt in range(times):
        # What is removed is added again by the next writer.
        verb = ("add", "remove", "migrate")[attempt % 3]
        other = "tiny-2" if recipe == "tiny" else "tiny"
        arguments = {"add": [folder], "remove": [f"videos/{n}/*" for n in range(4)]}
        if recipe != "tiny":
            # Only migrations know the other recipe: go back first.
            finish(start(place, "migrate", "tiny"))
            recipe, other = "tiny", "tiny-2"
        searcher = start(place, "search", recipe)
        writer = start(place, verb, *arguments.get(verb, [other]))
        lines = kill(writer, chance.uniform(0.2, 1.0) * seconds)
        finish(searcher)
        library = Library.open(place)
        recipe = library.stats().recipe
        there = {str(library.path(video)) for video in library.videos()}
        match verb:
            case "add":
                assert set(lines) <= there
                told |= set(lines)
            case "remove":
                gone = {path for line in lines for path in told if f"/{line[:-1]}" in path}
                assert gone.isdisjoint(there)
                told = there
            case _:
                assert recipe == other or lines != ["whole"]
        assert told <= there
        assert library.verify().problems == ()
        if recipe == "tiny":
            finish(start(place, "add", folder))
            told = set(map(str, folder.glob("*/*.mp4")))
    found = Library.open(place).verify()
    assert (found.intact, found.problems, found.changed) == (70, (), ())
