from dataclasses import replace
from pathlib import Path

import pytest
from samples import make_sample

from stillseek.data.absence import (
    Absence,
    AbsentQuestion,
    absent_of,
    draw_absent,
    freeze_absent,
    read_absent,
    similar_classes,
)
from stillseek.data.manifest import Manifest, write_manifest
from stillseek.data.sample import Sample
from stillseek.errors import DatasetError


def question(number: int, label: str, *, query: str | None = None, split="test") -> Sample:
    return make_sample(
        sample_id=f"{split} {number} {query or label}",
        video_id=f"{split} video {number}",
        label=label,
        split=split,
        query_kind="difficult" if query else "simple",
        query_label=query or label,
        query_video_id=None,
        query_seconds=None,
        query_image=f"{query or label}{number}.jpg",
        taxonomy_distance=2 if query else 0,
    )


TEST = [
    question(0, "tennis"),
    question(0, "tennis", query="badminton"),
    question(1, "chess"),
    question(2, "rowing"),
]
TRAIN = [question(7, "skiing", split="train"), question(8, "chess", split="train")]


def asked(kind: Absence) -> dict[str, str]:
    """The class that each video is asked for; badminton is similar to the first one's tennis."""
    labels = {s.video_id: {s.label} for s in [*TEST, *TRAIN]}
    labels["test video 2"].add("chess")  # a distractor
    similar = similar_classes(TEST)
    drawn = draw_absent(TEST, [*TEST, *TRAIN], labels, similar, seed=0)
    assert drawn == draw_absent(TEST, [*TEST, *TRAIN], labels, similar, seed=0)
    by_id = {sample.sample_id: sample for sample in [*TEST, *TRAIN]}
    found = [(by_id[q.searched], by_id[q.picture]) for q in drawn if q.kind == kind]
    videos = {searched.video_id: picture.query_label for searched, picture in found}
    assert len(videos) == len(found)  # each video once
    assert all(searched.label != picture.query_label for searched, picture in found)
    return videos


def test_other_classes_are_in_no_video_of_the_split():
    assert set(asked("other").values()) <= {"skiing", "badminton"}
    assert asked("other")["test video 0"] == "skiing"


def test_siblings_are_absent_while_a_similar_class_is_there():
    assert asked("sibling") == {"test video 0": "badminton"}


def test_elsewhere_is_in_another_video_of_the_split_and_not_in_this_one():
    found = asked("elsewhere")
    assert found["test video 0"] in ("chess", "rowing")
    assert found["test video 1"] in ("tennis", "rowing")
    assert found["test video 2"] == "tennis"  # chess is a distractor in it


SIMILAR = {"tennis": {"badminton", "squash"}}
SAMPLES = (
    question(0, "tennis"),
    question(1, "chess"),
    question(2, "chess"),
    question(3, "rowing", split="train"),
    question(4, "skiing", split="train"),
    question(5, "skiing", split="train"),
    question(6, "golf", split="validation"),
    question(7, "judo", split="validation"),
)
LABELS = {sample.video_id: {sample.label} for sample in SAMPLES}


def freeze(folder: Path, *, number: int = 2, seed: int = 4) -> Manifest:
    frozen = freeze_absent(folder, SAMPLES, LABELS, SIMILAR, seed=seed, number=number)
    return write_manifest(folder, SAMPLES, source="test", seed=0, settings=frozen)


def test_several_questions_of_a_kind_show_different_pictures():
    train = [sample for sample in SAMPLES if sample.split == "train"]
    twin = question(9, "skiing", split="train")
    twin = replace(twin, query_image="skiing4.jpg")  # two samples with one picture
    drawn = draw_absent(train[:1], [*train, twin], LABELS, {}, seed=1, number=5)

    assert {question.kind for question in drawn} == {"other"}
    pictures = [question.picture for question in drawn]
    assert len(pictures) == 2
    assert "train 5 skiing" in pictures


def test_similar_classes_are_those_that_are_told():
    squash = question(8, "squash")
    labels = {**LABELS, squash.video_id: {"squash"}}
    told = draw_absent(SAMPLES[:1], [squash], labels, SIMILAR, seed=1)
    assert [question.kind for question in told] == ["sibling"]
    assert [q.kind for q in draw_absent(SAMPLES[:1], [squash], labels, {}, seed=1)] == ["other"]


def test_frozen_questions_are_those_that_are_asked(tmp_path: Path):
    manifest = freeze(tmp_path)
    asked = absent_of(manifest, "test")

    # Chess is in two of the three videos: the other one is asked for it twice.
    ids = [sample.sample_id for sample in asked["elsewhere"] if "tennis" in sample.label]
    assert ids == ["test 0 tennis~elsewhere", "test 0 tennis~elsewhere2"]
    frozen = read_absent(manifest)
    assert frozen is not None
    number = sum(len(samples) for samples in asked.values())
    assert number == sum(question.searched.startswith("test") for question in frozen)
    assert absent_of(freeze(tmp_path), "test") == asked
    assert absent_of(freeze(tmp_path, seed=5), "test") != asked


def test_training_and_validation_do_not_see_the_pictures_of_later_splits(tmp_path: Path):
    for manifest in (freeze(tmp_path / "frozen"), freeze(tmp_path / "drawn", number=0)):
        labels = {
            split: {s.query_label for found in absent_of(manifest, split).values() for s in found}
            for split in ("train", "validation")
        }
        assert labels["train"] <= {"rowing", "skiing"}
        assert labels["train"]
        assert labels["validation"] <= {"rowing", "skiing", "golf", "judo"}
        assert labels["validation"] & {"golf", "judo"}
        assert labels["validation"] & {"rowing", "skiing"}


def test_a_manifest_without_frozen_questions_draws_them(tmp_path: Path):
    manifest = freeze(tmp_path, number=0)
    assert read_absent(manifest) is None
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["manifest.json", "samples.jsonl"]
    drawn = draw_absent(manifest.of_split("test"), SAMPLES, LABELS, {}, seed=0)
    asked = [
        (sample.sample_id, sample.query_image)
        for samples in absent_of(manifest, "test").values()
        for sample in samples
    ]
    pictures = {sample.sample_id: sample.query_image for sample in SAMPLES}
    expected = [(f"{q.searched}~{q.kind}", pictures[q.picture]) for q in drawn]
    assert sorted(asked) == sorted(expected)


def test_changed_questions_are_refused(tmp_path: Path):
    manifest = freeze(tmp_path)
    path = tmp_path / "absent.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[1:]))
    with pytest.raises(DatasetError, match=r"absent.jsonl does not belong to its manifest; build"):
        absent_of(manifest, "test")
    path.unlink()
    with pytest.raises(DatasetError, match=r"cannot read .*absent.jsonl"):
        read_absent(manifest)


def test_a_question_is_a_record_of_two_samples(tmp_path: Path):
    frozen = read_absent(freeze(tmp_path, number=1))
    assert frozen is not None
    first = AbsentQuestion(kind="elsewhere", searched="train 3 rowing", picture="train 4 skiing")
    later = AbsentQuestion(kind="elsewhere", searched="train 3 rowing", picture="train 5 skiing")
    assert frozen[0] in (first, later)
