"""What the page shows of media files: facts, frames and film strips."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from av.audio.stream import AudioStream
from av.error import FFmpegError
from jaxtyping import UInt8
from PIL import Image

from stillseek.errors import UsageError
from stillseek.localize.filmstrip import filmstrip
from stillseek.media import frame_at, probe, read_image
from stillseek.media.container import format_name, open_container

# What browsers of today play. Of H.264 only 8 bits in 4:2:0.
_PLAYED = {"mov": ("h264", "av1", "vp9"), "matroska": ("vp8", "vp9", "av1")}
_HEARD = {"mov": ("aac", "mp3", "opus", "flac"), "matroska": ("opus", "vorbis")}
_H264_PIXELS = ("yuv420p", "yuvj420p")
_JPEG_QUALITY = 85


def facts(path: Path, kind: str) -> dict[str, Any]:
    """Size, length and rate of a ``video`` or ``image``, and whether a browser plays it.

    Raises:
        MediaError: It cannot be read.
    """
    if kind == "image":
        height, width = read_image(path).shape[:2]
        unknown = dict.fromkeys(("duration_seconds", "frame_rate"))
        return {"width": width, "height": height, "is_playable": False} | unknown
    info = probe(path)
    return {
        "duration_seconds": info.duration_seconds,
        "width": info.width,
        "height": info.height,
        "frame_rate": None if info.frame_rate is None else float(info.frame_rate),
        "is_playable": is_playable(path),
    }


def is_playable(path: Path) -> bool:
    """Whether browsers play a video as it is."""
    try:
        with open_container(path) as container:
            name, videos = format_name(container), container.streams.video
            sounds: tuple[AudioStream, ...] = container.streams.audio
            if name not in _PLAYED or not videos or videos[0].codec_context is None:
                return False
            codec, pixels = videos[0].codec_context.name, videos[0].codec_context.pix_fmt
            # Decoders have other names than what they decode, such as libdav1d.
            codec = {"libdav1d": "av1", "libvpx-vp9": "vp9", "libvpx": "vp8"}.get(codec, codec)
            is_heard = all(
                sound.codec_context is not None
                and sound.codec_context.name.removesuffix("float").removeprefix("lib")
                in _HEARD[name]
                for sound in sounds[:1]
            )
            is_deep = codec == "h264" and pixels not in _H264_PIXELS
            return codec in _PLAYED[name] and is_heard and not is_deep
    except (FFmpegError, ValueError):
        return False


def frame_jpeg(path: Path, kind: str, seconds: float, width: int) -> bytes:
    """The frame that a ``video`` shows at a time, or an ``image``, as JPEG of at most a width.

    Raises:
        UsageError: The video has no such time.
        MediaError: The file cannot be read.
    """
    pixels = read_image(path) if kind == "image" else frame_at(path, seconds)
    picture = Image.fromarray(pixels)
    if picture.width > width:
        height = max(1, round(picture.height * width / picture.width))
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    return _jpeg(picture)


def strip_jpeg(
    path: Path, start_seconds: float, end_seconds: float, *, count: int, height: int
) -> bytes:
    """A film strip as JPEG: frames side by side, from the middle of equal parts of a time.

    Args:
        path: The video.
        start_seconds: Where the time begins.
        end_seconds: Where it ends; the end of the video is early enough.
        count: Number of frames.
        height: Of the strip in pixels.

    Raises:
        UsageError: Nothing of the video lies in the time.
        MediaError: The file cannot be read.
    """
    info = probe(path)
    end_seconds = min(end_seconds, info.duration_seconds)
    if not start_seconds < end_seconds:
        raise UsageError(
            f"a strip needs start_seconds before end_seconds, and before the video ends at "
            f"{info.duration_seconds:.3f} seconds, got {start_seconds:g} to {end_seconds:g}"
        )
    # `filmstrip` has as many frames as fit; wide ones lose their sides.
    aspect = min(info.width / info.height, 1.1)
    strip: UInt8[np.ndarray, "height width 3"] = filmstrip(
        path,
        end_seconds - start_seconds,
        width=max(count, round(count * height * aspect)),
        height=height,
        start_seconds=start_seconds,
    )
    return _jpeg(Image.fromarray(strip))


def _jpeg(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format="JPEG", quality=_JPEG_QUALITY)
    return buffer.getvalue()
