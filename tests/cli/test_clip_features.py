"""Clips from an HDF5 file, queries from a store: data set, training and scores, end to end."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from stillseek.cli.app import main
from stillseek.data.durations import read_durations
from stillseek.data.manifest import read_manifest, write_manifest
from stillseek.models.checkpoint import load_checkpoint

pytestmark = pytest.mark.usefixtures("use_small_recipe")

CLASSES = ("cello", "drums", "guitar", "harp", "viola", "violin")
ROLES = {"train": CLASSES[:2], "validation": CLASSES[2:4], "test": CLASSES[4:]}
SECONDS = 12.0
SMALL = (
    *("--num-layers", "1", "--num-heads", "1", "--projection-dim", "5", "--window", "2"),
    *("--ffn-dim", "7", "--hidden-dim", "3", "--batch-size", "3", "--max-epochs", "1"),
)


@pytest.fixture
def dataset(tmp_path: Path, write_clip, capsys) -> Path:
    """Two videos a class; each is cut into two windows."""
    nodes = [{"nodeId": 0, "nodeName": "Root", "parentId": None}]
    nodes += [
        {"nodeId": number, "nodeName": name, "parentId": 0}
        for number, name in enumerate(CLASSES, start=1)
    ]
    database = {}
    for number in range(2):
        for label in CLASSES:
            annotations = [
                {"segment": segment, "label": label} for segment in ([1.0, 3.5], [7.0, 10.0])
            ]
            video = {"duration": SECONDS, "subset": "training", "annotations": annotations}
            database[f"{label}{number}"] = video
            write_clip(name=f"clips/v_{label}{number}.mp4", seconds=SECONDS, rate=2, seed=number)
    annotated = {"version": "VERSION 1.3", "taxonomy": nodes, "database": database}
    (tmp_path / "activity_net.json").write_text(json.dumps(annotated))
    (tmp_path / "split.json").write_text(json.dumps(ROLES))
    out = tmp_path / "ibal"
    command = ["dataset", "build", str(out), "--annotations", str(tmp_path / "activity_net.json")]
    command += ["--videos", str(tmp_path / "clips"), "--class-split", str(tmp_path / "split.json")]
    assert main([*command, "--min-seconds", "2"]) == 0
    capsys.readouterr()
    return out


@pytest.fixture
def store(dataset: Path, tmp_path: Path, capsys) -> Path:
    """Features of the query frames, made by the small recipe; then targets are not needed."""
    assert main(["extract", "--dataset", str(dataset), "--out", str(tmp_path / "store")]) == 0
    capsys.readouterr()
    return tmp_path / "store"


def write_features(path: Path, *, seed: int = 0) -> Path:
    rng = np.random.default_rng(seed)
    with h5py.File(path, "w") as file:
        for label in CLASSES:
            for number in range(2):
                clips = rng.normal(size=(23, 19))
                file.create_group(f"v_{label}{number}").create_dataset("c3d_features", data=clips)
    return path


def test_train_and_evaluate_on_clips_of_a_file(
    dataset: Path, store: Path, small_head: Path, tmp_path: Path, capsys
) -> None:
    features = write_features(tmp_path / "c3d.h5")
    places = ["--dataset", str(dataset), "--store", str(store)]
    clips = ["--clip-features", str(features)]

    assert main(["train", *places, *clips, "--out", str(tmp_path / "run"), *SMALL]) == 0

    head = load_checkpoint(tmp_path / "run/head", recipe_fingerprint=None)
    assert head.recipe_name == "hdf5+pocket"
    assert (head.model.config.clip_dim, head.model.config.region_dim) == (19, 17)
    evaluate = ["evaluate", *places, "--out", str(tmp_path / "scores")]
    checkpoint = ["--checkpoint", str(tmp_path / "run/head")]
    capsys.readouterr()
    assert main([*evaluate, *clips, *checkpoint]) == 0
    assert "| sail | joint |" in capsys.readouterr().out

    def refused(command: list[str], code: int = 1) -> str:
        assert main(command) == code
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == 1
        return captured.err

    other = ["--clip-features", str(write_features(tmp_path / "other.h5", seed=1))]
    assert refused([*evaluate, *other, *checkpoint]).endswith(
        "; use the files and options that it was trained with, or train a head on these features\n"
    )
    assert refused([*evaluate, *checkpoint]).endswith(
        "; its clips are those of a file: use stillseek evaluate with --clip-features FILE\n"
    )
    (tmp_path / "there").write_text("looked at later")
    search = ["locate", str(tmp_path / "there"), "--image", str(tmp_path / "there")]
    assert "use stillseek evaluate with --clip-features" in refused([*search, *checkpoint])
    assert refused([*evaluate, *clips, "--checkpoint", str(small_head)]).endswith(
        "; its clips are those of videos: leave --clip-features out\n"
    )
    assert "leave one of them out" in refused([*evaluate, *clips, "--matching"], 2)


def test_only_the_files_of_queries_are_needed(dataset: Path, store: Path, tmp_path: Path) -> None:
    """A searched video may be gone, as long as no question comes from it."""
    header, samples = read_manifest(dataset).header, read_manifest(dataset).samples
    one_way = [s for s in samples if (s.video_id[-1], str(s.query_video_id)[-1]) == ("0", "1")]
    settings = {"source": header.source, "seed": header.seed, "settings": header.settings}
    write_manifest(dataset, one_way, **settings, videos=header.videos)
    for path in (tmp_path / "clips").glob("*0.mp4"):
        path.unlink()
    features = write_features(tmp_path / "c3d.h5")
    places = ["--dataset", str(dataset), "--store", str(store), "--clip-features", str(features)]

    assert main(["train", *places, "--out", str(tmp_path / "run"), *SMALL]) == 0


def test_lengths_are_those_of_whole_videos(dataset: Path, capsys) -> None:
    manifest = read_manifest(dataset)

    assert {sample.duration_seconds for sample in manifest.samples} == {7.0, 8.5}
    durations = read_durations(manifest)
    assert durations == {sample.video_id: SECONDS for sample in manifest.samples}


def test_lengths_of_another_data_set_are_refused(
    dataset: Path, store: Path, small_head: Path, tmp_path: Path, capsys
) -> None:
    path = dataset / "durations.json"
    path.write_text(path.read_text().replace("12.0", "13.0", 1))
    features = write_features(tmp_path / "c3d.h5")
    command = ["evaluate", "--dataset", str(dataset), "--store", str(store), "--out", "out"]

    assert main([*command, "--checkpoint", str(small_head), "--clip-features", str(features)]) == 1
    assert capsys.readouterr().err == (
        f"error: {path} does not belong to its manifest; build the dataset again\n"
    )
