import json
from pathlib import Path

import pytest

from stillseek.cli.app import main
from stillseek.data.manifest import read_manifest

CLASSES = ("cello", "drums", "harp")


def write(path: Path, value: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
    return path


def checked(out: Path, capsys) -> str:
    """What ``dataset check`` says of a data set."""
    code = main(["dataset", "check", str(out)])
    printed = capsys.readouterr()
    assert code == 0, printed
    return printed.out


@pytest.fixture
def reloc(tmp_path: Path) -> Path:
    """Two videos of each of three classes, a class a file; returns ActivityNet's annotations."""
    database, lengths = {}, {}
    for node, (label, file) in enumerate(zip(CLASSES, ("train", "val", "test"), strict=True)):
        items = []
        for number in range(2):
            name = f"{label}{number}"
            database[name] = {
                "duration": 20.0,
                "subset": "training",
                "annotations": [{"segment": [4.0, 8.0], "label": label}],
            }
            lengths[name] = {"n_feat": 20, "n_frames": 320}
            segment = {"id": name, "label": node + 1, "location": [2, 17], "groundtruth": [2, 6]}
            items.append(segment)
        write(tmp_path / f"files/{file}.json", items)
    write(tmp_path / "files/length.json", lengths)
    nodes = [
        {"nodeId": node, "nodeName": name, "parentId": None if node == 0 else 0}
        for node, name in enumerate(("Root", *CLASSES))
    ]
    value = {"version": "VERSION 1.3", "taxonomy": nodes, "database": database}
    return write(tmp_path / "activity_net.json", value)


def test_video_reloc(reloc: Path, tmp_path: Path, write_clip, capsys) -> None:
    for label in CLASSES:
        for number in range(2):
            write_clip(name=f"videos/v_{label}{number}.mp4", seconds=20, rate=2, seed=number)
    out, files = tmp_path / "made", str(tmp_path / "files")
    words = ["dataset", "build", "video-reloc", str(out), "--files", files]
    words += ["--annotations", str(reloc)]

    assert main([*words, "--videos", str(tmp_path / "videos")]) == 0

    printed = capsys.readouterr().out
    assert "parts of videos: 6\nparts left out: video not there: 0\n" in printed
    assert printed.endswith(f"{out}: 6 samples (2 test, 2 train, 2 validation)\n")
    first = read_manifest(out).samples[0]
    assert (first.video_id, first.query_video_id) == ("v_cello0", "v_cello1")
    # A unit is a second of these videos.
    assert (first.window.start_seconds, first.segment.end_seconds) == (2.0, 6.0)
    assert first.query_seconds == 6.0
    checked(out, capsys)
    assert main([*words[:3], str(tmp_path / "x"), *words[4:]]) == 0  # without the videos
    nodeless = json.loads(reloc.read_text()) | {"taxonomy": []}
    write(reloc, nodeless)
    capsys.readouterr()
    assert main([*words[:3], str(tmp_path / "y"), *words[4:]]) == 1
    assert "has none; give --taxonomy FILE" in capsys.readouterr().err
    # Another source is not replaced.
    assert main(["dataset", "build", str(out), "--annotations", str(reloc)]) == 2
    assert "holds a data set of video re-localization, which" in capsys.readouterr().err


def test_icq(tmp_path: Path, write_clip, write_picture, capsys) -> None:
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
    words = ["dataset", "build", "icq", str(out), "--annotations", str(file)]
    words += ["--images", str(tmp_path / "style")]

    assert main([*words, "--videos", str(tmp_path / "videos")]) == 0

    assert capsys.readouterr().out == (
        "videos annotated: 2\nvideos there: 1\nvideos left out: not there: 1\n"
        "questions: 1\nquestions without an image: 0\nquestions of several moments: 0\n"
        f"{out}: 1 samples (1 test)\n"
    )
    assert list(read_manifest(out).header.settings["images_sha256"]) == ["qid7_1.png"]
    checked(out, capsys)
    (tmp_path / "style/qid7_1.png").rename(tmp_path / "style/qid9_1.png")
    assert main(words) == 1
    assert "no question of ICQ-Highlight is left" in capsys.readouterr().err


def test_vq2d(tmp_path: Path, write_clip, capsys) -> None:
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
    out, clips = tmp_path / "made", str(tmp_path / "clips")
    words = ["dataset", "build", "vq2d", str(out), "--videos", clips]
    (tmp_path / "clips/c9.mp4").unlink()

    assert main([*words, "--train", train, "--test", test, "--validation-share", "0.4"]) == 0

    printed = capsys.readouterr().out
    assert printed.startswith("videos annotated: 8\nvideos there: 7\n")
    assert printed.endswith(f"{out}: 7 samples (2 test, 3 train, 2 validation)\n")
    assert len(list((out / "queries").iterdir())) == 7
    checked(out, capsys)
    for options, message in (
        ([], "nothing to build; give --train vq_train.json, --test vq_val.json or both"),
        (["--train", train, "--validation-share", "1"], "must be between 0 and 1, got 1.0"),
        (["--train", train, "--seed", "-1"], "--seed must be at least 0, got -1"),
    ):
        assert main([*words, *options]) == 2
        assert message in capsys.readouterr().err
    assert main([*words, "--train", train, "--test", train]) == 1
    assert "video 'v0' is in" in capsys.readouterr().err


def test_help_names_the_public_data_sets(capsys) -> None:
    assert main(["dataset", "build", "--help"]) == 0
    printed = capsys.readouterr().out
    assert all(f"│ {name} " in printed for name in ("video-reloc", "icq", "vq2d"))
