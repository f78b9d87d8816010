"""A planted task: synthetic features where only the query says which segment is meant.

Every class has a latent code. A video holds one segment of each of a few classes among idle
clips, which show one background everywhere; the query image shows one of these classes in some
of its regions and background in the others. Clip features are a fixed linear map of the code,
region features another one, so whoever learns how the two maps relate also finds classes that no
training video showed. All segments of a video look alike to whoever does not see the query: each
is the target equally often.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal, overload

import numpy as np

from stillseek.data.example import Example
from stillseek.data.sample import Sample
from stillseek.errors import UsageError
from stillseek.timeline import ClipGrid, Segment

PlantedSplit = Literal["train", "validation", "test"]

_CLIP_SECONDS = 1.0
# One random stream for the maps and one for each split.
_MAPS_STREAM = 0
_SPLIT_STREAMS: dict[PlantedSplit, int] = {"train": 1, "validation": 2, "test": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedConfig:
    """Sizes of the planted task; the feature widths default to the paper's (section 6.1).

    Attributes:
        clip_dim: Width of a clip feature.
        region_dim: Width of a region feature.
        global_dim: Width of the global feature.
        code_dim: Width of a class's latent code.
        num_train_classes: Classes of the training split.
        num_held_out_classes: Classes of each other split; none is in training.
        num_train_examples: Examples of the training split.
        num_held_out_examples: Examples of each other split.
        num_activities: Segments of different classes in a video.
        min_segment_clips: Shortest segment.
        max_segment_clips: Longest segment.
        min_clips: Shortest video.
        max_clips: Longest video.
        min_regions: Fewest regions of a query.
        max_regions: Most regions of a query.
        num_code_regions: Regions of a query that show the class; the others show background.
        noise: Standard deviation of the noise on every feature; the code's part has 1.
    """

    clip_dim: int = 500
    region_dim: int = 4096
    global_dim: int = 512
    code_dim: int = 4
    num_train_classes: int = 400
    num_held_out_classes: int = 40
    num_train_examples: int = 4800
    num_held_out_examples: int = 200
    num_activities: int = 2
    min_segment_clips: int = 5
    max_segment_clips: int = 7
    min_clips: int = 16
    max_clips: int = 18
    min_regions: int = 4
    max_regions: int = 5
    num_code_regions: int = 3
    noise: float = 0.5

    def __post_init__(self) -> None:
        """Refuses sizes that do not fit into each other."""
        for field in fields(self):
            if getattr(self, field.name) <= 0:
                raise UsageError(f"{field.name} must be positive")
        for low, high in (
            ("min_segment_clips", "max_segment_clips"),
            ("min_clips", "max_clips"),
            ("min_regions", "max_regions"),
            ("num_code_regions", "min_regions"),
            ("num_activities", "num_held_out_classes"),
            ("num_activities", "num_train_classes"),
        ):
            if getattr(self, low) > getattr(self, high):
                raise UsageError(
                    f"{low} is {getattr(self, low)} but {high} is {getattr(self, high)}"
                )
        if self.num_activities * self.min_segment_clips > self.min_clips:
            raise UsageError(
                f"{self.num_activities} segments of {self.min_segment_clips} clips do not fit "
                f"into {self.min_clips} clips"
            )


class PlantedDataset(Sequence[Example]):
    """Examples of the planted task; example ``i`` depends on config, split, seed and ``i`` only."""

    def __init__(self, config: PlantedConfig, split: PlantedSplit, seed: int) -> None:
        """Draws the maps, which all splits of a seed share, and the split's own classes."""
        self.config, self.seed = config, seed
        self.split: PlantedSplit = split
        train = split == "train"
        self._num = config.num_train_examples if train else config.num_held_out_examples
        maps = np.random.default_rng((seed, _MAPS_STREAM))
        scale = config.code_dim**-0.5
        self._to_clip, self._to_region, self._to_global = (
            (scale * maps.standard_normal((config.code_dim, dim))).astype(np.float32)
            for dim in (config.clip_dim, config.region_dim, config.global_dim)
        )
        num_classes = config.num_train_classes if train else config.num_held_out_classes
        self._idle_code = _unit_power(maps.standard_normal(config.code_dim))
        classes = np.random.default_rng((seed, _SPLIT_STREAMS[split]))
        self._codes = _unit_power(classes.standard_normal((num_classes, config.code_dim)))

    def __len__(self) -> int:
        return self._num

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> list[Example]: ...
    def __getitem__(self, index: int | slice) -> Example | list[Example]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(f"example {index} is outside a planted set of {len(self)}")
        config = self.config
        # Videos are shared by consecutive examples, one for each activity: they form swap pairs.
        video, asked = divmod(index, config.num_activities)
        rng = np.random.default_rng((self.seed, _SPLIT_STREAMS[self.split], video))
        classes = rng.choice(len(self._codes), config.num_activities, replace=False).tolist()
        steps, segments = self._video(rng, classes)
        query = np.random.default_rng((self.seed, _SPLIT_STREAMS[self.split], video, asked))
        regions, boxes = self._regions(query, classes[asked])
        sample = Sample(
            sample_id=f"{self.split}-{index}",
            video_id=f"{self.split}-{video}",
            duration_seconds=len(steps) * _CLIP_SECONDS,
            window=None,
            segment=segments[asked],
            label=f"{self.split}-class-{classes[asked]}",
            split=self.split,
            query_kind="simple",
            query_label=f"{self.split}-class-{classes[asked]}",
            query_video_id=f"{self.split}-{index}-query",
            query_seconds=0.0,
            query_image=None,
            source_video_id=f"{self.split}-{video}",
            pair_id=f"{self.split}-{video}" if asked < 2 else None,
            taxonomy_distance=0,
        )
        return Example(
            sample=sample,
            steps=steps,
            grid=ClipGrid(
                stride_seconds=_CLIP_SECONDS,
                length_seconds=_CLIP_SECONDS,
                duration_seconds=sample.duration_seconds,
            ),
            regions=regions,
            boxes=boxes,
            global_feature=self._noisy(query, self._codes[classes[asked]] @ self._to_global),
        )

    def _video(
        self, rng: np.random.Generator, classes: list[int]
    ) -> tuple[np.ndarray, list[Segment]]:
        config = self.config
        num_clips = int(rng.integers(config.min_clips, config.max_clips + 1))
        lengths = rng.integers(config.min_segment_clips, config.max_segment_clips + 1, len(classes))
        while lengths.sum() > num_clips:
            lengths[lengths.argmax()] -= 1
        # The idle clips fall into the gaps before, between and after the segments.
        cuts = np.sort(rng.integers(0, num_clips - lengths.sum() + 1, len(classes)))
        starts = cuts + np.concatenate([[0], lengths[:-1].cumsum()])
        # All idle clips of all videos show one background.
        steps = self._noisy(rng, np.tile(self._idle_code @ self._to_clip, (num_clips, 1)))
        segments = []
        for label, start, length in zip(classes, starts, lengths, strict=True):
            clean = np.tile(self._codes[label] @ self._to_clip, (length, 1))
            steps[start : start + length] = self._noisy(rng, clean)
            segments.append(
                Segment(float(start) * _CLIP_SECONDS, float(start + length) * _CLIP_SECONDS)
            )
        return steps, segments

    def _regions(self, rng: np.random.Generator, label: int) -> tuple[np.ndarray, np.ndarray]:
        config = self.config
        count = int(rng.integers(config.min_regions, config.max_regions + 1))
        codes = np.tile(self._idle_code, (count, 1))
        codes[rng.choice(count, config.num_code_regions, replace=False)] = self._codes[label]
        regions = self._noisy(rng, codes @ self._to_region)
        size = rng.uniform(0.1, 0.5, (count, 2))
        centre = size / 2 + rng.random((count, 2)) * (1 - size)
        return regions, np.concatenate([centre, size], axis=1).astype(np.float32)

    def _noisy(self, rng: np.random.Generator, clean: np.ndarray) -> np.ndarray:
        noise = rng.standard_normal(clean.shape, dtype=np.float32)
        return clean + np.float32(self.config.noise) * noise


def _unit_power(codes: np.ndarray) -> np.ndarray:
    """Codes with a mean square of 1, so that no length tells classes apart."""
    power = np.square(codes).mean(axis=-1, keepdims=True)
    return (codes / power**0.5).astype(np.float32)
