"""Clips of several frames: which frames of a video form them, and which part of a frame."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from stillseek.errors import UsageError
from stillseek.timeline import ClipGrid


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipSampling:
    """Which frames a clip is made of.

    Attributes:
        num_frames: Frames of a clip.
        stride_frames: Frames between the starts of two clips.
        frame_rate: Frames a second that are taken, whatever the video has.

    Raises:
        UsageError: A value is not positive, or clips leave frames out.
    """

    num_frames: int
    stride_frames: int
    frame_rate: float

    def __post_init__(self) -> None:
        if not (0 < self.stride_frames <= self.num_frames and self.frame_rate > 0):
            raise UsageError(
                f"clips need 0 < stride_frames <= num_frames and a positive frame rate, got {self}"
            )

    @property
    def interval_seconds(self) -> float:
        """Time between two frames."""
        return 1 / self.frame_rate

    @property
    def stride_seconds(self) -> float:
        """Time between the starts of two clips."""
        return self.stride_frames / self.frame_rate

    def grid(self, duration_seconds: float) -> ClipGrid:
        """Time grid of a video."""
        return ClipGrid(
            stride_seconds=self.stride_seconds,
            length_seconds=self.num_frames / self.frame_rate,
            duration_seconds=duration_seconds,
        )

    def clips(
        self, frames: Iterable[UInt8[np.ndarray, "height width 3"]]
    ) -> Iterator[UInt8[np.ndarray, "frame height width 3"]]:
        """Stacks of consecutive frames, as long as there is a frame to begin one with.

        The last ones are filled up with the last frame, as a player shows it.
        """
        held: list[np.ndarray] = []
        for frame in frames:
            held.append(frame)
            if len(held) == self.num_frames:
                yield np.stack(held)
                held = held[self.stride_frames :]
        while held:
            yield np.stack([*held, *[held[-1]] * (self.num_frames - len(held))])
            held = held[self.stride_frames :]


@dataclass(frozen=True, slots=True, kw_only=True)
class CentreCrop:
    """Which part of a frame an encoder sees, and how large.

    Attributes:
        resize: Height and width that the whole frame is squashed to, or one number: the shorter
            side, and the shape is kept.
        crop: Height and width that are cut out of its centre.

    Raises:
        UsageError: There are not one or two positive numbers, or the crop does not fit in.
    """

    resize: tuple[int, ...]
    crop: tuple[int, int]

    def __post_init__(self) -> None:
        height, width = self.crop
        if not (
            len(self.resize) in (1, 2)
            and 0 < height <= self.resize[0]
            and 0 < width <= self.resize[-1]
        ):
            raise UsageError(
                f"a frame is resized to one or two sides, at least those of the crop, got {self}"
            )

    def resized(self, *, width: int, height: int) -> tuple[int, int]:
        """Width and height that a frame is scaled to."""
        if len(self.resize) == 2:
            return self.resize[1], self.resize[0]
        shorter, longer = self.resize[0], self.resize[0] * max(width, height) // min(width, height)
        return (shorter, longer) if width <= height else (longer, shorter)

    def cut(
        self, frame: UInt8[np.ndarray, "height width 3"]
    ) -> UInt8[np.ndarray, "crop_height crop_width 3"]:
        """The centre of a scaled frame."""
        (height, width), (rows, columns) = frame.shape[:2], self.crop
        # Half a pixel goes to the even side, as in torchvision.
        top, left = round((height - rows) / 2), round((width - columns) / 2)
        return frame[top : top + rows, left : left + columns]
