import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

from stillseek.data.manifest import read_manifest

CLASSES = ("cello", "drums", "guitar", "harp", "viola", "violin")


@pytest.fixture
def annotations(write_annotations) -> Path:
    names = [(label, number) for label in CLASSES for number in range(3)]
    segments = [[10.0, 25.0], [60.0, 80.0]]
    return write_annotations(100.0, {f"{label}{n}": (label, segments) for label, n in names})


@pytest.fixture
def command(annotations: Path) -> list[str]:
    return ["dataset", "build", "--annotations", str(annotations)]


def test_build_and_stats(command: list[str], tmp_path: Path, run, refused) -> None:
    out = tmp_path / "ibal"
    printed = run(*command, out)
    assert printed.endswith(f"{out}: 180 samples (30 test, 120 train, 30 validation)\n")
    assert "windows kept: 36\n" in printed
    first = (out / "samples.jsonl").read_bytes()
    run(*command, out)
    assert (out / "samples.jsonl").read_bytes() == first

    stats = ["dataset", "stats", out]
    lines = run(*stats, "--figure", tmp_path / "f.svg").splitlines()
    assert lines[0].split("  ")[-1] == "target time"
    assert re.search(r"^train +120 \[30,677\] +4 \[160\] +\S+ s \[63\.17\] +17\.50 s", lines[1])
    assert "targets: 36" in lines
    assert (tmp_path / "f.svg").stat().st_size > 1000
    table = json.loads(run(*stats, "--json"))["table"]
    assert [row["num_samples"] for row in table] == [120, 30, 30, 180]
    message = "--figure f.xyz has a name of another format; it must end in .png"
    assert refused(*stats, "--figure", "f.xyz").startswith(message)


def test_only_videos_that_are_there_are_kept(
    command: list[str], tmp_path: Path, write_clip, run, refused
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

    printed = run(*command, tmp_path / "ibal", "--videos", folder, "--chosen-frames", chosen)
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
    nowhere = [*command, tmp_path / "x", "--videos", tmp_path / "no"]
    assert f"there is no folder {tmp_path / 'no'}" in refused(*nowhere, code=1)
    (tmp_path / "no").mkdir()
    assert "has none of the 18 annotated videos" in refused(*nowhere, code=1)


def test_class_splits(command: list[str], tmp_path: Path, run, refused) -> None:
    lists = {"train": CLASSES[:4], "validation": CLASSES[4:5], "test": CLASSES[5:]}
    path = tmp_path / "split.json"
    path.write_text(json.dumps(lists))
    run(*command, tmp_path / "a", "--class-split", path)
    assert {s.label for s in read_manifest(tmp_path / "a").of_split("test")} == {"violin"}
    seeds = []
    for seed in range(4):
        out = tmp_path / f"seed{seed}"
        run(*command, out, "--class-split-seed", seed)
        seeds.append(read_manifest(out).header.settings["class_split"]["test"][0])
    assert len(set(seeds)) > 1
    both = ("--class-split", path, "--class-split-seed", "1")
    assert "--class-split-seed has no effect" in refused(*command, tmp_path / "b", *both)


def test_the_permutation_of_feng_is_downloaded(
    command: list[str], tmp_path: Path, monkeypatch, run, refused
) -> None:
    monkeypatch.setenv("STILLSEEK_OFFLINE", "1")
    monkeypatch.setenv("STILLSEEK_CACHE", str(tmp_path / "cache"))
    feng = [*command, tmp_path / "ibal", "--class-split", "feng"]

    assert "video_reloc-perm.npy" in refused(*feng, code=1)
    monkeypatch.setattr(
        "stillseek.features.weights.published_files.fetch", lambda file: tmp_path / file.name
    )
    # Harp, drums, cello, viola, guitar, violin.
    np.save(tmp_path / "video_reloc-perm.npy", np.array([3, 1, 0, 4, 2, 5]))
    run(*feng)
    assert {s.label for s in read_manifest(tmp_path / "ibal").of_split("test")} == {"violin"}


def test_broken_annotations_are_one_clear_line(annotations, command, tmp_path, refused) -> None:
    annotations.write_text("[" * 100_000)

    assert "nested too deeply" in refused(*command, tmp_path / "ibal", code=1)


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
def test_what_cannot_be_built(command, tmp_path, refused, options, code, message) -> None:
    assert message in refused(*command, tmp_path / "ibal", *options, code=code)
    assert not (tmp_path / "ibal").exists()


@pytest.mark.usefixtures("use_small_recipe")
def test_query_frames_by_hand_and_typical_ones(
    command, write_annotations, tmp_path, write_clip, run
) -> None:
    names = [(label, number) for label in CLASSES for number in range(2)]
    write_annotations(12.0, {f"{label}{n}": (label, [[1.0, 5.0]]) for label, n in names})
    for label, number in names:
        write_clip(name=f"clips/v_{label}{number}.mp4", seconds=12.0, rate=2)
    chosen = tmp_path / "chosen.csv"
    chosen.write_text("video,seconds\nv_harp0,4.75\n")
    frames = ("--videos", tmp_path / "clips", "--min-seconds", "2")

    typical = ("--query-frame", "typical", "--chosen-frames", chosen)
    run(*command, tmp_path / "ibal", *frames, *typical)
    samples = read_manifest(tmp_path / "ibal").samples
    harp = {s.query_seconds for s in samples if s.query_video_id == "v_harp0"}
    others = {s.query_seconds for s in samples if s.query_video_id != "v_harp0"}
    assert harp == {4.75}
    assert 3.0 not in others
    assert all(1.0 <= seconds < 5.0 for seconds in others)
    assert (tmp_path / "ibal" / "query_frames.jsonl").read_text().count("\n") == 11


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (
            '{"source": "composed streams", "samples_sha256": "0"}',
            "holds a data set of composed streams",
        ),
        (
            '{"name": "my app"}',
            "made/manifest.json exists, and stillseek did not write it; give another path",
        ),
    ],
)
def test_a_manifest_of_another_source_or_tool_is_not_replaced(
    header: str, message: str, command: list[str], tmp_path: Path, refused
) -> None:
    place = tmp_path / "made/manifest.json"
    place.parent.mkdir()
    place.write_text(header)

    assert message in refused(*command, place.parent)
    assert place.read_text() == header
