from collections import Counter

import pytest

from stillseek.data.own_videos.splits import split_targets
from stillseek.data.own_videos.targets import Target
from stillseek.errors import DatasetError, UsageError

from .conftest import target


def targets(num_labels: int, num_videos: int, split=None) -> list[Target]:
    return [
        target(video, f"label {label}", split=split)
        for video in range(num_videos)
        for label in range(num_labels)
    ]


def parts(found: list[Target], splits, key: str) -> dict[str, set[str]]:
    by_key: dict[str, set[str]] = {}
    for each in found:
        by_key.setdefault(getattr(each, key), set()).add(splits[each.name])
    return by_key


def test_few_classes_are_all_test() -> None:
    found = targets(9, 2)

    splits, how = split_targets(found, None, seed=0)

    assert list(splits.values()) == ["test"] * 18
    assert how.startswith("all in test, as there are fewer than 10 classes (9); to train, give")


@pytest.mark.parametrize(
    ("num_labels", "split_by", "sizes"),
    [(10, None, (8, 1, 1)), (29, None, (23, 3, 3)), (3, "class", (1, 1, 1))],
)
def test_classes_are_split_as_a_whole(num_labels: int, split_by, sizes) -> None:
    found = targets(num_labels, 2)

    splits, how = split_targets(found, split_by, seed=0)

    by_label = parts(found, splits, "label")
    assert {len(each) for each in by_label.values()} == {1}
    counts = Counter(split for each in by_label.values() for split in each)
    assert tuple(counts[split] for split in ("train", "validation", "test")) == sizes
    assert how == "by class ({} train, {} validation, {} test)".format(*sizes)


def test_videos_are_split_as_a_whole() -> None:
    found = targets(2, 20)

    splits, how = split_targets(found, "video", seed=0)

    assert {len(each) for each in parts(found, splits, "video_id").values()} == {1}
    assert how == "by video (16 train, 2 validation, 2 test)"


def test_seed_decides() -> None:
    found = targets(11, 1)

    assert split_targets(found, None, seed=3) == split_targets(found[::-1], None, seed=3)
    assert split_targets(found, None, seed=3) != split_targets(found, None, seed=4)


def test_given_splits_are_kept() -> None:
    splits, how = split_targets(targets(11, 1, split="seen"), None, seed=0)

    assert (set(splits.values()), how) == ({"seen"}, "as the annotations say")
    with pytest.raises(UsageError, match="so --split-by class has no effect"):
        split_targets(targets(11, 1, split="seen"), "class", seed=0)


@pytest.mark.parametrize(("split_by", "kind"), [("class", "classes"), ("video", "videos")])
def test_too_few_to_split_are_refused(split_by, kind: str) -> None:
    with pytest.raises(DatasetError, match=f"needs at least 3 {kind}, got 2; annotate"):
        split_targets(targets(2, 2), split_by, seed=0)
