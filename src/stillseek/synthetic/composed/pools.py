"""Which photographs are shown and which ask, so that no video holds the picture it is asked by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import numpy as np

from stillseek.data.label_split import LabelSplit
from stillseek.data.sample import Split
from stillseek.errors import DatasetError
from stillseek.synthetic.composed.photographs import Photograph, PhotographFolder

Use = Literal["video", "query"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pools:
    """The photographs by what they are for; near-duplicates are always in one pool.

    Attributes:
        by_key: The photographs by class, whether training sees them, and use. Photographs of
            train classes that training does not see ask and are shown in the other splits.
    """

    by_key: Mapping[tuple[str, bool, Use], tuple[Photograph, ...]]

    def of(self, split: Split, label: str, use: Use) -> tuple[Photograph, ...]:
        """What the videos or the queries of a split may show of a class."""
        return self.by_key[label, split == "train", use]


def divide(
    folder: PhotographFolder,
    split: LabelSplit,
    *,
    query_share: float,
    held_out_share: float,
    seed: int,
) -> Pools:
    """Divides the photographs of every class.

    Args:
        folder: The photographs.
        split: The split of every class.
        query_share: Share of the photographs that ask; the others are shown in videos.
        held_out_share: Share of the photographs of train classes that training never sees.
        seed: Seed of the draw.

    Raises:
        DatasetError: A class has too few different photographs.
    """
    by_key: dict[tuple[str, bool, Use], tuple[Photograph, ...]] = {}
    for place, (label, photographs) in enumerate(folder.by_label.items()):
        trained_share = 1 - held_out_share if label in split.train else 0.0
        shares: dict[tuple[bool, Use], float] = {}
        for is_trained, share in ((True, trained_share), (False, 1 - trained_share)):
            if share > 0:
                shares[is_trained, "video"] = share * (1 - query_share)
                shares[is_trained, "query"] = share * query_share
        rng = np.random.default_rng((seed, 1, place))
        units = _units(photographs)
        if len(units) < len(shares):
            raise DatasetError(
                f"class {label!r} has {len(units)} different photographs in {folder.path}, but "
                f"needs at least {len(shares)}: for videos and for queries"
                f"{', seen in training and not' if trained_share else ''}; add some, or move the "
                "folder away"
            )
        parts = _share_out([units[k] for k in rng.permutation(len(units))], list(shares.values()))
        for (is_trained, use), part in zip(shares, parts, strict=True):
            by_key[label, is_trained, use] = tuple(sorted(part, key=lambda photo: photo.name))
    return Pools(by_key=by_key)


def _units(photographs: Sequence[Photograph]) -> list[list[Photograph]]:
    """Near-duplicates together."""
    ordered = sorted(photographs, key=lambda photo: (photo.group, photo.name))
    return [list(unit) for _, unit in groupby(ordered, key=lambda photo: photo.group)]


def _share_out(
    units: Sequence[Sequence[Photograph]], shares: Sequence[float]
) -> list[list[Photograph]]:
    """Parts near the shares, none of them empty."""
    parts: list[list[Photograph]] = [[] for _ in shares]
    total = sum(len(unit) for unit in units)
    for place, unit in enumerate(units):
        empty = [k for k, part in enumerate(parts) if not part]
        # The last units are for parts that have nothing yet.
        choices = empty if len(units) - place <= len(empty) else range(len(parts))
        wanted = [shares[k] * total - len(parts[k]) for k in choices]
        parts[list(choices)[int(np.argmax(wanted))]].extend(unit)
    return parts
