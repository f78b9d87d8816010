"""Videos of every kind, made in the test; frame i of each is grey of the level `level(i)`."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

MakeVideo = Callable[..., Path]


@pytest.fixture
def make_video(tmp_path: Path) -> MakeVideo:
    """Returns a factory of small videos; `pts` counts milliseconds."""

    def make(
        name: str = "video.mp4",
        *,
        num_frames: int = 31,
        size: tuple[int, int] = (62, 34),
        rate: int = 10,
        pts: Sequence[int] | None = None,
        pixels: np.ndarray | None = None,
        codec: str = "libx264",
        pix_fmt: str = "yuv420p",
        options: dict[str, str] | None = None,
        muxer: dict[str, str] | None = None,
        container: str | None = None,
        matrix: Sequence[int] | None = None,
        color: tuple[int, int, int, int] | None = None,
        tone_seconds: float = 0.0,
        noise: int = 0,
        aspect: Fraction = Fraction(0),
    ) -> Path:
        path = tmp_path / name
        rng = np.random.default_rng(0)
        defaults = {"preset": "veryfast", "g": "10", "crf": "12"} if codec == "libx264" else {}
        with av.open(str(path), "w", format=container, container_options=muxer or {}) as out:
            stream = out.add_stream(codec, rate=rate, options=defaults | (options or {}))
            stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
            stream.codec_context.sample_aspect_ratio = aspect
            if pts is not None:
                stream.codec_context.time_base = Fraction(1, 1000)
            if matrix is not None:
                stream.set_display_matrix(matrix)
            if color is not None:
                context = stream.codec_context
                context.color_primaries, context.color_trc = color[:2]
                context.colorspace, context.color_range = color[2:]
            sound = out.add_stream("aac", rate=16000, layout="mono") if tone_seconds else None
            for i in range(num_frames if pts is None else len(pts)):
                picture = np.full((size[1], size[0], 3), (30 + 6 * i) % 256, np.uint8)
                if pixels is not None:
                    picture = pixels
                if noise:
                    picture = rng.integers(0, noise, picture.shape, np.uint8)
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pix_fmt)
                frame.pts = i if pts is None else pts[i]
                frame.time_base = Fraction(1, rate if pts is None else 1000)
                out.mux(stream.encode(frame))
            out.mux(stream.encode())
            if sound is not None:
                wave = np.sin(np.arange(round(16000 * tone_seconds)) * 0.2).astype(np.float32)
                chunk = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
                chunk.sample_rate, chunk.pts = 16000, 0
                out.mux(sound.encode(chunk))
                out.mux(sound.encode())
        return path

    return make


@pytest.fixture
def indices() -> Callable[..., list[int]]:
    """Returns a reader of the frame indices that grey pictures carry."""

    def read(pictures) -> list[int]:
        levels = [np.asarray(getattr(p, "pixels", p)).mean() for p in pictures]
        # Six levels apart: rounding and compression stay below three.
        return [round((level - 30) / 6) for level in levels]

    return read


@pytest.fixture
def truncated() -> Callable[[Path, float], Path]:
    """Returns a maker of copies that hold only a first part of the bytes."""

    def cut(path: Path, fraction: float) -> Path:
        short = path.with_name(f"short_{path.name}")
        data = path.read_bytes()
        short.write_bytes(data[: int(len(data) * fraction)])
        return short

    return cut


BARS = (96, 32)
# Good enough for bars; short groups so that there is much to seek to.
CODEC_OPTIONS = {
    "libx264": {"preset": "veryfast", "crf": "12", "g": "20", "bf": "2"},
    "libx265": {"preset": "ultrafast", "crf": "15", "x265-params": "log-level=none:keyint=20"},
    "libsvtav1": {"preset": "12", "crf": "30"},
    "libvpx": {"deadline": "realtime", "cpu-used": "8", "crf": "10", "b": "2M", "g": "20"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "crf": "20", "g": "20"},
    "mpeg1video": {"bf": "2", "g": "12", "b": "4M"},
    "mpeg2video": {"bf": "2", "g": "12", "b": "4M"},
    "mpeg4": {"bf": "2", "g": "15", "b": "4M"},
    "dnxhd": {"profile": "dnxhr_hq"},
}
PIXEL_FORMATS = {
    "gif": "rgb8",
    "mjpeg": "yuvj420p",
    "prores_ks": "yuv422p10le",
    "dnxhd": "yuv422p",
    "huffyuv": "yuv422p",
    "qtrle": "rgb24",
    "png": "rgb24",
    "cinepak": "rgb24",
    "zmbv": "bgr0",
    "flashsv": "bgr24",
}


def draw_bars(number: int, size: tuple[int, int]) -> np.ndarray:
    """A picture that shows a number: twelve bars in the upper half, bit 0 on the left."""
    width, height = size
    pixels = np.full((height, width, 3), 16, np.uint8)
    for bit in range(12):
        if number >> bit & 1:
            pixels[: height // 2, bit * width // 12 : (bit + 1) * width // 12] = 235
    pixels[height // 2 :, number * 2 % width :][:, :6] = 128
    return pixels


@pytest.fixture
def read_bars() -> Callable[..., list[int]]:
    """Returns a reader of the numbers that pictures show as bars."""

    def read(pictures) -> list[int]:
        numbers = []
        for picture in pictures:
            pixels = np.asarray(getattr(picture, "pixels", picture))
            height, width = pixels.shape[:2]
            bars = pixels[: height // 3].mean((0, 2))
            middles = [bars[int((bit + 0.5) * width / 12)] for bit in range(12)]
            numbers.append(sum(int(level > 128) << bit for bit, level in enumerate(middles)))
        return numbers

    return read


@pytest.fixture
def make_bars(tmp_path: Path) -> MakeVideo:
    """Returns a factory of videos whose frames show their numbers, at 25 frames a second."""

    def make(
        name: str = "bars.mp4",
        *,
        codec: str = "libx264",
        container: str | None = None,
        num_frames: int = 150,
        first_number: int = 0,
        first_frame: int = 0,
        rate: int = 25,
        size: tuple[int, int] = BARS,
        options: dict[str, str] | None = None,
        muxer: dict[str, str] | None = None,
        aspect: Fraction = Fraction(0),
        sound: "tuple[str, str, int, str] | None" = None,
        sound_from: int = 0,
        sound_seconds: int | None = None,
        tick: Callable[[int], int] = lambda i: i,
    ) -> Path:
        path = tmp_path / name
        pix_fmt = PIXEL_FORMATS.get(codec, "yuv420p")
        options = CODEC_OPTIONS.get(codec, {"b": "4M", "qscale": "2"}) | (options or {})
        with av.open(str(path), "w", format=container, container_options=muxer or {}) as out:
            stream = out.add_stream(codec, rate=rate, options=options)
            stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
            stream.codec_context.sample_aspect_ratio = aspect
            track = None
            if sound is not None:
                audio_codec, sample_format, sample_rate, layout = sound
                track = out.add_stream(audio_codec, rate=sample_rate, layout=layout)
                track.format = sample_format
            packets = []
            for i in range(num_frames):
                pixels = draw_bars(first_number + i, size)
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format=pix_fmt)
                frame.pts, frame.time_base = first_frame + tick(i), Fraction(1, rate)
                packets += stream.encode(frame)
            packets += stream.encode()
            if track is not None:
                for second in range(sound_from, sound_seconds or num_frames // rate):
                    packets += track.encode(_tone(second, sample_format, sample_rate, layout))
                packets += track.encode()
                packets.sort(key=lambda packet: packet.dts * packet.time_base)
            for packet in packets:
                out.mux(packet)
        return path

    return make


def _tone(second: int, sample_format: str, sample_rate: int, layout: str) -> av.AudioFrame:
    """A second of a tone of 200 Hz at half level, the same in all channels."""
    wave = 0.5 * np.sin(2 * np.pi * 200 * np.arange(sample_rate) / sample_rate)
    channels = av.AudioLayout(layout).nb_channels
    # Packed: PyAV runs off the end of eight planes.
    packed = np.repeat(wave[:, None], channels, axis=1).reshape(1, -1).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=layout)
    frame.sample_rate, frame.time_base = sample_rate, Fraction(1, sample_rate)
    frame.pts = second * sample_rate
    (frame,) = av.AudioResampler(sample_format, layout, sample_rate).resample(frame)
    return frame
