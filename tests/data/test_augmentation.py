import dataclasses

import numpy as np
import pytest
import torch
from fake_features import FakeSource, counted
from samples import make_sample

from stillseek.data.augmentation import Augmentation, augment
from stillseek.data.batching import BatchLoader
from stillseek.data.example import Example, ExampleSet
from stillseek.errors import UsageError
from stillseek.timeline import Segment

NUM_CLIPS = 401


def source() -> FakeSource:
    regions, whole = counted(7, 5), np.ones(11, np.float32)
    return FakeSource(counted(NUM_CLIPS, 3), regions=regions, whole=whole)


def examples(window: Segment | None = None) -> ExampleSet:
    seconds = NUM_CLIPS * 0.5 if window is None else window.duration_seconds
    sample = make_sample(duration_seconds=seconds, window=window, segment=Segment(60.25, 97.5))
    return ExampleSet([sample], source())


def test_an_augmentation_that_is_off_changes_nothing() -> None:
    example = examples()[0]

    assert augment(example, Augmentation(), seed=0, epoch=0, index=0) is example


@pytest.mark.parametrize("window", [None, Segment(3.3, 150.7)])
def test_a_crop_keeps_the_target_and_every_time(window: Segment | None) -> None:
    data = examples(window)
    original = data.load(0)
    lengths = []
    for epoch in range(97):

        def change(example: Example, epoch: int = epoch) -> Example:
            return augment(example, Augmentation(crop=1.0), seed=0, epoch=epoch, index=0)

        example = data.load(0, change)
        sample, grid = example.sample, example.grid
        assert sample.window is not None
        start = sample.window.start_seconds - (window.start_seconds if window else 0.0)
        assert start + sample.segment.start_seconds == pytest.approx(60.25)
        assert start + sample.segment.end_seconds == pytest.approx(97.5)
        assert sample.window.duration_seconds == pytest.approx(grid.duration_seconds)
        assert sample.segment.end_seconds <= grid.duration_seconds + 1e-9
        # The mean of a step's clips says when it is: clip i starts at i / 2 seconds.
        for step in (0, grid.num_steps // 2, grid.num_steps - 1):
            clips = grid.clips_of_step(step)
            first = grid.offset_seconds + clips[0] * 0.5 + sample.window.start_seconds
            assert example.steps[step, 0] == pytest.approx(first / 0.5 + (len(clips) - 1) / 2)
        first, last = example.labels
        assert grid.segment(first, last).overlap_seconds(sample.segment) == pytest.approx(37.25)
        lengths.append(grid.duration_seconds)
    assert 37.25 <= min(lengths) < 60 < 130 < max(lengths) <= original.grid.duration_seconds


def test_half_a_crop_leaves_half_of_the_margins() -> None:
    video = source().load_video_features("v", None)
    example = dataclasses.replace(examples()[0], steps=video.clips, grid=video.grid)

    for epoch in range(97):
        cropped = augment(example, Augmentation(crop=0.5), seed=0, epoch=epoch, index=0)
        assert cropped.sample.segment.start_seconds >= 60.25 / 2
        after = cropped.grid.duration_seconds - cropped.sample.segment.end_seconds
        assert after >= (200.5 - 97.5) / 2


def test_dropped_regions_take_their_boxes_along_and_one_stays() -> None:
    example = dataclasses.replace(examples()[0], boxes=counted(7, 4))
    kept = []
    for epoch in range(211):
        changed = augment(example, Augmentation(region_drop=0.9), seed=0, epoch=epoch, index=0)
        assert changed.regions[:, 0].tolist() == changed.boxes[:, 0].tolist()
        assert changed.steps is example.steps
        kept += changed.regions[:, 0].tolist()
        assert len(changed.regions) >= 1

    # One for sure, and each of the six others with a chance of a tenth.
    assert len(kept) / 211 == pytest.approx(1.6, abs=0.15)  # three standard errors
    assert set(kept) == set(range(7))


def test_pooled_steps_are_not_cropped() -> None:
    with pytest.raises(UsageError, match="401 clips pooled to 200 steps"):
        augment(examples()[0], Augmentation(crop=0.5), seed=0, epoch=0, index=0)


def test_draws_depend_on_seed_epoch_and_index_and_only_training_sees_them() -> None:
    data = ExampleSet([make_sample()] * 2, source())
    loader = BatchLoader(data, augmentation=Augmentation(crop=1.0))

    def clips(draw: tuple[int, int] | None, index: int = 0) -> torch.Tensor:
        (batch,) = loader.load([[index]], draw=draw)
        return batch.inputs.clips[0, :, 0]

    assert torch.equal(clips((3, 5)), clips((3, 5)))
    for other in (clips((3, 6)), clips((4, 5)), clips((3, 5), index=1)):
        assert not torch.equal(clips((3, 5))[:20], other[:20])
    assert torch.equal(clips(None), torch.from_numpy(data[0].steps[:, 0]))


@pytest.mark.parametrize(
    ("name", "value"), [("crop", -0.1), ("crop", 1.1), ("crop", float("nan")), ("region_drop", 1.0)]
)
def test_settings_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(UsageError, match=f"{name} must be in"):
        Augmentation(**{name: value})


def test_a_turned_space_keeps_what_its_vectors_have_to_do_with_each_other() -> None:
    random = np.random.default_rng(0)
    example = examples()[0]
    example = dataclasses.replace(
        example,
        steps=random.standard_normal((len(example.steps), 7)).astype(np.float16),
        regions=random.standard_normal((3, 7)).astype(np.float32),
        boxes=example.boxes[:3],
        global_feature=random.standard_normal(7).astype(np.float32),
    )

    turned = [
        augment(example, Augmentation(rotation=1.0), seed=0, epoch=epoch, index=2)
        for epoch in (0, 0, 1)
    ]

    def vectors(example: Example) -> np.ndarray:
        parts = (example.steps, example.regions, example.global_feature[None])
        return np.concatenate(parts).astype(np.float64)

    before, after, again, other = map(vectors, (example, *turned))
    # float32 has 1.2e-7; the products sum 7 numbers of size 1.
    np.testing.assert_allclose(after @ after.T, before @ before.T, atol=1e-5)
    assert np.array_equal(after, again)
    assert np.abs(after - before).mean() > 0.5
    assert np.abs(after - other).mean() > 0.5
    assert turned[0].sample is example.sample


def test_a_chance_of_turning_is_kept() -> None:
    example = examples()[0]
    example = dataclasses.replace(
        example, regions=np.ones((1, 3)), boxes=example.boxes[:1], global_feature=np.ones(3)
    )
    change = Augmentation(rotation=0.3)

    turned = [
        augment(example, change, seed=0, epoch=0, index=index) is not example
        for index in range(200)
    ]

    # 60 expected, with a standard deviation of 6.5.
    assert 40 < sum(turned) < 80


def test_features_of_several_spaces_are_not_turned() -> None:
    with pytest.raises(UsageError, match="these are 3, 5 and 11 wide"):
        augment(examples()[0], Augmentation(rotation=1.0), seed=0, epoch=0, index=0)
