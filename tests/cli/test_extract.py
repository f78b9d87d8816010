import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

import stillseek.features
from stillseek.cli import extraction_log
from stillseek.cli.app import main
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


def test_extract_resumes_and_reports_what_failed(write_clip, tmp_path: Path, capsys) -> None:
    write_clip(name="videos/one.mp4")
    command = ["extract", str(tmp_path / "videos"), "--out", str(tmp_path / "store")]

    assert main(command) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith(summary(1, 0, 0))
    assert re.fullmatch(
        r"encoded in \d:\d\d:\d\d at \d+\.\dx real time\n", captured.out[len(summary(1, 0, 0)) :]
    )
    assert captured.err == ""
    (tmp_path / "videos/two.mp4").touch()
    assert main(command) == 1
    captured = capsys.readouterr()
    assert captured.out == summary(0, 1, 1)
    assert captured.err.startswith(f"error: {tmp_path / 'videos/two.mp4'} is empty")


def queries(encoded: int, present: int = 0, failed: int = 0) -> str:
    """The line of the query images."""
    return f"query images: {encoded} encoded, {present} already there, {failed} failed\n"


def read_logs(folder: Path) -> list[dict]:
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


def test_log_says_what_became_of_each_video(
    write_clip, small_recipe, tmp_path: Path, capsys
) -> None:
    path = write_clip(name="one.mp4")
    (tmp_path / "bad.mp4").write_text("notes")
    store = tmp_path / "store"
    command = ["extract", str(path), str(tmp_path / "bad.mp4"), "--out", str(store)]

    assert main([*command, "--shard", "1/1"]) == 1
    (log,) = read_logs(store / "logs")
    assert log["ended"] == "complete"
    assert (log["recipe"], log["fingerprint"]) == ("pocket", small_recipe.fingerprint)
    assert (log["store"], log["shard"], log["num_videos"]) == (str(store), "1/1", 2)
    assert log["encoded_seconds"] == pytest.approx(9.0)
    assert log["times_real_time"] == pytest.approx(9.0 / log["wall_seconds"], rel=0.1)
    good = next(video for video in log["videos"] if video["status"] == "encoded")
    assert (good["path"], good["content"], good["error"]) == (str(path), content_hash(path), "")
    bad = next(video for video in log["videos"] if video["status"] == "failed")
    assert capsys.readouterr().err == f"error: {bad['error']}\n"

    assert main([*command, "--log", str(tmp_path / "runs/mine.json")]) == 1
    (log,) = read_logs(tmp_path / "runs")
    assert sorted(video["status"] for video in log["videos"]) == ["failed", "present"]
    assert log["times_real_time"] is None
    assert len(read_logs(store / "logs")) == 1


def test_log_that_cannot_be_written_is_refused_before_any_work(
    write_clip, tmp_path: Path, capsys
) -> None:
    command = ["extract", str(write_clip(name="one.mp4")), "--out", str(tmp_path / "store")]
    (tmp_path / "notes").touch()
    (tmp_path / "runs").mkdir()

    assert main([*command, "--log", str(tmp_path / "notes/a.json")]) == 2
    assert capsys.readouterr().err == (
        f"error: --log {tmp_path}/notes/a.json needs a folder where the file {tmp_path}/notes is; "
        "give another\n"
    )
    (tmp_path / "runs" / "a.json").mkdir()
    assert main([*command, "--log", str(tmp_path / "runs" / "a.json")]) == 2
    assert capsys.readouterr().err == (
        f"error: --log {tmp_path}/runs/a.json is a folder; give the name of a file\n"
    )
    assert not (tmp_path / "store").exists()


def test_log_that_cannot_be_written_in_the_end_leaves_the_summary(
    write_clip, tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch, small_recipe
) -> None:
    encode, runs = small_recipe.encode_units, tmp_path / "runs"

    def lose_the_folder(units):
        runs.rmdir()
        runs.touch()
        return encode(units)

    monkeypatch.setattr(small_recipe, "encode_units", lose_the_folder)
    path = write_clip(name="one.mp4", seconds=1.0)
    command = ["extract", str(path), "--out", str(tmp_path / "store")]
    runs.mkdir()

    assert main([*command, "--log", str(runs / "a.json")]) == 1
    captured = capsys.readouterr()
    assert captured.out.startswith(summary(1, 0, 0, seconds=1))
    assert captured.err.startswith(f"error: cannot write {runs}/a.json (")


def test_strict_stops_with_the_error_alone(write_clip, tmp_path: Path, capsys) -> None:
    bad = tmp_path / "a.mp4"
    bad.write_text("notes")
    store = tmp_path / "store"
    command = ["extract", str(bad), str(write_clip(name="b.mp4")), "--out", str(store), "--strict"]

    # One after the other: in time, the good one might end first.
    assert main([*command, "--workers", "1"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"error: {bad} is not a video that can be read; ")
    (log,) = read_logs(store / "logs")
    assert log["ended"] == "failed"
    assert [video["status"] for video in log["videos"]] == ["failed"]


def test_interruption_says_how_to_go_on(
    write_clip, tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch, small_recipe
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
    command = ["extract", *paths, "--out", str(store), "--workers", "1"]
    assert main(command) == 130
    assert capsys.readouterr().err == (
        f"error: stopped: 1 of 3 videos are in {store}; run the same command again to go on\n"
    )
    (log,) = read_logs(store / "logs")
    assert (log["ended"], len(log["videos"])) == ("interrupted", 1)
    assert main(command) == 0
    assert capsys.readouterr().out.startswith(summary(2, 1, 0, seconds=3))


def test_truncated_video_is_used_with_a_warning(write_clip, tmp_path: Path, capsys) -> None:
    whole = write_clip(name="whole.mkv")
    path = tmp_path / "cut.mkv"
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    assert main(["extract", str(path), "--out", str(tmp_path / "store")]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith(summary(0, 0, 0).splitlines()[0])
    assert re.fullmatch(
        rf"warning: {path} ends early: \d\.\d of 9\.0 seconds can be decoded and are used; "
        r"copy or download it again for the rest\n",
        captured.err,
    )


def test_shards_together_are_everything(write_clip, tmp_path: Path, capsys) -> None:
    paths = [str(write_clip(name=f"{seed}.mp4", seed=seed, seconds=1.0)) for seed in range(5)]
    command = ["extract", *paths, "--out", str(tmp_path / "store")]
    for number, encoded in ((1, 3), (2, 2)):
        assert main([*command, "--shard", f"{number}/2"]) == 0
        assert capsys.readouterr().out.startswith(summary(encoded, 0, 0, seconds=1))
    assert main(command) == 0
    assert capsys.readouterr().out == summary(0, 5, 0, seconds=1)


@pytest.mark.parametrize("shard", ["2", "0/3", "4/3", "a/b", "1/0"])
def test_shard_that_makes_no_sense_exits_with_2(shard: str, tmp_path: Path, capsys) -> None:
    command = ["extract", str(tmp_path / "v.mp4"), "--out", str(tmp_path), "--shard", shard]
    assert main(command) == 2
    assert capsys.readouterr().err == (
        f"error: --shard is i/n with 1 <= i <= n, such as 2/8, got {shard!r}\n"
    )


def test_progress_is_lines_where_there_is_no_terminal(
    write_clip, tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction_log, "_LINE_SECONDS", 0.0)
    path = write_clip(name="one.mp4")
    assert main(["extract", str(path), "--out", str(tmp_path / "store")]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"videos: 100% done, 0 of 1, \d+\.\dx real time, 0:00:00 left", lines[0])
    assert re.fullmatch(r"videos: 100% done, 1 of 1, \d+\.\dx real time, 0:00:00 left", lines[-1])


def test_options_reach_the_recipe(
    tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch, small_recipe, write_clip
) -> None:
    seen = []
    monkeypatch.setattr(
        stillseek.features,
        "load_recipe",
        lambda name, options=None: seen.append((name, options)) or small_recipe,
    )
    command = ["extract", str(write_clip(seconds=1.0)), "--out", str(tmp_path / "store")]
    options = ["--recipe", "mobilenet", "--weights", "w.tflite", "--detector", "d.onnx"]
    assert main([*command, *options, "--device", "cuda:1", "--precision", "bf16"]) == 0
    expected = RecipeOptions(
        weights=Path("w.tflite"), detector=Path("d.onnx"), device="cuda:1", precision="bf16"
    )
    assert seen == [("mobilenet", expected)]


def test_nothing_to_extract_exits_with_2(tmp_path: Path, capsys) -> None:
    assert main(["extract", "--out", str(tmp_path / "store")]) == 2
    assert capsys.readouterr().err == (
        "error: nothing to extract; give videos, folders or --dataset DIR\n"
    )


def test_dataset_gives_videos_and_query_frames(
    dataset: Path, small_recipe, tmp_path: Path, capsys
) -> None:
    command = ["extract", "--dataset", str(dataset), "--out", str(tmp_path / "store")]

    assert main([*command, "--queries-only"]) == 0
    assert queries(14) in capsys.readouterr().out
    assert not list((tmp_path / "store").glob("videos/**/*.safetensors"))
    assert main([*command, "--queries-only", "a.mp4"]) == 2
    assert "--queries-only encodes the queries of --dataset" in capsys.readouterr().err
    (tmp_path / "store").rename(tmp_path / "first")

    assert main(command) == 0
    assert capsys.readouterr().out.endswith(" real time\n" + queries(14))
    assert main(command) == 0
    assert capsys.readouterr().out == summary(0, 12, 0, seconds=7) + queries(0, 14)
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
    dataset: Path, tmp_path: Path, capsys
) -> None:
    store = tmp_path / "store"
    command = ["extract", "--dataset", str(dataset), "--out", str(store), "--queries-only"]
    # Two queries are of this video.
    gone = dataset / "videos/test-a1.mp4"
    whole = gone.read_bytes()
    gone.unlink()

    assert main(command) == 1
    captured = capsys.readouterr()
    assert captured.out.endswith(queries(12, 0, 2))
    (log,) = read_logs(store / "logs")
    (failure,) = log["queries"].pop("failures")
    assert log["queries"] == {"encoded": 12, "present": 0, "failed": 2}
    assert failure["path"] == str(gone)
    assert captured.err == f"error: {failure['error']}\n"

    gone.write_bytes(whole)
    assert main([*command, "--log", str(tmp_path / "second.json")]) == 0
    log = json.loads((tmp_path / "second.json").read_text())
    assert log["queries"] == {"encoded": 2, "present": 12, "failed": 0, "failures": []}


def test_strict_and_interrupted_query_images_are_in_the_log(
    dataset: Path, tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch, small_recipe
) -> None:
    store = tmp_path / "store"
    command = ["extract", "--dataset", str(dataset), "--out", str(store)]
    encode, calls = small_recipe.encode_pixels, []

    def interrupt(image):
        calls.append(image)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return encode(image)

    with monkeypatch.context() as context:
        context.setattr(small_recipe, "encode_pixels", interrupt)
        assert main([*command, "--queries-only", "--log", str(tmp_path / "first.json")]) == 130
        assert re.match(r"error: stopped: \d query images are in", capsys.readouterr().err)
        calls.clear()
        assert main(command) == 130
    assert re.fullmatch(
        rf"error: stopped: 0 of 12 videos and \d query images are in {store}; .*\n",
        capsys.readouterr().err,
    )
    (log,) = read_logs(store / "logs")
    assert (log["ended"], log["videos"]) == ("interrupted", [])
    assert 1 <= log["queries"]["encoded"] <= 2

    for path in (dataset / "videos").iterdir():
        path.write_text("notes")
    assert main([*command, "--strict", "--log", str(tmp_path / "strict.json")]) == 1
    log = json.loads((tmp_path / "strict.json").read_text())
    assert log["ended"] == "failed"
    assert len(log["queries"]["failures"]) == 1


def test_a_data_set_without_its_videos_says_where_they_belong(
    dataset: Path, tmp_path: Path, capsys
) -> None:
    (dataset / "videos").rename(tmp_path / "elsewhere")

    assert main(["extract", "--dataset", str(dataset), "--out", str(tmp_path / "store")]) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith(f"error: none of the videos of {dataset} is there; put them into ")


def test_shards_share_the_query_frames(dataset: Path, tmp_path: Path, capsys) -> None:
    command = ["extract", "--dataset", str(dataset), "--out", str(tmp_path / "store")]
    counts = []
    for number in (1, 2, 3):
        assert main([*command, "--shard", f"{number}/3"]) == 0
        last = capsys.readouterr().out.splitlines()[-1]
        counts.append(int(last.split()[2]))
    assert sum(counts) == 14
    assert min(counts) > 0
    assert main(command) == 0
    assert capsys.readouterr().out.endswith(queries(0, 14))


def test_ray_engine_gets_the_work_and_how_to_load_the_recipe(
    write_clip, small_recipe, tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch
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
    command = ["extract", str(path), "--out", "store", "--weights", "own.safetensors"]

    assert main([*command, "--engine", "ray", "--workers", "3"]) == 0
    assert re.search(r"^encoded +1 ", capsys.readouterr().out, re.MULTILINE)
    assert seen == {
        "fingerprint": small_recipe.fingerprint,
        "gpus": 0.0,
        "workers": 3,
        "paths": [path],
        "recipe": "lite",
        "weights": tmp_path / "own.safetensors",
    }
    assert main([*command, "--engine", "ray", "--device", "cuda:1"]) == 2
    assert "use --device cuda, not cuda:1" in capsys.readouterr().err


def test_the_log_names_files_whose_names_are_no_text(write_clip, tmp_path: Path, capsys) -> None:
    path = write_clip(seconds=1.0).rename(tmp_path / os.fsdecode(b"latin\xe9.mp4"))
    words = [str(path), "--out", str(tmp_path / "store"), "--log", str(tmp_path / "log.json")]

    assert main(["extract", *words]) == 0

    (video,) = json.loads((tmp_path / "log.json").read_text(encoding="utf-8"))["videos"]
    assert video["path"] == str(path)


def test_a_video_that_is_not_there_is_said_as_locate_says_it(tmp_path: Path, capsys) -> None:
    missing = tmp_path / "missing.mp4"

    assert main(["extract", str(missing), "--out", str(tmp_path / "store")]) == 1
    assert capsys.readouterr().err == (
        f"error: no file at {missing}; expected a video: check the path\n"
    )
