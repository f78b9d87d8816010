"""Changes to training examples that keep their answer; without torch, for the command line."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from stillseek.errors import UsageError
from stillseek.timeline import Segment

if TYPE_CHECKING:
    from stillseek.data.example import Example

# Keeps these draws apart from those of the order of the examples.
_STREAM = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """What happens to training examples; 0 everywhere changes nothing.

    Attributes:
        crop: Largest share of the time before the target, and of that after it, that is cut off.
        region_drop: Chance that a region of the query is left out; one always stays.
        rotation: Chance that the feature space is turned: clips, regions and whole picture by one
            random orthogonal matrix, for recipes that have the three in one space.

    Raises:
        UsageError: A value is out of range.
    """

    crop: float = 0.0
    region_drop: float = 0.0
    rotation: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.crop <= 1:
            raise UsageError(f"crop must be in [0, 1], got {self.crop}")
        if not 0 <= self.region_drop < 1:
            raise UsageError(f"region_drop must be in [0, 1), got {self.region_drop}")
        if not 0 <= self.rotation <= 1:
            raise UsageError(f"rotation must be in [0, 1], got {self.rotation}")


def augment(
    example: "Example", augmentation: Augmentation, *, seed: int, epoch: int, index: int
) -> "Example":
    """An example as it is in one epoch; it depends on the three numbers only.

    Raises:
        UsageError: The example is to be cropped and its clips are pooled to steps already, or it
            is to be turned and its features have no space in common.
    """
    if augmentation == Augmentation():
        return example
    rng = np.random.default_rng((seed, epoch, index, _STREAM))
    if augmentation.crop:
        example = _crop(example, augmentation.crop * rng.random(2))
    if augmentation.region_drop:
        kept = rng.random(len(example.regions)) >= augmentation.region_drop
        kept[rng.integers(len(kept))] = True
        example = replace(example, regions=example.regions[kept], boxes=example.boxes[kept])
    if augmentation.rotation and rng.random() < augmentation.rotation:
        example = _turn(example, rng)
    return example


def check_one_space(clip_dim: int, region_dim: int, global_dim: int) -> None:
    """Refuses features that cannot lie in one space, by their widths.

    Raises:
        UsageError: They differ.
    """
    if not clip_dim == region_dim == global_dim:
        raise UsageError(
            "augmentation.rotation needs clips, regions and whole pictures in one space, and these "
            f"are {clip_dim}, {region_dim} and {global_dim} wide; leave it out, or take a recipe "
            "that has one encoder for all"
        )


def _turn(example: "Example", rng: np.random.Generator) -> "Example":
    features = (example.steps, example.regions, example.global_feature)
    check_one_space(*(feature.shape[-1] for feature in features))
    dim = example.steps.shape[-1]
    orthogonal, triangle = np.linalg.qr(rng.standard_normal((dim, dim)))
    # Uniform over all rotations and reflections only with these signs (Mezzadri 2007).
    turn = (orthogonal * np.sign(np.diag(triangle))).astype(np.float32)
    steps, regions, global_feature = (feature.astype(np.float32) @ turn for feature in features)
    return replace(example, steps=steps, regions=regions, global_feature=global_feature)


def _crop(example: "Example", shares: np.ndarray) -> "Example":
    grid, sample = example.grid, example.sample
    if grid.num_steps != grid.num_clips:
        raise UsageError(
            f"sample {sample.sample_id!r} has {grid.num_clips} clips pooled to {grid.num_steps} "
            "steps and cannot be cropped; give the examples as an ExampleSet"
        )
    # An annotation may end a little after its video.
    target_end = min(sample.segment.end_seconds, grid.duration_seconds)
    start = float(shares[0]) * sample.segment.start_seconds
    end = grid.duration_seconds - float(shares[1]) * (grid.duration_seconds - target_end)
    clips, part = grid.window(Segment(start, end))
    before = 0.0 if sample.window is None else sample.window.start_seconds
    cropped = replace(
        sample,
        duration_seconds=part.duration_seconds,
        window=Segment(before + start, before + start + part.duration_seconds),
        segment=Segment(max(0.0, sample.segment.start_seconds - start), target_end - start),
    )
    return replace(
        example, sample=cropped, grid=part, steps=example.steps[clips.start : clips.stop]
    )
