"""Drawn streams: training examples composed of features, anew in every epoch (ours).

A fixed set of a few hundred videos is learned by heart; streams that are drawn anew are not.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from jaxtyping import Float

from stillseek.data.absence import similar_classes
from stillseek.data.example import Example, FeatureSource
from stillseek.data.sample import Sample
from stillseek.errors import UsageError
from stillseek.timeline import MAX_STEPS, ClipGrid, Segment

# Keeps these draws apart from those of the order of the examples and of augmentation.
_STREAM = 2
# Steps of a stream.
_LENGTHS = (40, MAX_STEPS)
_MOST_OTHERS = 7
# Share of the stream that the target takes.
_TARGET_SHARE = (0.05, 0.75)
_LEAST_TARGET = 3
_SHOT_SECONDS = (1.0, 10.0)
_LOOK_ALIKE_CHANCE = 0.6
_DIFFICULT_CHANCE = 0.3
_DRIFT_CHANCE = 0.4
_FADE_CHANCE = 0.2
# Shares of a feature's length; noise is new in every step, the offset is the whole stream's.
_NOISE, _DRIFT, _OFFSET = (0.05, 0.5), (0.0, 0.6), (0.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """What a piece of a stream is made of.

    Attributes:
        features: Clips of a part of a video, in order; or views of one photograph, two of which
            a pan joins.
        is_still: Whether they are views of a photograph.
        source: Video or photograph that they come from.
    """

    features: Float[np.ndarray, "clip dim"]
    is_still: bool
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A query image as features.

    Attributes:
        regions: Region features.
        boxes: Their boxes, as in `Example`.
        global_feature: Feature of the whole picture.
        source: Video or photograph that it comes from.
    """

    regions: Float[np.ndarray, "region dim"]
    boxes: Float[np.ndarray, "region 4"]
    global_feature: Float[np.ndarray, " dim"]
    source: str


@dataclass(frozen=True, kw_only=True)
class FeatureBank:
    """Labelled features that streams are drawn from.

    Attributes:
        shots: Shots of each class.
        pictures: Query images of each class.
        similar: The classes that look alike, of each class that has any.
        stride_seconds: Time from clip to clip.

    Raises:
        UsageError: A stream could not be drawn: fewer than two classes, or one without pictures.
    """

    shots: Mapping[str, tuple[Shot, ...]]
    pictures: Mapping[str, tuple[Picture, ...]]
    similar: Mapping[str, frozenset[str]]
    stride_seconds: float

    def __post_init__(self) -> None:
        if len(self.classes) < 2:
            raise UsageError(
                f"streams are drawn from at least two classes that have shots and pictures, got "
                f"{len(self.classes)}; train on a data set with more classes"
            )

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes that have shots and pictures, sorted."""
        return tuple(sorted(name for name in self.shots if self.pictures.get(name)))

    @classmethod
    def of_samples(cls, samples: Sequence[Sample], source: FeatureSource) -> "FeatureBank":
        """The targets of samples as shots, their queries as pictures.

        Classes that a Difficult query joins are similar.

        Args:
            samples: Training samples.
            source: Their features.

        Raises:
            UsageError: There are fewer than two classes.
        """
        shots: dict[str, list[Shot]] = defaultdict(list)
        pictures: dict[str, list[Picture]] = defaultdict(list)
        # A query names its file, a target its source: one source may be several files.
        sources = {sample.video_id: sample.source_video_id for sample in samples}
        seen: set[tuple[object, ...]] = set()
        stride = 1.0
        for sample in samples:
            target = (sample.video_id, sample.window, sample.segment)
            if target not in seen:
                video = source.load_video_features(sample.video_id, sample.window)
                stride = video.grid.stride_seconds
                inside, _ = video.grid.window(sample.segment)
                features = video.clips[inside.start : inside.stop]
                name = sample.source_video_id
                shots[sample.label].append(Shot(features=features, is_still=False, source=name))
            query = (sample.query_video_id, sample.query_seconds, sample.query_image)
            if query not in seen:
                found = source.load_query_features(sample)
                asker = sample.query_video_id or str(sample.query_image)
                pictures[sample.query_label].append(
                    Picture(
                        regions=found.regions,
                        boxes=found.boxes,
                        global_feature=found.global_feature,
                        source=sources.get(asker, asker),
                    )
                )
            seen |= {target, query}
        return cls(
            shots={name: tuple(each) for name, each in shots.items()},
            pictures={name: tuple(each) for name, each in pictures.items()},
            similar={name: frozenset(kin) for name, kin in similar_classes(samples).items()},
            stride_seconds=stride,
        )


class DrawnStreams(Sequence[Example]):
    """Examples drawn from a bank; what one holds follows from (seed, epoch, index) alone.

    A stream shows its target once, with a picture of its class or (a Difficult query) of a similar
    one, among segments of other classes. Neither the target's class nor the picture's is anywhere
    else in it, nor, in Difficult queries, another class that the picture's is similar to; often one
    of the others looks like the target. The target has shots of other sources than the picture, if
    its class has any. Every stream has noise, an offset that all of it shares, and some have drift
    and fades.

    An index keeps its length over the epochs, so that batches can be made of like lengths.
    """

    def __init__(self, bank: FeatureBank, num_streams: int, *, seed: int = 0) -> None:
        """Streams of a bank.

        Args:
            bank: What they are drawn from.
            num_streams: How many an epoch has.
            seed: Seed of their lengths.
        """
        self.bank = bank
        rng = np.random.default_rng((seed, _STREAM))
        self.num_steps = tuple(rng.integers(*_LENGTHS, num_streams, endpoint=True).tolist())

    def __len__(self) -> int:
        return len(self.num_steps)

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Example]: ...
    def __getitem__(self, index: int | slice) -> Example | Sequence[Example]:
        if isinstance(index, slice):
            return [self.draw(each) for each in range(*index.indices(len(self)))]
        return self.draw(range(len(self))[index])

    def draw(self, index: int, *, seed: int = 0, epoch: int = 0) -> Example:
        """The stream of an index in an epoch."""
        rng = np.random.default_rng((seed, epoch, index, _STREAM))
        return _Stream(self.bank, self.num_steps[index], rng).example(f"{epoch}/{index}")


class _Stream:
    """One stream in the making."""

    def __init__(self, bank: FeatureBank, num_steps: int, rng: np.random.Generator) -> None:
        self.bank, self.num_steps, self.rng = bank, num_steps, rng

    def example(self, name: str) -> Example:
        """Draws everything."""
        rng, bank = self.rng, self.bank
        target = self._one_of(bank.classes)
        asked = target
        kin = sorted(bank.similar.get(target, frozenset()) & set(bank.classes))
        if kin and rng.random() < _DIFFICULT_CHANCE:
            asked = self._one_of(kin)
        picture = bank.pictures[asked][rng.integers(len(bank.pictures[asked]))]
        clips, first, stop = self._clips(target, asked, picture.source)
        clips = self._changed(clips)
        stride = bank.stride_seconds
        grid = ClipGrid(
            stride_seconds=stride,
            length_seconds=stride,
            duration_seconds=len(clips) * stride,
            max_steps=MAX_STEPS,
        )
        return Example(
            sample=Sample(
                sample_id=f"drawn {name}",
                video_id=f"drawn {name}",
                duration_seconds=grid.duration_seconds,
                window=None,
                segment=Segment(first * stride, stop * stride),
                label=target,
                split="train",
                query_kind="simple" if asked == target else "difficult",
                query_label=asked,
                query_video_id=None,
                query_seconds=None,
                query_image=picture.source,
                source_video_id=f"drawn {name}",
                pair_id=None,
                taxonomy_distance=0 if asked == target else 2,
            ),
            steps=clips,
            grid=grid,
            regions=picture.regions,
            boxes=picture.boxes,
            global_feature=picture.global_feature,
        )

    def _clips(self, target: str, asked: str, source: str) -> tuple[np.ndarray, int, int]:
        """The clips of all segments, and where the target begins and ends."""
        rng, total = self.rng, self.num_steps
        share = rng.uniform(*_TARGET_SHARE)
        length = min(total, max(_LEAST_TARGET, round(share * total)))
        others = self._others(target, asked)
        rest = total - length
        cuts = np.sort(rng.integers(0, rest + 1, max(0, len(others) - 1))).tolist()
        parts = [
            (name, stop - start)
            for name, start, stop in zip(others, [0, *cuts], [*cuts, rest], strict=True)
        ]
        place = int(rng.integers(len(parts) + 1))
        parts.insert(place, (target, length))
        first = sum(size for _, size in parts[:place])
        rows = [
            shot
            for name, size in parts
            for shot in self._segment(name, size, source if name == target else None)
        ]
        return np.concatenate(rows), first, first + length

    def _others(self, target: str, asked: str) -> list[str]:
        bank = self.bank
        taken = {target, asked}
        if asked != target:
            taken |= bank.similar.get(asked, frozenset())
        free = [name for name in bank.classes if name not in taken]
        if not free:
            raise UsageError(
                f"no class can stand beside {target!r} when {asked!r} is asked for: all are "
                "similar; train on a data set with more classes"
            )
        number = int(self.rng.integers(1, min(_MOST_OTHERS, len(free)) + 1))
        chosen = [free[k] for k in self.rng.permutation(len(free))[:number]]
        alike = [name for name in free if name in bank.similar.get(target, ())]
        if alike and self.rng.random() < _LOOK_ALIKE_CHANCE and not set(alike) & set(chosen):
            chosen[int(self.rng.integers(number))] = self._one_of(alike)
        return chosen

    def _segment(self, name: str, size: int, not_from: str | None) -> list[np.ndarray]:
        """Shots of a class that make up a segment."""
        every = self.bank.shots[name]
        shots = [shot for shot in every if shot.source != not_from] or list(every)
        if len(shots) > 2:
            # A segment shows a part of what the bank has of its class.
            kept = self.rng.permutation(len(shots))[: max(2, len(shots) // 2)]
            shots = [shots[k] for k in kept]
        low, high = (max(1, round(each / self.bank.stride_seconds)) for each in _SHOT_SECONDS)
        rows: list[np.ndarray] = []
        while size > 0:
            shot = shots[self.rng.integers(len(shots))]
            length = min(size, int(self.rng.integers(low, high + 1)))
            part = self._pan(shot, length) if shot.is_still else self._part(shot, length)
            rows.append(part)
            size -= len(part)
        return rows

    def _pan(self, shot: Shot, length: int) -> np.ndarray:
        number = len(shot.features)
        start, end = self.rng.permutation(number)[:2] if number > 1 else (0, 0)
        share = np.linspace(0, 1, length, dtype=np.float32)[:, None]
        return (1 - share) * shot.features[start] + share * shot.features[end]

    def _part(self, shot: Shot, length: int) -> np.ndarray:
        start = int(self.rng.integers(max(0, len(shot.features) - length) + 1))
        return shot.features[start : start + length]

    def _changed(self, clips: np.ndarray) -> np.ndarray:
        """The clips with fades, noise, drift and what all of them share."""
        rng = self.rng
        if rng.random() < _FADE_CHANCE:
            padded = np.concatenate([clips[:1], clips, clips[-1:]])
            clips = (padded[:-2] + 2 * clips + padded[2:]) / 4
        size = np.linalg.norm(clips, axis=1).mean() / clips.shape[1] ** 0.5
        noise = rng.standard_normal(clips.shape, np.float32)
        clips = clips + np.float32(size * rng.uniform(*_NOISE)) * noise
        if rng.random() < _DRIFT_CHANCE:
            walk = rng.standard_normal(clips.shape, np.float32).cumsum(axis=0)
            clips = clips + np.float32(size * rng.uniform(*_DRIFT) / (walk.std() + 1e-6)) * walk
        offset = np.float32(size * rng.uniform(*_OFFSET)) * rng.standard_normal(
            clips.shape[1], np.float32
        )
        return clips + offset

    def _one_of(self, names: Sequence[str]) -> str:
        return names[int(self.rng.integers(len(names)))]
