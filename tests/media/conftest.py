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
    ) -> Path:
        path = tmp_path / name
        rng = np.random.default_rng(0)
        defaults = {"preset": "veryfast", "g": "10", "crf": "12"} if codec == "libx264" else {}
        with av.open(str(path), "w", format=container, container_options=muxer or {}) as out:
            stream = out.add_stream(codec, rate=rate, options=defaults | (options or {}))
            stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
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
