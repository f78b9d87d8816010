"""Clips from an HDF5 file, queries from a store: data set, training and scores, end to end."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from small_options import SHORT

from stillseek.data.durations import read_durations
from stillseek.data.manifest import read_manifest, write_manifest
from stillseek.models.checkpoint import load_checkpoint

pytestmark = pytest.mark.usefixtures("use_small_recipe")

CLASSES = ("cello", "drums", "guitar", "harp", "viola", "violin")
ROLES = {"train": CLASSES[:2], "validation": CLASSES[2:4], "test": CLASSES[4:]}
SECONDS = 12.0


@pytest.fixture
def dataset(tmp_path: Path, write_clip, write_annotations, run) -> Path:
    """Two videos a class; each is cut into two windows."""
    videos = {}
    for number in range(2):
        for label in CLASSES:
            videos[f"{label}{number}"] = label, [[1.0, 3.5], [7.0, 10.0]]
            write_clip(name=f"clips/v_{label}{number}.mp4", seconds=SECONDS, rate=2, seed=number)
    annotations = write_annotations(SECONDS, videos)
    (tmp_path / "split.json").write_text(json.dumps(ROLES))
    out = tmp_path / "ibal"
    words = ["--annotations", annotations, "--videos", tmp_path / "clips"]
    words += ["--class-split", tmp_path / "split.json", "--min-seconds", "2"]
    run("dataset", "build", out, *words)
    return out


@pytest.fixture
def places(dataset: Path, tmp_path: Path, run) -> list[str]:
    """With features of the query frames, made by the small recipe; then targets are not needed."""
    run("extract", "--dataset", dataset, "--out", tmp_path / "store", "--queries-only")
    return ["--dataset", str(dataset), "--store", str(tmp_path / "store")]


def write_features(path: Path, *, seed: int = 0) -> Path:
    rng = np.random.default_rng(seed)
    with h5py.File(path, "w") as file:
        for label in CLASSES:
            for number in range(2):
                clips = rng.normal(size=(23, 19))
                file.create_group(f"v_{label}{number}").create_dataset("c3d_features", data=clips)
    return path


def test_train_and_evaluate_on_clips_of_a_file(
    places: list[str], small_head: Path, tmp_path: Path, run, refused
) -> None:
    clips = ["--clip-features", write_features(tmp_path / "c3d.h5")]

    run("train", *places, *clips, "--out", tmp_path / "run", *SHORT, may_complain=True)

    head = load_checkpoint(tmp_path / "run/head", recipe_fingerprint=None)
    assert head.recipe_name == "hdf5+pocket"
    assert (head.model.config.clip_dim, head.model.config.region_dim) == (19, 17)
    evaluate = ["evaluate", *places, "--out", tmp_path / "scores"]
    checkpoint = ["--checkpoint", tmp_path / "run/head"]
    assert "| sail | joint |" in run(*evaluate, *clips, *checkpoint, may_complain=True)

    (tmp_path / "there").write_text("looked at later")
    search = ["locate", tmp_path / "there", "--image", tmp_path / "there", *checkpoint]
    other = ["--clip-features", write_features(tmp_path / "other.h5", seed=1)]
    of_file = "; its clips are those of a file: use stillseek evaluate with --clip-features FILE"
    for words, message in (
        (
            [*evaluate, *other, *checkpoint],
            "; use the files and options that it was trained with, or train a head on these "
            "features",
        ),
        ([*evaluate, *checkpoint], of_file),
        (search, of_file),
        (
            [*evaluate, *clips, "--checkpoint", small_head],
            "; its clips are those of videos: leave --clip-features out",
        ),
    ):
        assert refused(*words, code=1).endswith(message)
    assert "leave one of them out" in refused(*evaluate, *clips, "--matching")


def test_only_the_files_of_queries_are_needed(
    dataset: Path, places: list[str], tmp_path: Path, run
) -> None:
    """A searched video may be gone, as long as no question comes from it."""
    header, samples = read_manifest(dataset).header, read_manifest(dataset).samples
    one_way = [s for s in samples if (s.video_id[-1], str(s.query_video_id)[-1]) == ("0", "1")]
    settings = {"source": header.source, "seed": header.seed, "settings": header.settings}
    write_manifest(dataset, one_way, **settings, videos=header.videos)
    for path in (tmp_path / "clips").glob("*0.mp4"):
        path.unlink()
    places += ["--clip-features", str(write_features(tmp_path / "c3d.h5"))]

    run("train", *places, "--out", tmp_path / "run", *SHORT, may_complain=True)


def test_lengths_are_those_of_whole_videos(dataset: Path) -> None:
    manifest = read_manifest(dataset)

    assert {sample.duration_seconds for sample in manifest.samples} == {7.0, 8.5}
    durations = read_durations(manifest)
    assert durations == {sample.video_id: SECONDS for sample in manifest.samples}
