import json
from collections import defaultdict
from dataclasses import replace
from itertools import groupby

import numpy as np
import pytest
from PIL import Image

from stillseek.data.absence import absent_of
from stillseek.data.activitynet import read_activitynet
from stillseek.data.manifest import read_manifest
from stillseek.errors import UsageError
from stillseek.media import probe
from stillseek.synthetic.composed import composed_dataset as composed
from stillseek.synthetic.composed.classes import read_classes
from stillseek.synthetic.composed.composed_dataset import (
    ComposedConfig,
    compose_dataset,
    draw_scripts,
)
from stillseek.synthetic.composed.photographs import read_photographs
from stillseek.synthetic.composed.pools import divide
from stillseek.synthetic.composed.questions import Questions

from .conftest import GROUPS, LABELS, SPLIT

_CONFIG = ComposedConfig(train_videos=71, seen_videos=37, validation_videos=31, test_videos=41)


@pytest.fixture(scope="module")
def class_split(tmp_path_factory):
    path = tmp_path_factory.mktemp("classes") / "split.json"
    path.write_text(json.dumps(SPLIT | {"similar": GROUPS}))
    return path


@pytest.fixture(scope="module")
def drawn(listed, class_split):
    """Scripts and samples of photographs that need no files."""
    return _draw(listed, class_split, _CONFIG)


def _draw(folder, class_split, config):
    classes = read_classes(
        folder.by_label, class_split=class_split, taxonomy=None, seed=config.seed
    )
    pools = divide(folder, classes.split, query_share=0.35, held_out_share=0.25, seed=config.seed)
    scripts = draw_scripts(config, classes, pools)
    questions = Questions(classes, pools, simple_queries=3, difficult_queries=2)
    samples = [
        sample
        for split, group in scripts.items()
        for script in group
        for sample in questions.of_script(script, split)
    ]
    return scripts, samples, questions


def _shown(script):
    return {shot.photograph for shot in script.shots}


def test_no_query_is_like_a_photograph_of_its_video(write_photographs, blots, class_split):
    folder = write_photographs(number=11)
    for place, label in enumerate(LABELS):
        for index in range(4):
            seed = 1000 * place + index
            target = folder / label
            Image.fromarray(blots(seed, width=203, height=131)).save(target / f"larger{index}.jpg")
            Image.fromarray(blots(seed)).save(target / f"worse{index}.jpg", quality=35)
            brighter = np.clip(blots(seed) * 1.1 + 9, 0, 255).astype(np.uint8)
            Image.fromarray(brighter[:, ::-1]).save(target / f"mirrored{index}.png")
    found = read_photographs(folder, workers=1)
    by_name = {photo.name: photo for photo in found.photographs}
    # The copies are there, and each belongs to its original.
    assert len(by_name) == len(LABELS) * (11 + 12)
    assert len({photo.group for photo in found.photographs}) == len(LABELS) * 11

    scripts, samples, _ = _draw(found, class_split, _CONFIG)

    of_video = {script.video_id: script for group in scripts.values() for script in group}
    pairs = {
        (sample.query_image.removeprefix("queries/"), name)
        for sample in samples
        for name in _shown(of_video[sample.video_id])
    }
    assert len(pairs) > 1000
    for query, name in pairs:
        a, b = by_name[query], by_name[name]
        assert (a.phash ^ b.phash).bit_count() > 8
        assert (a.phash ^ b.mirrored_phash).bit_count() > 8


def test_what_training_sees_is_in_no_other_split(drawn):
    scripts, samples, _ = drawn
    seen = defaultdict(set)
    for split, group in scripts.items():
        for script in group:
            seen[split == "train"] |= _shown(script)
    for sample in samples:
        seen[sample.split == "train"].add(sample.query_image.removeprefix("queries/"))

    assert seen[True]
    assert seen[False]
    assert not seen[True] & seen[False]


def test_videos_show_classes_of_their_own_split_only(drawn):
    allowed = {
        "train": SPLIT["train"],
        "seen": SPLIT["train"],
        "validation": SPLIT["val"],
        "test": SPLIT["test"],
    }
    scripts, _, _ = drawn

    for name, group in scripts.items():
        labels = {part.label for script in group for part in script.parts}
        assert labels == set(allowed[name])


def test_each_class_of_a_split_is_a_target_about_equally_often(drawn):
    scripts, _, _ = drawn
    targets = [script.parts[script.targets[0]].label for script in scripts["train"]]

    assert {targets.count(label) for label in set(targets)} == {17, 18}


def test_three_simple_queries_show_the_class(drawn):
    scripts, samples, _ = drawn
    first = [sample for sample in samples if sample.sample_id.split("_")[-1][0] == "0"]
    simple = [sample for sample in first if sample.query_kind == "simple"]

    # The photographs of seen classes that ask are one pair of near-duplicates each: one question.
    assert len(simple) == sum(
        len(group) * (1 if name == "seen" else 3) for name, group in scripts.items()
    )
    assert all(s.query_label == s.label and s.taxonomy_distance == 0 for s in simple)
    assert all(s.query_image.startswith(f"queries/{s.query_label}/") for s in samples)


def test_all_queries_of_a_target_are_different_pictures(drawn, listed):
    scripts, samples, questions = drawn
    group_of = {photo.name: photo.group for photo in listed.photographs}
    asked = defaultdict(list)
    for sample in samples:
        name = sample.query_image.removeprefix("queries/")
        asked[sample.split, sample.video_id, sample.segment].append(group_of[name])

    assert len(asked) > 180
    assert all(len(set(groups)) == len(groups) for groups in asked.values())
    # What is not asked twice is counted.
    assert questions.missing_simple["seen"] == 2 * len(scripts["seen"])
    assert questions.missing_simple.total() == 2 * len(scripts["seen"])


def test_small_classes_ask_less_and_it_is_counted(write_photographs, class_split):
    found = read_photographs(write_photographs(number=5), workers=1)

    scripts, samples, questions = _draw(found, class_split, _CONFIG)

    for split, group in scripts.items():
        # In training each target is asked for in full, elsewhere the first one.
        whole = sum(len(script.targets) if split == "train" else 1 for script in group)
        pairs = 0 if split == "train" else sum(len(script.targets) - 1 for script in group)
        kinds = [sample.query_kind for sample in samples if sample.split == split]
        assert questions.missing_simple[split] > 0
        assert kinds.count("simple") + questions.missing_simple[split] == 3 * whole + pairs
        assert kinds.count("difficult") + questions.missing_difficult[split] == 2 * whole
    assert len({(s.video_id, s.segment, s.query_image) for s in samples}) == len(samples)


def test_difficult_queries_have_one_answer(drawn):
    scripts, samples, _ = drawn
    of_video = {script.video_id: script for group in scripts.values() for script in group}
    group_of = {label: group for group, labels in GROUPS.items() for label in labels}
    difficult = [sample for sample in samples if sample.query_kind == "difficult"]

    assert len(difficult) > 100
    for sample in difficult:
        here = [part.label for part in of_video[sample.video_id].parts]
        assert sample.query_label not in here
        assert [label for label in here if group_of.get(label) == group_of[sample.query_label]] == [
            sample.label
        ]
        assert sample.taxonomy_distance == 2


def test_difficult_queries_take_classes_that_their_split_may_see(drawn):
    _, samples, questions = drawn
    asked = defaultdict(set)
    for sample in samples:
        if sample.query_kind == "difficult":
            asked[sample.split].add(sample.query_label)

    assert asked["train"] <= set(SPLIT["train"])
    assert asked["seen"] <= set(SPLIT["train"])
    assert asked["validation"] <= {*SPLIT["train"], *SPLIT["val"]}
    # "sports/g" is unseen, and its siblings were trained on, though not these photographs.
    assert asked["test"] == {"sports/a", "sports/b"}
    # "sports/h" is like no other class.
    assert questions.missing_difficult["test"] == 2 * 20


def test_look_alikes_happen_where_they_are_wanted(listed, class_split):
    scripts, samples, _ = _draw(listed, class_split, replace(_CONFIG, look_alikes=1.0))
    group_of = {label: group for group, labels in GROUPS.items() for label in labels}
    shown = {"train": "abcd", "seen": "abcd", "validation": "ef", "test": "gh"}

    number = 0
    for split, made in scripts.items():
        for script in made:
            labels = [part.label for part in script.parts]
            target = labels[script.targets[0]]
            assert len(labels) == len(set(labels))
            # "sports/g" and "sports/h" are like no class of theirs.
            if split != "test":
                number += 1
                groups_here = [group_of.get(label) for label in labels]
                assert groups_here.count(group_of[target]) > 1
            assert {label[-1] for label in labels} <= set(shown[split])
    assert number == 71 + 37 + 31
    # In training, of what else happens, too.
    assert {s.split for s in samples if s.query_kind == "difficult"} == {"test", "train"}


def test_absent_questions_are_frozen_with_the_settings(
    photographs, class_split, tmp_path, monkeypatch
):
    monkeypatch.setattr(composed, "make_videos", lambda *_, **__: None)
    config = replace(_SMALL, absent_queries=2)
    made = [
        compose_dataset(photographs, tmp_path / name, each, class_split=class_split, workers=1)
        for name, each in (("a", config), ("b", _SMALL))
    ]
    first, without = (each.manifest for each in made)

    assert first.samples == without.samples
    assert "absent_queries" not in without.header.settings
    assert first.header.settings["absent_queries"] == 2
    database = json.loads((tmp_path / "a/annotations.json").read_text())["database"]
    asked = [s for found in absent_of(first, "train").values() for s in found]
    assert asked
    for sample in asked:
        inside = {each["label"] for each in database[sample.video_id]["annotations"]}
        assert sample.query_label not in inside
        assert first.query_path(sample).is_file()


def test_pairs_ask_for_two_activities_of_one_video(drawn):
    scripts, samples, _ = drawn
    paired = sorted((s for s in samples if s.pair_id), key=lambda sample: sample.pair_id)
    pairs = [list(group) for _, group in groupby(paired, key=lambda sample: sample.pair_id)]

    two = [s for group in scripts.values() for s in group if len(s.targets) == 2]
    # 0.4 of 180, with a standard deviation of 7.
    assert len(pairs) == len(two) == pytest.approx(72, abs=20)
    for first, second in pairs:
        assert first.video_id == second.video_id == first.pair_id
        assert first.label != second.label
        assert first.segment.overlap_seconds(second.segment) == 0
        assert first.query_kind == second.query_kind == "simple"


_SMALL = ComposedConfig(
    seed=5,
    train_videos=2,
    seen_videos=0,
    validation_videos=1,
    test_videos=0,
    width=96,
    height=64,
    frames_per_second=2,
)


@pytest.fixture(scope="module")
def photographs(write_photographs):
    return read_photographs(write_photographs(number=7), workers=1)


def test_composing_writes_everything_and_the_same_again(photographs, class_split, tmp_path):
    calls = []
    first, second = (
        compose_dataset(
            photographs,
            tmp_path / name,
            _SMALL,
            class_split=class_split,
            workers=workers,
            on_progress=lambda *n: calls.append(n),
        ).manifest
        for name, workers in (("a", 1), ("b", 2))
    )

    assert calls[2] == (3, 3)
    assert read_manifest(tmp_path / "a").samples == first.samples
    for name in ("samples.jsonl", "annotations.json", "manifest.json", "settings.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    database = json.loads((tmp_path / "a/annotations.json").read_text())["database"]
    assert len(database) == 3
    for video_id, entry in database.items():
        info = probe(second.video_path(video_id))
        assert (info.width, info.height) == (96, 64)
        assert info.duration_seconds == pytest.approx(entry["duration"], abs=0.01)
    queries = {path for path in (tmp_path / "a/queries").rglob("*") if path.is_file()}
    assert queries == {first.query_path(sample) for sample in first.samples}
    for path in queries:
        original = photographs.path / path.relative_to(tmp_path / "a/queries")
        assert path.read_bytes() == original.read_bytes()


def test_the_manifest_tells_what_was_left_out(photographs, class_split, tmp_path):
    made = compose_dataset(photographs, tmp_path / "a", _SMALL, class_split=class_split, workers=1)

    settings = made.manifest.header.settings
    assert settings["photographs"] == 56
    assert settings["photographs_sha256"] == photographs.sha256
    assert settings["missing_difficult_queries"] == made.missing_difficult
    assert (
        settings["missing_simple_queries"] == made.missing_simple == {"train": 2, "validation": 1}
    )
    assert settings["classes"]["validation"] == ["sports/e", "sports/f"]


def test_composing_again_keeps_what_is_there(photographs, class_split, tmp_path, monkeypatch):
    manifest = compose_dataset(
        photographs, tmp_path / "a", _SMALL, class_split=class_split, workers=1
    ).manifest
    lost = manifest.video_path("train_0001")
    lost.unlink()
    kept = manifest.video_path("train_0000")
    kept.write_bytes(b"kept")

    compose_dataset(photographs, tmp_path / "a", _SMALL, class_split=class_split, workers=1)

    assert kept.read_bytes() == b"kept"
    assert lost.stat().st_size > 1000


def test_other_photographs_are_other_settings(photographs, class_split, tmp_path, monkeypatch):
    monkeypatch.setattr(composed, "make_videos", lambda *_, **__: None)
    compose_dataset(photographs, tmp_path / "a", _SMALL, class_split=class_split, workers=1)
    other = replace(photographs, sha256="0" * 64)

    with pytest.raises(UsageError, match="holds a benchmark with other settings; give another"):
        compose_dataset(other, tmp_path / "a", _SMALL, class_split=class_split, workers=1)


@pytest.mark.parametrize("source", ["rendered streams", None])
def test_a_data_set_of_another_source_is_kept(photographs, class_split, tmp_path, source):
    header = tmp_path / "a/manifest.json"
    header.parent.mkdir()
    header.write_text(json.dumps({"source": source, "samples_sha256": "0"}))

    with pytest.raises(UsageError, match=f"holds a data set of {source}, which composed streams w"):
        compose_dataset(photographs, tmp_path / "a", _SMALL, class_split=class_split, workers=1)

    assert list(header.parent.iterdir()) == [header]


def test_annotations_are_read_back_with_every_class(write_photographs, blots, tmp_path):
    folder = write_photographs(number=7)
    for index in range(7):
        # A class that no group names is called like one.
        (folder / "first").mkdir(exist_ok=True)
        Image.fromarray(blots(90_000 + index)).save(folder / f"first/{index}.png")
    named = {**SPLIT, "val": ["sports/e", "first"], "train": [*SPLIT["train"], "sports/f"]}
    class_split = tmp_path / "split.json"
    class_split.write_text(json.dumps(named | {"similar": GROUPS}))

    compose_dataset(
        read_photographs(folder, workers=1),
        tmp_path / "a",
        replace(_SMALL, train_videos=0, validation_videos=2),
        class_split=class_split,
        workers=1,
    )

    source = read_activitynet(tmp_path / "a/annotations.json")
    assert {label for video in source.videos for label in video.labels} == {"sports/e", "first"}
    assert source.taxonomy.path("first") == ("Root", "first")
    assert source.taxonomy.path("sports/a") == ("Root", "first", "sports/a")
    assert source.taxonomy.labels == ("first", *(f"sports/{name}" for name in "abcdefgh"))


def test_a_data_set_among_the_photographs_is_refused(listed, tmp_path):
    with pytest.raises(UsageError, match=r"made lies in the input folder .*; give a folder o"):
        compose_dataset(listed, listed.path / "made", _SMALL)


def test_a_split_of_one_class_is_refused(listed, tmp_path):
    few = tuple(photo for photo in listed.photographs if photo.label < "sports/f")

    with pytest.raises(UsageError, match=r"validation videos need at least two .* are 1; add"):
        compose_dataset(replace(listed, photographs=few), tmp_path / "made", _SMALL)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"test_videos": -1}, "test_videos must be at least 0, got -1"),
        ({"width": 63}, "width must be from 64 to 4096 pixels, got 63"),
        ({"width": 97}, "width must be even, as video files need it, got 97"),
        ({"height": 65}, "height must be even, as video files need it, got 65"),
        ({"frames_per_second": 0}, "frames_per_second must be from 1 to 120, got 0"),
        ({"query_share": 1.0}, "query_share must be between 0 and 1, got 1.0"),
        ({"held_out_share": 0.0}, "held_out_share must be between 0 and 1, got 0.0"),
    ],
)
def test_impossible_settings_are_refused(change, message):
    with pytest.raises(UsageError, match=message):
        composed.ComposedConfig(**change)
