"""Time: segments in seconds, and the one class that converts seconds to clip steps and back."""

import math
import re
from dataclasses import dataclass, replace

from stillseek.errors import UsageError

# Seconds come from float arithmetic on frame times; a boundary closer than this to a grid line
# lies on it. A microsecond is far below any frame interval.
_SNAP_SECONDS = 1e-6

_CLOCK = re.compile(r"(?:([0-9]+):)?([0-9]+):([0-9]{1,2}(?:[.,][0-9]*)?)")

# Section 6.1: "we downsample overlong features sequences to 200".
MAX_STEPS = 200


def clock_seconds(text: str) -> float | None:
    """Seconds of a time like ``1:02.5`` or ``1:00:02,5``; None where a text is no such time."""
    if (clock := _CLOCK.fullmatch(text)) is None:
        return None
    hours, minutes, seconds = (float((part or "0").replace(",", ".")) for part in clock.groups())
    if seconds >= 60 or (minutes >= 60 and clock[1] is not None):
        return None
    return 3600 * hours + 60 * minutes + seconds


@dataclass(frozen=True, slots=True)
class Segment:
    """A half-open stretch of time ``[start_seconds, end_seconds)``.

    Attributes:
        start_seconds: First instant, finite, at least 0.
        end_seconds: First instant after the segment, finite, greater than the start.

    Raises:
        UsageError: A bound is no number, not finite or negative, or the end is not after the start.
    """

    start_seconds: float
    end_seconds: float

    def __post_init__(self) -> None:
        """Refuses segments that are empty, reversed or not finite."""
        try:
            is_one = 0 <= self.start_seconds < self.end_seconds < math.inf
        except TypeError:
            # What is no number does not compare with one.
            is_one = False
        if not is_one:
            raise UsageError(
                f"a segment needs 0 <= start < end in finite seconds, got "
                f"[{self.start_seconds!r}, {self.end_seconds!r}); check the two times"
            )

    @property
    def duration_seconds(self) -> float:
        """Length in seconds."""
        return self.end_seconds - self.start_seconds

    def overlap_seconds(self, other: "Segment") -> float:
        """Seconds that both segments cover."""
        start = max(self.start_seconds, other.start_seconds)
        return max(0.0, min(self.end_seconds, other.end_seconds) - start)

    def iou(self, other: "Segment") -> float:
        """Temporal intersection over union (tIoU), in [0, 1]."""
        overlap = self.overlap_seconds(other)
        return overlap / (self.duration_seconds + other.duration_seconds - overlap)


@dataclass(frozen=True, slots=True)
class Moment:
    """A segment of a video with the score that it was found by.

    Attributes:
        start_seconds: First instant.
        end_seconds: First instant after the moment.
        score: Calibrated probability in [0, 1] that the moment shows the activity, comparable
            between videos; None where the head is not calibrated.
    """

    start_seconds: float
    end_seconds: float
    score: float | None

    @property
    def segment(self) -> Segment:
        """The moment without its score."""
        return Segment(self.start_seconds, self.end_seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipGrid:
    """The time axis of a model: seconds <-> clip index, for one video or window.

    A clip is a unit of consecutive frames: clip ``i`` spans
    ``[offset + i * stride, offset + i * stride + length)``, cut to ``[0, duration)``. Clips may
    overlap: a clip's own share of time ends where the next one starts. A step is one or more
    consecutive clips (section 6.1 downsamples overlong sequences to 200 steps) and covers their
    shares; the models' index is the step.

    Attributes:
        stride_seconds: Time between the starts of two clips.
        length_seconds: Time that a clip spans, at least the stride.
        duration_seconds: Length of the video or window.
        max_steps: Most steps the grid may have; None keeps one step a clip.
        offset_seconds: Where clip 0 starts; 0 in a video, and in a window less than a stride
            before it: the clips of a video do not wait for the window to begin.
    """

    stride_seconds: float
    length_seconds: float
    duration_seconds: float
    max_steps: int | None = None
    offset_seconds: float = 0.0

    def __post_init__(self) -> None:
        """Refuses grids that leave gaps or have no time at all."""
        if not (0 < self.stride_seconds <= self.length_seconds < math.inf):
            raise UsageError(
                "a clip grid needs 0 < stride <= length in seconds, got stride "
                f"{self.stride_seconds}, length {self.length_seconds}"
            )
        if not (0 < self.duration_seconds < math.inf):
            raise UsageError(
                f"a clip grid needs a positive, finite duration, got {self.duration_seconds}"
            )
        if self.max_steps is not None and self.max_steps < 1:
            raise UsageError(f"max_steps must be at least 1, got {self.max_steps}")
        if not -self.stride_seconds < self.offset_seconds <= 0:
            raise UsageError(
                f"clip 0 must start less than a stride of {self.stride_seconds} s before the "
                f"grid, and not after its start, got offset_seconds {self.offset_seconds}"
            )

    @property
    def num_clips(self) -> int:
        """Clips that start before the end of the video or window; at least 1."""
        last = self.duration_seconds - self.offset_seconds - _SNAP_SECONDS
        return max(1, math.ceil(last / self.stride_seconds))

    @property
    def num_steps(self) -> int:
        """Steps after downsampling: ``min(num_clips, max_steps)``."""
        return self.num_clips if self.max_steps is None else min(self.num_clips, self.max_steps)

    def clips_of_step(self, step: int) -> range:
        """Indices of the clips that form a step; every clip is in exactly one step."""
        if not 0 <= step < self.num_steps:
            raise IndexError(f"step {step} is outside a grid of {self.num_steps} steps")
        first = step * self.num_clips // self.num_steps
        return range(first, (step + 1) * self.num_clips // self.num_steps)

    def span(self, step: int) -> Segment:
        """Time that a step covers: from the start of its first clip to that of the next step.

        What its last clip shows may go on; but the clip that an activity ends in is the last one
        that starts before the end (`labels`), and the answer is read by the same rule.
        """
        clips = self.clips_of_step(step)
        start = max(0.0, self._clip_start(clips[0]))
        return Segment(start, min(self._clip_start(clips[-1] + 1), self.duration_seconds))

    def edges_seconds(self) -> list[float]:
        """Where steps begin and end, in order: step ``i`` spans from edge ``i`` to ``i + 1``.

        The same numbers as those of `span`, at once for all steps.
        """
        num_clips, num_steps = self.num_clips, self.num_steps
        edges = [self._clip_start(step * num_clips // num_steps) for step in range(num_steps + 1)]
        return [max(0.0, edges[0]), *edges[1:-1], min(edges[-1], self.duration_seconds)]

    def segment(self, first_step: int, last_step: int) -> Segment:
        """Time from the start of one step to the end of another, both included."""
        return Segment(self.span(first_step).start_seconds, self.span(last_step).end_seconds)

    def seconds_at(self, position: float) -> float:
        """Seconds at a position in steps of the grid, even between whole ones and exact at them."""
        step = min(math.floor(position), self.num_steps - 1)
        span, part = self.span(step), position - step
        return span.end_seconds if part == 1 else span.start_seconds + part * span.duration_seconds

    def segment_between(self, start: float, end: float) -> Segment:
        """Time between two positions in steps as real numbers: ``[i, j + 1)`` is `segment(i, j)`.

        Between whole steps time moves evenly. What lies outside the grid is cut off.

        Raises:
            UsageError: Nothing of the grid lies between the positions, or one is not a number.
        """
        start, end = max(start, 0.0), min(end, float(self.num_steps))
        if not start < end:
            raise UsageError(
                f"positions [{start}, {end}) leave nothing of a grid of {self.num_steps} steps; "
                "give a start before the end, inside the grid"
            )
        end_seconds = self.seconds_at(end)
        # Rounding may leave nothing of two positions that almost agree.
        return Segment(min(self.seconds_at(start), math.nextafter(end_seconds, 0.0)), end_seconds)

    def labels(self, segment: Segment) -> tuple[int, int]:
        """Start and end step of a segment, the targets of the training loss.

        The start label is the step that holds the start (the last one that begins at or before
        it); the end label is the last step that meets the segment.

        Raises:
            UsageError: The segment starts after the grid ends.
        """
        if segment.start_seconds >= self.duration_seconds:
            raise UsageError(
                f"segment [{segment.start_seconds}, {segment.end_seconds}) starts after the video "
                f"ends at {self.duration_seconds} s; check the annotation"
            )
        start_clip = self._clip_at(segment.start_seconds)
        end = segment.end_seconds - self.offset_seconds - _SNAP_SECONDS
        end_clip = math.ceil(end / self.stride_seconds) - 1
        start = self._step_of_clip(min(start_clip, self.num_clips - 1))
        return start, max(start, self._step_of_clip(min(end_clip, self.num_clips - 1)))

    def window(self, window: Segment) -> tuple[range, "ClipGrid"]:
        """The clips of a part of the video, and their grid, whose second 0 is the part's start.

        A window has the clip that runs when it starts (the last one that starts at or before it)
        and all that start in it: its times stay exact and every instant has a clip. What the
        first and the last clip show may lie outside by less than a stride and a length.

        Raises:
            UsageError: The window starts after the grid ends; one that only ends after it is cut.
        """
        end = min(window.end_seconds, self.duration_seconds)
        first = min(self._clip_at(window.start_seconds), self.num_clips - 1)
        # A start within a microsecond before a clip is that clip's start.
        start = max(window.start_seconds, self._clip_start(first))
        if not start + _SNAP_SECONDS < end:
            raise UsageError(
                f"window [{window.start_seconds}, {window.end_seconds}) starts after the video "
                f"ends at {self.duration_seconds} s; check the annotation"
            )
        part = replace(
            self, duration_seconds=end - start, offset_seconds=self._clip_start(first) - start
        )
        if first + part.num_clips > self.num_clips:
            # Rounding opened one clip more, within a microsecond of the end.
            part = replace(part, duration_seconds=part.duration_seconds - _SNAP_SECONDS)
        return range(first, first + part.num_clips), part

    def _clip_start(self, clip: int) -> float:
        return self.offset_seconds + clip * self.stride_seconds

    def _clip_at(self, seconds: float) -> int:
        """The last clip that starts at or before an instant; it need not be on the grid."""
        return math.floor((seconds - self.offset_seconds + _SNAP_SECONDS) / self.stride_seconds)

    def _step_of_clip(self, clip: int) -> int:
        return ((clip + 1) * self.num_steps - 1) // self.num_clips
