"""Query images for targets: given by hand, or frames of other videos."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from stillseek.data.own_videos.table import DIGITS
from stillseek.data.own_videos.targets import Target
from stillseek.data.sample import QueryKind, Split
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """Who may ask with which picture; no file asks in training and elsewhere.

    Attributes:
        splits: Split of targets by name.
        training_files: Files that ask for nothing but targets that train.
    """

    splits: Mapping[str, Split]
    training_files: Set[Path]

    def trains(self, picture: Picture) -> bool:
        """Whether it is a training file, or a frame of an activity of the training split."""
        if picture.frame_of is None:
            return picture.image in self.training_files
        return self.splits.get(picture.frame_of.name) == "train"

    def allows(self, picture: Picture, target: Target) -> bool:
        """Whether a picture may ask for a target.

        One that trains takes training pictures only; others take everything but training files.
        """
        if self.splits[target.name] == "train":
            return self.trains(picture)
        return picture.frame_of is not None or not self.trains(picture)


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
        self._targets = tuple(targets)
        self._frames: dict[str, list[Picture]] = defaultdict(list)
        for target in self._targets:
            frame = Picture(label=target.label, lot=lot(seed, target.name), frame_of=target)
            self._frames[target.label].append(frame)
        self._files = {
            label: [self._image(label, file) for file in files] for label, files in images.items()
        }
        self._siblings = _siblings(self._frames.keys() | self._files.keys(), similar)

    def can_ask(self, target: Target, kind: QueryKind) -> bool:
        """Whether a picture shows a target's own class (simple) or a sibling class (difficult)."""
        of_row = kind == "simple" and bool(target.images)
        return of_row or bool(self._of_labels(target, kind, lambda _: True))

    def divide(self, splits: Mapping[str, Split]) -> Division:
        """Decides which files train, so that no other target is asked for with them.

        A file that a row names goes with the row, and does not train where rows contradict each
        other. Files of a class go to training if nothing else needs them, and not to training if
        no activity of the class trains. Where both need them, the seed divides them in halves; an
        odd one goes to training if others need it for Difficult queries only.

        Args:
            splits: Split of targets by name; targets without one ask for nothing.
        """
        training = [target for target in self._targets if splits.get(target.name) == "train"]
        others = [each for each in self._targets if splits.get(each.name, "train") != "train"]
        train_labels, other_labels = ({each.label for each in part} for part in (training, others))
        similar_labels = {label for each in other_labels for label in self._siblings.get(each, ())}
        # By what a path leads to: a row and a folder may name one file in two ways.
        trains = {image.resolve(): True for target in training for image in target.images}
        trains |= {image.resolve(): False for target in others for image in target.images}
        for label, files in sorted(self._files.items()):
            free = [file for file in _by_lot(files) if file.resolve() not in trains]
            if label not in train_labels:
                num_others = len(free)
            elif label in other_labels:
                num_others = (len(free) + 1) // 2
            else:
                num_others = len(free) // 2 if label in similar_labels else 0
            trains |= {file.resolve(): place >= num_others for place, file in enumerate(free)}
        known = [file for files in self._files.values() for file in _by_lot(files)]
        known += [image for target in training for image in target.images]
        return Division(
            splits=splits,
            training_files=frozenset(file for file in known if trains[file.resolve()]),
        )

    def draw(self, target: Target, kind: QueryKind, num: int, division: Division) -> list[Picture]:
        """At most ``num`` pictures that ask for a target.

        Frames of targets that train come last for targets that do not. A second picture of a video
        comes after the first ones of all others. What is drawn depends on the seed, the target and
        its pictures only.

        Args:
            target: What is asked for.
            kind: As in `can_ask`.
            num: Most pictures.
            division: Which pictures may ask for it.
        """

        def may_ask(picture: Picture) -> bool:
            return division.allows(picture, target)

        of_row = (self._image(target.label, image) for image in target.images)
        if kind == "simple" and (own := [*filter(may_ask, of_row)]):
            return own[:num]
        pool = self._of_labels(target, kind, may_ask)
        # Every target meets the pictures in an order of its own.
        mine = lot(self._seed, "asked for", target.name)
        pool.sort(key=lambda picture: picture.lot ^ mine)
        turns: Counter[str] = Counter()
        ordered = []
        for picture in pool:
            video = "" if picture.frame_of is None else picture.frame_of.video_id
            # Files are no frames of one video.
            turns[video] += bool(video)
            ordered.append((division.trains(picture), turns[video], picture))
        ordered.sort(key=lambda each: each[:2])
        return [picture for *_, picture in ordered[:num]]

    def _of_labels(
        self, target: Target, kind: QueryKind, may_ask: Callable[[Picture], bool]
    ) -> list[Picture]:
        """For each class that may ask its files; its frames where there is none."""
        simple = kind == "simple"
        found = []
        for label in [target.label] if simple else self._siblings.get(target.label, ()):
            files = [picture for picture in self._files.get(label, ()) if may_ask(picture)]
            found += files or [
                picture
                for picture in self._frames.get(label, ())
                if picture.frame_of is not None
                and picture.frame_of.video_id != target.video_id
                and may_ask(picture)
            ]
        return found

    def _image(self, label: str, image: Path) -> Picture:
        # Without folders, which are other ones on another machine.
        return Picture(label=label, lot=lot(self._seed, label, image.name), image=image)


def lot(seed: int, *names: str) -> int:
    """What a seed draws for names; sorting by it shuffles.

    A hash, not a generator: the order stays what it is in every version of every library.
    """
    text = "\0".join((str(seed), *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def _by_lot(pictures: Iterable[Picture]) -> list[Path]:
    drawn = sorted(pictures, key=lambda picture: picture.lot)
    return [picture.image for picture in drawn if picture.image is not None]


def _siblings(labels: set[str], similar: Taxonomy | None) -> dict[str, tuple[str, ...]]:
    if similar is None:
        return {}
    known = {label for label in labels if label in similar}
    siblings = {}
    for label in known:
        distance, nearest = similar.nearest(label, known)
        siblings[label] = nearest if distance == SIBLINGS else ()
    return siblings
