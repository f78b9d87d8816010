"""Query images for targets: given by hand, or frames of other videos."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stillseek.data.manifest import Split
from stillseek.data.own_videos.table import DIGITS
from stillseek.data.own_videos.targets import Target
from stillseek.data.taxonomy import Taxonomy

# Edges of the class tree between two classes of one parent.
SIBLINGS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A possible query image.

    Attributes:
        label: Class that it shows.
        image: The file; None for a frame.
        frame_of: The activity in whose middle the frame is; None for a file.
    """

    label: str
    image: Path | None = None
    frame_of: Target | None = None

    @property
    def seconds(self) -> float | None:
        """Time of the frame."""
        if self.frame_of is None:
            return None
        segment = self.frame_of.segment
        return round((segment.start_seconds + segment.end_seconds) / 2, DIGITS)


class Pictures:
    """The pictures that may ask for a target, drawn by seed.

    What is drawn for one target depends on the seed, the target and its pictures only.

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
        self._by_label: dict[str, list[Target]] = defaultdict(list)
        for target in targets:
            self._by_label[target.label].append(target)
        self._images = images
        self._seed = seed
        self._siblings = _siblings({*self._by_label, *images}, similar)

    def simple(self, target: Target, splits: Mapping[str, Split] | None = None) -> list[Picture]:
        """Pictures of the target's own class, best first.

        Args:
            target: What is asked for.
            splits: Split of every target by name. A target that trains takes frames of targets
                that train; others take those frames last. None: before there are splits.
        """
        if target.images:
            return [Picture(label=target.label, image=image) for image in target.images]
        return self._drawn(target, self._of_label(target, target.label), splits)

    def difficult(self, target: Target, splits: Mapping[str, Split] | None = None) -> list[Picture]:
        """Pictures of sibling classes, best first; the arguments as in `simple`."""
        siblings = self._siblings.get(target.label, ())
        pool = [picture for label in siblings for picture in self._of_label(target, label)]
        return self._drawn(target, pool, splits)

    def _of_label(self, target: Target, label: str) -> list[Picture]:
        if label in self._images:
            return [Picture(label=label, image=image) for image in self._images[label]]
        return [
            Picture(label=label, frame_of=other)
            for other in self._by_label.get(label, ())
            if other.video_id != target.video_id
        ]

    def _drawn(
        self, target: Target, pool: Iterable[Picture], splits: Mapping[str, Split] | None
    ) -> list[Picture]:
        def trains(picture: Picture) -> bool:
            of = picture.frame_of
            return splits is not None and of is not None and splits.get(of.name) == "train"

        if splits is not None and splits[target.name] == "train":
            pool = (each for each in pool if each.frame_of is None or trains(each))
        ordered = sorted(pool, key=lambda picture: (trains(picture), self._lot(target, picture)))
        # One picture a video first, and a second one only after them.
        turns: Counter[str] = Counter()
        keyed = []
        for picture in ordered:
            video = "" if picture.frame_of is None else picture.frame_of.video_id
            # Files are all different already.
            turns[video] += bool(video)
            keyed.append((trains(picture), turns[video], picture))
        return [picture for *_, picture in sorted(keyed, key=lambda each: each[:2])]

    def _lot(self, target: Target, picture: Picture) -> str:
        # A hash, not a generator: the order stays what it is in every version of every library.
        name = picture.image.name if picture.image is not None else ""
        name = picture.frame_of.name if picture.frame_of is not None else name
        return draw(self._seed, target.name, picture.label, name)


def draw(seed: int, *names: str) -> str:
    """A number, as text, that stands for names and seed; sorting by it shuffles."""
    return hashlib.sha256("\0".join((str(seed), *names)).encode()).hexdigest()


def _siblings(labels: set[str], similar: Taxonomy | None) -> dict[str, tuple[str, ...]]:
    if similar is None:
        return {}
    known = {label for label in labels if label in similar}
    siblings = {}
    for label in known:
        distance, nearest = similar.nearest(label, known)
        siblings[label] = nearest if distance == SIBLINGS else ()
    return siblings
