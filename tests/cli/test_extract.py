import json
import os
import re
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest

import stillseek.features
from stillseek.cli import console
from stillseek.data.manifest import read_manifest
from stillseek.data.stored import StoredFeatures
from stillseek.errors import FeatureError
from stillseek.features import FeatureStore, RecipeOptions, content_hash, extract

pytestmark = pytest.mark.usefixtures("use_small_recipe")


def summary(encoded: int, present: int, failed: int, *, seconds: int = 9) -> str:
    """The table of a run, up to its speed."""
    rows = {"encoded": encoded, "already there": present, "failed": failed}
    lengths = [number * seconds for number in (encoded, present, 0)]
    return f"{'videos':<14}{'number':>8}{'length':>12}\n" + "".join(
        f"{words:<14}{number:>8}{f'0:{length // 60:02}:{length % 60:02}':>12}\n"
        for (words, number), length in zip(rows.items(), lengths, strict=True)
    )


def test_extract_resumes_and_reports_what_failed(write_clip, tmp_path: Path, run, heard) -> None:
    write_clip(name="videos/one.mp4")
    command = ["extract", tmp_path / "videos", "--out", tmp_path / "store"]

    told = run(*command)
    assert told.startswith(summary(1, 0, 0))
    speed = told.removeprefix(summary(1, 0, 0))
    assert re.fullmatch(r"encoded in \d:\d\d:\d\d at \d+\.\dx real time\n", speed)
    (tmp_path / "videos/two.mp4").touch()
    captured = heard(*command, code=1)
    assert captured.out == summary(0, 1, 1)
    assert captured.err.startswith(f"error: {tmp_path / 'videos/two.mp4'} is empty")


def queries(encoded: int, present: int = 0, failed: int = 0) -> str:
    """The line of the query images."""
    return f"query images: {encoded} encoded, {present} already there, {failed} failed\n"


def read_logs(folder: Path) -> list[dict]:
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


def test_log_says_what_became_of_each_video(
    write_clip, small_recipe, tmp_path: Path, heard
) -> None:
    path = write_clip(name="one.mp4")
    (tmp_path / "bad.mp4").write_text("notes")
    store = tmp_path / "store"
    command = ["extract", path, tmp_path / "bad.mp4", "--out", store]

    told = heard(*command, "--shard", "1/1", code=1).err
    (log,) = read_logs(store / "logs")
    assert log["ended"] == "complete"
    assert (log["recipe"], log["fingerprint"]) == ("pocket", small_recipe.fingerprint)
    assert (log["store"], log["shard"], log["num_videos"]) == (str(store), "1/1", 2)
    assert log["encoded_seconds"] == pytest.approx(9.0)
    assert log["times_real_time"] == pytest.approx(9.0 / log["wall_seconds"], rel=0.1)
    good = next(video for video in log["videos"] if video["status"] == "encoded")
    assert (good["path"], good["content"], good["error"]) == (str(path), content_hash(path), "")
    bad = next(video for video in log["videos"] if video["status"] == "failed")
    assert told == f"error: {bad['error']}\n"

    heard(*command, "--log", tmp_path / "runs/mine.json", code=1)
    (log,) = read_logs(tmp_path / "runs")
    assert sorted(video["status"] for video in log["videos"]) == ["failed", "present"]
    assert log["times_real_time"] is None
    assert len(read_logs(store / "logs")) == 1


def test_log_that_cannot_be_written_is_refused_before_any_work(
    write_clip, tmp_path: Path, refused
) -> None:
    command = ["extract", write_clip(name="one.mp4"), "--out", tmp_path / "store", "--log"]
    (tmp_path / "notes").touch()
    (tmp_path / "runs" / "a.json").mkdir(parents=True)

    assert refused(*command, tmp_path / "notes/a.json") == (
        f"--log {tmp_path}/notes/a.json needs a folder where the file {tmp_path}/notes is; give "
        "another"
    )
    message = f"--log {tmp_path}/runs/a.json is a folder; give the name of a file"
    assert refused(*command, tmp_path / "runs/a.json") == message
    assert not (tmp_path / "store").exists()


def test_log_that_cannot_be_written_in_the_end_leaves_the_summary(
    write_clip, tmp_path: Path, heard, monkeypatch: pytest.MonkeyPatch, small_recipe
) -> None:
    encode, runs = small_recipe.encode_units, tmp_path / "runs"

    def lose_the_folder(units):
        runs.rmdir()
        runs.touch()
        return encode(units)

    monkeypatch.setattr(small_recipe, "encode_units", lose_the_folder)
    path = write_clip(name="one.mp4", seconds=1.0)
    command = ["extract", path, "--out", tmp_path / "store"]
    runs.mkdir()

    captured = heard(*command, "--log", runs / "a.json", code=1)
    assert captured.out.startswith(summary(1, 0, 0, seconds=1))
    assert captured.err.startswith(f"error: cannot write {runs}/a.json (")


def test_strict_stops_with_the_error_alone(write_clip, tmp_path: Path, refused) -> None:
    bad, store = tmp_path / "a.mp4", tmp_path / "store"
    bad.write_text("notes")
    command = ["extract", bad, write_clip(name="b.mp4"), "--out", store, "--strict"]

    # One after the other: in time, the good one might end first.
    told = refused(*command, "--workers", "1", code=1)
    assert told.startswith(f"{bad} is not a video that can be read; ")
    (log,) = read_logs(store / "logs")
    assert log["ended"] == "failed"
    assert [video["status"] for video in log["videos"]] == ["failed"]


def test_interruption_says_how_to_go_on(
    write_clip, tmp_path: Path, run, refused, monkeypatch: pytest.MonkeyPatch, small_recipe
) -> None:
    paths = [str(write_clip(name=f"{seed}.mp4", seed=seed, seconds=3.0)) for seed in range(3)]
    encode, calls = small_recipe.encode_units, []

    def interrupt_second(units):
        calls.append(len(units))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return encode(units)

    small_recipe.batch_units = 6
    monkeypatch.setattr(small_recipe, "encode_units", interrupt_second)
    store = tmp_path / "store"
    command = ["extract", *paths, "--out", store, "--workers", "1"]
    message = f"stopped: {store} has 1 of 3 videos; run the same command again to go on"
    assert refused(*command, code=130) == message
    (log,) = read_logs(store / "logs")
    assert (log["ended"], len(log["videos"])) == ("interrupted", 1)
    assert run(*command).startswith(summary(2, 1, 0, seconds=3))


def test_truncated_video_is_used_with_a_warning(write_clip, tmp_path: Path, heard) -> None:
    whole = write_clip(name="whole.mkv")
    path = tmp_path / "cut.mkv"
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    captured = heard("extract", path, "--out", tmp_path / "store")
    assert captured.out.startswith(summary(0, 0, 0).splitlines()[0])
    assert re.fullmatch(
        rf"warning: {path} ends early: \d\.\d of 9\.0 seconds can be decoded and are used; "
        r"copy or download it again for the rest\n",
        captured.err,
    )


def test_shards_together_are_everything(write_clip, tmp_path: Path, run) -> None:
    paths = [write_clip(name=f"{seed}.mp4", seed=seed, seconds=1.0) for seed in range(5)]
    command = ["extract", *paths, "--out", tmp_path / "store"]
    for number, encoded in ((1, 3), (2, 2)):
        told = run(*command, "--shard", f"{number}/2")
        assert told.startswith(summary(encoded, 0, 0, seconds=1))
    assert run(*command) == summary(0, 5, 0, seconds=1)


@pytest.mark.parametrize("shard", ["2", "0/3", "4/3", "a/b", "1/0"])
def test_shard_that_makes_no_sense_exits_with_2(shard: str, tmp_path: Path, refused) -> None:
    message = f"--shard is i/n with 1 <= i <= n, such as 2/8, got {shard!r}"
    assert refused("extract", "v.mp4", "--out", tmp_path, "--shard", shard) == message


def test_progress_is_lines_where_there_is_no_terminal(
    write_clip, tmp_path: Path, heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "LINE_SECONDS", 0.0)
    told = heard("extract", write_clip(name="one.mp4"), "--out", tmp_path / "store")
    lines = told.err.splitlines()
    assert re.fullmatch(r"videos: 100% done, 0 of 1, \d+\.\dx real time, 0:00:00 left", lines[0])
    assert re.fullmatch(r"videos: 100% done, 1 of 1, \d+\.\dx real time, 0:00:00 left", lines[-1])


def test_options_reach_the_recipe(
    tmp_path: Path, run, monkeypatch: pytest.MonkeyPatch, small_recipe, write_clip
) -> None:
    load = Mock(return_value=small_recipe)
    monkeypatch.setattr(stillseek.features, "load_recipe", load)
    options = ["--recipe", "mobilenet", "--weights", "w.tflite", "--detector", "d.onnx"]
    options += ["--device", "cuda:1", "--precision", "bf16"]
    run("extract", write_clip(seconds=1.0), "--out", tmp_path / "store", *options)
    expected = RecipeOptions(
        weights=Path("w.tflite"), detector=Path("d.onnx"), device="cuda:1", precision="bf16"
    )
    load.assert_called_once_with("mobilenet", expected)


def test_nothing_to_extract_exits_with_2(tmp_path: Path, refused) -> None:
    message = "nothing to extract; give videos, folders or --dataset DIR"
    assert refused("extract", "--out", tmp_path / "store") == message


def test_dataset_gives_videos_and_query_frames(
    dataset: Path, small_recipe, tmp_path: Path, run, refused
) -> None:
    command = ["extract", "--dataset", dataset, "--out", tmp_path / "store"]

    assert queries(14) in run(*command, "--queries-only")
    assert not list((tmp_path / "store").glob("videos/**/*.safetensors"))
    message = "--queries-only encodes the queries of --dataset"
    assert message in refused(*command, "--queries-only", "a.mp4")
    (tmp_path / "store").rename(tmp_path / "first")

    assert run(*command).endswith(" real time\n" + queries(14))
    assert run(*command) == summary(0, 12, 0, seconds=7) + queries(0, 14)
    source = StoredFeatures(
        read_manifest(dataset), FeatureStore(tmp_path / "store"), small_recipe.fingerprint
    )
    video = source.load_video_features("test-a1", None)
    assert (video.clips.shape, video.grid.num_clips) == ((7, 17), 7)
    samples = read_manifest(dataset).samples
    query = source.load_query_features(samples[-1])
    assert (query.boxes.shape[1], query.global_feature.shape) == (4, (17,))
    with pytest.raises(FeatureError, match="extract with this recipe first"):
        source.load_query_features(replace(samples[-1], query_seconds=3.125))


def test_log_counts_query_images_and_names_those_that_failed(
    dataset: Path, tmp_path: Path, run, heard
) -> None:
    store = tmp_path / "store"
    command = ["extract", "--dataset", dataset, "--out", store, "--queries-only"]
    # Two queries are of this video.
    gone = dataset / "videos/test-a1.mp4"
    whole = gone.read_bytes()
    gone.unlink()

    captured = heard(*command, code=1)
    assert captured.out.endswith(queries(12, 0, 2))
    (log,) = read_logs(store / "logs")
    (failure,) = log["queries"].pop("failures")
    assert log["queries"] == {"encoded": 12, "present": 0, "failed": 2}
    assert failure["path"] == str(gone)
    assert captured.err == f"error: {failure['error']}\n"

    gone.write_bytes(whole)
    run(*command, "--log", tmp_path / "second.json")
    log = json.loads((tmp_path / "second.json").read_text())
    assert log["queries"] == {"encoded": 2, "present": 12, "failed": 0, "failures": []}


def test_strict_and_interrupted_query_images_are_in_the_log(
    dataset: Path, tmp_path: Path, refused, monkeypatch: pytest.MonkeyPatch, small_recipe
) -> None:
    store = tmp_path / "store"
    command = ["extract", "--dataset", dataset, "--out", store]
    encode, calls = small_recipe.encode_pixels, []

    def interrupt(image):
        calls.append(image)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return encode(image)

    with monkeypatch.context() as context:
        context.setattr(small_recipe, "encode_pixels", interrupt)
        told = refused(*command, "--queries-only", "--log", tmp_path / "first.json", code=130)
        assert re.match(rf"stopped: {store} has \d query images?; ", told)
        calls.clear()
        told = refused(*command, code=130)
        assert re.match(rf"stopped: {store} has 0 of 12 videos and \d query images?; ", told)
    (log,) = read_logs(store / "logs")
    assert (log["ended"], log["videos"]) == ("interrupted", [])
    assert 1 <= log["queries"]["encoded"] <= 2

    for path in (dataset / "videos").iterdir():
        path.write_text("notes")
    refused(*command, "--strict", "--log", tmp_path / "strict.json", code=1)
    log = json.loads((tmp_path / "strict.json").read_text())
    assert log["ended"] == "failed"
    assert len(log["queries"]["failures"]) == 1


def test_a_data_set_without_its_videos_says_where_they_belong(
    dataset: Path, tmp_path: Path, heard
) -> None:
    (dataset / "videos").rename(tmp_path / "elsewhere")

    told = heard("extract", "--dataset", dataset, "--out", tmp_path / "store", code=1)
    last = told.err.splitlines()[-1]
    assert last.startswith(f"error: none of the videos of {dataset} is there; put them into ")
    assert f"with: stillseek dataset upgrade {dataset}; then features in a store are" in last


def test_shards_share_the_query_frames(dataset: Path, tmp_path: Path, run) -> None:
    command = ["extract", "--dataset", dataset, "--out", tmp_path / "store"]
    lines = [run(*command, "--shard", f"{number}/3").splitlines()[-1] for number in (1, 2, 3)]
    counts = [int(line.split()[2]) for line in lines]
    assert sum(counts) == 14
    assert min(counts) > 0
    assert run(*command).endswith(queries(0, 14))


def test_ray_engine_gets_the_work_and_how_to_load_the_recipe(
    write_clip, small_recipe, tmp_path: Path, run, refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_clip(name="videos/one.mp4")
    (tmp_path / "own.safetensors").touch()
    seen = {}

    def extract_here(paths, load, store, *, fingerprint, gpus_per_worker, workers, **rest):
        seen.update(fingerprint=fingerprint, gpus=gpus_per_worker, workers=workers, paths=paths)
        seen.update(recipe=load.args[0], weights=load.args[1].weights)
        return extract(paths, load(), store, **rest)

    monkeypatch.setattr("stillseek.features.extraction.ray_engine.extract_with_ray", extract_here)
    monkeypatch.chdir(tmp_path)
    command = ["extract", path, "--out", "store", "--weights", "own.safetensors"]

    told = run(*command, "--engine", "ray", "--workers", "3")
    assert re.search(r"^encoded +1 ", told, re.MULTILINE)
    assert seen == {
        "fingerprint": small_recipe.fingerprint,
        "gpus": 0.0,
        "workers": 3,
        "paths": [path],
        "recipe": "lite",
        "weights": tmp_path / "own.safetensors",
    }
    message = "use --device cuda, not cuda:1"
    assert message in refused(*command, "--engine", "ray", "--device", "cuda:1")


def test_the_log_names_files_whose_names_are_no_text(write_clip, tmp_path: Path, run) -> None:
    path = write_clip(seconds=1.0).rename(tmp_path / os.fsdecode(b"latin\xe9.mp4"))

    run("extract", path, "--out", tmp_path / "store", "--log", tmp_path / "log.json")

    (video,) = json.loads((tmp_path / "log.json").read_text(encoding="utf-8"))["videos"]
    assert video["path"] == str(path)


def test_a_video_that_is_not_there_is_said_as_locate_says_it(tmp_path: Path, refused) -> None:
    missing = tmp_path / "missing.mp4"

    told = refused("extract", missing, "--out", tmp_path / "store", "--strict", code=1)
    assert told == f"no file at {missing}; expected a video: check the path"
