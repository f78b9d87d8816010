import json
from pathlib import Path

import pytest

from stillseek.data.taxonomy import parse_taxonomy, read_taxonomy, taxonomy_of_groups
from stillseek.errors import DatasetError


def node(number, name, parent):
    return {"nodeId": number, "nodeName": name, "parentId": parent, "parentName": "any"}


NODES = [
    node(10, "Root", None),
    node(11, "music", 10),
    node(12, "strings", 11),
    node(13, "violin", 12),
    node(14, "guitar", 12),
    node(15, "drums", 11),
    node(16, "sport", 10),
    node(17, "handball", 16),
]


def test_distances_are_edges_by_hand() -> None:
    tree = parse_taxonomy(NODES, "f")

    assert tree.labels == ("drums", "guitar", "handball", "violin")
    assert tree.path("violin") == ("Root", "music", "strings", "violin")
    assert "violin" in tree
    assert "strings" not in tree
    assert [tree.distance("violin", other) for other in tree.labels] == [3, 2, 5, 0]
    assert tree.distance("drums", "violin") == 3


def test_nearest_classes_are_all_of_the_least_distance() -> None:
    tree = taxonomy_of_groups({"x": ["a", "c", "b"], "y": ["d"]}, where="f")

    assert tree.nearest("a", tree.labels) == (2, ("b", "c"))
    assert tree.nearest("a", ["a", "c", "d"]) == (2, ("c",))
    assert tree.nearest("d", tree.labels) == (4, ("a", "b", "c"))
    assert tree.nearest("d", ["d"]) == (0, ())


@pytest.mark.parametrize(
    "value",
    [NODES, {str(n["nodeId"]): n for n in NODES}, {"database": {}, "taxonomy": NODES}],
    ids=["list", "by id", "inside the annotations"],
)
def test_every_layout_is_read(tmp_path: Path, value) -> None:
    path = tmp_path / "tree.json"
    path.write_text(json.dumps(value))

    assert read_taxonomy(path).labels == ("drums", "guitar", "handball", "violin")


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([], "expected a taxonomy"),
        ("x", "expected a taxonomy"),
        ([7], "node 1: expected an object, got int"),
        ([{"nodeId": 1, "nodeName": "a"}], "node 1: key 'parentId' is missing"),
        ([node(1, "a", None), node("2", "b", 1)], "node 2: nodeId must be a whole number"),
        ([node(1, "a", None), node(2, 5, 1)], "node 2: expected a nodeId and a nodeName"),
        ([node(1, "a", None), node(1, "b", None)], "node 2: nodeId 1 is there twice"),
        ([node(1, "a", None), node(2, "b", 9)], "node 'b' has an unknown parent 9"),
        ([node(1, "a", None), node(2, "b", None)], "one root .* found 'a', 'b'"),
        ([node(1, "a", 2), node(2, "b", 1)], "has a cycle: 'a' is below itself by way of 'b'"),
        ([node(1, "a", 1)], "has a cycle: 'a' is below itself by way of 'a'"),
        (
            [node(0, "root", None), node(1, "a", 3), node(2, "b", 1), node(3, "c", 2)],
            "cycle: 'a' is below itself by way of 'b'",
        ),
        (
            [node(0, "root", None), node(1, "a", 2), node(2, "b", 2)],
            "cycle: 'b' is below itself by way of 'b'",
        ),
        ([*NODES, node(18, "violin", 16)], "nodes 13 and 18 are both the class 'violin'"),
    ],
)
def test_what_is_no_tree_is_refused(nodes, message) -> None:
    with pytest.raises(DatasetError, match=rf"^file\.json: .*{message}"):
        parse_taxonomy(nodes, "file.json")


def test_an_unknown_class_is_named() -> None:
    with pytest.raises(DatasetError, match="no class 'viola'"):
        parse_taxonomy(NODES, "f").distance("violin", "viola")


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({"x": ["a", "b"], "y": ["b"]}, "class 'b' is in group 'x' and again in 'y'; name it once"),
        ({"x": ["a", "a"]}, "class 'a' is in group 'x' and again in 'x'; name it once"),
        ({"x": ["a"], "y": []}, "group 'y' has no classes; name some or remove it"),
    ],
)
def test_groups_that_are_no_tree_are_named(groups, message) -> None:
    with pytest.raises(DatasetError, match=rf"^file\.json: {message}$"):
        taxonomy_of_groups(groups, where="file.json")


def test_a_class_may_be_called_like_a_group() -> None:
    tree = taxonomy_of_groups({"x": ["y", "a"], "y": ["x"]}, where="f")

    assert tree.labels == ("a", "x", "y")
    assert tree.distance("y", "a") == 2
    assert tree.distance("y", "x") == 4
