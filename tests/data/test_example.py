import dataclasses

import numpy as np
import pytest
import torch
from fake_features import FakeSource, counted
from samples import make_sample

from stillseek.data.example import Example, ExampleSet, StepTargets, collate
from stillseek.data.sample import Sample
from stillseek.errors import FeatureError
from stillseek.timeline import ClipGrid, Segment

CLIP_DIM, REGION_DIM, GLOBAL_DIM = 5, 7, 3


def question(number: int, duration_seconds: float) -> Sample:
    return make_sample(
        sample_id=f"s{number}",
        duration_seconds=duration_seconds,
        segment=Segment(1.0, 2.5),
        query_seconds=float(number),
    )


def make_example(number: int, num_steps: int, num_regions: int) -> Example:
    rng = np.random.default_rng(number)
    return Example(
        sample=question(number, num_steps * 0.5),
        steps=rng.standard_normal((num_steps, CLIP_DIM)).astype(np.float16),
        grid=ClipGrid(stride_seconds=0.5, length_seconds=1.0, duration_seconds=num_steps * 0.5),
        regions=rng.standard_normal((num_regions, REGION_DIM)).astype(np.float32),
        boxes=rng.random((num_regions, 4)).astype(np.float32),
        global_feature=rng.standard_normal(GLOBAL_DIM).astype(np.float32),
    )


def source(num_clips: int) -> FakeSource:
    clips = counted(num_clips, CLIP_DIM)
    return FakeSource(clips, value=lambda sample: sample.query_seconds)


def test_collate_pads_with_zeros_and_masks_them():
    examples = [make_example(0, 6, 2), make_example(1, 11, 3)]
    batch = collate(examples)
    assert batch.inputs.clips.shape == (2, 11, CLIP_DIM)
    assert batch.inputs.clips.dtype == torch.float32
    assert batch.inputs.clip_mask.sum(dim=1).tolist() == [6, 11]
    assert batch.inputs.region_mask.tolist() == [[True, True, False], [True, True, True]]
    assert not batch.inputs.clips[0, 6:].any()
    assert not batch.inputs.regions[0, 2:].any()
    np.testing.assert_array_equal(batch.inputs.clips[0, :6].numpy(), examples[0].steps)
    np.testing.assert_array_equal(batch.inputs.boxes[1].numpy(), examples[1].boxes)
    np.testing.assert_array_equal(
        batch.inputs.global_feature[1].numpy(), examples[1].global_feature
    )
    # [1.0, 2.5) on a grid of half seconds: steps 2, 3 and 4.
    assert (batch.start_step.tolist(), batch.end_step.tolist()) == ([2, 2], [4, 4])


def test_a_batch_of_one_is_not_padded():
    batch = collate([make_example(0, 5, 1)])
    assert batch.inputs.clip_mask.all()
    assert batch.inputs.regions.shape == (1, 1, REGION_DIM)


def test_features_of_another_length_are_refused():
    with pytest.raises(FeatureError, match="'s0' has 5 features for a grid of 6"):
        dataclasses.replace(make_example(0, 6, 2), steps=np.zeros((5, CLIP_DIM)))


def test_a_query_without_regions_is_refused():
    with pytest.raises(FeatureError, match="0 regions and 0 boxes"):
        dataclasses.replace(
            make_example(0, 6, 2), regions=np.zeros((0, REGION_DIM)), boxes=np.zeros((0, 4))
        )


def test_an_example_set_downsamples_overlong_videos_to_the_papers_200_steps():
    data = ExampleSet([question(3, 500 * 0.5)], source(500))
    example = data[0]
    assert example.steps.shape == (200, CLIP_DIM)
    assert example.grid.num_steps == 200
    # Steps take 2 or 3 clips, 2.5 on average: the means run evenly from 0.5 to 498.
    assert example.steps[0, 0] == 0.5
    assert example.steps[-1, 0] == 498.0
    assert example.global_feature[0] == 3.0
    assert len(data[:0]) == 0
    assert isinstance(data[:1], ExampleSet)


def test_targets_are_labels_and_number_of_steps():
    examples = [make_example(number, num_steps, 2) for number, num_steps in ((0, 7), (1, 11))]

    targets = StepTargets(examples)

    assert list(targets) == [(*example.labels, len(example.steps)) for example in examples]
    assert list(targets) == [(2, 4, 7), (2, 4, 11)]
    assert list(targets[1:]) == [(2, 4, 11)]
    assert list(StepTargets([])) == []


def test_targets_of_a_set_load_no_feature():
    features = source(7)
    examples = ExampleSet([question(0, 3.5), question(1, 3.5)], features, max_steps=3)
    expected = [(*example.labels, 3) for example in examples]

    targets, part = StepTargets(examples), StepTargets(examples)[1:]
    features.is_lost = True

    assert list(targets) == expected
    assert list(part) == expected[1:]
