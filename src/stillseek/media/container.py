"""Opening a media file and reading its packets, whatever is broken in it."""

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

from stillseek.errors import MediaError
from stillseek.media import faults

# Timestamps are rationals turned into floats; closer than a microsecond is the same instant.
SNAP_SECONDS = 1e-6
# Frames a second where nothing tells.
FALLBACK_RATE = Fraction(25)
# What read_image takes as well; at 8 bits in 4:2:0 such a frame has 270 MB.
MAX_PIXELS = 178_956_970

# Demuxers that read no moving pictures: still images, and text drawn as video.
_STILL_FORMATS = frozenset({"image2", "tty"})
# Demuxers of files that say where the pictures are: in other files, or on a network.
_LISTS = frozenset({"concat", "dash", "hls", "imf", "lavfi", "rtsp", "sdp", "webm_dash_manifest"})
# After this many demuxing errors without a packet between them the rest is given up.
_MAX_DEMUX_ERRORS = 100


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


def open_container(path: Path, *, formats: str | None = None) -> InputContainer:
    """Opens a local file, and nothing that it refers to on the network.

    Args:
        path: The file.
        formats: Names of the only formats that are opened, with commas between; None opens all.
    """
    options = {"protocol_whitelist": "file"}
    if formats is not None:
        options["format_whitelist"] = formats
    return av.open(
        # An absolute path is never taken for a protocol.
        str(path.absolute()),
        "r",
        container_options=options,
        metadata_errors="replace",
    )


def is_list_of_files(path: Path) -> bool:
    """Whether a file is opened, but not where lists of other files are left out.

    Of a file from elsewhere such a list could show what its sender may not see.
    """
    alone = ",".join(sorted(av.formats_available - _LISTS))
    try:
        open_container(path, formats=alone).close()
    except (FFmpegError, ValueError):
        # Without opening what it lists.
        return True
    return False


def open_video(path: Path) -> tuple[InputContainer, VideoStream]:
    """Opens a file and chooses its video.

    Raises:
        MediaError: The file is not a video, or holds no stream that can be decoded.
    """
    try:
        container = open_container(path)
    except (FFmpegError, ValueError) as error:
        raise faults.not_a_video(path) from error
    try:
        return container, _video_stream(path, container)
    except BaseException:
        container.close()
        raise


def format_name(container: InputContainer) -> str:
    """First of FFmpeg's names of a container format."""
    return container.format.name.split(",")[0]


def packets_of(container: InputContainer, *streams: Stream) -> Iterator[Packet]:
    """The packets of some streams from here to the end of the file, without the empty ones.

    An empty packet ends a decoder, and AVI has them where a frame was dropped. Readers flush their
    decoder themselves.
    """
    errors = 0
    while errors < _MAX_DEMUX_ERRORS:
        try:
            for packet in container.demux(*streams):
                errors = 0
                if packet.size:
                    yield packet
            return
        except FFmpegError:
            errors += 1
        except IndexError:
            # The file has got more streams since it was opened; PyAV trips over them at the end.
            return


def _video_stream(path: Path, container: InputContainer) -> VideoStream:
    name = format_name(container)
    if name == "tty":
        raise faults.not_a_video(path)
    if name in _STILL_FORMATS or name.endswith("_pipe"):
        raise faults.picture_instead_of_video(path)
    streams = container.streams
    # Cover art of an audio file is a "video" stream of one attached picture.
    videos = [s for s in streams.video if not s.disposition & Disposition.attached_pic]
    if not videos:
        held = sorted({s.type for s in streams if not isinstance(s, VideoStream)})
        raise MediaError(
            f"{path} has no video stream (it holds {', '.join(held) or 'no stream at all'}); "
            "expected moving pictures: pass the file that has them"
        )
    best = streams.best("video")
    stream = best if isinstance(best, VideoStream) and best in videos else videos[0]
    if stream.codec_context is None:
        raise MediaError(
            f"{path} holds video in a codec that this FFmpeg build cannot decode; "
            "expected H.264, HEVC, VP9, AV1 or the like: convert it to H.264"
        )
    if stream.codec_context.width * stream.codec_context.height > MAX_PIXELS:
        raise faults.too_many_pixels(path, MAX_PIXELS)
    # Frames that grow far beyond it later are as good as broken; decoders count their margins.
    stream.codec_context.options = {"max_pixels": str(2 * MAX_PIXELS)}
    stream.thread_type = "AUTO"
    return stream
