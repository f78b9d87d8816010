"""Examples: a sample with its features and its time grid, and batches of them for the models."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, overload, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from stillseek.data.sample import Sample
from stillseek.errors import FeatureError
from stillseek.features import QueryFeatures, VideoFeatures
from stillseek.scores import pool_steps
from stillseek.tensors import LocalizerInput
from stillseek.timeline import MAX_STEPS, ClipGrid, Segment


@runtime_checkable
class FeatureSource(Protocol):
    """Where features come from; a feature store, or a test."""

    def load_video_features(self, video_id: str, window: Segment | None) -> VideoFeatures:
        """Clip features of a video or window, and the grid whose clips they are."""
        ...

    def load_grid(self, video_id: str, window: Segment | None) -> ClipGrid:
        """The grid of `load_video_features`, without the clips."""
        ...

    def load_query_features(self, sample: Sample) -> QueryFeatures:
        """Region features, boxes and global feature of a sample's query image."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A sample with everything a model needs, on the model's time grid.

    Attributes:
        sample: The question and its answer.
        steps: One feature a step of the grid.
        grid: Converts steps to seconds.
        regions: Region features of the query image.
        boxes: Centre x, centre y, width, height of each region, in fractions of the image.
        global_feature: Feature of the whole query image.

    Raises:
        FeatureError: The number of features does not fit the grid, or the query has no region.
    """

    sample: Sample
    steps: Float[np.ndarray, "step clip_dim"]
    grid: ClipGrid
    regions: Float[np.ndarray, "region region_dim"]
    boxes: Float[np.ndarray, "region 4"]
    global_feature: Float[np.ndarray, " global_dim"]

    def __post_init__(self) -> None:
        name = self.sample.sample_id
        if len(self.steps) != self.grid.num_steps:
            raise FeatureError(
                f"sample {name!r} has {len(self.steps)} features for a grid of "
                f"{self.grid.num_steps} steps; extract the features again"
            )
        if len(self.regions) == 0 or len(self.regions) != len(self.boxes):
            raise FeatureError(
                f"the query of sample {name!r} has {len(self.regions)} regions and "
                f"{len(self.boxes)} boxes, expected at least one and as many; extract it again"
            )

    @property
    def labels(self) -> tuple[int, int]:
        """Start and end step, the targets of the loss."""
        return self.grid.labels(self.sample.segment)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Padded examples and their targets.

    Attributes:
        inputs: What the model sees.
        start_step: Ground truth start ``s``.
        end_step: Ground truth end ``e``, included.
        sample_ids: Whose examples these are.
        grids: Their time grids, which turn the model's steps into seconds.
    """

    inputs: LocalizerInput
    start_step: Int[Tensor, " batch"]
    end_step: Int[Tensor, " batch"]
    sample_ids: tuple[str, ...]
    grids: tuple[ClipGrid, ...]

    def __len__(self) -> int:
        return len(self.grids)

    def to(self, device: torch.device | str) -> "Batch":
        """The same batch on another device."""
        return dataclasses.replace(
            self,
            inputs=self.inputs.to(device),
            start_step=self.start_step.to(device),
            end_step=self.end_step.to(device),
        )


class ExampleSet(Sequence[Example]):
    """Samples as examples, loaded when asked for."""

    def __init__(
        self, samples: Sequence[Sample], source: FeatureSource, *, max_steps: int = MAX_STEPS
    ) -> None:
        self.samples = tuple(samples)
        self._source = source
        self._max_steps = max_steps

    def __len__(self) -> int:
        return len(self.samples)

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> "ExampleSet": ...
    def __getitem__(self, index: int | slice) -> "Example | ExampleSet":
        if isinstance(index, slice):
            return ExampleSet(self.samples[index], self._source, max_steps=self._max_steps)
        return self.load(index)

    def load(self, index: int, change: Callable[[Example], Example] | None = None) -> Example:
        """An example, whose clips may be changed before they become steps."""
        sample = self.samples[index]
        video = self._source.load_video_features(sample.video_id, sample.window)
        query = self._source.load_query_features(sample)
        example = Example(
            sample=sample,
            steps=video.clips,
            grid=video.grid,
            regions=query.regions,
            boxes=query.boxes,
            global_feature=query.global_feature,
        )
        if change is not None:
            example = change(example)
        grid = dataclasses.replace(example.grid, max_steps=self._max_steps)
        return dataclasses.replace(example, steps=pool_steps(example.steps, grid), grid=grid)

    def grid(self, index: int) -> ClipGrid:
        """The time grid of an example; no feature is loaded for it."""
        sample = self.samples[index]
        grid = self._source.load_grid(sample.video_id, sample.window)
        return dataclasses.replace(grid, max_steps=self._max_steps)


def samples_of(examples: Sequence[Example]) -> tuple[Sample, ...]:
    """The samples of examples; of an `ExampleSet` no feature is loaded for them."""
    if isinstance(examples, ExampleSet):
        return examples.samples
    return tuple(example.sample for example in examples)


class StepTargets(Sequence[tuple[int, int, int]]):
    """Start step, end step (included) and number of steps of examples, worked out when asked for.

    Of an `ExampleSet` no feature is loaded for them.
    """

    def __init__(self, examples: Sequence[Example]) -> None:
        self._examples = examples

    def __len__(self) -> int:
        return len(self._examples)

    @overload
    def __getitem__(self, index: int) -> tuple[int, int, int]: ...
    @overload
    def __getitem__(self, index: slice) -> "StepTargets": ...
    def __getitem__(self, index: int | slice) -> "tuple[int, int, int] | StepTargets":
        if isinstance(index, slice):
            return StepTargets(self._examples[index])
        if isinstance(self._examples, ExampleSet):
            sample, grid = self._examples.samples[index], self._examples.grid(index)
        else:
            example = self._examples[index]
            sample, grid = example.sample, example.grid
        return *grid.labels(sample.segment), grid.num_steps


def collate(examples: Sequence[Example]) -> Batch:
    """Pads examples to a batch in float32; padding is zero and masked."""
    clips, clip_mask = _pad([example.steps for example in examples])
    regions, region_mask = _pad([example.regions for example in examples])
    boxes, _ = _pad([example.boxes for example in examples])
    labels = torch.tensor([example.labels for example in examples], dtype=torch.long)
    return Batch(
        inputs=LocalizerInput(
            clips=clips,
            clip_mask=clip_mask,
            regions=regions,
            boxes=boxes,
            region_mask=region_mask,
            global_feature=torch.from_numpy(
                np.stack([example.global_feature for example in examples]).astype(np.float32)
            ),
        ),
        start_step=labels[:, 0],
        end_step=labels[:, 1],
        sample_ids=tuple(example.sample.sample_id for example in examples),
        grids=tuple(example.grid for example in examples),
    )


def _pad(arrays: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
    longest = max(len(array) for array in arrays)
    padded = np.zeros((len(arrays), longest, arrays[0].shape[1]), dtype=np.float32)
    mask = np.zeros((len(arrays), longest), dtype=np.bool_)
    for row, array in enumerate(arrays):
        padded[row, : len(array)] = array
        mask[row, : len(array)] = True
    return torch.from_numpy(padded), torch.from_numpy(mask)
