"""No verb writes over what it was given, whatever the name."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

FILE, FOLDER = "file", "folder"


@dataclass(frozen=True)
class Verb:
    """A verb, what it reads and what it writes; ``""`` is the argument without a name.

    Attributes:
        words: What else the command line has.
        reads: Options of inputs, each a file or a folder.
        writes: Options of outputs, each the suffix of a file, or None for a folder.
    """

    words: tuple[str, ...]
    reads: dict[str, str]
    writes: dict[str, str | None]


RECIPE = {"--weights": FILE, "--detector": FILE, "--reduction": FILE}
FEATURES = {"--dataset": FOLDER, "--store": FOLDER, "--clip-features": FILE, **RECIPE}
VERBS = {
    "locate": Verb(
        ("locate",),
        {"": FILE, "--image": FILE, "--checkpoint": FILE, **RECIPE},
        {
            **{"--plot": ".png", "--report": ".html", "--explain": ".png", "--export": ".edl"},
            **{"--annotations": ".eaf", "--clips": None, "--cache": None},
        },
    ),
    "batch": Verb(
        ("batch",),
        {"--videos": FOLDER, "--images": FOLDER, "--checkpoint": FILE, **RECIPE},
        {"--out": None},
    ),
    "demo": Verb(("demo",), {"--checkpoint": FOLDER}, {"--out": None}),
    "export": Verb(("export",), {"": FOLDER}, {"--out": ".onnx"}),
    "export of a shipped head": Verb(("export",), {"--weights": FILE}, {"--out": ".onnx"}),
    "extract": Verb(
        ("extract",), {"": FILE, "--dataset": FOLDER, **RECIPE}, {"--out": None, "--log": ".json"}
    ),
    "extract a folder": Verb(("extract",), {"": FOLDER}, {"--out": None, "--log": ".json"}),
    "fit-pca": Verb(
        ("fit-pca",),
        {"--dataset": FOLDER, "--store": FOLDER, "--weights": FILE},
        {"--out": ".safetensors"},
    ),
    "train": Verb(("train",), FEATURES, {"--out": None}),
    "evaluate": Verb(("evaluate",), {**FEATURES, "--checkpoint": FOLDER}, {"--out": None}),
    "experiment": Verb(("experiment",), FEATURES, {"--out": None}),
    "dataset build": Verb(
        ("dataset", "build"),
        {
            **{"--annotations": FILE, "--taxonomy": FILE, "--videos": FOLDER},
            **{"--class-split": FILE, "--chosen-frames": FILE, "--weights": FILE},
        },
        {"": None},
    ),
    "dataset compose": Verb(
        ("dataset", "compose"),
        {"": FOLDER, "--class-split": FILE, "--taxonomy": FILE},
        {"--out": None},
    ),
    "dataset import": Verb(
        ("dataset", "import"),
        {"": FILE, "--videos": FOLDER, "--images": FOLDER, "--taxonomy": FILE},
        {"--out": None},
    ),
    "dataset sheet": Verb(("dataset", "sheet"), {"": FOLDER}, {"--out": ".png"}),
    "dataset stats": Verb(("dataset", "stats"), {"": FOLDER}, {"--figure": ".pdf"}),
}
WAYS = ("same", "dot", "symlink", "hard link", "other case", "inside")


def cases() -> Iterator[tuple[str, str, str, str]]:
    for name, verb in VERBS.items():
        for output, suffix in verb.writes.items():
            for read, kind in verb.reads.items():
                for way in WAYS:
                    # A folder has no hard links, nothing lies in a file, and a file and a folder
                    # are never the same.
                    fits = way == "inside" or (kind == FILE) == (suffix is not None)
                    if fits and way != {FILE: "inside", FOLDER: "hard link"}[kind]:
                        yield name, output, read, way


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def another_name(path: Path, way: str, suffix: str | None) -> Path | str:
    """The output that is an input, or a part of it."""
    match way:
        case "same":
            return path
        case "dot":
            return f"{path.parent}{os.sep}.{os.sep}{path.name}"
        case "symlink":
            link = path.with_name(f"link{suffix or ''}")
            link.symlink_to(path)
            return link
        case "hard link":
            link = path.with_name(f"second{suffix or ''}")
            link.hardlink_to(path)
            return link
        case "other case":
            return path.with_name(path.name.upper().replace((suffix or "").upper(), suffix or ""))
        case _:
            return path / ("new" if suffix is None else f"member{suffix}")


@pytest.mark.parametrize(("name", "output", "read", "way"), [*cases()])
def test_no_input_is_overwritten(
    name: str, output: str, read: str, way: str, tmp_path: Path, refused
) -> None:
    verb = VERBS[name]
    suffix = verb.writes[output]
    makers = ("dataset build", "dataset compose", "dataset import")
    has_flag = name not in ("train", "experiment", *makers)
    words, target = list(verb.words), None
    for number, (option, kind) in enumerate(verb.reads.items()):
        path = tmp_path / f"input{number}{suffix or ''}"
        if kind == FOLDER:
            path.mkdir()
            (path / f"member{suffix or '.bin'}").write_bytes(b"precious %d" % number)
        else:
            path.write_bytes(b"precious %d" % number)
        if option == read:
            target = path
        words += [option, str(path)] if option else [str(path)]
    assert target is not None
    place = str(another_name(target, way, suffix))
    words += [output, place] if output else []
    # An argument without a name comes first; there is at most one.
    if not output:
        words[len(verb.words) : len(verb.words)] = [place]
    for other, other_suffix in verb.writes.items():
        if other == "--out" and other != output:
            words += [other, str(tmp_path / f"elsewhere{other_suffix or ''}")]
    before = hashes(tmp_path)

    for flag in ([], ["--overwrite"]) if has_flag else ([],):
        told = refused(*words, *flag)
        assert told.startswith(f"{output or 'OUT'} ")
        assert str(target) in told
        assert hashes(tmp_path) == before
