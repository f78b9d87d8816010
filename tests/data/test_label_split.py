import json
from pathlib import Path

import numpy as np
import pytest

from stillseek.data.label_split import LabelSplit, draw_label_split, read_label_split
from stillseek.errors import DatasetError, UsageError

LABELS = [f"class {number:03}" for number in range(200)]


def test_200_classes_are_split_160_20_20() -> None:
    split = draw_label_split(reversed(LABELS), seed=7)

    assert [len(labels) for labels in split.by_role().values()] == [160, 20, 20]
    assert sorted(split.role_of()) == LABELS
    assert split == draw_label_split(LABELS, seed=7)
    assert split != draw_label_split(LABELS, seed=8)


def test_few_classes() -> None:
    split = draw_label_split("abc", seed=0)
    assert [len(labels) for labels in split.by_role().values()] == [1, 1, 1]
    with pytest.raises(UsageError, match="at least three classes, got 2"):
        draw_label_split("ab", seed=0)


def test_lists_are_read(tmp_path: Path) -> None:
    path = tmp_path / "split.json"
    path.write_text(json.dumps({"train": ["c", "a"], "val": ["b"], "test": ["d"], "similar": {}}))

    expected = LabelSplit(train=("a", "c"), validation=("b",), test=("d",))
    assert read_label_split(path, "abcd") == expected


def test_a_permutation_is_one_of_the_sorted_classes(tmp_path: Path) -> None:
    order = np.random.default_rng(0).permutation(200)
    np.save(tmp_path / "perm.npy", order)
    split = read_label_split(tmp_path / "perm.npy", LABELS)

    assert split.validation == tuple(sorted(LABELS[place] for place in order[160:180]))
    assert split.test == tuple(sorted(LABELS[place] for place in order[180:]))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("{", "not valid JSON"),
        ({"train": ["a"], "val": ["b"]}, "test must be a list of classes, got None"),
        ({"train": ["a"], "val": "b", "test": ["c"]}, "validation must be a list"),
        ({"train": ["a", "b"], "val": ["b"], "test": ["c"]}, "'b' is in train and in validation"),
        ({"train": ["a", "a"], "val": ["b"], "test": ["c"]}, "'a' is in train and in train"),
        ({"train": ["a", "x"], "val": ["b"], "test": ["c"]}, "class 'x' is no class of the data"),
        ({"train": ["a"], "val": ["b"], "test": []}, "class 'c' has no split"),
        ({"train": ["a"], "val": ["b"], "test": ["c"], "simular": {}}, "unexpected key 'simular'"),
        ({"train": ["a"], "val": ["b"], "validation": [], "test": ["c"]}, "unexpected key 'val'"),
    ],
)
def test_lists_that_do_not_fit_are_refused(tmp_path: Path, value, message) -> None:
    path = tmp_path / "split.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value))

    with pytest.raises(DatasetError, match=rf"^{path}: .*{message}"):
        read_label_split(path, "abc")


@pytest.mark.parametrize("order", [[0, 1], [0, 1, 1], [1, 2, 3], [], [0.0, 1.0, 2.0], ["a"] * 3])
def test_what_is_no_permutation_is_refused(tmp_path: Path, order) -> None:
    np.save(tmp_path / "perm.npy", np.array(order))

    with pytest.raises(DatasetError, match="permutation of 0 to 2"):
        read_label_split(tmp_path / "perm.npy", "abc")
    for content in (b"no array", b""):
        (tmp_path / "perm.npy").write_bytes(content)
        with pytest.raises(DatasetError, match="as a NumPy array"):
            read_label_split(tmp_path / "perm.npy", "abc")
    with (tmp_path / "perm.npy").open("wb") as file:
        np.savez(file, order=np.arange(3))
    with pytest.raises(DatasetError, match="got several"):
        read_label_split(tmp_path / "perm.npy", "abc")
