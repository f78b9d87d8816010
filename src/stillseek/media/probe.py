"""Facts about a video file."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from stillseek.media import faults
from stillseek.media.pixels import clockwise_degrees, displayed_size, is_hdr
from stillseek.media.source import VideoSource

# A count that is a frame or two off is still that of all frames.
_TOLERANCE_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoInfo:
    """What a video file holds.

    Attributes:
        path: The file.
        width: Pixels across, as displayed: after rotation, with square pixels.
        height: Pixels down, as displayed.
        rotation_degrees: Clockwise turn from the stored to the displayed picture: 0, 90, 180, 270.
        frame_rate: Average frames per second; None if the file does not tell.
        duration_seconds: End of the last frame, from the start of the container; measured, not
            what a truncated file announces.
        num_frames: Frames that the container counts; None if it does not, is truncated, or
            shows only a part of them.
        codec: FFmpeg's name of the codec, such as ``h264``.
        is_hdr: Whether the brightness follows PQ or HLG; frames are converted to SDR.
        has_audio: Whether there is sound.
    """

    path: Path
    width: int
    height: int
    rotation_degrees: int
    frame_rate: Fraction | None
    duration_seconds: float
    num_frames: int | None
    codec: str
    is_hdr: bool
    has_audio: bool


def probe(path: str | Path) -> VideoInfo:
    """Facts about a video; decodes one frame and reads the end of the file.

    Warns:
        TruncatedMediaWarning: The file ends before the length that it announces.

    Raises:
        MediaError: The file is not a video of which at least one frame decodes.
    """
    path = Path(path)
    with VideoSource(path) as source:
        first = next(source.frames()).frame
        size, rotation, hdr = (
            displayed_size(first, source.pixel_aspect),
            clockwise_degrees(first),
            is_hdr(first),
        )
        extent = source.extent()
        is_cut, whole = source.missing_of(extent.video_seconds, extent)
        if is_cut:
            faults.warn_truncated(path, extent.video_seconds, whole)
        return VideoInfo(
            path=path,
            width=size[0],
            height=size[1],
            rotation_degrees=rotation,
            frame_rate=source.frame_rate,
            duration_seconds=extent.video_seconds,
            num_frames=None if is_cut else _counted_frames(source, extent.video_seconds),
            codec=source.stream.codec_context.name,
            is_hdr=hdr,
            has_audio=source.sound is not None,
        )


def _counted_frames(source: VideoSource, duration_seconds: float) -> int | None:
    """The container's count, unless it includes much that an edit list leaves out."""
    num_frames, rate = source.stream.frames, source.frame_rate
    if not num_frames or (rate and num_frames / rate > duration_seconds + _TOLERANCE_SECONDS):
        return None
    return num_frames
