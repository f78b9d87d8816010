"""Facts about a video file."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from stillseek.media import faults
from stillseek.media.pixels import clockwise_degrees, displayed_size, is_hdr
from stillseek.media.source import VideoSource


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoInfo:
    """What a video file holds.

    Attributes:
        path: The file.
        width: Pixels across, as displayed (after rotation).
        height: Pixels down, as displayed.
        rotation_degrees: Clockwise turn from the stored to the displayed picture: 0, 90, 180, 270.
        frame_rate: Average frames per second; None if the file does not tell.
        duration_seconds: End of the last frame, from the start of the container; measured, not
            what a truncated file announces.
        num_frames: Frames that the container counts; None if it does not, or is truncated.
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
        size, rotation, hdr = displayed_size(first), clockwise_degrees(first), is_hdr(first)
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
            num_frames=None if is_cut else source.stream.frames or None,
            codec=source.stream.codec_context.name,
            is_hdr=hdr,
            has_audio=source.has_audio,
        )
