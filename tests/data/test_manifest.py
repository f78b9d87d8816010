import dataclasses
import json
from pathlib import Path

import pytest
from samples import make_sample

from stillseek.data.manifest import Manifest, read_manifest, settings_sha256, write_manifest
from stillseek.data.sample import Sample
from stillseek.errors import DatasetError, UsageError
from stillseek.timeline import Segment


def question(**changes) -> Sample:
    values = {"sample_id": "s1", "video_id": "v1", "duration_seconds": 61.25}
    values |= {"segment": Segment(10.0, 31.5), "source_video_id": "source1"}
    return make_sample(**values | changes)


SAMPLES = (
    question(),
    question(
        sample_id="s2\u2028é",
        window=Segment(100.0, 161.25),
        split="test",
        query_kind="difficult",
        query_label="guitar",
        pair_id="p",
        taxonomy_distance=2,
    ),
)


def write(folder, samples=SAMPLES) -> Manifest:
    return write_manifest(
        folder, samples, source="test", seed=7, settings={"b": 1, "a": [0.1, None]}
    )


def test_what_is_written_is_read(tmp_path):
    written = write(tmp_path)
    assert read_manifest(tmp_path) == written
    assert written.samples == SAMPLES
    assert written.header.counts == {"test": 1, "train": 1}
    assert written.of_split("test") == SAMPLES[1:]
    assert written.video_path("v1") == tmp_path / "videos" / "v1.mp4"
    first = json.loads((tmp_path / "samples.jsonl").read_text().split("\n")[0])
    assert list(first) == [field.name for field in dataclasses.fields(Sample)]
    write(tmp_path, samples=())
    assert read_manifest(tmp_path).samples == ()


def test_same_input_gives_same_bytes_and_no_leftovers(tmp_path):
    for folder in ("a", "b", "b"):
        write(tmp_path / folder)
    for name in ("manifest.json", "samples.jsonl"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert sorted(p.name for p in (tmp_path / "b").iterdir()) == ["manifest.json", "samples.jsonl"]


def test_the_settings_hash_ignores_the_order_of_keys():
    assert settings_sha256({"a": 1, "b": 2}) == settings_sha256({"b": 2, "a": 1})
    assert settings_sha256({"a": 1, "b": 2}) != settings_sha256({"a": 1, "b": 3})


def test_a_repeated_id_is_refused_with_both_lines(tmp_path):
    with pytest.raises(DatasetError, match=r"samples\.jsonl, line 2: sample_id 's1' .* line 1"):
        write(tmp_path, samples=(question(), question()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"duration_seconds": 0.0}, "duration_seconds must be positive"),
        ({"segment": Segment(10.0, 61.3)}, "after the video ends"),
        ({"window": Segment(0.0, 60.0)}, "window lasts 60"),
        ({"query_seconds": -1.0}, "query_seconds"),
        ({"query_label": "guitar"}, "simple means the same class"),
        ({"query_kind": "difficult"}, "simple means the same class"),
        ({"query_video_id": "v1"}, "the video 'v1' it searches"),
        ({"query_video_id": None}, "a frame of a video or an image file"),
        ({"query_image": "queries/a.jpg"}, "a frame of a video or an image file"),
        ({"query_video_id": None, "query_seconds": None}, "a frame of a video or an image file"),
    ],
)
def test_a_sample_that_contradicts_itself_is_refused(change, message):
    with pytest.raises(UsageError, match=message):
        question(**change)


IN_SAMPLES = [
    (lambda text: text[: len(text) - 40], "line 2: not valid JSON"),
    (lambda text: text.replace("\n", "\n\n", 1), "line 2: not valid JSON"),
    (lambda text: "[]\n" + text, "line 1: expected a JSON object, got list"),
    (lambda text: text.replace('"label"', '"lable"', 1), "line 1: unknown key 'lable'"),
    (lambda text: text.replace('"label": "violin", ', "", 1), "line 1: missing key `label`"),
    (lambda text: text.replace('"train"', '"trian"'), "line 1: split: Invalid enum"),
    (lambda text: text.replace("3.5", '"3.5"', 1), "line 1: query_seconds: Expected"),
    (lambda text: text.replace("3.5", "true", 1), "line 1: query_seconds: Expected"),
    (lambda text: text.replace("3.5", "NaN", 1), "line 1: query_seconds"),
    (lambda text: text.replace("[10.0, 31.5]", "[31.5, 10.0]", 1), "line 1: a segment needs"),
    (lambda text: text.replace('"s1"', "1", 1), "line 1: sample_id: Expected `str`, got `int`"),
    (lambda text: text.replace('"taxonomy_distance": 0', '"taxonomy_distance": true'), "int"),
    (lambda text: text.replace("31.5", "31.25", 1), "samples do not match the header"),
    (lambda text: "", "samples do not match the header"),
]
IN_HEADER = [
    (lambda text: text.replace('"format_version": 2', '"format_version": 1'), "reads 2"),
    (lambda text: text.replace('"b": 1', '"b": 2'), "settings do not match"),
    (lambda text: text.replace('"test": 1', '"test": 3'), "counts do not match"),
    (lambda text: text.replace('"seed": 7', '"seed": "7"'), "seed: Expected `int`, got `str`"),
    (lambda text: text[:30], "not valid JSON"),
]


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [("samples.jsonl", *each) for each in IN_SAMPLES]
    + [("manifest.json", *each) for each in IN_HEADER],
)
def test_what_is_broken_names_file_and_line(tmp_path, name, change, message):
    write(tmp_path)
    text = (tmp_path / name).read_text(encoding="utf-8")
    (tmp_path / name).write_text(change(text), encoding="utf-8")
    with pytest.raises(DatasetError, match=message) as failure:
        read_manifest(tmp_path)
    place = "manifest.json" if name == "manifest.json" else ""
    assert str(tmp_path / place) in str(failure.value)


def test_missing_and_binary_files_are_refused(tmp_path):
    (tmp_path / "file.json").write_text("{}")
    expected = (
        " is no data set; expected a folder with manifest.json, as stillseek dataset build, "
        "import, compose and render make it"
    )
    for folder in (tmp_path, tmp_path / "missing", tmp_path / "file.json"):
        with pytest.raises(DatasetError) as failure:
            read_manifest(folder)
        assert str(failure.value) == f"{folder}{expected}"
    with pytest.raises(UsageError, match=r"^the data set https://host/ds is a URL; give a path"):
        read_manifest(Path("https://host/ds"))
    write(tmp_path)
    (tmp_path / "samples.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DatasetError, match="not UTF-8"):
        read_manifest(tmp_path)


def test_video_may_have_any_suffix(tmp_path):
    manifest = write(tmp_path)
    folder = tmp_path / "videos/day one"
    folder.mkdir(parents=True)
    (folder / "match.MOV").touch()

    assert manifest.video_path("day one/match") == folder / "match.MOV"
    assert manifest.video_path("v1") == tmp_path / "videos/v1.mp4"
