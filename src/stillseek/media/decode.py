"""Frames of a video: all of them, at a steady interval, or at given instants."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, takewhile
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from stillseek.errors import UsageError
from stillseek.media.container import SNAP_SECONDS, TimedFrame
from stillseek.media.pixels import PixelConverter
from stillseek.media.probe import probe
from stillseek.media.source import VideoSource

# Decoding on is cheaper than seeking to a keyframe (every 2 to 10 s) unless the gap is larger.
_SEEK_GAP_SECONDS = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A picture of a video.

    Attributes:
        seconds: Its time from the start of the container, as players count.
        pixels: Upright RGB, 0 to 255.
    """

    seconds: float
    pixels: UInt8[np.ndarray, "height width 3"]


def decode(path: str | Path, *, size: tuple[int, int] | None = None) -> Iterator[Frame]:
    """Every frame of a video in order of display, with its own timestamp; lazily.

    Args:
        path: The video.
        size: Width and height to scale to, in pixels; None keeps the size.

    Warns:
        TruncatedMediaWarning: At the end, if the file is cut off.

    Raises:
        MediaError: At the first frame, if the file is not a video that decodes.
        UsageError: The size is not positive.
    """
    _check_size(size)
    return _decode(Path(path), size)


def sample(
    path: str | Path,
    *,
    interval_seconds: float,
    size: tuple[int, int] | None = None,
    start_seconds: float = 0.0,
    end_seconds: float | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> Iterator[Frame]:
    """The frames displayed at ``start_seconds + k * interval_seconds``, k = 0, 1, ...; lazily.

    Frames are chosen by their timestamps, so a variable frame rate keeps its timing: a frame shown
    for long is repeated. Before the first frame, the first one counts as displayed. ``seconds`` of
    a result is the instant asked for. Only kept frames are scaled and converted.

    Args:
        path: The video.
        interval_seconds: Time between two instants.
        size: Width and height to scale to, in pixels; None keeps the size.
        start_seconds: First instant.
        end_seconds: First instant that is not wanted; None goes to the end of the video.
        on_progress: Called with the instant of each frame before it is handed out.

    Warns:
        TruncatedMediaWarning: At the end, if the file is cut off before `end_seconds`.

    Raises:
        MediaError: At the first frame, if the file is not a video that decodes.
        UsageError: An argument is out of range, or the video ends before `start_seconds`.
    """
    _check_size(size)
    if not 0 < interval_seconds < math.inf:
        raise UsageError(f"the sampling interval must be positive seconds, got {interval_seconds}")
    if not 0 <= start_seconds < math.inf:
        raise UsageError(f"sampling starts at 0 seconds or later, got {start_seconds}")
    if end_seconds is not None and not end_seconds > start_seconds:
        raise UsageError(
            f"sampling must end after it starts, got [{start_seconds}, {end_seconds}) seconds"
        )
    end = math.inf if end_seconds is None else end_seconds - SNAP_SECONDS
    instants = takewhile(
        lambda instant: instant < end, (start_seconds + k * interval_seconds for k in count())
    )
    return _sample(Path(path), instants, size, start_seconds, on_progress)


def frame_at(
    path: str | Path, seconds: float, *, size: tuple[int, int] | None = None
) -> UInt8[np.ndarray, "height width 3"]:
    """The frame displayed at an instant; see :func:`frames_at`."""
    return frames_at(path, [seconds], size=size)[0]


def frames_at(
    path: str | Path, seconds: Sequence[float], *, size: tuple[int, int] | None = None
) -> list[UInt8[np.ndarray, "height width 3"]]:
    """The frames displayed at some instants, in the order asked for; seeks over long gaps.

    Args:
        path: The video.
        seconds: Instants, in any order; each at least 0 and before the end of the video.
        size: Width and height to scale to, in pixels; None keeps the size.

    Raises:
        MediaError: The file is not a video that decodes.
        UsageError: An instant lies outside the video.
    """
    _check_size(size)
    path = Path(path)
    for instant in seconds:
        if not 0 <= instant < math.inf:
            raise UsageError(f"a frame's time must be 0 or more seconds, got {instant}")
    found: dict[float, np.ndarray] = {}
    with VideoSource(path) as source:
        convert = PixelConverter(size, source.pixel_aspect)
        gap = _SEEK_GAP_SECONDS if source.reader.can_skip else math.inf
        for instants in _runs(sorted(set(seconds)), gap):
            for instant, timed in displayed_at(source.frames(instants[0]), instants):
                found[instant] = convert(timed.frame)
            if instants[-1] not in found:
                raise _after_the_end(path, next(i for i in instants if i not in found))
    return [found[instant] for instant in seconds]


def displayed_at(
    frames: Iterable[TimedFrame], instants: Iterable[float]
) -> Iterator[tuple[float, TimedFrame]]:
    """Pairs of ascending instants with the frame displayed then, up to the end of the frames."""
    waiting = iter(instants)
    instant = next(waiting, None)
    shown: TimedFrame | None = None
    for timed in frames:
        while shown is not None and instant is not None:
            if instant + SNAP_SECONDS >= timed.seconds:
                break
            yield instant, shown
            instant = next(waiting, None)
        if instant is None:
            return
        shown = timed
    while shown is not None and instant is not None and instant < shown.end_seconds - SNAP_SECONDS:
        yield instant, shown
        instant = next(waiting, None)


def _decode(path: Path, size: tuple[int, int] | None) -> Iterator[Frame]:
    with VideoSource(path) as source:
        convert = PixelConverter(size, source.pixel_aspect)
        for timed in source.frames():
            yield Frame(timed.seconds, convert(timed.frame))


def _sample(
    path: Path,
    instants: Iterable[float],
    size: tuple[int, int] | None,
    start_seconds: float,
    on_progress: Callable[[float], None] | None,
) -> Iterator[Frame]:
    with VideoSource(path) as source:
        convert = PixelConverter(size, source.pixel_aspect)
        is_empty = True
        for instant, timed in displayed_at(source.frames(start_seconds), instants):
            is_empty = False
            if on_progress is not None:
                on_progress(instant)
            yield Frame(instant, convert(timed.frame))
        if is_empty:
            raise _after_the_end(path, start_seconds)


def _runs(instants: Sequence[float], gap_seconds: float) -> Iterator[list[float]]:
    run: list[float] = []
    for instant in instants:
        if run and instant - run[-1] > gap_seconds:
            yield run
            run = []
        run.append(instant)
    if run:
        yield run


def _after_the_end(path: Path, seconds: float) -> UsageError:
    # Rounded down: a time after the end is never said to be before it.
    end_seconds = math.floor(1000 * probe(path).duration_seconds + 1e-6) / 1000
    return UsageError(
        f"{path} has no frame at {seconds} seconds; choose a time before it ends, at "
        f"{end_seconds} seconds"
    )


def _check_size(size: tuple[int, int] | None) -> None:
    if size is not None and min(size) < 1:
        raise UsageError(f"a frame size is a width and a height of at least 1 pixel, got {size}")
