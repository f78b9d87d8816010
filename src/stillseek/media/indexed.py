"""Videos in MP4 and Matroska: an index, and a time for every frame, so that seeking is exact."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from math import inf
from pathlib import Path

import av
from av import Packet, VideoFrame
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from stillseek.media.container import (
    FALLBACK_RATE,
    SNAP_SECONDS,
    Extent,
    TimedFrame,
    format_name,
    open_video,
    packets_of,
)
from stillseek.media.joined import LONGEST_SILENCE_SECONDS, believable_rate


class IndexedReader:
    """Reads a video by the times and the index of its container.

    Attributes:
        claimed_seconds: Where the header and the index end the video; infinity if they do not tell.
    """

    can_seek = True
    can_skip = True

    def __init__(
        self, path: Path, container: InputContainer, stream: VideoStream, packets: Iterator[Packet]
    ) -> None:
        self._path = path
        self.container, self.stream = container, stream
        # Where the file was not read yet.
        self._packets: Iterator[Packet] | None = packets
        self.claimed_seconds = self._claimed()

    @property
    def frame_rate(self) -> Fraction | None:
        """Average frames per second, None if the file does not tell."""
        return believable_rate(self.stream.average_rate or self.stream.guessed_rate)

    @property
    def start_seconds(self) -> float:
        """What the file counts as its start."""
        start = (self.container.start_time or 0) / av.time_base
        if self.stream.start_time is not None and self.stream.time_base is not None:
            # The container rounds to microseconds; where the video starts it, take the exact time.
            exact = float(self.stream.start_time * self.stream.time_base)
            return exact if abs(exact - start) <= SNAP_SECONDS else start
        return start

    @property
    def announced_seconds(self) -> float | None:
        """Length of the video as the container states it, None if it does not."""
        if self.stream.duration is not None and self.stream.time_base is not None:
            first = self.stream.start_time or 0
            return float((first + self.stream.duration) * self.stream.time_base) - (
                self.start_seconds
            )
        if self.container.duration is not None:
            # Matroska states the time of the end, more than the length after a late start.
            return self.container.duration / av.time_base - self.start_seconds
        return None

    def frames(self, from_seconds: float) -> Iterator[TimedFrame]:
        """Frames from at or before an instant to the end of the file."""
        step = 0.0
        while from_seconds - step > 0:
            # A demuxer may seek by decoding time and so land after the instant: go back further.
            frames = self._decode_from(from_seconds - step)
            first = next(frames, None)
            if first is not None and first.seconds <= from_seconds + SNAP_SECONDS:
                break
            step = max(1.0, 4 * step)
        else:
            frames = self._decode_from(None)
            first = next(frames, None)
        if first is not None:
            yield first
            yield from frames

    def shift_of(self, stream_index: int, packet_number: int) -> float:
        """Seconds to add to a packet's own time: the same for all of a file."""
        del stream_index, packet_number
        return -self.start_seconds

    def extent(self, expected_seconds: float | None) -> Extent:
        """Measures the file by its packets, without decoding.

        Args:
            expected_seconds: Where the end should be; None if the file does not tell. Where it is
                not, all packets are read and not only the last ones.
        """
        length = self.container.duration
        if length is not None:
            self._seek(length / av.time_base)
            tail = self._walk()
            reached = expected_seconds is None or tail.any_seconds > expected_seconds
            if tail.video_seconds > 0 and reached and not tail.ends_inside_packet:
                return tail
        self._rewind()
        return self._walk()

    @property
    def _frame_seconds(self) -> float:
        return float(1 / (self.frame_rate or FALLBACK_RATE))

    def _claimed(self) -> float:
        announced, index = self.announced_seconds, self.stream.index_entries
        if announced is None or announced <= 0:
            return inf
        if self.stream.time_base is None or not len(index):
            return announced
        last = float(index[len(index) - 1].timestamp * self.stream.time_base)
        return max(announced, last - self.start_seconds)

    def _is_damaged(self, seconds: float) -> bool:
        """Whether a time is far behind the end that the file claims."""
        return seconds > self.claimed_seconds + LONGEST_SILENCE_SECONDS

    def _rewind(self) -> None:
        self.container.close()
        self.container, self.stream = open_video(self._path)
        self._packets = packets_of(self.container, self.stream)

    def _seek(self, seconds: float) -> None:
        try:
            self.container.seek(round((seconds + self.start_seconds) * av.time_base))
            self._packets = None
        except FFmpegError:
            self._rewind()

    def _decode_from(self, seconds: float | None) -> Iterator[TimedFrame]:
        if seconds is not None:
            self._seek(seconds)
        elif self._packets is None:
            self._rewind()
        packets, self._packets = self._packets or packets_of(self.container, self.stream), None
        previous: float | None = None
        # A broken time is counted on from the frame before; the first one of a file begins it.
        unknown = 0.0 if seconds is None else None
        # Frames that are shown before the one that decoding began with lack those they build on.
        begin: float | None = None
        for packet in chain(packets, [None]):
            if packet is not None and packet.is_corrupt:
                continue
            if packet is not None and seconds is not None and begin is None:
                begin = self._seconds(packet.pts, packet.time_base)
            try:
                frames = self.stream.decode(packet)
            except FFmpegError:
                continue
            for frame in frames:
                timed = self._timed(frame, previous, unknown)
                if timed is None:
                    return
                if begin is not None and timed.seconds < begin - SNAP_SECONDS:
                    continue
                previous = timed.seconds
                yield timed

    def _seconds(self, ticks: int | None, tick_seconds: Fraction) -> float | None:
        return None if ticks is None else float(ticks * tick_seconds) - self.start_seconds

    def _timed(
        self, frame: VideoFrame, previous: float | None, unknown: float | None
    ) -> TimedFrame | None:
        # The last frames of a decoder are not told their time base; it is the stream's.
        tick_seconds = self.stream.time_base or Fraction(1, av.time_base)
        seconds = self._seconds(frame.pts, tick_seconds)
        is_late = seconds is not None and (previous is None or seconds > previous)
        if seconds is None or not is_late or self._is_damaged(seconds):
            seconds = unknown if previous is None else previous + self._frame_seconds
        if seconds is None:
            return None
        return TimedFrame(seconds, self._end(seconds, frame.duration, tick_seconds), frame)

    def _end(self, seconds: float, ticks: int | None, tick_seconds: Fraction) -> float:
        """End of the display of a frame or packet."""
        shown = float(ticks * tick_seconds) if ticks else self._frame_seconds
        if self._is_damaged(seconds + shown):
            shown = min(shown, self._frame_seconds)
        announced = self.announced_seconds
        if (
            announced is not None
            and format_name(self.container) == "mov"
            and announced < seconds + shown
        ):
            # MP4 stores distances of decoding times only; behind B-frames of variable rate the
            # last of them is not the display time of the last frame.
            return max(announced, seconds + min(shown, self._frame_seconds))
        return seconds + shown

    def _walk(self) -> Extent:
        """Reads the packets of all streams from here to the end."""
        self._packets = None
        video = latest = 0.0
        is_cut = False
        for packet in packets_of(self.container, *self.container.streams):
            if packet.is_discard:
                continue
            is_cut = packet.is_corrupt
            stamp = packet.dts if packet.pts is None else packet.pts
            seconds = self._seconds(stamp, packet.time_base)
            if is_cut or seconds is None:
                continue
            is_video = packet.stream_index == self.stream.index
            if self._is_damaged(seconds):
                if not is_video:
                    continue
                seconds = video
            end = self._end(seconds, packet.duration, packet.time_base)
            latest = max(latest, end)
            if is_video:
                video = max(video, end)
        return Extent(video, latest, is_cut)
