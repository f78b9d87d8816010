from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from samples import make_activity, make_video

from stillseek.data.activity_ibal import ActivityIbalConfig, build_activity_ibal
from stillseek.data.activitynet import ActivityNet
from stillseek.data.annotations import Cleaning
from stillseek.data.label_split import LabelSplit
from stillseek.data.manifest import write_manifest
from stillseek.data.taxonomy import taxonomy_of_groups
from stillseek.data.windows import WindowFilter
from stillseek.errors import DatasetError, UsageError

# Of each group the last two classes are held out; drums have no sibling.
GROUPS = {
    "strings": ["violin", "guitar", "cello", "harp"],
    "balls": ["handball", "tennis", "golf", "polo"],
    "other": ["drums"],
}
SPLIT = LabelSplit(
    train=("drums", "guitar", "handball", "tennis", "violin"),
    validation=("cello", "golf"),
    test=("harp", "polo"),
)
CONFIG = ActivityIbalConfig(seed=5)
KEEP = WindowFilter()


def make_source() -> ActivityNet:
    rng = np.random.default_rng(0)
    videos = []
    for label in (label for group in GROUPS.values() for label in group):
        for number in range(7):
            starts = np.sort(rng.uniform(0, 170, 3)).tolist()
            activities = [
                make_activity(a, min(a + rng.uniform(5, 40), b), label)
                for a, b in zip(starts, [*starts[1:], 200.0], strict=True)
            ]
            videos.append(make_video(*activities, name=f"v_{label}{number}", seconds=200.0))
        # Too long to be a target: never used in training, whatever its class.
        long = make_activity(10.0, 150.0, label)
        videos.append(make_video(long, name=f"v_{label}_long", seconds=200.0))
    return ActivityNet(
        videos=tuple(sorted(videos, key=lambda video: video.video_id)),
        taxonomy=taxonomy_of_groups(GROUPS, where="test"),
        num_unlabelled=3,
        cleaning=Cleaning(reversed=1, outside=0, cut=2, duplicates=0),
        sha256="a" * 64,
    )


SOURCE = make_source()
BUILT = build_activity_ibal(SOURCE, SPLIT, config=CONFIG, keep=KEEP)
TRAINED = {s.source_video_id for s in BUILT.samples if s.split == "train"}
TREE = taxonomy_of_groups(GROUPS, where="test")


def test_windows_have_3_simple_and_2_difficult_queries_of_different_pictures() -> None:
    kinds = Counter((s.video_id, s.window, s.query_kind) for s in BUILT.samples)
    windows = {(s.video_id, s.window) for s in BUILT.samples}

    assert len(windows) > 50
    for video_id, window in windows:
        assert kinds[video_id, window, "simple"] == 3
        assert kinds[video_id, window, "difficult"] == 2
    assert len({s.sample_id for s in BUILT.samples}) == len(BUILT.samples)
    asked = Counter(
        (s.video_id, s.window, s.query_video_id, s.query_seconds) for s in BUILT.samples
    )
    assert max(asked.values()) == 1


def test_no_class_and_no_source_video_is_in_two_splits() -> None:
    for name in ("label", "source_video_id"):
        splits: dict[str, set[str]] = {}
        for sample in BUILT.samples:
            splits.setdefault(getattr(sample, name), set()).add(sample.split)
        assert all(len(found) == 1 for found in splits.values())
    assert {s.label: s.split for s in BUILT.samples} == SPLIT.role_of()


def test_simple_queries_are_other_videos_of_the_class() -> None:
    labels = {video.video_id: video.labels for video in SOURCE.videos}
    for sample in BUILT.samples:
        assert sample.query_video_id not in (sample.video_id, sample.source_video_id)
        assert labels[sample.query_video_id] == {sample.query_label}
        if sample.query_kind == "simple":
            assert sample.query_label == sample.label
            assert sample.taxonomy_distance == 0


def test_difficult_queries_are_the_nearest_other_class() -> None:
    difficult = [s for s in BUILT.samples if s.query_kind == "difficult"]
    for sample in difficult:
        assert sample.query_label != sample.label
        assert sample.taxonomy_distance == TREE.distance(sample.label, sample.query_label)
        assert sample.taxonomy_distance == (4 if sample.label == "drums" else 2)
    # The sibling of a held-out class may be seen or unseen.
    roles = SPLIT.role_of()
    assert {(s.split, roles[s.query_label]) for s in difficult} == {
        ("train", "train"),
        *((split, role) for split in ("validation", "test") for role in roles.values()),
    } - {("validation", "validation"), ("test", "test")}


def test_held_out_questions_show_nothing_of_a_training_video() -> None:
    held_out = [s for s in BUILT.samples if s.split != "train"]
    seen_siblings = [s for s in held_out if SPLIT.role_of()[s.query_label] == "train"]

    assert seen_siblings
    assert not {s.query_video_id for s in held_out} & TRAINED
    assert all(str(s.query_video_id).endswith("_long") for s in seen_siblings)
    for sample in BUILT.samples:
        if sample.split == "train":
            assert sample.query_video_id in TRAINED


def test_the_query_frame_lies_in_the_middle_of_an_activity() -> None:
    activities = {video.video_id: video.activities for video in SOURCE.videos}
    for sample in BUILT.samples:
        middles = [
            (a.segment.start_seconds + a.segment.end_seconds) / 2
            for a in activities[sample.query_video_id]
        ]
        assert min(abs(middle - sample.query_seconds) for middle in middles) < 0.002


def test_times_are_those_of_the_annotation() -> None:
    activities = {video.video_id: video.activities for video in SOURCE.videos}
    for sample in BUILT.samples:
        start = sample.window.start_seconds + sample.segment.start_seconds
        nearest = min(
            activities[sample.video_id], key=lambda a: abs(a.segment.start_seconds - start)
        )
        assert start == pytest.approx(nearest.segment.start_seconds, abs=0.0011)
        end = sample.window.start_seconds + sample.segment.end_seconds
        assert end == pytest.approx(nearest.segment.end_seconds, abs=0.0011)


def test_the_manifest_is_the_same_bytes_for_the_same_seed(tmp_path: Path) -> None:
    texts = []
    for number, seed in enumerate((5, 5, 6)):
        source = replace(SOURCE, videos=make_source().videos)
        built = build_activity_ibal(source, SPLIT, config=ActivityIbalConfig(seed=seed), keep=KEEP)
        folder = tmp_path / str(number)
        write_manifest(folder, built.samples, source="s", seed=seed, settings=built.settings)
        files = sorted(folder.iterdir())
        texts.append([path.read_bytes() for path in files])

    assert texts[0] == texts[1]
    assert texts[0] != texts[2]


def test_counts_tell_what_was_left_out() -> None:
    counts = BUILT.settings["counts"]

    assert counts["videos"] == 72
    assert counts["videos without annotation"] == 3
    assert counts["activities dropped: end not after start"] == 1
    assert counts["windows kept"] * 5 == len(BUILT.samples)
    assert counts["windows left out: long"] == 9
    assert counts["Difficult queries missing"] == 0
    assert counts["Difficult queries at distance 4"] == 2 * len(
        {(s.video_id, s.window) for s in BUILT.samples if s.label == "drums"}
    )


def test_a_class_without_a_near_one_has_no_difficult_query() -> None:
    config = ActivityIbalConfig(max_taxonomy_distance=3)
    built = build_activity_ibal(SOURCE, SPLIT, config=config, keep=KEEP)

    kinds = {s.query_kind for s in built.samples if s.label == "drums"}
    assert kinds == {"simple"}
    assert built.settings["counts"]["Difficult queries missing"] > 0


def test_without_a_tree_there_are_simple_queries_only() -> None:
    source = replace(SOURCE, taxonomy=None)

    with pytest.raises(DatasetError, match="Difficult queries need the class tree"):
        build_activity_ibal(source, SPLIT, config=CONFIG, keep=KEEP)
    config = ActivityIbalConfig(difficult_queries=0)
    built = build_activity_ibal(source, SPLIT, config=config, keep=KEEP)
    assert {s.query_kind for s in built.samples} == {"simple"}


def test_a_class_of_one_video_has_no_simple_query() -> None:
    lonely = [v for v in SOURCE.videos if v.video_id.startswith("v_drums")][:1]
    others = [v for v in SOURCE.videos if not v.video_id.startswith("v_drums")]
    source = replace(SOURCE, videos=tuple(lonely + others))
    built = build_activity_ibal(source, SPLIT, config=CONFIG, keep=KEEP)

    found = [s for s in built.samples if s.label == "drums"]
    assert {s.query_kind for s in found} == {"difficult"}
    assert built.settings["counts"]["Simple queries missing"] == 3 * len({s.window for s in found})


@pytest.mark.parametrize(
    "values",
    [{"seed": -1}, {"simple_queries": -1}, {"difficult_queries": -1}, {"max_taxonomy_distance": 1}],
)
def test_numbers_that_make_no_dataset_are_refused(values) -> None:
    with pytest.raises(UsageError, match=str(next(iter(values.values())))):
        ActivityIbalConfig(**values)
