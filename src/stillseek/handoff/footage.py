"""How the frames of a video file are counted where it is edited."""

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from stillseek.errors import UsageError
from stillseek.handoff.timecode import (
    STANDARD_RATES,
    base_of,
    parse_timecode,
    standard_rate,
    timecode,
)
from stillseek.media import VideoInfo, probe
from stillseek.timeline import Segment

# Editors count in some rate even where the file tells none.
_UNKNOWN_RATE = Fraction(25)
# What editors know; the frame field of a time code has two digits.
_BASES = (60, 50, 48, 30, 25, 24)
# Containers round times to milliseconds: 0.03 of a frame at 60 a second.
_SNAP_FRAMES = 1 / 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Footage:
    """A video file as editing programs see it: numbered frames at an even rate.

    Frames are counted from the first one that is shown. Those of a file of constant rate keep
    their own numbers, also where a camera misses its rate by a little (30.006 a second are counted
    as 30); a file of variable rate is counted by the clock at its usual rate, as programs that lay
    it on an even time line do. Of more than 60 frames a second every second, third, ... is counted.

    Attributes:
        video: The file.
        rate: Frames a second, as programs name it.
        frames_per_second: Frames a second of the file's own time.
        start_seconds: Instant of the file at which frame 0 is shown.
        num_frames: Frames in all, at least 1.
        first_number: Number that the source time code gives frame 0; 0 where there is none.
        is_drop: Whether time code drops numbers.
        width: Pixels across, as displayed.
        height: Pixels down, as displayed.
        has_audio: Whether there is sound.
        duration_seconds: End of the last frame in the file's time.
    """

    video: Path
    rate: Fraction
    frames_per_second: Fraction
    start_seconds: float
    num_frames: int
    first_number: int
    is_drop: bool
    width: int
    height: int
    has_audio: bool
    duration_seconds: float

    def frames(self, segment: Segment) -> range:
        """The frames on display during a segment, as `stillseek.media.cut` cuts them."""
        last = self.num_frames
        start, end = (self._position(t) for t in (segment.start_seconds, segment.end_seconds))
        first = min(max(0, math.floor(start + _SNAP_FRAMES)), last - 1)
        return range(first, min(max(first + 1, math.ceil(end - _SNAP_FRAMES)), last))

    def seconds_of(self, frame: int) -> float:
        """Instant of the file at which a frame begins."""
        return self.start_seconds + float(frame / self.frames_per_second)

    def timecode(self, number: int) -> str:
        """How a frame number is written."""
        return timecode(number, self.rate, is_drop=self.is_drop)

    def check_countable(self, what: str) -> None:
        """Refuses a rate that editing programs cannot count.

        Raises:
            UsageError: It is more than 60 frames a second, and no multiple of what they know.
        """
        if base_of(self.rate) > max(_BASES):
            raise UsageError(
                f"{self.video} has {float(self.rate):.6g} frames a second, which {what} cannot "
                "count; expected at most 60, or a multiple of 24, 25, 30, 48, 50 or 60: "
                "cut clips instead, or convert the video"
            )

    def _position(self, seconds: float) -> float:
        return float((seconds - self.start_seconds) * self.frames_per_second)


def footage_of(video: Path, *, start_at_zero: bool = False) -> Footage:
    """How a video file is counted.

    Args:
        video: The file.
        start_at_zero: Whether to count from zero whatever source time code the file has.

    Raises:
        MediaError: It can't be read.
    """
    info = probe(video)
    own = _usual_rate(info) if _is_uneven(info) else info.frame_rate or _UNKNOWN_RATE
    step = _counted_step(own)
    rate, per_second = standard_rate(own / step), own / step
    given = None if start_at_zero else info.start_timecode
    first, is_drop = (given and parse_timecode(given, rate * step)) or (0, False)
    shown_seconds = info.duration_seconds - info.start_seconds
    return Footage(
        video=video,
        rate=rate,
        frames_per_second=per_second,
        start_seconds=info.start_seconds,
        num_frames=max(1, round(shown_seconds * per_second)),
        first_number=first // step,
        is_drop=is_drop,
        width=info.width,
        height=info.height,
        has_audio=info.has_audio,
        duration_seconds=info.duration_seconds,
    )


def _is_uneven(info: VideoInfo) -> bool:
    """Whether frames do not come at the average rate: a short one makes it one that has no name."""
    average, usual = info.frame_rate or _UNKNOWN_RATE, info.usual_rate
    has_name = standard_rate(average) in STANDARD_RATES
    means_another = usual is not None and standard_rate(usual) in STANDARD_RATES
    return info.is_variable or (means_another and not has_name)


def _usual_rate(info: VideoInfo) -> Fraction:
    """The rate at which a file of variable rate is laid on a time line."""
    average = info.frame_rate or _UNKNOWN_RATE
    for rate in (info.usual_rate, average):
        if rate is not None and standard_rate(rate) in STANDARD_RATES:
            return standard_rate(rate)
    return next((rate for rate in STANDARD_RATES if rate >= average), STANDARD_RATES[-1])


def _counted_step(rate: Fraction) -> int:
    """Of so many frames one is counted, so that editing programs know the rate."""
    base = base_of(rate)
    if base <= max(_BASES):
        return 1
    return next((base // known for known in _BASES if base % known == 0), 1)
