"""Which split a target belongs to."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from stillseek.data.own_videos.queries import lot
from stillseek.data.own_videos.targets import Target
from stillseek.data.sample import Split
from stillseek.errors import DatasetError, UsageError

SplitBy = Literal["class", "video"]
# As many as give validation and test one each.
_CLASSES_TO_SPLIT = 10
_HELD_OUT_SHARE = 0.1


def split_targets(
    targets: Sequence[Target], split_by: SplitBy | None, *, seed: int
) -> tuple[Mapping[str, Split], str]:
    """The split of every target by its name, and how it came about, for people.

    Raises:
        UsageError: There is a split column and ``split_by`` as well.
        DatasetError: There are too few classes or videos for three splits.
    """
    if any(target.split is not None for target in targets):
        if split_by is not None:
            raise UsageError(
                f"the annotations have a split column, so --split-by {split_by} has no effect; "
                "remove one of them"
            )
        given: dict[str, Split] = {
            target.name: target.split for target in targets if target.split is not None
        }
        return given, "as the annotations say"
    num_labels = len({target.label for target in targets})
    if split_by is None and num_labels < _CLASSES_TO_SPLIT:
        return dict.fromkeys((target.name for target in targets), "test"), (
            f"all in test, as there are fewer than {_CLASSES_TO_SPLIT} classes ({num_labels}); to "
            "train, give --split-by or a split column"
        )
    by_video = split_by == "video"
    parts = _parts((t.video_id if by_video else t.label for t in targets), by_video, seed)
    sizes = ", ".join(
        f"{list(parts.values()).count(s)} {s}" for s in ("train", "validation", "test")
    )
    return (
        {t.name: parts[t.video_id if by_video else t.label] for t in targets},
        f"by {'video' if by_video else 'class'} ({sizes})",
    )


def _parts(names: Iterable[str], by_video: bool, seed: int) -> Mapping[str, Split]:
    shuffled = sorted(set(names), key=lambda name: lot(seed, "split", name))
    if len(shuffled) < 3:
        kind = "videos" if by_video else "classes"
        raise DatasetError(
            f"a split in three needs at least 3 {kind}, got {len(shuffled)}; annotate more, or "
            "leave --split-by out"
        )
    held_out = max(1, round(_HELD_OUT_SHARE * len(shuffled)))
    return {
        name: "test" if place < held_out else "validation" if place < 2 * held_out else "train"
        for place, name in enumerate(shuffled)
    }
