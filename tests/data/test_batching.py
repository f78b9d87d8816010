import dataclasses
import itertools
import os

import numpy as np
import pytest
import torch
from fake_features import FakeSource

from stillseek.data.batching import BatchLoader, batch_indices, num_steps_of
from stillseek.data.example import Batch, Example, ExampleSet
from stillseek.errors import FeatureError, StillseekError
from stillseek.synthetic.planted import PlantedConfig, PlantedDataset

PLANTED = PlantedConfig(
    clip_dim=13, region_dim=17, global_dim=11, num_train_examples=11, min_clips=11, max_clips=23
)
DATA = list(PlantedDataset(PLANTED, "train", 0))


def test_batches_hold_every_example_once():
    batches = batch_indices(11, 4, shuffle=(0, 0))
    assert [len(batch) for batch in batches] == [4, 4, 3]
    assert sorted(index for batch in batches for index in batch) == list(range(11))
    assert batch_indices(0, 4) == []


def test_the_order_depends_on_seed_and_epoch_only():
    np.random.seed(1)  # noqa: NPY002 - the point: global state has no say
    first = batch_indices(101, 7, shuffle=(3, 5))
    np.random.seed(2)  # noqa: NPY002
    assert batch_indices(101, 7, shuffle=(3, 5)) == first
    assert batch_indices(101, 7, shuffle=(3, 6)) != first
    assert batch_indices(101, 7, shuffle=(4, 5)) != first
    assert batch_indices(101, 7) == batch_indices(101, 7) != first


@pytest.mark.parametrize("num_examples", [0, 1, 3, 211, 1013])
def test_batches_of_like_length_hold_every_example_once(num_examples):
    num_steps = np.random.default_rng(0).integers(1, 200, num_examples).tolist()

    batches = batch_indices(num_examples, 5, shuffle=(3, 7), num_steps=num_steps)

    assert sorted(itertools.chain(*batches)) == list(range(num_examples))
    assert sorted(map(len, batches), reverse=True) == [
        len(batch) for batch in batch_indices(num_examples, 5)
    ]
    assert batches == batch_indices(num_examples, 5, shuffle=(3, 7), num_steps=num_steps)
    if num_examples > 5:
        for other in ((3, 8), (4, 7)):
            assert batches != batch_indices(num_examples, 5, shuffle=other, num_steps=num_steps)


def test_batches_of_one_pool_are_sorted_inside_and_shuffled_outside():
    num_steps = list(range(20, 0, -1))

    batches = batch_indices(20, 4, shuffle=(0, 0), num_steps=num_steps)

    lengths = [[num_steps[index] for index in batch] for batch in batches]
    expected = [list(range(first, first + 4)) for first in range(1, 20, 4)]
    assert sorted(lengths) == expected != lengths


def padding(num_steps: list[int], batches: list[list[int]]) -> float:
    padded = sum(len(batch) * max(num_steps[index] for index in batch) for batch in batches)
    return 1 - sum(num_steps) / padded


def test_buckets_leave_little_padding():
    # Windows of 10 to 230 s, most below a minute and a half, at most 200 steps.
    drawn = np.random.default_rng(0).lognormal(np.log(60), 0.6, 5003)
    num_steps = np.clip(drawn, 10, 200).astype(int).tolist()

    by_chance, in_buckets = (
        padding(num_steps, batch_indices(len(num_steps), 16, shuffle=(0, 0), num_steps=lengths))
        for lengths in (None, num_steps)
    )
    print(f"padding: {by_chance:.1%} by chance, {in_buckets:.1%} in buckets")  # noqa: T201

    assert by_chance > 0.5
    assert in_buckets < by_chance / 10


def same_bits(first: Batch, second: Batch) -> bool:
    tensors = [
        [*(getattr(b.inputs, f.name) for f in dataclasses.fields(b.inputs)), b.start_step]
        for b in (first, second)
    ]
    return (first.sample_ids, first.grids) == (second.sample_ids, second.grids) and all(
        torch.equal(one, two) for one, two in zip(*tensors, strict=True)
    )


def test_workers_load_the_same_batches_in_the_same_order_epoch_after_epoch():
    here, there = BatchLoader(DATA), BatchLoader(DATA, num_workers=2)
    state = torch.get_rng_state()
    for epoch in range(2):
        batches = batch_indices(len(DATA), 2, shuffle=(0, epoch))
        loaded = list(there.load(batches))
        assert all(map(same_bits, loaded, here.load(batches)))
        assert [len(batch) for batch in loaded] == [len(indices) for indices in batches]
    # An epoch that is left early does not disturb the next one.
    next(there.load(batches))
    assert same_bits(next(there.load(batches[::-1])), next(here.load(batches[::-1])))
    there.close()
    assert torch.equal(torch.get_rng_state(), state)


class Ending(Example):
    """Ends the process that unpickles it."""

    def __reduce__(self):
        return os._exit, (3,)


def test_a_dead_worker_is_named():
    values = {field.name: getattr(DATA[0], field.name) for field in dataclasses.fields(Example)}
    loader = BatchLoader([Ending(**values)], num_workers=1)
    with pytest.raises(StillseekError, match=r"loads batches ended .*use fewer num_workers"):
        list(loader.load([[0]]))
    loader.close()


def test_a_failure_to_load_is_raised_as_it_is():
    source = FakeSource(DATA[0].steps)
    loader = BatchLoader(ExampleSet([DATA[0].sample], source))
    source.is_lost = True
    with pytest.raises(FeatureError, match="no features of train-0"):
        list(loader.load([[0]]))


def test_lengths_are_those_of_the_steps():
    assert num_steps_of(DATA) == tuple(len(example.steps) for example in DATA)
    assert num_steps_of([]) == ()
