"""An open video file as a stream of timed frames, whatever its container gets wrong."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.stream import VideoStream

from stillseek.errors import MediaError
from stillseek.media import faults
from stillseek.media.container import (
    FALLBACK_RATE,
    Extent,
    TimedFrame,
    format_name,
    open_video,
    packets_of,
)
from stillseek.media.indexed import IndexedReader
from stillseek.media.joined import LONGEST_SILENCE_SECONDS
from stillseek.media.unindexed import ClockedReader, has_display_times

# A container whose length is rounded, or that counts a frame more, is not truncated.
_TOLERANCE_SECONDS = 0.5
# Hardly a video has so few; one that has is small, and quickly read to its end.
_FEW_BYTES_PER_SECOND = 1000


class VideoSource:
    """One video file, open for reading; a context manager.

    Raises:
        MediaError: The file is missing, empty, not a video or holds no decodable stream.
    """

    def __init__(self, path: Path) -> None:
        faults.check_file(path, "video")
        self.path = path
        self.reader = _reader(path)

    def __enter__(self) -> "VideoSource":
        return self

    def __exit__(self, *_: object) -> None:
        self.reader.container.close()

    @property
    def stream(self) -> VideoStream:
        """The video."""
        return self.reader.stream

    @property
    def frame_rate(self) -> Fraction | None:
        """Average frames per second, None if the file does not tell."""
        return self.reader.frame_rate

    @property
    def pixel_aspect(self) -> Fraction:
        """Width of a stored pixel by its height."""
        return self.stream.sample_aspect_ratio or Fraction(1)

    @property
    def sound(self) -> AudioStream | None:
        """The first sound that can be decoded."""
        streams = self.reader.container.streams.audio
        return next((s for s in streams if s.codec_context is not None), None)

    def frames(self, from_seconds: float = 0.0) -> Iterator[TimedFrame]:
        """Frames in presentation order, from at or before an instant to the end of the file.

        Broken packets are skipped. A file that turns out to be cut off is warned about at its end.

        Raises:
            MediaError: Nothing decodes.
        """
        end = None
        for timed in self.reader.frames(from_seconds):
            yield timed
            end = timed.end_seconds
        if end is None:
            raise MediaError(
                f"not one frame of {self.path} can be decoded; expected intact video data: "
                "copy or download it again"
            )
        is_cut, whole = self.missing_of(end, self.extent())
        if is_cut:
            faults.warn_truncated(self.path, end, whole)

    def extent(self) -> Extent:
        """Measures the file by its packets, without decoding."""
        announced = self.reader.announced_seconds
        return self.reader.extent(None if announced is None else announced - self._tolerance)

    def missing_of(self, end_seconds: float, extent: Extent) -> tuple[bool, float | None]:
        """Whether video that ends at an instant is cut off, and the length that it should have."""
        announced = self.reader.announced_seconds
        whole = extent.video_seconds
        if announced is not None and extent.any_seconds < announced - self._tolerance:
            whole = announced
        if end_seconds < whole - self._tolerance:
            return True, whole
        return extent.ends_inside_packet, None

    @property
    def _tolerance(self) -> float:
        return max(_TOLERANCE_SECONDS, 2 * float(1 / (self.frame_rate or FALLBACK_RATE)))


def _reader(path: Path) -> IndexedReader | ClockedReader:
    """The way of reading that a file deserves."""
    container, stream = open_video(path)
    try:
        if _looks_indexed(path, container, stream):
            packets = packets_of(container, stream)
            first = next(packets, None)
            # Matroska leaves out times before zero; what follows them then cannot be placed.
            if first is not None and first.pts is not None:
                reader = IndexedReader(path, container, stream, chain([first], packets))
                if reader.claimed_seconds <= _believable_seconds(path):
                    return reader
            container.close()
            container, stream = open_video(path)
        return ClockedReader(path, container, stream)
    except BaseException:
        container.close()
        raise


def _looks_indexed(path: Path, container: InputContainer, stream: VideoStream) -> bool:
    if stream.start_time is None or not has_display_times(container, stream):
        return False
    name = format_name(container)
    return name == "mov" or (name == "matroska" and not _is_joined_matroska(path))


def _believable_seconds(path: Path) -> float:
    """How long a file of its size may claim to be before all of its packets are looked at."""
    return max(LONGEST_SILENCE_SECONDS, path.stat().st_size / _FEW_BYTES_PER_SECOND)


def _is_joined_matroska(path: Path) -> bool:
    """Whether something follows the one segment that a Matroska file has."""
    with path.open("rb") as file:
        head = file.read(4096)
    # Both elements have an ID of four bytes and a size; of all ones it is not known.
    end = 0
    for element in (b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"):
        if not head.startswith(element, end) or len(head) < end + 12 or not head[end + 4]:
            return False
        length = 9 - head[end + 4].bit_length()
        size = int.from_bytes(head[end + 4 : end + 4 + length]) - (1 << 7 * length)
        if size == (1 << 7 * length) - 1:
            return False
        end += 4 + length + size
    return end < path.stat().st_size
