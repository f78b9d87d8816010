"""Facts about a video file."""

from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np

from stillseek.media import faults
from stillseek.media.container import open_video, packets_of
from stillseek.media.pixels import clockwise_degrees, displayed_size, is_hdr
from stillseek.media.source import VideoSource
from stillseek.media.unindexed import ClockedReader

# Frames whose times tell whether they come evenly, where a file has no list of all.
_NUM_TIMED = 600
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
        is_variable: Whether frames come unevenly: some after half a frame more or less than others.
        usual_rate: Frames per second where none is left out, as FFmpeg guesses it; None likewise.
        start_seconds: Instant at which the first frame is shown.
        start_timecode: Source time code of the first frame as the file has it (a ``tmcd`` track,
            the material package of MXF, a tag), ``hh:mm:ss:ff``, with a ``;`` before the frames
            where it drops numbers; None where there is none.
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
    is_variable: bool
    usual_rate: Fraction | None
    start_seconds: float
    start_timecode: str | None
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
        start = next(source.frames())
        width, height = displayed_size(start.frame, source.pixel_aspect)
        extent = source.extent()
        is_cut, whole = source.missing_of(extent.video_seconds, extent)
        if is_cut:
            faults.warn_truncated(path, extent.video_seconds, whole)
        return VideoInfo(
            path=path,
            width=width,
            height=height,
            rotation_degrees=clockwise_degrees(start.frame),
            frame_rate=source.frame_rate,
            is_variable=_is_variable(source),
            usual_rate=source.stream.base_rate,
            start_seconds=start.seconds,
            start_timecode=_start_timecode(source),
            duration_seconds=extent.video_seconds,
            num_frames=None if is_cut else _counted_frames(source, extent.video_seconds),
            codec=source.stream.codec_context.name,
            is_hdr=is_hdr(start.frame),
            has_audio=source.sound is not None,
        )


def _counted_frames(source: VideoSource, duration_seconds: float) -> int | None:
    """The container's count, unless it includes much that an edit list leaves out."""
    num_frames, rate = source.stream.frames, source.frame_rate
    if not num_frames or (rate and num_frames / rate > duration_seconds + _TOLERANCE_SECONDS):
        return None
    return num_frames


def _is_variable(source: VideoSource) -> bool:
    """Whether a step between frames differs from the usual one by more than half of it."""
    steps = np.diff(np.sort(_frame_times(source)))
    steps = steps[steps > 0]
    return len(steps) > 0 and bool(np.any(abs(steps / np.median(steps) - 1) > 0.5))


def _frame_times(source: VideoSource) -> np.ndarray:
    """Times of all frames where the file lists them, or else of the first ones, in any unit."""
    if isinstance(source.reader, ClockedReader):
        return source.reader.clock.seconds
    index = source.stream.index_entries
    if len(index) >= source.stream.frames > 0:
        return np.array([entry.timestamp for entry in index], dtype=float)
    container, stream = open_video(source.path)
    with container:
        packets = islice(packets_of(container, stream), _NUM_TIMED)
        return np.array([p.pts for p in packets if p.pts is not None], dtype=float)


def _start_timecode(source: VideoSource) -> str | None:
    """The first time code that the video, another track or the container has."""
    container = source.reader.container
    for place in (source.stream, *container.streams, container):
        for key, value in place.metadata.items():
            if key.lower() == "timecode":
                return value.strip()
    return None
