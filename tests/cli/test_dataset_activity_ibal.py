import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

from stillseek.cli.app import main
from stillseek.data.manifest import read_manifest

CLASSES = ("cello", "drums", "guitar", "harp", "viola", "violin")
NODES = [
    {"nodeId": 0, "nodeName": "Root", "parentId": None},
    *(
        {"nodeId": number, "nodeName": name, "parentId": 0}
        for number, name in enumerate(CLASSES, start=1)
    ),
]


def annotated(seconds: float, *segments: tuple[float, float], label: str) -> dict:
    return {
        "duration": seconds,
        "subset": "training",
        "annotations": [{"segment": list(segment), "label": label} for segment in segments],
    }


@pytest.fixture
def annotations(tmp_path: Path) -> Path:
    database = {
        f"{label}{number}": annotated(100.0, (10.0, 25.0), (60.0, 80.0), label=label)
        for label in CLASSES
        for number in range(3)
    }
    path = tmp_path / "activity_net.json"
    value = {"version": "VERSION 1.3", "taxonomy": NODES, "database": database}
    path.write_text(json.dumps(value))
    return path


def build(annotations: Path, out: Path, *options: str) -> int:
    return main(["dataset", "build", str(out), "--annotations", str(annotations), *options])


def test_build_and_stats(annotations: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "ibal"
    assert build(annotations, out) == 0
    printed = capsys.readouterr().out
    assert printed.endswith(f"{out}: 180 samples (30 test, 120 train, 30 validation)\n")
    assert "windows kept: 36\n" in printed
    first = (out / "samples.jsonl").read_bytes()
    assert build(annotations, out) == 0
    assert (out / "samples.jsonl").read_bytes() == first
    capsys.readouterr()

    assert main(["dataset", "stats", str(out), "--figure", str(tmp_path / "f.svg")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split("  ")[-1] == "target time"
    assert re.search(r"^train +120 \[30,677\] +4 \[160\] +\S+ s \[63\.17\] +17\.50 s", lines[1])
    assert "targets: 36" in lines
    assert (tmp_path / "f.svg").stat().st_size > 1000
    assert main(["dataset", "stats", str(out), "--json"]) == 0
    table = json.loads(capsys.readouterr().out)["table"]
    assert [row["num_samples"] for row in table] == [120, 30, 30, 180]


def test_only_videos_that_are_there_are_kept(
    annotations: Path, tmp_path: Path, write_clip, capsys
) -> None:
    present = [f"{label}{number}" for label in CLASSES for number in range(2)]
    folder = tmp_path / "clips"
    whole = write_clip(name="clips/whole.mkv", seconds=100, rate=1)
    for number, name in enumerate(present):
        # With and without the prefix, and any suffix.
        os.link(whole, folder / f"{'v_' if number % 2 else ''}{name}.mkv")
    (folder / "cello2.mp4").write_bytes(b"no video")
    write_clip(name="clips/v_drums2.mp4", seconds=99, rate=1)
    # A choice in a video that is not there is none that is wrong.
    chosen = tmp_path / "chosen.csv"
    chosen.write_text("\ufeffvideo,seconds\nv_violin2,12\ndrums0,13.25\n", encoding="utf-8")

    options = ("--videos", str(folder), "--chosen-frames", str(chosen))
    assert build(annotations, tmp_path / "ibal", *options) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(
        "videos annotated: 18\nvideos there: 12\nvideos left out: not there: 4\n"
        "videos left out: shorter than annotated: 1\nvideos left out: unreadable: 1\n"
    )
    manifest = read_manifest(tmp_path / "ibal")
    assert manifest.header.videos == "../clips"
    assert 13.25 in {s.query_seconds for s in manifest.samples if "drums0" in str(s.query_video_id)}
    settings = manifest.header.settings
    assert len(settings["query_frames"]["chosen_sha256"]) == 64
    assert {manifest.query_path(sample).exists() for sample in manifest.samples} == {True}
    assert {manifest.video_path(sample.video_id).exists() for sample in manifest.samples} == {True}
    assert build(annotations, tmp_path / "x", "--videos", str(tmp_path / "no")) == 1
    assert f"there is no folder {tmp_path / 'no'}" in capsys.readouterr().err
    (tmp_path / "no").mkdir()
    assert build(annotations, tmp_path / "x", "--videos", str(tmp_path / "no")) == 1
    assert "has none of the 18 annotated videos" in capsys.readouterr().err


def test_class_splits(annotations: Path, tmp_path: Path, capsys) -> None:
    lists = {"train": CLASSES[:4], "validation": CLASSES[4:5], "test": CLASSES[5:]}
    path = tmp_path / "split.json"
    path.write_text(json.dumps(lists))
    assert build(annotations, tmp_path / "a", "--class-split", str(path)) == 0
    assert {s.label for s in read_manifest(tmp_path / "a").of_split("test")} == {"violin"}
    seeds = []
    for seed in range(8):
        out = tmp_path / f"seed{seed}"
        assert build(annotations, out, "--class-split-seed", str(seed)) == 0
        seeds.append(read_manifest(out).header.settings["class_split"]["test"][0])
    assert len(set(seeds)) > 2
    capsys.readouterr()
    both = ("--class-split", str(path), "--class-split-seed", "1")
    assert build(annotations, tmp_path / "b", *both) == 2
    assert "--class-split-seed has no effect" in capsys.readouterr().err


def test_the_permutation_of_feng_is_downloaded(
    annotations: Path, tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.setenv("STILLSEEK_OFFLINE", "1")
    monkeypatch.setenv("STILLSEEK_CACHE", str(tmp_path / "cache"))

    assert build(annotations, tmp_path / "ibal", "--class-split", "feng") == 1
    assert "video_reloc-perm.npy" in capsys.readouterr().err
    monkeypatch.setattr(
        "stillseek.features.weights.published_files.fetch", lambda file: tmp_path / file.name
    )
    order = [
        CLASSES.index(name) for name in ("harp", "drums", "cello", "viola", "guitar", "violin")
    ]
    np.save(tmp_path / "video_reloc-perm.npy", np.array(order))
    assert build(annotations, tmp_path / "ibal", "--class-split", "feng") == 0
    assert {s.label for s in read_manifest(tmp_path / "ibal").of_split("test")} == {"violin"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[:-20], "activity_net.json: not valid JSON at line 1"),
        (lambda text: text.replace('"duration"', '"length"', 1), "v_cello0': key 'duration' is m"),
        (lambda text: text.replace("10.0", "NaN", 1), "v_cello0', annotation 1: segment: expect"),
        (lambda text: text.replace('"label": "cello"', '"label": "oud"', 1), "label 'oud' is no c"),
        (lambda text: text.replace('"parentId": null', '"parentId": 3', 1), "has a cycle"),
        (lambda text: text.replace("10.0", "9" * 400, 1), "annotation 1: segment: expected a time"),
        (lambda text: text.replace('"label": "cello"', '"label": "\\ud800"', 1), "label must be"),
        (lambda text: "[" * 100_000, "nested too deeply"),
    ],
)
def test_broken_annotations_are_one_clear_line(
    annotations: Path, tmp_path: Path, capsys, change, message
) -> None:
    annotations.write_text(change(annotations.read_text()))

    assert build(annotations, tmp_path / "ibal") == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert message in error
    assert not (tmp_path / "ibal").exists()


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--query-frame", "typical"), 2, "give --videos DIR"),
        (("--recipe", "pocket"), 2, "give --query-frame typical"),
        (("--min-seconds", "60", "--max-seconds", "70"), 1, "no question is left of 18 videos"),
        (("--max-coverage", "2"), 2, "max_coverage must lie in (0, 1], got 2"),
        (("--class-split-seed", "-1"), 2, "seed of a class split must be at least 0, got -1"),
    ],
)
def test_what_cannot_be_built(annotations, tmp_path, capsys, options, code, message) -> None:
    assert build(annotations, tmp_path / "ibal", *options) == code
    assert message in capsys.readouterr().err


@pytest.mark.usefixtures("use_small_recipe")
def test_query_frames_by_hand_and_typical_ones(annotations, tmp_path, write_clip, capsys) -> None:
    database = json.loads(annotations.read_text())
    database["database"] = {
        f"{label}{number}": annotated(12.0, (1.0, 5.0), label=label)
        for label in CLASSES
        for number in range(2)
    }
    annotations.write_text(json.dumps(database))
    for name in database["database"]:
        write_clip(name=f"clips/v_{name}.mp4", seconds=12.0, rate=2)
    chosen = tmp_path / "chosen.csv"
    chosen.write_text("video,seconds\nv_harp0,4.75\n")
    frames = ("--videos", str(tmp_path / "clips"), "--min-seconds", "2")
    frames += ("--query-frame", "typical", "--chosen-frames", str(chosen))

    assert build(annotations, tmp_path / "ibal", *frames) == 0
    samples = read_manifest(tmp_path / "ibal").samples
    harp = {s.query_seconds for s in samples if s.query_video_id == "v_harp0"}
    others = {s.query_seconds for s in samples if s.query_video_id != "v_harp0"}
    assert harp == {4.75}
    assert 3.0 not in others
    assert all(1.0 <= seconds < 5.0 for seconds in others)
    assert (tmp_path / "ibal" / "query_frames.jsonl").read_text().count("\n") == 11


def test_a_data_set_of_another_source_is_not_replaced(annotations, tmp_path, capsys) -> None:
    out = tmp_path / "other"
    out.mkdir()
    header = '{"source": "composed streams", "samples_sha256": "0"}'
    (out / "manifest.json").write_text(header)

    assert build(annotations, out) == 2
    assert "holds a data set of composed streams" in capsys.readouterr().err
    assert (out / "manifest.json").read_text() == header


def test_a_manifest_of_another_tool_is_not_replaced(annotations, tmp_path, capsys) -> None:
    out = tmp_path / "app"
    out.mkdir()
    (out / "manifest.json").write_text('{"name": "my app"}')

    assert build(annotations, out) == 2
    assert capsys.readouterr().err == (
        f"error: OUT: {out}/manifest.json exists, and stillseek did not write it; give another "
        "path\n"
    )
    assert (out / "manifest.json").read_text() == '{"name": "my app"}'


def test_a_figure_of_an_unknown_format_is_refused(annotations, tmp_path, capsys) -> None:
    assert build(annotations, tmp_path / "ibal") == 0
    assert main(["dataset", "stats", str(tmp_path / "ibal"), "--figure", "f.xyz"]) == 2
    assert (
        "--figure f.xyz has a name of another format; it must end in .png"
        in capsys.readouterr().err
    )
