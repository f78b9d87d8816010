"""The class tree of a dataset: which classes are similar, and how far apart."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from stillseek.data.manifest import settings_sha256
from stillseek.errors import DatasetError
from stillseek.records import parse_json, read_text

# Edges between two classes of one parent.
SIBLINGS = 2


class Taxonomy:
    """A tree whose leaves are the classes.

    Args:
        names: Name of every node, by id.
        parents: Id of every node's parent; None for the root.
        where: File that the tree comes from, for messages.

    Attributes:
        labels: Names of the leaves, sorted.

    Raises:
        DatasetError: A parent is missing, a node is its own ancestor, there is not exactly one
            root, or two leaves have one name.
    """

    def __init__(
        self, names: Mapping[int, str], parents: Mapping[int, int | None], *, where: str
    ) -> None:
        self._names = dict(names)
        self._ancestors = {node: _ancestors(node, names, parents, where) for node in names}
        roots = [node for node in names if parents[node] is None]
        if len(roots) != 1:
            found = ", ".join(repr(names[node]) for node in roots[:5]) or "none"
            raise DatasetError(
                f"{where}: the taxonomy needs one root (a node without parentId), found {found}"
            )
        inner = {parent for parent in parents.values() if parent is not None}
        self._leaves: dict[str, int] = {}
        for node in names:
            if node in inner:
                continue
            other = self._leaves.setdefault(names[node], node)
            if other != node:
                raise DatasetError(
                    f"{where}: nodes {other} and {node} are both the class {names[node]!r}; "
                    "class names must be unique"
                )
        self.labels = tuple(sorted(self._leaves))

    @property
    def sha256(self) -> str:
        """Hash of the classes and their ancestors; ids play no part."""
        return settings_sha256({label: self.path(label) for label in self.labels})

    def __contains__(self, label: str) -> bool:
        return label in self._leaves

    def path(self, label: str) -> tuple[str, ...]:
        """Names from the root to a class, both included.

        Raises:
            DatasetError: The tree has no such class.
        """
        return tuple(self._names[node] for node in reversed(self._line(label)))

    def class_of(self, node: int) -> str | None:
        """The class whose node has an id; None if none has."""
        name = self._names.get(node)
        return name if name is not None and self._leaves.get(name) == node else None

    def distance(self, label: str, other: str) -> int:
        """Edges between two classes: 0 for the same, 2 for siblings, 4 for cousins of one depth.

        Raises:
            DatasetError: The tree has no such class.
        """
        line, others = self._line(label), self._line(other)
        shared = len(set(line) & set(others))
        return len(line) + len(others) - 2 * shared

    def nearest(self, label: str, among: Iterable[str]) -> tuple[int, tuple[str, ...]]:
        """The other classes that are nearest to one, sorted, and their distance.

        Args:
            label: A class.
            among: Classes to choose from; ``label`` itself is passed over.

        Returns:
            The distance and the classes; no class and distance 0 where there is nothing to
            choose from.

        Raises:
            DatasetError: The tree has no such class.
        """
        distances = {other: self.distance(label, other) for other in among if other != label}
        if not distances:
            return 0, ()
        least = min(distances.values())
        return least, tuple(sorted(o for o, distance in distances.items() if distance == least))

    def _line(self, label: str) -> tuple[int, ...]:
        """A class and all its ancestors, up to the root."""
        if label not in self._leaves:
            raise DatasetError(f"the taxonomy has no class {label!r}; check its name")
        node = self._leaves[label]
        return (node, *self._ancestors[node])


def taxonomy_of_groups(groups: Mapping[str, Sequence[str]], *, where: str) -> Taxonomy:
    """A tree of two levels: a group of similar classes is a parent of its classes.

    Raises:
        DatasetError: A class is in two groups or twice in one, or a group is empty.
    """
    names, parents = {0: "Root"}, cast("dict[int, int | None]", {0: None})
    group_of: dict[str, str] = {}
    for group, labels in groups.items():
        if not labels:
            raise DatasetError(f"{where}: group {group!r} has no classes; name some or remove it")
        parent = len(names)
        names[parent], parents[parent] = group, 0
        for label in labels:
            if label in group_of:
                raise DatasetError(
                    f"{where}: class {label!r} is in group {group_of[label]!r} and again in "
                    f"{group!r}; name it once"
                )
            group_of[label] = group
            node = len(names)
            names[node], parents[node] = label, parent
    return Taxonomy(names, parents, where=where)


def read_taxonomy(path: Path) -> Taxonomy:
    """The class tree of a JSON file.

    Read are ActivityNet's own file (its ``taxonomy``), a list of nodes, or nodes by id; a node
    has ``nodeId``, ``nodeName`` and ``parentId``.

    Raises:
        DatasetError: The file cannot be read or is no such tree.
    """
    value = parse_json(read_text(path), str(path))
    if isinstance(value, dict) and "taxonomy" in value:
        value = value["taxonomy"]
    return parse_taxonomy(value, str(path))


def read_similar(path: Path) -> Taxonomy:
    """Which classes are similar: groups of them, or a tree.

    Read are a JSON object of lists, ``{"ball games": ["handball", "football"]}``, and every
    layout of `read_taxonomy`.

    Raises:
        DatasetError: The file cannot be read, or is neither.
    """
    value = parse_json(read_text(path).removeprefix("\ufeff"), str(path))
    if isinstance(value, dict) and value and all(_are_labels(group) for group in value.values()):
        return taxonomy_of_groups(value, where=str(path))
    return read_taxonomy(path)


def parse_taxonomy(value: object, where: str) -> Taxonomy:
    """The class tree of JSON nodes, as a list or by id; see `read_taxonomy`.

    Raises:
        DatasetError: The nodes are no tree; the message starts with ``where``.
    """
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list) or not value:
        raise DatasetError(
            f"{where}: expected a taxonomy, a list of nodes with nodeId, nodeName and parentId"
        )
    names: dict[int, str] = {}
    parents: dict[int, int | None] = {}
    for number, item in enumerate(value, start=1):
        node, name, parent = _parse_node(item, f"{where}: taxonomy node {number}")
        if node in names:
            raise DatasetError(f"{where}: taxonomy node {number}: nodeId {node} is there twice")
        names[node], parents[node] = name, parent
    return Taxonomy(names, parents, where=where)


def _parse_node(item: Any, where: str) -> tuple[int, str, int | None]:
    if not isinstance(item, dict):
        raise DatasetError(f"{where}: expected an object, got {type(item).__name__}")
    missing = [key for key in ("nodeId", "nodeName", "parentId") if key not in item]
    if missing:
        raise DatasetError(f"{where}: key {missing[0]!r} is missing")
    node, name, parent = item["nodeId"], item["nodeName"], item["parentId"]
    for key, number in (("nodeId", node), ("parentId", parent)):
        if isinstance(number, bool) or not isinstance(number, int | None):
            raise DatasetError(f"{where}: {key} must be a whole number, got {number!r}")
    if node is None or not isinstance(name, str):
        raise DatasetError(f"{where}: expected a nodeId and a nodeName, got {node!r} and {name!r}")
    return node, name, parent


def _ancestors(
    node: int, names: Mapping[int, str], parents: Mapping[int, int | None], where: str
) -> tuple[int, ...]:
    """All ancestors, the parent first."""
    line: list[int] = []
    parent = parents[node]
    while parent is not None:
        if parent not in names:
            child = names[line[-1] if line else node]
            raise DatasetError(f"{where}: taxonomy node {child!r} has an unknown parent {parent}")
        if parent == node or parent in line:
            child = names[line[-1] if line else node]
            raise DatasetError(
                f"{where}: the taxonomy has a cycle: {names[parent]!r} is below itself by way of "
                f"{child!r}; every node needs a line of parents that ends at the root"
            )
        line.append(parent)
        parent = parents[parent]
    return tuple(line)


def _are_labels(group: object) -> bool:
    return isinstance(group, list) and all(isinstance(label, str) for label in group)
