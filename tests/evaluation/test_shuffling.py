from collections import Counter

import pytest

from stillseek.errors import DatasetError
from stillseek.evaluation.shuffling import shuffle_queries


@pytest.fixture
def samples(make_sample):
    rows = []
    for i in range(101):
        label = f"class{i % 7}"
        kind = "difficult" if i % 3 == 0 else "simple"
        shown = f"class{(i + 1) % 7}" if kind == "difficult" else label
        rows.append(
            make_sample(
                i,
                label=label,
                query_kind=kind,
                query_label=shown,
                split="test" if i % 2 else "validation",
            )
        )
    return rows


def query(sample):
    return sample.query_video_id, sample.query_seconds, sample.query_label


def test_no_query_is_of_the_right_class_and_each_is_used_once(samples):
    shuffled = shuffle_queries(samples, seed=0)
    for before, after in zip(samples, shuffled, strict=True):
        assert after.query_label not in (before.label, before.query_label)
        assert after.query_video_id != before.video_id
        for name in ("sample_id", "segment", "label", "split", "video_id", "pair_id"):
            assert getattr(after, name) == getattr(before, name)
    for split in ("test", "validation"):
        assert Counter(query(s) for s in shuffled if s.split == split) == Counter(
            query(s) for s in samples if s.split == split
        )


def test_it_is_seeded(samples):
    assert shuffle_queries(samples, seed=1) == shuffle_queries(samples, seed=1)
    assert shuffle_queries(samples, seed=1) != shuffle_queries(samples, seed=2)


def test_two_classes_exchange_their_queries(make_sample):
    first, second = make_sample(0, label="a"), make_sample(1, label="b")
    shuffled = shuffle_queries([first, second], seed=0)
    assert [s.query_label for s in shuffled] == ["b", "a"]


def test_nothing_to_shuffle():
    assert shuffle_queries([], seed=0) == ()


def test_one_class_cannot_be_shuffled(make_sample):
    with pytest.raises(
        DatasetError, match=r"2 of the 2 samples of split '\w+' are of class 'violin'; make"
    ):
        shuffle_queries([make_sample(0), make_sample(1)], seed=0)
