import dataclasses
import itertools

import numpy as np
import pytest

from stillseek.errors import UsageError
from stillseek.synthetic.planted import PlantedConfig, PlantedDataset

CONFIG = PlantedConfig(
    clip_dim=97,
    region_dim=101,
    global_dim=31,
    code_dim=16,
    num_activities=3,
    min_segment_clips=8,
    max_segment_clips=12,
    min_clips=30,
    max_clips=36,
    min_regions=6,
    max_regions=9,
    num_train_classes=13,
    num_held_out_classes=7,
    num_train_examples=60,
    num_held_out_examples=30,
)


def match_of_query_and_clips(data, example) -> np.ndarray:
    """Similarity of the query's code with each clip's, with both maps known."""
    code = np.linalg.lstsq(data._to_global.T, example.global_feature, rcond=None)[0]
    clips = np.linalg.lstsq(data._to_clip.T, example.steps.T, rcond=None)[0]
    return code @ clips / np.linalg.norm(code) / np.linalg.norm(clips, axis=0)


def test_the_target_is_where_the_querys_code_is():
    data = PlantedDataset(CONFIG, "test", 0)
    for example in data:
        start, end = example.labels
        match = match_of_query_and_clips(data, example)
        inside = np.zeros(len(match), dtype=bool)
        inside[start : end + 1] = True
        assert match[inside].mean() > match[~inside].mean() + 0.5


def test_splits_share_no_code_and_no_video():
    splits = [PlantedDataset(CONFIG, split, 0) for split in ("train", "validation", "test")]
    for a, b in ((0, 1), (0, 2), (1, 2)):
        np.testing.assert_array_equal(splits[a]._to_region, splits[b]._to_region)
        distances = np.linalg.norm(splits[a]._codes[:, None] - splits[b]._codes[None], axis=-1)
        assert distances.min() > 1.0
    assert {e.sample.label.split("-")[0] for e in splits[0]} == {"train"}
    assert not {e.sample.video_id for e in splits[0]} & {e.sample.video_id for e in splits[1]}


def test_an_example_depends_on_its_index_only():
    data, again = (PlantedDataset(CONFIG, "train", 5) for _ in range(2))
    last = again[59]
    np.testing.assert_array_equal(data[59].steps, last.steps)
    np.testing.assert_array_equal(data[59].regions, last.regions)
    assert data[59].sample == last.sample
    other = PlantedDataset(CONFIG, "train", 6)[59]
    assert not np.array_equal(other.regions[0], last.regions[0])


def test_every_activity_of_a_video_is_asked_about():
    data = PlantedDataset(CONFIG, "validation", 0)
    first, second, third, fourth = data[:4]
    np.testing.assert_array_equal(first.steps, second.steps)
    np.testing.assert_array_equal(first.steps, third.steps)
    segments = [example.sample.segment for example in (first, second, third)]
    assert all(a.overlap_seconds(b) == 0 for a, b in itertools.pairwise(segments))
    assert [example.sample.pair_id for example in (first, second, third)] == [
        "validation-0",
        "validation-0",
        None,
    ]
    assert fourth.sample.video_id == "validation-1"


def test_the_position_of_the_target_says_nothing():
    data = PlantedDataset(CONFIG, "train", 0)
    fractions = [e.sample.segment.duration_seconds / e.sample.duration_seconds for e in data]
    assert 0.25 < np.mean(fractions) < 0.35


def test_boxes_are_in_the_image_and_labels_are_exact():
    for example in PlantedDataset(CONFIG, "test", 1):
        centre, size = example.boxes[:, :2], example.boxes[:, 2:]
        assert (size > 0).all()
        assert (centre - size / 2 >= -1e-6).all()
        assert (centre + size / 2 <= 1 + 1e-6).all()
        assert example.grid.segment(*example.labels) == example.sample.segment


def test_an_index_outside_is_refused():
    data = PlantedDataset(CONFIG, "test", 0)
    with pytest.raises(IndexError, match="30"):
        data[30]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"clip_dim": 0}, "clip_dim must be positive"),
        ({"min_clips": 40}, "min_clips is 40 but max_clips is 36"),
        ({"num_code_regions": 7}, "num_code_regions is 7"),
        ({"num_activities": 4}, "do not fit"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(change, message):
    with pytest.raises(UsageError, match=message):
        dataclasses.replace(CONFIG, **change)
