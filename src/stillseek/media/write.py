"""Videos that every player opens: H.264 in MP4, written whole or not at all."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av import VideoFrame
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.codec.context import Flags
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.frame import PictureType
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter
from av.video.stream import VideoStream
from jaxtyping import UInt8

from stillseek.errors import MediaError, UsageError
from stillseek.files import MADE_BY, replacing
from stillseek.media import faults

# Frames sit on ticks of a whole fraction of the frame, about a hundredth of a millisecond long.
_MIN_TICKS_PER_SECOND = 90_000
# x264's limit.
_MAX_SIDE = 16384


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioFormat:
    """The sound that goes with a video.

    Attributes:
        sample_rate: Samples per second.
        layout: FFmpeg's name of the channel layout, such as ``stereo``.
    """

    sample_rate: int
    layout: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How stored frames are to be shown.

    Attributes:
        pixel_aspect: Width of a stored pixel by its height.
        display_matrix: The nine numbers of the display matrix, which turns and mirrors; None
            where frames are shown as they are stored.
        colorspace: Matrix from stored values to colours, FFmpeg's number.
        color_range: Range of stored values, likewise.
        color_primaries: What the primary colours are, likewise.
        color_trc: Curve from stored values to light, likewise.
    """

    pixel_aspect: Fraction
    display_matrix: tuple[int, ...] | None
    colorspace: int
    color_range: int
    color_primaries: int
    color_trc: int


OF_RGB = Look(
    pixel_aspect=Fraction(1),
    display_matrix=None,
    colorspace=Colorspace.ITU709,
    color_range=ColorRange.MPEG,
    color_primaries=ColorPrimaries.BT709,
    color_trc=ColorTrc.BT709,
)


class VideoWriter:
    """Writes RGB frames to an MP4; a context manager.

    The file appears under its name only when the block ends without an error; until then it is a
    hidden neighbour of it, which an error removes. H.264 in 4:2:0 needs even sides: an odd side
    grows by one pixel that repeats the last.

    Args:
        path: The file to make or replace.
        frame_rate: Frames per second.
        crf: Constant rate factor of x264: 0 is lossless, 51 the worst.
        preset: x264's trade of time for size, such as ``veryfast`` or ``medium``.
        audio: Sound to expect through :meth:`write_audio`; None makes a silent video.
        look: How the frames of :meth:`write_stored` are shown; those of :meth:`write` are upright
            BT.709 pictures with square pixels.

    Raises:
        MediaError: The file cannot be written.
        UsageError: No frame was written, or one does not fit the others.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        frame_rate: Fraction,
        crf: int = 20,
        preset: str = "medium",
        audio: AudioFormat | None = None,
        look: Look = OF_RGB,
    ) -> None:
        if frame_rate <= 0:
            raise UsageError(f"the frame rate must be positive, got {frame_rate}")
        if not 0 <= crf <= 51:
            raise UsageError(f"crf goes from 0 (lossless) to 51 (worst), got {crf}")
        self._path = Path(path)
        if self._path.is_dir():
            raise faults.cannot_write(self._path, "it is a directory")
        if not self._path.parent.is_dir():
            raise faults.cannot_write(self._path, "its folder does not exist")
        self._frame_rate = frame_rate
        # MP4 stores distances of decoding times: behind B-frames it would forget how long frames
        # of their own duration are shown.
        self._options = {"crf": str(crf), "preset": preset, "bf": "0"}
        self._audio_format, self._look = audio, look
        ticks_per_frame = frame_rate.denominator * -(-_MIN_TICKS_PER_SECOND // frame_rate.numerator)
        self._frame_ticks = ticks_per_frame
        self._time_base = 1 / (frame_rate * ticks_per_frame)
        self._shape: tuple[int, ...] | None = None
        self._video: VideoStream | None = None
        self._audio: AudioStream | None = None
        self._tick = 0
        self._to_yuv = VideoReformatter()
        with ExitStack() as stack, failures_name(self._path):
            place = stack.enter_context(replacing(self._path))
            self._container: OutputContainer = av.open(
                str(place.absolute()),
                "w",
                format="mp4",
                container_options={"movflags": "+faststart"},
            )
            self._container.metadata["comment"] = MADE_BY
            self._replacing = stack.pop_all()

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._close()
            self._replacing.__exit__(kind, error, trace)
            return
        with failures_name(self._path), self._replacing, ExitStack() as closing:
            closing.callback(self._close)
            self._finish()

    def write(
        self, pixels: UInt8[np.ndarray, "height width 3"], *, duration_seconds: float | None = None
    ) -> None:
        """Appends a frame.

        Args:
            pixels: RGB, the same size in every call.
            duration_seconds: How long it is shown; None is one frame of the frame rate.
        """
        if self._video is None:
            self._shape = pixels.shape
            self._begin(pixels.shape[1], pixels.shape[0])
        if pixels.shape != self._shape:
            raise UsageError(
                f"every frame of {self._path} must have the shape {self._shape} of the first, "
                f"got {pixels.shape}"
            )
        height, width = pixels.shape[0] % 2, pixels.shape[1] % 2
        even = np.pad(pixels, ((0, height), (0, width), (0, 0)), mode="edge")
        frame = self._to_yuv.reformat(
            av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24"),
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
        )
        self._encode(frame, duration_seconds)

    def write_stored(self, frame: VideoFrame, *, duration_seconds: float) -> None:
        """Appends a decoded YUV frame as it is stored, in 8 bits and 4:2:0; `look` says the rest.

        Args:
            frame: Of even sides; one of another size than the first is scaled to that.
            duration_seconds: How long it is shown.
        """
        if self._video is None:
            self._begin(frame.width, frame.height)
        assert self._video is not None, "_begin makes it"
        look = self._look
        # With one matrix and range on both sides, values stay.
        stored = self._to_yuv.reformat(
            frame,
            self._video.width,
            self._video.height,
            format="yuv420p",
            src_colorspace=look.colorspace,
            dst_colorspace=look.colorspace,
            src_color_range=look.color_range,
            dst_color_range=look.color_range,
        )
        # The encoder would follow the choices of another one.
        stored.pict_type = PictureType.NONE
        self._encode(stored, duration_seconds)

    def _encode(self, frame: VideoFrame, duration_seconds: float | None) -> None:
        assert self._video is not None, "_begin makes it"
        frame.pts, frame.time_base = self._tick, self._time_base
        frame.duration = self._frame_ticks
        if duration_seconds is not None:
            frame.duration = max(1, round(duration_seconds / self._time_base))
        self._tick += frame.duration
        with failures_name(self._path):
            self._container.mux(self._video.encode(frame))

    def write_audio(self, frame: AudioFrame) -> None:
        """Appends sound; its timestamps count samples. The first video frame comes before it."""
        assert self._audio is not None, "announce the sound, and write a video frame before it"
        with failures_name(self._path):
            self._container.mux(self._audio.encode(frame))

    def _begin(self, width: int, height: int) -> None:
        if max(width, height) > _MAX_SIDE:
            raise MediaError(
                f"{self._path} would have frames of {width} x {height} pixels; H.264 holds at most "
                f"{_MAX_SIDE} a side: scale the video down first"
            )
        with failures_name(self._path):
            self._video = self._add_streams(width, height)

    def _add_streams(self, width: int, height: int) -> VideoStream:
        video = self._container.add_stream("libx264", rate=self._frame_rate, options=self._options)
        video.width, video.height, video.pix_fmt = width + width % 2, height + height % 2, "yuv420p"
        video.codec_context.time_base = self._time_base
        # Without it the last frame would be shown as long as the one before.
        video.codec_context.flags |= Flags.frame_duration
        look = self._look
        video.codec_context.colorspace = look.colorspace
        video.codec_context.color_range = look.color_range
        video.codec_context.color_primaries = look.color_primaries
        video.codec_context.color_trc = look.color_trc
        video.codec_context.sample_aspect_ratio = look.pixel_aspect
        if look.display_matrix is not None:
            video.set_display_matrix(look.display_matrix)
        if self._audio_format is not None:
            self._audio = self._container.add_stream(
                "aac", rate=self._audio_format.sample_rate, layout=self._audio_format.layout
            )
        return video

    def _finish(self) -> None:
        if self._video is None:
            raise UsageError(f"no frame was written to {self._path}; a video needs at least one")
        self._container.mux(self._video.encode())
        if self._audio is not None:
            self._container.mux(self._audio.encode())
        self._container.close()

    def _close(self) -> None:
        try:
            self._container.close()
        except FFmpegError:
            # The reason for giving up is already on its way; the file is removed anyway.
            return


@contextmanager
def failures_name(
    path: Path, unfit: Callable[[Path, str], MediaError] = faults.cannot_encode
) -> Iterator[None]:
    """Says what keeps a video from being written: the folder, or its frames and sound.

    Args:
        path: The video.
        unfit: What is wrong where its frames or sound are.
    """
    try:
        yield
    except (FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or faults.one_line(error)
        # What an encoder dislikes is a value, or an error of its library.
        fault = faults.cannot_write if isinstance(error, OSError) else unfit
        raise fault(path, reason) from error
