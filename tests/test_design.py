"""docs/design.md: its map is that of the code, and its worked examples are done to a copy of it."""

import os
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "stillseek"
PAGE = (ROOT / "docs/design.md").read_text()
FENCE = re.compile(r'^```(\w+)(?: title="([^"\n]*)")?\n(.*?)^```$', re.DOTALL | re.MULTILINE)
EXAMPLES = {
    title: FENCE.findall(text)
    for title, text in re.findall(r"^### (Add .*)\n((?:(?!^##).*\n)*)", PAGE, re.MULTILINE)
}
# Runs command lines in one process, and stops at the first that fails.
RUN = """
import shlex, sys
from stillseek.cli.app import main
for line in sys.argv[1:]:
    if code := main(shlex.split(line)):
        sys.exit(code)
"""
ANNOTATIONS = """video,start,end,label,split
a1,1,3,serve,train
a2,1,3,serve,train
b1,1,3,smash,validation
b2,1,3,smash,validation
"""


def changed(text: str, hunk: str) -> str:
    """A file with the lines of a hunk replaced; what it replaces stands there once."""
    lines = hunk.splitlines(keepends=True)
    old = "".join(line[1:] for line in lines if line[0] in " -")
    new = "".join(line[1:] for line in lines if line[0] in " +")
    assert f"\n{text}".count(f"\n{old}") == 1, f"not once in the file:\n{old}"
    return text.replace(old, new)


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source with all examples in it."""
    folder = tmp_path_factory.mktemp("extended")
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for blocks in EXAMPLES.values():
        for language, title, body in blocks:
            if title:
                assert not (folder / title).exists()
                (folder / title).write_text(body)
            elif language == "diff":
                for name, hunks in re.findall(r"^\+\+\+ (.*)\n((?:(?!\+\+\+ ).*\n)*)", body, re.M):
                    text = (folder / name).read_text()
                    for hunk in hunks.split("@@\n")[1:]:
                        text = changed(text, hunk)
                    (folder / name).write_text(text)
    return folder / "src"


@pytest.fixture
def stillseek(
    extended: Path, tmp_path: Path, write_clip: Callable[..., Path], write_picture: Callable
) -> Callable[..., str]:
    """Runs command lines of the extended package, beside the files that the page names."""
    write_clip()
    write_picture("handball.jpg")

    def run(*lines: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", RUN, *lines],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(extended), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def commands(example: str) -> list[str]:
    (block,) = [body for language, _, body in EXAMPLES[example] if language == "bash"]
    return [line.removeprefix("stillseek ") for line in block.splitlines()]


@pytest.mark.slow
def test_a_head(
    stillseek: Callable[..., str], tmp_path: Path, write_clip: Callable[..., Path]
) -> None:
    train, locate = commands("Add a head")
    for seed, name in enumerate(("a1", "a2", "b1", "b2")):
        write_clip(name=f"videos/{name}.mp4", seconds=5, seed=seed)
    (tmp_path / "annotations.csv").write_text(ANNOTATIONS)

    printed = stillseek(
        "dataset import annotations.csv --videos videos --out runs/data",
        "extract --dataset runs/data --out runs/features --recipe colours",
        train,
        f"{locate} --json",
    )

    assert '"model": "scaled:scaled"' in printed


def test_an_annotation_format(
    stillseek: Callable[..., str],
    tmp_path: Path,
    write_clip: Callable[..., Path],
    write_picture: Callable[..., Path],
) -> None:
    write_clip(name="my-videos/match.mp4")
    (tmp_path / "pictures/serve").mkdir(parents=True)
    write_picture("pictures/serve/one.png")
    (tmp_path / "match.txt").write_text("1.0\t2.5\tserve\n4.0\t6.0\tserve\n")

    printed = stillseek(*commands("Add an annotation format"))

    assert "asked for: 2 activities of 1 class in 1 video" in printed


def test_a_verb(stillseek: Callable[..., str]) -> None:
    (measure,) = commands("Add a verb")

    printed = stillseek(measure, "length --help")

    assert printed.startswith("9.000 s\n")
    assert "Print the length of a video." in printed


def test_a_recipe_and_an_output(stillseek: Callable[..., str], tmp_path: Path) -> None:
    (locate,) = commands("Add a recipe")
    (with_output,) = commands("Add an output")

    assert '"recipe": "colours"' in stillseek(f"{locate} --json", f"{with_output} --recipe colours")

    title, *chapters = (tmp_path / "found.txt").read_text().splitlines()
    assert title.startswith("found (")
    assert re.fullmatch(r"\d+:\d\d handball 1.*", chapters[0])


def test_every_example_is_done() -> None:
    done = re.findall(r'commands\("(.*)"\)', Path(__file__).read_text())

    assert set(done) == set(EXAMPLES)


def test_picture_and_table_have_the_rooms_of_the_contract() -> None:
    script = runpy.run_path(str(ROOT / "benchmarks/rooms.py"))
    rooms = {room for layer in script["layers"]() for room in layer}
    table = re.findall(r"^\| (`.*?) \|", PAGE.partition("## The way")[0], re.MULTILINE)

    assert (ROOT / "docs/images/rooms.svg").read_text() == script["drawing"]()
    assert {name for cell in table for name in re.findall(r"`(\w+)`", cell)} == rooms


def test_every_stop_of_a_clip_is_in_the_code() -> None:
    stops = re.findall(r"^\| [^|]+ \| `([\w/]+\.py)` \| `([\w.]+)` \|", PAGE, re.MULTILINE)

    assert len(stops) > 10
    for file, name in stops:
        *kinds, function = name.split(".")
        text = (PACKAGE / file).read_text()
        for kind in kinds:
            _, _, text = text.partition(f"class {kind}")
        assert re.search(rf"^ *(?:def|class) {function}\b", text, re.MULTILINE), (file, name)
