"""Videos of all other containers: read from their beginning, timed by their clock."""

from collections.abc import Iterator
from fractions import Fraction
from heapq import heapify, heappop, heappush
from itertools import chain
from math import inf
from pathlib import Path

import av
import numpy as np
from av import VideoFrame
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from stillseek.media import faults
from stillseek.media.clock import Clock, clock_of
from stillseek.media.container import (
    FALLBACK_RATE,
    SNAP_SECONDS,
    Extent,
    TimedFrame,
    format_name,
    open_video,
    packets_of,
)

# Containers that announce a duration; the others only let FFmpeg estimate one.
_ANNOUNCING_FORMATS = frozenset({"avi", "flv", "asf", "matroska", "mov"})
# Containers whose demuxers stop where another file begins, and the share of a file that an index
# and other data at its end may have.
_ONE_PIECE, _MAX_UNREAD = frozenset({"flv", "matroska"}), 0.2


def has_display_times(container: InputContainer, stream: VideoStream) -> bool:
    """Whether a container stores when a frame is shown, and not only when it is decoded."""
    name = format_name(container)
    # Matroska keeps what an AVI program wrote as AVI does, with the codec's tag.
    return name != "avi" and (name != "matroska" or not stream.codec_context.codec_tag.strip("\0"))


class ClockedReader:
    """Reads a video from its beginning, whatever instant is asked for.

    Packets before the instant are read without being decoded, at the speed of the disk.
    """

    can_seek = False

    def __init__(self, path: Path, container: InputContainer, stream: VideoStream) -> None:
        self._path = path
        self._open(container, stream)
        self.clock = clock_of(
            path, stream.index, has_display_times=has_display_times(container, stream)
        )
        if format_name(container) in _ONE_PIECE and self.clock.unread_share > _MAX_UNREAD:
            faults.warn_unread(path, self.clock.video_seconds, self.clock.unread_share)
        if self.clock.left_out_seconds:
            faults.warn_damaged_times(path, self.clock.left_out_seconds)

    @property
    def can_skip(self) -> bool:
        """Whether frames can be left out without being decoded."""
        return bool(self.clock.is_exact.all())

    @property
    def frame_rate(self) -> Fraction | None:
        """Average frames per second, None for a single frame without one."""
        return self.clock.frame_rate

    @property
    def announced_seconds(self) -> float | None:
        """Length of the video as the container states it, None if it does not."""
        if format_name(self.container) not in _ANNOUNCING_FORMATS:
            return None
        seconds = None
        if self.stream.duration is not None and self.stream.time_base is not None:
            seconds = float(self.stream.duration * self.stream.time_base)
        elif self.container.duration is not None:
            # FLV states the time of the end, more than the length after a late start.
            late = max(0, self.container.start_time or 0)
            seconds = (self.container.duration - late) / av.time_base
        # AVI's duration shrinks with the file when it is cut; its frame count does not.
        if format_name(self.container) == "avi" and self.stream.frames and self.frame_rate:
            seconds = max(seconds or 0.0, float(self.stream.frames / self.frame_rate))
        return None if seconds is None else seconds - self.clock.left_out_seconds

    def frames(self, from_seconds: float) -> Iterator[TimedFrame]:
        """Frames from at or before an instant to the end of the file."""
        number = self.clock.packet_before(from_seconds)
        frames = self._decode_from(number)
        first = next(frames, None)
        if number and (first is None or first.seconds > from_seconds + SNAP_SECONDS):
            # What is flagged as a key frame does not decode on its own.
            frames = self._decode_from(0)
            first = next(frames, None)
        if first is not None:
            yield first
            yield from frames

    def shift_of(self, stream_index: int, packet_number: int) -> float:
        """Seconds to add to the own time of a packet of a sound stream."""
        return self.clock.shift_of(stream_index, packet_number)

    def extent(self, expected_seconds: float | None) -> Extent:
        """How far the packets reach; `expected_seconds` changes nothing, all were read."""
        del expected_seconds
        clock = self.clock
        return Extent(clock.video_seconds, clock.any_seconds, clock.ends_inside_packet)

    def _open(self, container: InputContainer, stream: VideoStream) -> None:
        self.container, self.stream = container, stream
        self._packets = enumerate(packets_of(container, stream))
        self._num_read = 0

    def _decode_from(self, first: int) -> Iterator[TimedFrame]:
        """Frames from a packet on, by its number, without those shown before it."""
        if first < self._num_read:
            # Opening again also works for the raw streams that cannot seek.
            self.container.close()
            self._open(*open_video(self._path))
        elif self._num_read:
            self.stream.codec_context.flush_buffers()
        begin = float(self.clock.seconds[first]) if first else -inf
        line = _Times(self.clock)
        for number, packet in chain(self._packets, [(-1, None)]):
            if packet is not None:
                self._num_read = number + 1
                if number >= len(self.clock.seconds):
                    # The file has grown since its clock was read.
                    return
                if number < first or self.clock.is_broken[number]:
                    continue
                line.expect(number)
                # Decoders hand on what they take for a time: so each frame names its packet.
                packet.pts, packet.dts = number, None
            try:
                frames = self.stream.decode(packet)
            except FFmpegError:
                line.forget(number)
                continue
            for frame in frames:
                timed = line.timed(frame)
                if timed.seconds >= begin - SNAP_SECONDS:
                    yield timed


class _Times:
    """Gives the frames of a decoder their times of display."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._step = float(1 / (clock.frame_rate or FALLBACK_RATE))
        self._numbers = range(len(clock.seconds))
        self._line = np.sort(np.append(clock.seconds, clock.video_seconds))
        # Times of packets that only say when they are decoded, the first on top.
        self._waiting: list[tuple[float, int]] = []
        self._previous = -self._step

    def expect(self, number: int) -> None:
        """Notes a packet that goes to the decoder."""
        if not self._clock.is_exact[number]:
            heappush(self._waiting, (float(self._clock.seconds[number]), number))

    def forget(self, number: int) -> None:
        """Takes back a packet that does not decode."""
        self._waiting = [waiting for waiting in self._waiting if waiting[1] != number]
        heapify(self._waiting)

    def timed(self, frame: VideoFrame) -> TimedFrame:
        """A frame in order of display with its time."""
        number = frame.pts if frame.pts in self._numbers else None
        if number is not None and not self._clock.is_exact[number]:
            number = self._next_waiting(number, is_key=frame.key_frame)
        seconds = -inf if number is None else float(self._clock.seconds[number])
        end = -inf if number is None else float(self._clock.end_seconds[number])
        if number is None or seconds <= self._previous:
            # A broken time, or none: between the frame before and the next time that is known, so
            # that one frame too many moves no other.
            behind = np.searchsorted(self._line, self._previous + SNAP_SECONDS)
            left = self._line[behind] - self._previous if behind < len(self._line) else inf
            seconds = self._previous + min(self._step, left / 2)
            end = self._previous + min(2 * self._step, left)
        self._previous = seconds
        return TimedFrame(seconds, end, frame)

    def _next_waiting(self, number: int, *, is_key: bool) -> int | None:
        """The packet whose time a frame takes that came in another one."""
        if is_key:
            # Nothing from before is shown later: what still waits gave no frame.
            begin = float(self._clock.seconds[number])
            while self._waiting and self._waiting[0][0] < begin - SNAP_SECONDS:
                heappop(self._waiting)
        return heappop(self._waiting)[1] if self._waiting else None
