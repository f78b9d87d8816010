import json

import pytest

from stillseek.errors import DatasetError, UsageError
from stillseek.synthetic.composed.classes import read_classes

from .conftest import GROUPS, LABELS, SPLIT


@pytest.fixture
def write(tmp_path):
    def write(value, name="split.json"):
        path = tmp_path / name
        path.write_text(json.dumps(value))
        return path

    return write


def _read(labels, class_split=None, taxonomy=None, seed=0):
    return read_classes(labels, class_split=class_split, taxonomy=taxonomy, seed=seed)


def test_a_file_decides_the_split_and_what_is_similar(write):
    classes = _read(LABELS, write(SPLIT | {"similar": GROUPS}))

    assert classes.of_split("train") == classes.of_split("seen") == tuple(SPLIT["train"])
    assert classes.of_split("validation") == tuple(SPLIT["val"])
    assert classes.of_split("test") == tuple(SPLIT["test"])
    assert classes.siblings("sports/a") == ("sports/b", "sports/g")
    assert classes.siblings("sports/h") == ()
    assert ("Root", "first", "sports/a") in classes.paths()
    assert ("Root", "sports/h") in classes.paths()


def test_queries_show_test_classes_in_tests_only(write):
    classes = _read(LABELS, write(SPLIT))

    assert set(classes.queries_of("train")) == set(classes.queries_of("seen"))
    assert set(classes.queries_of("train")) == set(SPLIT["train"])
    assert set(classes.queries_of("validation")) == {*SPLIT["train"], *SPLIT["val"]}
    assert set(classes.queries_of("test")) == set(LABELS)


def test_a_taxonomy_goes_before_the_split_s_own_groups(write):
    tree = [
        {"nodeId": 1, "nodeName": "All", "parentId": None},
        {"nodeId": 2, "nodeName": "Pair", "parentId": 1},
        {"nodeId": 3, "nodeName": "sports/a", "parentId": 2},
        {"nodeId": 4, "nodeName": "sports/h", "parentId": 2},
        {"nodeId": 5, "nodeName": "unheard of", "parentId": 2},
    ]
    classes = _read(LABELS, write(SPLIT | {"similar": GROUPS}), write(tree, "tree.json"))

    assert classes.siblings("sports/a") == ("sports/h",)
    assert ("All", "Pair", "sports/a") in classes.paths()
    assert ("All", "sports/b") in classes.paths()


def test_without_a_file_the_seed_decides_and_nothing_is_similar():
    labels = [f"class {number:02d}" for number in range(37)]

    classes = _read(labels, seed=3)

    assert [len(found) for found in classes.split.by_role().values()] == [25, 6, 6]
    assert classes == _read(labels, seed=3)
    assert classes != _read(labels, seed=4)
    assert classes.siblings("class 07") == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"test": ["sports/g", "sports/h", "sports/i"]}, "class 'sports/i' is no class of the"),
        ({"similar": {"x": ["sports/a", "sports/i"]}}, "similar: 'x' names 'sports/i', which is"),
        ({"similar": {"x": "sports/a"}}, "similar: 'x' must be a list of classes, got 'sports/a'"),
        ({"similar": ["sports/a"]}, "similar must be lists of classes by group"),
        ({"similar": {"x": ["sports/a"], "y": ["sports/a"]}}, "is in group 'x' and again in 'y'"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(change, message, write):
    path = write(SPLIT | change)

    with pytest.raises(DatasetError, match=message) as error:
        _read(LABELS, path)

    assert str(path) in str(error.value)


def test_a_taxonomy_of_other_classes_is_refused(write):
    taxonomy = write({"first": ["a", "b"]}, "groups.json")

    with pytest.raises(DatasetError, match="none of its classes is a class of the photographs, su"):
        _read(LABELS, write(SPLIT), taxonomy)


def test_two_classes_cannot_be_split():
    with pytest.raises(UsageError, match="2 classes cannot be split into train, validation and t"):
        _read(["a", "b"])


@pytest.mark.parametrize(
    ("number", "sizes"), [(4, [2, 1, 1]), (6, [2, 2, 2]), (9, [5, 2, 2]), (20, [14, 3, 3])]
)
def test_a_drawn_split_has_two_classes_of_each_kind_where_it_can(number, sizes):
    classes = _read([f"class {k}" for k in range(number)])

    assert [len(found) for found in classes.split.by_role().values()] == sizes
