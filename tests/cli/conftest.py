import json
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from samples import make_sample

from stillseek.cli.app import main
from stillseek.data.manifest import write_manifest
from stillseek.data.sample import Sample, Split
from stillseek.timeline import Segment


@pytest.fixture
def heard(capsys) -> Callable[..., Any]:
    """Runs a command line that ends with a code; gives what is printed: ``out`` and ``err``."""

    def heard(*words: object, code: int = 0) -> Any:
        capsys.readouterr()
        ended = main([*map(str, words)])
        printed = capsys.readouterr()
        assert ended == code, printed.err
        return printed

    return heard


@pytest.fixture
def run(heard) -> Callable[..., str]:
    """Runs a command line that works; gives what it prints, and complaints only where it may."""

    def run(*words: object, may_complain: bool = False) -> str:
        printed = heard(*words)
        assert may_complain or printed.err == ""
        return printed.out

    return run


@pytest.fixture
def refused(heard) -> Callable[..., str]:
    """Runs a command line that is refused in one line; gives the line, without its ``error:``."""

    def refused(*words: object, code: int = 2) -> str:
        printed = heard(*words, code=code)
        assert (printed.out, printed.err.count("\n"), printed.err[:7]) == ("", 1, "error: ")
        return printed.err[7:-1]

    return refused


def sample(split: Split, number: int, label: str, video: str, query: str, **fields) -> Sample:
    values = {
        "sample_id": f"{split}-{number}",
        "video_id": f"{split}-{video}",
        "duration_seconds": 7.0,
        "label": f"{split} {label}",
        "split": split,
        "query_video_id": f"{split}-{query}",
        "query_seconds": 2.5,
        "segment": Segment(1.0, 4.0),
    }
    return make_sample(**values | fields)


@pytest.fixture
def search(write_clip, write_picture) -> list[str]:
    """The command that searches a video of nine seconds."""
    return ["locate", str(write_clip()), "--image", str(write_picture())]


@pytest.fixture
def command(search: list[str], small_head: Path) -> list[str]:
    """The same with a small head."""
    return [*search, "--checkpoint", str(small_head)]


@pytest.fixture
def write_annotations(tmp_path: Path) -> Callable[[float, dict], Path]:
    """Writes ActivityNet's file of videos, each with a label and the segments that show it."""

    def write(seconds: float, videos: dict[str, tuple[str, list[list[float]]]]) -> Path:
        classes = ["Root", *sorted({label for label, _ in videos.values()})]
        nodes = [
            {"nodeId": number, "nodeName": name, "parentId": 0 if number else None}
            for number, name in enumerate(classes)
        ]
        database = {
            name: {
                "duration": seconds,
                "subset": "training",
                "annotations": [{"segment": segment, "label": label} for segment in segments],
            }
            for name, (label, segments) in videos.items()
        }
        path = tmp_path / "activity_net.json"
        value = {"version": "VERSION 1.3", "taxonomy": nodes, "database": database}
        path.write_text(json.dumps(value))
        return path

    return write


@pytest.fixture(scope="session")
def made_once(tmp_path_factory) -> Path:
    """What is the same in every test is made by the first, and copied by the others."""
    return tmp_path_factory.mktemp("made-once")


@pytest.fixture
def dataset(made_once: Path, write_clip, tmp_path: Path) -> Path:
    """Four videos a split: two of each of two classes; the first asks for both of them."""
    folder, made = tmp_path / "dataset", made_once / "dataset"
    if made.exists():
        return Path(copytree(made, folder))
    samples = []
    for place, split in enumerate(("train", "validation", "test")):
        for number, video in enumerate(("a1", "a2", "b1", "b2")):
            name, seed = f"dataset/videos/{split}-{video}.mp4", 10 * place + number
            write_clip(name=name, seconds=7.0, rate=4, seed=seed)
        second = Segment(5.0, 7.0)
        samples += [
            sample(split, 1, "a", "a1", "a2", pair_id=f"{split}-a1"),
            sample(split, 2, "b", "a1", "b2", pair_id=f"{split}-a1", segment=second),
            sample(split, 3, "a", "a2", "a1"),
            sample(split, 4, "b", "b1", "b2"),
            sample(split, 5, "b", "b2", "b1", query_seconds=6.0),
        ]
    # The training split has fewer queries of one class than of the other: they can't be shuffled.
    samples += [
        sample(split, 6, "a", "a2", "a1", query_seconds=3.0) for split in ("validation", "test")
    ]
    write_manifest(folder, samples, source="test", seed=0, settings={})
    folder.rename(made)
    return Path(copytree(made, folder))


@pytest.fixture
def places(use_small_recipe, dataset: Path, made_once: Path, tmp_path: Path, run) -> list[str]:
    """The data set and a store with its features, as options."""
    store, made = tmp_path / "store", made_once / "store"
    if not made.exists():
        run("extract", "--dataset", dataset, "--out", store)
        store.rename(made)
    copytree(made, store)
    return ["--dataset", str(dataset), "--store", str(store)]
