from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from stillseek.synthetic.rendered.activities import ACTIVITIES
from stillseek.synthetic.rendered.streams import class_split, draw_stream


def _stream(index, *, seed=0, two_targets=False):
    pool = class_split(0)["test"]
    target = pool[index % len(pool)]
    return draw_stream(
        f"v{index}",
        (seed, 9, index),
        target,
        tuple(a for a in pool if a is not target),
        two_targets=two_targets,
    )


def test_the_taxonomy_has_enough_classes_and_siblings():
    groups = Counter(activity.group for activity in ACTIVITIES)

    assert len({activity.name for activity in ACTIVITIES}) == len(ACTIVITIES) >= 40
    assert sum(size >= 3 for size in groups.values()) >= 10


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_class_split_holds_out_whole_groups(seed):
    split = class_split(seed)
    train, validation, test = (
        {a.group for a in split[name]} for name in ("train", "validation", "test")
    )

    assert not train & validation
    assert not train & test
    assert not validation & test
    assert len(split["train"]) + len(split["validation"]) + len(split["test"]) == len(ACTIVITIES)
    assert (len(validation), len(test)) == (4, 5)


@pytest.mark.parametrize("two_targets", [False, True])
def test_scenes_fill_the_video_without_gaps_and_hold_each_class_once(two_targets):
    for index in range(60):
        stream = _stream(index, two_targets=two_targets)
        bounds = [(s.segment.start_seconds, s.segment.end_seconds) for s in stream.scenes]
        labels = [s.activity.name for s in stream.scenes if s.activity is not None]

        assert bounds[0][0] == 0
        assert bounds[-1][1] == stream.duration_seconds
        assert all(a[1] == b[0] for a, b in pairwise(bounds))
        assert len(set(labels)) == len(labels)
        assert len(stream.targets) == (2 if two_targets and len(labels) > 1 else 1)
        assert all(stream.scenes[k].activity is not None for k in stream.targets)


def test_targets_are_about_a_third_of_a_minute_long_video():
    streams = [_stream(index) for index in range(300)]
    targets = [s.scenes[s.targets[0]].segment.duration_seconds for s in streams]
    durations = [s.duration_seconds for s in streams]

    # Table 1: 63.84 s and 22.54 s on average.
    assert np.mean(durations) == pytest.approx(63, abs=4)
    assert np.mean(targets) == pytest.approx(21, abs=4)


def test_the_target_is_not_the_longest_activity_more_often_than_chance():
    ranks = []
    for index in range(400):
        stream = _stream(index)
        lengths = [s.segment.duration_seconds for s in stream.scenes if s.activity is not None]
        target = stream.scenes[stream.targets[0]].segment.duration_seconds
        if len(lengths) == 2:
            ranks.append(target == max(lengths))

    # 3 standard errors of a fair coin over these draws.
    assert abs(np.mean(ranks) - 0.5) < 1.5 / np.sqrt(len(ranks))


def test_the_same_seed_gives_the_same_pictures_and_another_seed_others():
    def pictures(seed):
        frames = _stream(4, seed=seed).frames(2)
        return np.stack([next(frames) for _ in range(5)])

    first = pictures(0)

    np.testing.assert_array_equal(first, pictures(0))
    assert np.abs(first.astype(int) - pictures(1)).mean() > 5


def test_frames_cover_the_whole_duration():
    stream = _stream(2)

    assert sum(1 for _ in stream.frames(1)) == round(stream.duration_seconds)
