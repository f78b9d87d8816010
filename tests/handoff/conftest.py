"""Videos of any length and rate, made in no time: one picture, written again and again."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest


@pytest.fixture(scope="session")
def still_packet() -> bytes:
    """A frame of Motion JPEG."""
    context = av.CodecContext.create("mjpeg", "w")
    context.width, context.height, context.pix_fmt = 48, 32, "yuvj420p"
    context.time_base = Fraction(1, 25)
    context.open()
    picture = np.full((32, 48, 3), 96, np.uint8)
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuvj420p")
    frame.pts = 0
    (packet,) = [*context.encode(frame), *context.encode()]
    return bytes(packet)


@pytest.fixture(scope="session")
def long_video(still_packet: bytes) -> Callable[..., Path]:
    """Returns a factory of videos, with frames at `ticks` of their rate, or at every one."""

    def make(
        path: Path,
        *,
        rate: Fraction,
        seconds: float = 4.0,
        ticks: Sequence[int] | None = None,
        timecode: str | None = None,
    ) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(path), "w") as out:
            stream = out.add_stream("mjpeg", rate=rate)
            stream.width, stream.height, stream.pix_fmt = 48, 32, "yuvj420p"
            stream.time_base = 1 / rate
            if timecode is not None:
                stream.metadata["timecode"] = timecode
                if path.suffix == ".mxf":
                    out.metadata["timecode"] = timecode
            shown = list(range(round(seconds * rate)) if ticks is None else ticks)
            for tick, after in zip(shown, [*shown[1:], shown[-1] + 1], strict=True):
                packet = av.Packet(still_packet)
                packet.stream, packet.time_base = stream, 1 / rate
                packet.pts = packet.dts = tick
                packet.duration = after - tick
                packet.is_keyframe = True
                out.mux(packet)
        return path

    return make
