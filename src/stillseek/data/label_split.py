"""Which classes are seen in training, which choose, and which are unseen (section 5)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from stillseek.errors import DatasetError, UsageError
from stillseek.features.weights.published_files import WeightsFile
from stillseek.records import parse_object, read_text

LabelRole = Literal["train", "validation", "test"]
_ROLES: tuple[LabelRole, ...] = ("train", "validation", "test")
# The order of ActivityNet's sorted classes in the video re-localization data of Feng et al. (2018):
# the first 160 train, 20 validate, 20 test.
FENG_2018 = WeightsFile(
    name="video_reloc-perm.npy",
    url="https://raw.githubusercontent.com/fengyang0317/video_reloc/"
    "75a88551b22909f6dd59cae3fda3b12ceaa4760d/data/perm.npy",
    sha256="7b285886e12f77b6d3fede14a44ead1cfc43c1821a8444ea6e88f6e3c49e1046",
    size_bytes=1728,
    licence="MIT",
)
# Of 200 classes: 160 / 20 / 20.
_HELD_OUT_SHARE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSplit:
    """Classes by split; no class is in two.

    Attributes:
        train: Seen classes, sorted.
        validation: Classes that checkpoints and thresholds are chosen on, sorted.
        test: Unseen classes, sorted.

    Raises:
        UsageError: A class is there twice.
    """

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    def __post_init__(self) -> None:
        roles: dict[str, str] = {}
        for role, labels in self.by_role().items():
            for label in labels:
                if label in roles:
                    raise UsageError(
                        f"class {label!r} is in {roles[label]} and in {role}; name it once"
                    )
                roles[label] = role

    def by_role(self) -> dict[LabelRole, tuple[str, ...]]:
        """The classes of each split."""
        return dict(zip(_ROLES, (self.train, self.validation, self.test), strict=True))

    def role_of(self) -> dict[str, LabelRole]:
        """The split of each class."""
        return {label: role for role, labels in self.by_role().items() for label in labels}


def draw_label_split(
    labels: Iterable[str], *, seed: int, held_out_share: float = _HELD_OUT_SHARE
) -> LabelSplit:
    """A random split: 160 / 20 / 20 of 200 classes, the same shares of any other number.

    Args:
        labels: The classes there are.
        seed: Seed of the draw.
        held_out_share: Share of the classes that validates, and share that tests.

    Raises:
        UsageError: There are fewer than three classes, or the seed is negative.
    """
    if seed < 0:
        raise UsageError(f"the seed of a class split must be at least 0, got {seed}")
    names = sorted(labels)
    order = np.random.default_rng(seed).permutation(len(names))
    return _split_in_order([names[place] for place in order], held_out_share)


def read_label_split(path: Path, labels: Iterable[str]) -> LabelSplit:
    """A split from a file.

    Either a JSON object with the lists ``train``, ``validation`` (or ``val``) and ``test``, or a
    permutation of the sorted classes as NumPy array (``.npy``): the first 8 of 10 train, then 1
    of 10 validates and the rest tests, as in the video re-localization data of Feng et al. (2018).

    Args:
        path: The file.
        labels: The classes there are; each must have one place in the file.

    Raises:
        DatasetError: The file cannot be read, or does not fit the classes.
    """
    names = sorted(labels)
    if path.suffix == ".npy":
        return _split_in_order([names[place] for place in _read_permutation(path, len(names))])
    value = parse_object(read_text(path), str(path))
    unknown = sorted(set(value) - {*_ROLES, "val", "similar"})
    if unknown or {"val", "validation"} <= set(value):
        raise DatasetError(
            f"{path}: unexpected key {unknown[0] if unknown else 'val'!r}; a class split has the "
            "lists train, validation (or val) and test, and may have similar classes"
        )
    lists = {role: value.get(role) for role in _ROLES}
    lists["validation"] = value.get("validation", value.get("val"))
    for role, found in lists.items():
        if not isinstance(found, list) or not all(isinstance(label, str) for label in found):
            raise DatasetError(f"{path}: {role} must be a list of classes, got {found!r:.60}")
    try:
        split = LabelSplit(**{role: tuple(sorted(lists[role] or ())) for role in _ROLES})
    except UsageError as error:
        raise DatasetError(f"{path}: {error}") from error
    roles = split.role_of()
    for problem, wrong in (
        ("is no class of the data", sorted(set(roles) - set(names))),
        ("has no split", sorted(set(names) - set(roles))),
    ):
        if wrong:
            more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
            raise DatasetError(f"{path}: class {wrong[0]!r}{more} {problem}; check the names")
    return split


def _read_permutation(path: Path, number: int) -> list[int]:
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DatasetError(f"cannot read {path} as a NumPy array ({error})") from error
    is_whole = isinstance(found, np.ndarray) and np.issubdtype(found.dtype, np.integer)
    if not is_whole or sorted(found.ravel().tolist()) != list(range(number)):
        got = (
            f"{found.dtype} of shape {found.shape}" if isinstance(found, np.ndarray) else "several"
        )
        raise DatasetError(
            f"{path}: expected a permutation of 0 to {number - 1}, one place a class, got {got}"
        )
    return found.ravel().tolist()


def _split_in_order(names: Sequence[str], held_out_share: float = _HELD_OUT_SHARE) -> LabelSplit:
    if len(names) < len(_ROLES):
        raise UsageError(f"a split needs at least three classes, got {len(names)}")
    held_out = max(1, round(held_out_share * len(names)))
    first, last = len(names) - 2 * held_out, len(names) - held_out
    return LabelSplit(
        train=tuple(sorted(names[:first])),
        validation=tuple(sorted(names[first:last])),
        test=tuple(sorted(names[last:])),
    )
