import json
from dataclasses import replace
from itertools import groupby

import pytest

from stillseek.data.absence import absent_of
from stillseek.data.manifest import read_manifest
from stillseek.errors import UsageError
from stillseek.media import probe
from stillseek.synthetic.rendered import rendered_dataset as dataset
from stillseek.synthetic.rendered import streams as scripts
from stillseek.synthetic.rendered.activities import ACTIVITIES
from stillseek.synthetic.rendered.rendered_dataset import (
    RenderedConfig,
    annotations,
    build_samples,
    draw_streams,
    render_dataset,
)
from stillseek.synthetic.rendered.streams import class_split

_GROUP = {activity.name: activity.group for activity in ACTIVITIES}


@pytest.fixture(scope="module")
def benchmark():
    config = RenderedConfig(train_videos=70, seen_videos=60, validation_videos=40, test_videos=50)
    streams = draw_streams(config)
    return config, streams, build_samples(config, streams), _by_id(streams)


def _by_id(streams):
    return {stream.video_id: stream for group in streams.values() for stream in group}


def test_queries_come_from_other_videos_of_the_same_split(benchmark):
    _, streams, samples, _ = benchmark
    split_of = {s.video_id: split for split, group in streams.items() for s in group}

    assert samples
    for sample in samples:
        assert sample.query_video_id != sample.video_id
        assert split_of[sample.query_video_id] == sample.split


def test_the_query_frame_shows_the_query_class(benchmark):
    _, _, samples, by_id = benchmark

    for sample in samples:
        scenes = by_id[sample.query_video_id].scenes
        (label,) = {
            scene.activity.name
            for scene in scenes
            if scene.activity is not None
            and scene.segment.start_seconds <= sample.query_seconds < scene.segment.end_seconds
        }
        assert label == sample.query_label


def test_difficult_queries_show_a_sibling_that_the_video_does_not_hold(benchmark):
    _, _, samples, by_id = benchmark
    difficult = [s for s in samples if s.query_kind == "difficult"]

    assert difficult
    for sample in difficult:
        labels = {s.activity.name for s in by_id[sample.video_id].scenes if s.activity is not None}
        assert sample.query_label not in labels
        assert _GROUP[sample.query_label] == _GROUP[sample.label]
        assert sample.taxonomy_distance == 2


def test_distractors_come_from_the_split_of_their_target(benchmark):
    config, streams, _, _ = benchmark
    allowed = class_split(config.seed)
    assert allowed["seen"] == allowed["train"]
    for split, group in streams.items():
        for stream in group:
            assert all(s.activity is None or s.activity in allowed[split] for s in stream.scenes)


def test_pairs_are_two_questions_about_two_segments_of_one_video(benchmark):
    _, _, samples, _ = benchmark
    paired = sorted((s for s in samples if s.pair_id), key=lambda s: s.pair_id)
    pairs = [list(group) for _, group in groupby(paired, key=lambda s: s.pair_id)]

    assert len(pairs) > 40
    for first, second in pairs:
        assert first.video_id == second.video_id
        assert first.label != second.label
        assert first.segment.overlap_seconds(second.segment) == 0
        assert first.query_kind == second.query_kind == "simple"


def test_annotations_are_in_the_layout_of_activitynet(benchmark):
    _, streams, _, _ = benchmark
    text = annotations(streams)

    assert set(text) == {"version", "taxonomy", "database"}
    assert len(text["database"]) == 220
    assert sum(node["parentId"] not in (None, 0) for node in text["taxonomy"]) == len(ACTIVITIES)


_SMALL = RenderedConfig(
    seed=5,
    train_videos=3,
    seen_videos=0,
    validation_videos=0,
    test_videos=0,
    difficult_queries=0,
    two_targets_share=0.0,  # short videos have room for one
)


def test_rendering_writes_playable_videos_and_the_same_manifest_again(tmp_path, monkeypatch):
    # Of a few seconds: each frame is drawn alike.
    monkeypatch.setattr(scripts, "_SHORTEST_VIDEO", 14.0)
    monkeypatch.setattr(scripts, "_LONGEST_VIDEO", 14.0)
    # Of so few classes that two of three videos ask for one.
    classes = {split: found[:2] for split, found in class_split(_SMALL.seed).items()}
    monkeypatch.setattr(dataset, "class_split", lambda seed: classes)
    calls = []
    first = render_dataset(tmp_path / "a", _SMALL, on_progress=lambda *n: calls.append(n))
    monkeypatch.setattr(dataset, "make_videos", lambda *_, **__: None)
    second = render_dataset(tmp_path / "b", _SMALL)

    assert calls[-1] == (3, 3)
    assert first.samples
    assert first.header == second.header
    for name in ("samples.jsonl", "annotations.json", "manifest.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    database = json.loads((tmp_path / "a" / "annotations.json").read_text())["database"]
    for video_id, entry in database.items():
        info = probe(first.video_path(video_id))
        assert (info.width, info.height) == (320, 240)
        # A frame at 10 frames a second.
        assert info.duration_seconds == pytest.approx(entry["duration"], abs=0.11)
    assert read_manifest(tmp_path / "a").samples == first.samples
    assert render_dataset(tmp_path / "a", _SMALL).header == first.header  # it goes on
    other = '{"source": "composed streams", "samples_sha256": "0"}'
    (tmp_path / "b" / "manifest.json").write_text(other)
    with pytest.raises(UsageError, match="holds a data set of composed streams, which rendered"):
        render_dataset(tmp_path / "b", _SMALL)


def test_look_alikes_happen_where_they_are_wanted_and_leave_one_answer():
    config = RenderedConfig(
        train_videos=23, seen_videos=0, validation_videos=0, test_videos=19, look_alikes=1.0
    )
    streams = draw_streams(config)
    by_id = _by_id(streams)

    for stream in by_id.values():
        target = stream.scenes[stream.targets[0]].activity
        groups = [s.activity.group for s in stream.scenes if s.activity is not None]
        assert groups.count(target.group) >= 2
        names = [s.activity.name for s in stream.scenes if s.activity is not None]
        assert len(names) == len(set(names))
    difficult = [s for s in build_samples(config, streams) if s.query_kind == "difficult"]
    for sample in difficult:  # of what else happens in training
        scenes = by_id[sample.video_id].scenes
        groups = [s.activity.group for s in scenes if s.activity is not None]
        assert groups.count(_GROUP[sample.label]) == 1
    some = draw_streams(replace(config, look_alikes=0.5))
    same = [stream in streams[split] for split, group in some.items() for stream in group]
    # The others are those of a benchmark without look-alikes.
    none = draw_streams(replace(config, look_alikes=0.0))
    rest = [stream in none[split] for split, group in some.items() for stream in group]
    assert 8 < sum(same) < 36
    assert all(one or other for one, other in zip(same, rest, strict=True))


def test_absent_questions_are_frozen_with_the_settings(tmp_path, monkeypatch):
    monkeypatch.setattr(dataset, "make_videos", lambda *_, **__: None)
    config = RenderedConfig(
        train_videos=7, seen_videos=0, validation_videos=5, test_videos=11, absent_queries=2
    )
    first = render_dataset(tmp_path / "a", config)
    again = render_dataset(tmp_path / "b", config)
    without = render_dataset(tmp_path / "c", replace(config, absent_queries=0))

    assert first.header == again.header
    assert first.samples == without.samples
    assert "absent_queries" not in without.header.settings
    assert first.header.settings["absent_queries"] == 2
    assert not (tmp_path / "c/absent.jsonl").exists()
    database = json.loads((tmp_path / "a/annotations.json").read_text())["database"]
    for split in ("train", "test"):
        for kind, asked in absent_of(first, split).items():
            assert asked or (split, kind) == ("train", "other")
            for sample in asked:
                inside = {a["label"] for a in database[sample.video_id]["annotations"]}
                assert sample.query_label not in inside
                is_like = _GROUP[sample.query_label] in {_GROUP[label] for label in inside}
                assert is_like == (kind == "sibling")


def test_too_few_videos_for_any_question_are_refused(tmp_path):
    config = RenderedConfig(train_videos=2, seen_videos=0, validation_videos=1, test_videos=1)

    with pytest.raises(UsageError, match=r"there would be no question: .*; give more videos of a"):
        render_dataset(tmp_path / "a", config)

    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train_videos": -1}, "train_videos must be at least 0, got -1"),
        (
            {"train_videos": 0, "seen_videos": 0, "validation_videos": 0, "test_videos": 0},
            "needs at least 1 video, got 0 of every split; give --train-videos or the",
        ),
        ({"simple_queries": 0}, "at least 1 simple and 0 difficult queries, got 0 and 2"),
        ({"two_targets_share": 1.5}, r"two_targets_share must be in \[0, 1\], got 1.5"),
        ({"look_alikes": -0.5}, r"look_alikes must be in \[0, 1\], got -0.5"),
        ({"absent_queries": -1}, "absent_queries must be at least 0, got -1"),
    ],
)
def test_impossible_settings_are_refused(change, message):
    with pytest.raises(UsageError, match=message):
        RenderedConfig(**change)
