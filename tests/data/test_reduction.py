from dataclasses import replace

import numpy as np
import pytest
from fake_features import FakeSource
from samples import make_sample

from stillseek.data.reduction import fit_reduction
from stillseek.data.sample import Sample
from stillseek.errors import UsageError
from stillseek.timeline import Segment


def question(name: str, video: str, label: str = "handball", **fields) -> Sample:
    return make_sample(
        sample_id=name, video_id=video, label=label, **{"duration_seconds": 29.0} | fields
    )


def stub() -> FakeSource:
    """29 clips of 5 a video."""
    clips = np.random.default_rng(0).normal(size=(29, 5)).astype(np.float32)
    return FakeSource(clips, stride_seconds=1.0, length_seconds=2.0)


def test_every_training_video_or_window_counts_once() -> None:
    source, seen = stub(), []
    window = Segment(3.0, 10.0)
    samples = [
        question("1", "a"),
        question("2", "a"),
        question("3", "bb", "archery"),
        question("4", "ccc", "archery", window=window, duration_seconds=7.0),
    ]

    reduction = fit_reduction(
        samples,
        source,
        num_components=3,
        origin={"recipe": "stub"},
        on_progress=lambda *at: seen.append(at),
    )

    assert source.loaded == [("a", None), ("bb", None), ("ccc", window)]
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert reduction.components.shape == (3, 5)
    assert reduction.fitted_on == {
        "recipe": "stub",
        "split": "train",
        "classes": ["archery", "handball"],
        "num_videos": 3,
        "num_clips": 29 + 29 + 7,
    }
    rows = np.concatenate([stub().load_video_features(*key).clips for key in source.loaded])
    np.testing.assert_allclose(reduction.mean, rows.mean(0), atol=1e-6)


@pytest.mark.parametrize("split", ["test", "validation", "seen"])
def test_other_splits_are_refused_before_anything_is_read(split) -> None:
    source = stub()
    samples = [question("1", "a"), replace(question("2", "b"), split=split)]

    with pytest.raises(UsageError, match=f"sample '2' is of split '{split}'.*'train' only"):
        fit_reduction(samples, source, num_components=3, origin={})
    assert source.loaded == []


def test_no_sample_and_too_few_clips_are_refused() -> None:
    with pytest.raises(UsageError, match="there are none"):
        fit_reduction([], stub(), num_components=3, origin={})
    window = Segment(0.0, 3.0)
    sample = question("1", "a", window=window, duration_seconds=3.0)
    with pytest.raises(UsageError, match="need more than as many clips, got 3"):
        fit_reduction([sample], stub(), num_components=3, origin={})
