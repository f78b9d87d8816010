import re
from dataclasses import replace
from pathlib import Path

import pytest

from stillseek.cli.app import main
from stillseek.cli.extract import find_videos
from stillseek.data.manifest import read_manifest
from stillseek.data.stored import StoredFeatures
from stillseek.errors import FeatureError, UsageError
from stillseek.features import FeatureStore

pytestmark = pytest.mark.usefixtures("use_small_recipe")


def test_find_videos_looks_into_folders(tmp_path: Path) -> None:
    for name in ("b/two.MKV", "b/a/one.mp4", "b/notes.txt", "three.bin"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    found = find_videos((tmp_path / "three.bin", tmp_path / "b"))

    assert [str(path.relative_to(tmp_path)) for path in found] == [
        "three.bin",
        "b/a/one.mp4",
        "b/two.MKV",
    ]


def test_folder_without_videos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no video file in"):
        find_videos((tmp_path,))


def test_extract_resumes_and_reports_what_failed(write_clip, tmp_path: Path, capsys) -> None:
    write_clip(name="videos/one.mp4")
    command = ["extract", str(tmp_path / "videos"), "--out", str(tmp_path / "store")]

    assert main(command) == 0
    assert re.fullmatch(
        r"videos: 1 encoded at \d+x real time, 0 already there, 0 failed\n", capsys.readouterr().out
    )
    (tmp_path / "videos/two.mp4").touch()
    assert main(command) == 1
    captured = capsys.readouterr()
    assert captured.out == "videos: 0 encoded, 1 already there, 1 failed\n"
    assert captured.err.startswith(f"error: {tmp_path / 'videos/two.mp4'} is empty")


def test_nothing_to_extract_exits_with_2(tmp_path: Path, capsys) -> None:
    assert main(["extract", "--out", str(tmp_path / "store")]) == 2
    assert capsys.readouterr().err == (
        "error: nothing to extract; give videos, folders or --dataset DIR\n"
    )


def test_dataset_gives_videos_and_query_frames(
    dataset: Path, small_recipe, tmp_path: Path, capsys
) -> None:
    command = ["extract", "--dataset", str(dataset), "--out", str(tmp_path / "store")]

    assert main(command) == 0
    assert capsys.readouterr().out.endswith("failed\nquery images: 14 encoded\n")
    assert main(command) == 0
    assert capsys.readouterr().out == (
        "videos: 0 encoded, 12 already there, 0 failed\nquery images: 0 encoded\n"
    )
    source = StoredFeatures(
        read_manifest(dataset), FeatureStore(tmp_path / "store"), small_recipe.fingerprint
    )
    clips, grid = source.load_video_features("test-a1", None)
    assert (clips.shape, grid.num_clips) == ((7, 17), 7)
    samples = read_manifest(dataset).samples
    regions, boxes, global_feature = source.load_query_features(samples[-1])
    assert (len(regions), boxes.shape[1], global_feature.shape) == (len(boxes), 4, (17,))
    with pytest.raises(FeatureError, match="extract with this recipe first"):
        source.load_query_features(replace(samples[-1], query_seconds=3.125))
