from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from stillseek.errors import MediaError
from stillseek.features.recipe import QueryFeatures, Recipe, UnitStream, VideoFeatures
from stillseek.timeline import ClipGrid


@pytest.fixture
def make_video(tmp_path: Path) -> Callable[..., Path]:
    """Writes a 10 fps mp4 of moving colour gradients."""

    def make(*, seconds: float, name: str = "video.mp4", seed: int = 0) -> Path:
        path = tmp_path / name
        rows, columns = np.mgrid[:160, :192]
        with av.open(str(path), "w") as container:
            stream = container.add_stream("mpeg4", rate=Fraction(10))
            stream.width, stream.height, stream.pix_fmt = 192, 160, "yuv420p"
            for k in range(round(seconds * 10)):
                planes = (rows + 9 * k + seed, columns + 5 * k, rows + columns)
                pixels = np.stack(planes, axis=-1).astype(np.uint8)
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path

    return make


class StubRecipe(Recipe):
    """Features from the first bytes of a file; counts how often it encodes."""

    name = "stub"
    clip_dim, region_dim, global_dim = 5, 7, 11
    batch_units = 2

    def __init__(self, fingerprint: str = "a" * 64) -> None:
        self.fingerprint = fingerprint
        self.encoded: list[str] = []

    def open_video(self, path) -> UnitStream:
        self.encoded.append(path.name)
        content = path.read_bytes()
        if content.startswith(b"bad"):
            raise MediaError(f"{path} is not a video")
        units = (np.full((1, 1, 3), content[0], np.uint8) for _ in range(3))
        return UnitStream(duration_seconds=3.0, interval_seconds=1.0, units=units)

    def encode_units(self, units) -> np.ndarray:
        return np.repeat(units[:, 0, 0, :1], 5, axis=1).astype(np.float32) + np.float32(0.1)

    def assemble(self, units, stream) -> VideoFeatures:
        grid = ClipGrid(stride_seconds=1.0, length_seconds=1.0, duration_seconds=3.0)
        return VideoFeatures(clips=units, grid=grid, fingerprint=self.fingerprint)

    def encode_pixels(self, image) -> QueryFeatures:
        self.encoded.append("image")
        return QueryFeatures(
            regions=np.full((2, 7), image.mean() / 256, np.float32),
            boxes=np.array([[0.5, 0.5, 1, 1], [0.25, 0.25, 0.5, 0.5]], np.float32),
            global_feature=np.arange(11, dtype=np.float32) + image.shape[0],
            fingerprint=self.fingerprint,
        )


@pytest.fixture
def stub() -> StubRecipe:
    return StubRecipe()


@pytest.fixture
def write_files(tmp_path: Path) -> Callable[[Mapping[str, bytes]], list[Path]]:
    """Writes files that the stub recipe takes for videos."""

    def write(contents: Mapping[str, bytes]) -> list[Path]:
        for name, content in contents.items():
            (tmp_path / name).write_bytes(content)
        return [tmp_path / name for name in contents]

    return write
