import json
from pathlib import Path

import pytest

from stillseek.data.manifest import read_manifest

CLASSES = ("cello", "drums", "harp")


def write(path: Path, value: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
    return path


@pytest.fixture
def reloc(tmp_path: Path, write_annotations) -> Path:
    """Two videos of each of three classes, a class a file; returns ActivityNet's annotations."""
    videos = {f"{label}{number}": (label, [[4.0, 8.0]]) for label in CLASSES for number in range(2)}
    for node, file in enumerate(("train", "val", "test")):
        asked = {"label": node + 1, "location": [2, 17], "groundtruth": [2, 6]}
        items = [{"id": f"{CLASSES[node]}{number}"} | asked for number in range(2)]
        write(tmp_path / f"files/{file}.json", items)
    lengths = {name: {"n_feat": 20, "n_frames": 320} for name in videos}
    write(tmp_path / "files/length.json", lengths)
    return write_annotations(20.0, videos)


def test_video_reloc(reloc: Path, tmp_path: Path, write_clip, run, refused) -> None:
    for label in CLASSES:
        for number in range(2):
            write_clip(name=f"videos/v_{label}{number}.mp4", seconds=20, rate=2, seed=number)
    out, command = tmp_path / "made", ["dataset", "build", "video-reloc"]
    words = ["--files", tmp_path / "files", "--annotations", reloc]

    printed = run(*command, out, *words, "--videos", tmp_path / "videos")

    assert "parts of videos: 6\nparts left out: video not there: 0\n" in printed
    assert printed.endswith(f"{out}: 6 samples (2 test, 2 train, 2 validation)\n")
    first = read_manifest(out).samples[0]
    assert (first.video_id, first.query_video_id) == ("v_cello0", "v_cello1")
    # A unit is a second of these videos.
    assert (first.window.start_seconds, first.segment.end_seconds) == (2.0, 6.0)
    assert first.query_seconds == 6.0
    run("dataset", "check", out)
    run(*command, tmp_path / "x", *words)  # without the videos
    write(reloc, json.loads(reloc.read_text()) | {"taxonomy": []})
    message = "has none; give --taxonomy FILE"
    assert message in refused(*command, tmp_path / "y", *words, code=1)
    # Another source is not replaced.
    message = "holds a data set of video re-localization, which"
    assert message in refused("dataset", "build", out, "--annotations", reloc)


def test_icq(tmp_path: Path, write_clip, write_picture, run, refused) -> None:
    write_clip(name="videos/abc_60.0_90.0.mp4", seconds=30, rate=1)
    (tmp_path / "style").mkdir()
    write_picture("style/qid7_1.png")
    lines = [
        {"qid": 7, "query": "a dog", "vid": "abc_60.0_90.0", "duration": 30,
         "relevant_windows": [[4, 9]]},
        {"qid": 8, "query": "a cat", "vid": "gone", "duration": 40, "relevant_windows": [[1, 3]]},
    ]  # fmt: skip
    file = tmp_path / "icq.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    out = tmp_path / "made"
    words = ["dataset", "build", "icq", out, "--annotations", file, "--images", tmp_path / "style"]

    assert run(*words, "--videos", tmp_path / "videos") == (
        "videos annotated: 2\nvideos there: 1\nvideos left out: not there: 1\n"
        "questions: 1\nquestions without an image: 0\nquestions of several moments: 0\n"
        f"{out}: 1 sample (1 test)\n"
    )
    assert list(read_manifest(out).header.settings["images_sha256"]) == ["qid7_1.png"]
    run("dataset", "check", out)
    (tmp_path / "style/qid7_1.png").rename(tmp_path / "style/qid9_1.png")
    assert "no question of ICQ-Highlight is left" in refused(*words, code=1)


def test_vq2d(tmp_path: Path, write_clip, run, refused) -> None:
    def file(name: str, sources: range) -> str:
        box = {"frame_number": 3, "x": 8, "y": 6, "width": 16, "height": 12,
               "original_width": 80, "original_height": 48}  # fmt: skip
        asked = {"is_valid": True, "object_title": "pan", "query_frame": 30, "visual_crop": box,
                 "response_track": [box | {"frame_number": 20}]}  # fmt: skip
        videos = []
        for number in sources:
            write_clip(name=f"clips/c{number}.mp4", seconds=8, rate=5, seed=number)
            clip = {"clip_uid": f"c{number}", "clip_fps": 5}
            clip |= {"video_start_sec": 3.0, "video_end_sec": 11.0}
            clip |= {"annotations": [{"query_sets": {"1": asked}}]}
            videos.append({"video_uid": f"v{number}", "clips": [clip]})
        return str(write(tmp_path / name, {"videos": videos}))

    train, test = file("vq_train.json", range(5)), file("vq_val.json", range(7, 10))
    out = tmp_path / "made"
    words = ["dataset", "build", "vq2d", out, "--videos", tmp_path / "clips"]
    (tmp_path / "clips/c9.mp4").unlink()

    printed = run(*words, "--train", train, "--test", test, "--validation-share", "0.4")

    assert printed.startswith("videos annotated: 8\nvideos there: 7\n")
    assert printed.endswith(f"{out}: 7 samples (2 test, 3 train, 2 validation)\n")
    assert len(list((out / "queries").iterdir())) == 7
    run("dataset", "check", out)
    for options, code, message in (
        ([], 2, "nothing to build; give --train vq_train.json, --test vq_val.json or both"),
        (["--train", train, "--validation-share", "1"], 2, "must be between 0 and 1, got 1.0"),
        (["--train", train, "--seed", "-1"], 2, "--seed must be at least 0, got -1"),
        (["--train", train, "--test", train], 1, "video 'v0' is in"),
    ):
        assert message in refused(*words, *options, code=code)


def test_help_names_the_public_data_sets(run) -> None:
    printed = run("dataset", "build", "--help")
    assert all(f"│ {name} " in printed for name in ("video-reloc", "icq", "vq2d"))
