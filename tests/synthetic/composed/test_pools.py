from collections import Counter, defaultdict
from dataclasses import replace

import pytest

from stillseek.data.label_split import LabelSplit
from stillseek.errors import DatasetError
from stillseek.synthetic.composed.pools import divide

from .conftest import SPLIT

_SPLIT = LabelSplit(
    train=tuple(SPLIT["train"]), validation=tuple(SPLIT["val"]), test=tuple(SPLIT["test"])
)


def _divide(folder, seed=0):
    return divide(folder, _SPLIT, query_share=0.35, held_out_share=0.25, seed=seed)


def test_every_photograph_is_in_one_pool_and_near_duplicates_in_the_same(listed):
    pools = _divide(listed)

    names = Counter(photo.name for pool in pools.by_key.values() for photo in pool)
    assert names == Counter(photo.name for photo in listed.photographs)
    places = defaultdict(set)
    for key, pool in pools.by_key.items():
        for photo in pool:
            assert photo.label == key[0]
            places[photo.group].add(key)
    assert all(len(keys) == 1 for keys in places.values())


def test_the_parts_are_as_large_as_asked_for(listed):
    pools = _divide(listed)

    # Of 23: 3/4 for training, of that 65% in videos; units have two photographs.
    sizes = [len(pools.by_key["sports/a", *key]) for key in _KEYS]
    assert sizes == pytest.approx([11.2, 6.0, 3.7, 2.0], abs=2)
    assert sum(sizes) == 23
    assert len(pools.of("test", "sports/g", "video")) == pytest.approx(15, abs=2)


_KEYS = ((True, "video"), (True, "query"), (False, "video"), (False, "query"))


def test_only_training_sees_what_it_is_trained_on(listed):
    pools = _divide(listed)

    for use in ("video", "query"):
        assert pools.of("train", "sports/a", use) == pools.by_key["sports/a", True, use]
        for split in ("seen", "validation", "test"):
            assert pools.of(split, "sports/a", use) == pools.by_key["sports/a", False, use]
    assert ("sports/e", True, "video") not in pools.by_key


def test_the_seed_decides(listed):
    assert _divide(listed) == _divide(listed)
    assert _divide(listed) != _divide(listed, seed=1)


@pytest.mark.parametrize(("number", "sizes"), [(7, [2, 2, 2, 1]), (8, [2, 2, 2, 2])])
def test_few_photographs_leave_no_part_empty(number, sizes, listed):
    kept = tuple(photo for photo in listed.photographs if int(photo.name[-6:-4]) < number)

    pools = _divide(replace(listed, photographs=kept))

    assert sorted((len(pools.by_key["sports/a", *key]) for key in _KEYS), reverse=True) == sizes


def test_too_few_different_photographs_are_refused(listed):
    kept = tuple(photo for photo in listed.photographs if int(photo.name[-6:-4]) < 6)

    with pytest.raises(DatasetError, match=r"'sports/a' has 3 different .*needs at least 4: for v"):
        _divide(replace(listed, photographs=kept))
