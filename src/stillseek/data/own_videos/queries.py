"""Query images for targets: given by hand, or frames of other videos."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stillseek.data.manifest import QueryKind, Split
from stillseek.data.own_videos.table import DIGITS
from stillseek.data.own_videos.targets import Target
from stillseek.data.taxonomy import SIBLINGS, Taxonomy


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A possible query image.

    Attributes:
        label: Class that it shows.
        lot: What the seed draws for it.
        image: The file; None for a frame.
        frame_of: The activity in whose middle the frame is; None for a file.
    """

    label: str
    lot: int
    image: Path | None = None
    frame_of: Target | None = None

    @property
    def seconds(self) -> float | None:
        """Time of the frame."""
        if self.frame_of is None:
            return None
        segment = self.frame_of.segment
        return round((segment.start_seconds + segment.end_seconds) / 2, DIGITS)

    def trains(self, splits: Mapping[str, Split]) -> bool:
        """Whether it is a frame of an activity of the training split."""
        return self.frame_of is not None and splits.get(self.frame_of.name) == "train"


class Pictures:
    """The pictures that may ask for targets.

    Args:
        targets: The activities; every one may be a query in another video.
        images: Image files of whole classes.
        similar: Which classes are siblings; None if unknown.
        seed: Seed of the draw.
    """

    def __init__(
        self,
        targets: Iterable[Target],
        *,
        images: Mapping[str, Sequence[Path]],
        similar: Taxonomy | None,
        seed: int,
    ) -> None:
        self._seed = seed
        self._by_label: dict[str, list[Picture]] = defaultdict(list)
        for target in targets:
            if target.label not in images:
                frame = Picture(label=target.label, lot=lot(seed, target.name), frame_of=target)
                self._by_label[target.label].append(frame)
        for label, files in images.items():
            self._by_label[label] = [self._image(label, file) for file in files]
        self._siblings = _siblings(set(self._by_label), similar)

    def of(self, target: Target, kind: QueryKind) -> list[Picture]:
        """All pictures of a target's own class (simple) or of its sibling classes (difficult)."""
        if kind == "difficult":
            siblings = self._siblings.get(target.label, ())
            return [picture for label in siblings for picture in self._of_label(target, label)]
        if target.images:
            return [self._image(target.label, image) for image in target.images]
        return self._of_label(target, target.label)

    def draw(
        self, target: Target, kind: QueryKind, num: int, splits: Mapping[str, Split]
    ) -> list[Picture]:
        """At most ``num`` pictures that ask for a target.

        A target that trains takes frames of targets that train only; others take those last. A
        second picture of a video comes after the first ones of all others. What is drawn depends
        on the seed, the target and its pictures only.

        Args:
            target: What is asked for.
            kind: As in `of`.
            num: Most pictures.
            splits: Split of targets by name.
        """
        pool = self.of(target, kind)
        if kind == "simple" and target.images:
            return pool[:num]
        if splits[target.name] == "train":
            pool = [each for each in pool if each.frame_of is None or each.trains(splits)]
        # Every target meets the pictures in an order of its own.
        mine = lot(self._seed, "asked for", target.name)
        pool.sort(key=lambda picture: picture.lot ^ mine)
        turns: Counter[str] = Counter()
        ordered = []
        for picture in pool:
            video = "" if picture.frame_of is None else picture.frame_of.video_id
            # Files are no frames of one video.
            turns[video] += bool(video)
            ordered.append((picture.trains(splits), turns[video], picture))
        ordered.sort(key=lambda each: each[:2])
        return [picture for *_, picture in ordered[:num]]

    def _of_label(self, target: Target, label: str) -> list[Picture]:
        return [
            picture
            for picture in self._by_label.get(label, ())
            if picture.frame_of is None or picture.frame_of.video_id != target.video_id
        ]

    def _image(self, label: str, image: Path) -> Picture:
        # Without folders, which are other ones on another machine.
        return Picture(label=label, lot=lot(self._seed, label, image.name), image=image)


def lot(seed: int, *names: str) -> int:
    """What a seed draws for names; sorting by it shuffles.

    A hash, not a generator: the order stays what it is in every version of every library.
    """
    text = "\0".join((str(seed), *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def _siblings(labels: set[str], similar: Taxonomy | None) -> dict[str, tuple[str, ...]]:
    if similar is None:
        return {}
    known = {label for label in labels if label in similar}
    siblings = {}
    for label in known:
        distance, nearest = similar.nearest(label, known)
        siblings[label] = nearest if distance == SIBLINGS else ()
    return siblings
