"""The one command of docs/reproduce.md, on a miniature of ActivityNet's layout."""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import h5py
import numpy as np
import pytest

import stillseek
from stillseek.cli.app import main

ROOT = Path(__file__).resolve().parent.parent
CLASSES = ("cello", "drums", "guitar", "harp", "viola", "violin")
SMALL = (
    *("--num-layers", "1", "--num-heads", "1", "--projection-dim", "5", "--window", "2"),
    *("--ffn-dim", "7", "--hidden-dim", "3", "--batch-size", "4", "--max-epochs", "1"),
)


@pytest.fixture
def reproduce(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("reproduce")


@pytest.fixture
def options(tmp_path: Path, write_clip: Callable[..., Path]) -> list[str]:
    """Two videos a class, and the C3D features of all of them."""
    nodes = [{"nodeId": 0, "nodeName": "Root", "parentId": None}]
    nodes += [{"nodeId": k, "nodeName": c, "parentId": 0} for k, c in enumerate(CLASSES, start=1)]
    database = {}
    with h5py.File(tmp_path / "c3d.hdf5", "w") as file:
        for place, label in enumerate(CLASSES):
            for number in range(2):
                name = f"{label}{number}"
                activity = {"segment": [5.0, 15.0], "label": label}
                video = {"duration": 30.0, "subset": "training", "annotations": [activity]}
                database[name] = video
                seed = 2 * place + number
                write_clip(name=f"videos/v_{name}.mp4", seconds=30.0, rate=2, seed=seed)
                clips = np.random.default_rng(seed).normal(size=(59, 11))
                file.create_group(f"v_{name}").create_dataset("c3d_features", data=clips)
    value = {"version": "VERSION 1.3", "taxonomy": nodes, "database": database}
    (tmp_path / "activity_net.json").write_text(json.dumps(value))
    words = ["--annotations", str(tmp_path / "activity_net.json"), "--seeds", "0", "1"]
    words += ["--videos", str(tmp_path / "videos"), "--out", str(tmp_path / "run")]
    return words


@pytest.fixture
def commands(reproduce: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that were run, in this process."""
    done: list[list[str]] = []

    def call(command: Sequence[str], *, check: bool) -> None:
        words = list(command)[list(command).index("stillseek") + 1 :]
        assert main(words) == 0
        done.append(words)

    monkeypatch.setattr(sys.modules["pocket"].subprocess, "run", call)
    return done


@pytest.mark.usefixtures("use_small_recipe")
@pytest.mark.parametrize("from_file", [True, False])
def test_from_nothing_to_scores_and_again(
    reproduce: ModuleType, options: list[str], commands: list[list[str]], tmp_path: Path, from_file
) -> None:
    words = [*options, "--recipe", "pocket"]
    words += ["--clip-features", str(tmp_path / "c3d.hdf5")] if from_file else []

    reproduce.main([*words, "--", *SMALL])

    verbs = [command[0] for command in commands]
    assert verbs == ["dataset", "extract", "train", "train", "evaluate"]
    assert ("--queries-only" in commands[1]) == from_file
    rows = json.loads((tmp_path / "run/scores/tables.json").read_text())["scores"]
    assert {row["num_seeds"] for row in rows if row["model"] == "sail"} == {2}
    reproduce.main([*words, "--", *SMALL])
    assert len(commands) == 5
    # A step that was cut off has no record, and goes on.
    (tmp_path / "run/steps/sail_1.json").unlink()
    reproduce.main([*words, "--", *SMALL])
    assert commands[5:] == [commands[3]]
    assert "--resume" in commands[3]
    with pytest.raises(SystemExit, match=r"sail_0.json is of another command; remove it, or give"):
        reproduce.main([*words, "--", *SMALL[:-1], "2"])


def test_the_papers_features_are_reduced_and_ranks_share_the_work(
    reproduce: ModuleType, options: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calls: list[list[str]] = []
    monkeypatch.setattr(
        sys.modules["pocket"].subprocess, "run", lambda command, **_: calls.append(command[2:])
    )

    reproduce.main([*options, "--weights", "W", "--ranks", "2", "--device", "cuda"])

    pca = str(tmp_path / "run/pca.safetensors")
    by_verb: dict[str, list[list[str]]] = {}
    for call in calls:
        by_verb.setdefault(call[call.index("stillseek") + 1], []).append(call)
    assert list(by_verb) == ["dataset", "extract", "fit-pca", "train", "evaluate"]
    shares = {tuple(call[-4:]) for call in by_verb["extract"]}
    assert shares == {("--device", f"cuda:{rank}", "--shard", f"{rank + 1}/2") for rank in range(2)}
    assert by_verb["fit-pca"][0][-4:] == ["--out", pca, "--components", "500"]
    for call in by_verb["train"]:
        assert call[:4] == ["torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m"]
        assert call[call.index("--reduction") + 1] == pca


@pytest.mark.slow
def test_two_ranks_train_one_head(options: list[str], tmp_path: Path) -> None:
    """With the shipped encoder, by the very command of the page."""
    command = [sys.executable, str(ROOT / "benchmarks/reproduce.py"), *options[:3], "0"]
    command += [*options[5:], "--recipe", "pocket", "--ranks", "2"]
    command += ["--clip-features", str(tmp_path / "c3d.hdf5"), "--", *SMALL]
    source = str(Path(stillseek.__file__).parent.parent)
    environment = os.environ | {"PYTHONPATH": source, "OMP_NUM_THREADS": "1"}
    subprocess.run(command, check=True, env=environment, timeout=500)

    header = json.loads((tmp_path / "run/sail_0/head/checkpoint.json").read_text())
    assert header["training"]["num_epochs"] == 1
    assert (tmp_path / "run/scores/tables.md").read_text().count("| sail ") > 1
