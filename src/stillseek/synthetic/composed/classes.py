"""The classes of composed streams: their splits, and which of them are similar."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from stillseek.data.label_split import LabelSplit, draw_label_split, read_label_split
from stillseek.data.sample import Split
from stillseek.data.taxonomy import SIBLINGS, Taxonomy, read_similar, taxonomy_of_groups
from stillseek.errors import DatasetError, UsageError
from stillseek.records import parse_object, read_text

_HELD_OUT_SHARE = 0.15
# A video needs what is asked for and something else: two classes for each of three splits.
_LEAST_OF_SPLIT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Classes:
    """What there is to show and to ask for.

    Attributes:
        split: The split of every class.
        taxonomy: Which classes are similar; None if unknown.
    """

    split: LabelSplit
    taxonomy: Taxonomy | None

    def of_split(self, split: Split) -> tuple[str, ...]:
        """The classes that happen in the videos of a split."""
        return self.split.train if split == "seen" else self.split.by_role()[split]

    def queries_of(self, split: Split) -> tuple[str, ...]:
        """The classes whose photographs may ask in a split: only tests may see test classes."""
        match split:
            case "train" | "seen":
                return self.split.train
            case "validation":
                return self.split.train + self.split.validation
            case "test":
                return self.split.train + self.split.validation + self.split.test

    def siblings(self, label: str) -> tuple[str, ...]:
        """The classes that are similar to one, sorted."""
        if self.taxonomy is None or label not in self.taxonomy:
            return ()
        return tuple(
            other
            for other in sorted(self.split.role_of())
            if other in self.taxonomy and self.taxonomy.distance(label, other) == SIBLINGS
        )

    def paths(self) -> list[tuple[str, ...]]:
        """The names from the root of the class tree to each class, both included."""
        known = self.taxonomy
        return [
            known.path(label) if known is not None and label in known else (self._root, label)
            for label in sorted(self.split.role_of())
        ]

    @property
    def _root(self) -> str:
        return self.taxonomy.path(self.taxonomy.labels[0])[0] if self.taxonomy else "Root"


def read_classes(
    labels: Collection[str], *, class_split: Path | None, taxonomy: Path | None, seed: int
) -> Classes:
    """The split and the similar classes, from files where they are given.

    Args:
        labels: The classes of the photographs.
        class_split: JSON file with the lists ``train``, ``validation`` (or ``val``) and ``test``
            that hold every class once; it may hold ``similar``, lists of classes by group.
            Without it the split is drawn: 15% of the classes validate, 15% test, and at least two
            each where there are six or more.
        taxonomy: File of similar classes, for `read_similar`; the ``similar`` of the class split
            where not given.
        seed: Seed of a split that is drawn.

    Raises:
        DatasetError: A file cannot be read or does not fit the photographs.
        UsageError: There are too few classes to draw a split.
    """
    if class_split is not None:
        split = read_label_split(class_split, labels)
    else:
        if len(labels) < 3:
            raise UsageError(
                f"{len(labels)} classes cannot be split into train, validation and test; give "
                "--class-split FILE, or more classes"
            )
        share = _HELD_OUT_SHARE
        if len(labels) >= 3 * _LEAST_OF_SPLIT:
            share = max(share, _LEAST_OF_SPLIT / len(labels))
        split = draw_label_split(labels, seed=seed, held_out_share=share)
    known = None
    if taxonomy is not None:
        known = read_similar(taxonomy)
        if not set(known.labels) & set(labels):
            raise DatasetError(
                f"{taxonomy}: none of its classes is a class of the photographs, such as "
                f"{min(labels)!r}; classes are the paths of their folders"
            )
    elif class_split is not None and class_split.suffix != ".npy":
        known = _similar_of_split(class_split, labels)
    return Classes(split=split, taxonomy=known)


def _similar_of_split(path: Path, labels: Collection[str]) -> Taxonomy | None:
    groups = parse_object(read_text(path), str(path)).get("similar")
    if groups is None:
        return None
    where = f"{path}: similar"
    if not isinstance(groups, dict) or not groups:
        raise DatasetError(f"{where} must be lists of classes by group, got {groups!r:.60}")
    for group, members in groups.items():
        if not isinstance(members, list) or not members:
            raise DatasetError(f"{where}: {group!r} must be a list of classes, got {members!r:.60}")
        for label in members:
            if label not in labels:
                raise DatasetError(
                    f"{where}: {group!r} names {label!r}, which is no class of the photographs; "
                    "check the name"
                )
    return taxonomy_of_groups(cast("dict[str, list[str]]", groups), where=where)
