"""An open video file as a stream of timed frames, whatever its container gets wrong."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av import Packet, VideoFrame
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from stillseek.media import faults

# Timestamps are rationals turned into floats; closer than a microsecond is the same instant.
SNAP_SECONDS = 1e-6

# Demuxers that read no moving pictures: still images, and text drawn as video.
_STILL_FORMATS = frozenset({"image2", "tty"})
# Containers that announce a duration; the others only let FFmpeg estimate one.
_ANNOUNCING_FORMATS = frozenset({"mov", "matroska", "avi", "flv", "asf"})
# A container whose length is rounded, or that counts a frame more, is not truncated.
_TOLERANCE_SECONDS = 0.5
_FALLBACK_RATE = Fraction(25)
# After this many demuxing errors without a packet between them the rest is given up.
_MAX_DEMUX_ERRORS = 100


def open_container(path: Path) -> InputContainer:
    """Opens a local file, and nothing that it refers to on the network."""
    return av.open(
        # An absolute path is never taken for a protocol.
        str(path.absolute()),
        "r",
        container_options={"protocol_whitelist": "file"},
        metadata_errors="replace",
    )


@dataclass(frozen=True, slots=True)
class TimedFrame:
    """A decoded frame, not yet converted.

    Attributes:
        seconds: Instant of display, from the start of the container.
        end_seconds: Instant at which its display ends as far as the frame itself knows.
        frame: The picture as the decoder gave it.
    """

    seconds: float
    end_seconds: float
    frame: VideoFrame


@dataclass(frozen=True, slots=True)
class Extent:
    """How far the packets of a file reach, in seconds from the start of the container.

    Attributes:
        video_seconds: End of the last whole video packet.
        any_seconds: End of the last whole packet of any stream.
        ends_inside_packet: Whether the last packet is cut off.
    """

    video_seconds: float
    any_seconds: float
    ends_inside_packet: bool


class VideoSource:
    """One video file, open for reading; a context manager.

    Args:
        path: The file.

    Raises:
        MediaError: The file is missing, empty, not a video or holds no decodable stream.
    """

    def __init__(self, path: Path) -> None:
        faults.check_file(path, "video")
        self.path = path
        self._read = False
        self._container = self._open()
        try:
            self.stream = self._video_stream()
        except BaseException:
            self._container.close()
            raise

    def __enter__(self) -> "VideoSource":
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    @property
    def format_name(self) -> str:
        """First of FFmpeg's names of the container format."""
        return self._container.format.name.split(",")[0]

    @property
    def frame_rate(self) -> Fraction | None:
        """Average frames per second, None if the file does not tell."""
        if self._has_timestamps:
            return self.stream.average_rate or None
        return self.stream.guessed_rate or None

    @property
    def has_audio(self) -> bool:
        """Whether there is sound that decodes."""
        return any(s.codec_context is not None for s in self._container.streams.audio)

    @property
    def announced_seconds(self) -> float | None:
        """Length of the video as the container states it, None if it does not."""
        if self.format_name not in _ANNOUNCING_FORMATS:
            return None
        if self.stream.duration is not None and self.stream.time_base is not None:
            first = self.stream.start_time or 0
            seconds = float((first + self.stream.duration) * self.stream.time_base) - self._start
        elif self._container.duration is not None:
            # Matroska and FLV state the time of the end, more than the length after a late start.
            seconds = self._container.duration / av.time_base - self._start
        else:
            return None
        # AVI's duration shrinks with the file when it is cut; its frame count does not.
        if self.stream.frames and self.frame_rate:
            seconds = max(seconds, float(self.stream.frames / self.frame_rate))
        return seconds

    def frames(self, from_seconds: float = 0.0) -> Iterator[TimedFrame]:
        """Frames in presentation order, from at or before an instant to the end of the file.

        Broken packets are skipped. A file that turns out to be cut off is warned about at its end.

        Raises:
            MediaError: Nothing decodes.
        """
        step = 0.0
        while self._has_timestamps and from_seconds - step > 0:
            # A demuxer may seek by decoding time and so land after the instant: go back further.
            frames = self._decode_from(from_seconds - step)
            first = next(frames, None)
            if first is not None and first.seconds <= from_seconds + SNAP_SECONDS:
                break
            step = max(1.0, 4 * step)
        else:
            frames = self._decode_from(None)
            first = next(frames, None)
        if first is None:
            raise faults.nothing_decodes(self.path)
        yield first
        end = first.end_seconds
        for timed in frames:
            yield timed
            end = timed.end_seconds
        self._warn_if_truncated(end)

    def extent(self) -> Extent:
        """Measures the file by its packets, without decoding."""
        announced = self.announced_seconds
        length = self._container.duration
        if self._has_timestamps and length is not None:
            self._seek(length / av.time_base)
            tail = self._walk()
            reached = announced is None or tail.any_seconds > announced - self._tolerance
            if tail.video_seconds > 0 and reached and not tail.ends_inside_packet:
                return tail
        self._rewind()
        return self._walk()

    def missing_of(self, end_seconds: float, extent: Extent) -> tuple[bool, float | None]:
        """Whether video that ends at an instant is cut off, and the length that it should have."""
        announced = self.announced_seconds
        whole = extent.video_seconds
        if announced is not None and extent.any_seconds < announced - self._tolerance:
            whole = announced
        if end_seconds < whole - self._tolerance:
            return True, whole
        return extent.ends_inside_packet, None

    @property
    def _start(self) -> float:
        start = (self._container.start_time or 0) / av.time_base
        if self.stream.start_time is not None and self.stream.time_base is not None:
            # The container rounds to microseconds; where the video starts it, take the exact time.
            exact = float(self.stream.start_time * self.stream.time_base)
            return exact if abs(exact - start) <= SNAP_SECONDS else start
        return start

    @property
    def _has_timestamps(self) -> bool:
        return self.stream.start_time is not None

    @property
    def _frame_seconds(self) -> float:
        return float(1 / (self.frame_rate or _FALLBACK_RATE))

    @property
    def _tolerance(self) -> float:
        return max(_TOLERANCE_SECONDS, 2 * self._frame_seconds)

    def _open(self) -> InputContainer:
        try:
            return open_container(self.path)
        except (FFmpegError, ValueError) as error:
            raise faults.not_a_video(self.path) from error

    def _video_stream(self) -> VideoStream:
        name = self.format_name
        if name == "tty":
            raise faults.not_a_video(self.path)
        if name in _STILL_FORMATS or name.endswith("_pipe"):
            raise faults.picture_instead_of_video(self.path)
        streams = self._container.streams
        # Cover art of an audio file is a "video" stream of one attached picture.
        videos = [s for s in streams.video if not s.disposition & Disposition.attached_pic]
        if not videos:
            raise faults.no_pictures(
                self.path, (s.type for s in streams if not isinstance(s, VideoStream))
            )
        best = streams.best("video")
        stream = best if isinstance(best, VideoStream) and best in videos else videos[0]
        if stream.codec_context is None:
            raise faults.unknown_codec(self.path)
        stream.thread_type = "AUTO"
        return stream

    def _rewind(self) -> None:
        # Opening again also works for the raw streams that cannot seek.
        self._container.close()
        self._container = self._open()
        self.stream = self._video_stream()

    def _seek(self, seconds: float) -> None:
        try:
            self._container.seek(round((seconds + self._start) * av.time_base))
        except FFmpegError:
            self._rewind()

    def _decode_from(self, seconds: float | None) -> Iterator[TimedFrame]:
        if seconds is not None:
            self._seek(seconds)
        elif self._read:
            self._rewind()
        self._read = True
        previous: float | None = None
        for packet in self._packets(self.stream):
            if packet.is_corrupt:
                continue
            try:
                frames = self.stream.decode(packet)
            except FFmpegError:
                continue
            for frame in frames:
                timed = self._timed(frame, previous)
                previous = timed.seconds
                yield timed

    def _timed(self, frame: VideoFrame, previous: float | None) -> TimedFrame:
        seconds = None if frame.pts is None else frame.time - self._start
        if seconds is None or (previous is not None and seconds <= previous):
            # Raw streams have no timestamps, and joined files start again: count frames on.
            seconds = 0.0 if previous is None else previous + self._frame_seconds
        return TimedFrame(seconds, self._end(seconds, frame.duration, frame.time_base), frame)

    def _end(self, seconds: float, ticks: int | None, tick_seconds: Fraction | None) -> float:
        """End of the display of a frame or packet."""
        shown = float(ticks * tick_seconds) if ticks and tick_seconds else self._frame_seconds
        announced = self.announced_seconds
        if self.format_name == "mov" and announced is not None and announced < seconds + shown:
            # MP4 stores distances of decoding times only; behind B-frames of variable rate the
            # last of them is not the display time of the last frame.
            return max(announced, seconds + min(shown, self._frame_seconds))
        return seconds + shown

    def _packets(self, *streams: Stream) -> Iterator[Packet]:
        errors = 0
        while errors < _MAX_DEMUX_ERRORS:
            try:
                for packet in self._container.demux(*streams):
                    errors = 0
                    yield packet
                return
            except FFmpegError:
                errors += 1

    def _walk(self) -> Extent:
        self._read = True
        video = latest = 0.0
        cut = False
        num_packets = 0
        for packet in self._packets(*self._container.streams):
            if not packet.size or packet.is_discard:
                continue
            cut = packet.is_corrupt
            if cut:
                continue
            is_video = packet.stream_index == self.stream.index
            num_packets += is_video
            stamp = packet.dts if packet.pts is None else packet.pts
            if stamp is not None:
                seconds = float(stamp * packet.time_base) - self._start
                end = self._end(seconds, packet.duration, packet.time_base)
            else:
                end = num_packets * self._frame_seconds if is_video else 0.0
            latest = max(latest, end)
            if is_video:
                video = max(video, end)
        return Extent(video, latest, cut)

    def _warn_if_truncated(self, end_seconds: float) -> None:
        is_cut, whole = self.missing_of(end_seconds, self.extent())
        if is_cut:
            faults.warn_truncated(self.path, end_seconds, whole)
