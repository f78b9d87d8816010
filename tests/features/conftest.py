from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from stillseek.errors import MediaError
from stillseek.features import FeatureStore, VideoKey, content_hash, extract
from stillseek.features.recipes.pocket_encoder import PocketConfig, PocketEncoder
from stillseek.features.recipes.recipe import QueryFeatures, Recipe, UnitStream, VideoFeatures
from stillseek.models.sail import Sail, SailConfig
from stillseek.tensors import LocalizerInput
from stillseek.timeline import ClipGrid
from stillseek.training.losses import boundary_nll


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
def store(tmp_path: Path) -> FeatureStore:
    return FeatureStore(tmp_path / "store")


@pytest.fixture
def pocket_encoder() -> PocketEncoder:
    torch.manual_seed(0)
    return PocketEncoder(PocketConfig(widths=(3, 5, 7, 11, 13), embedding_dim=17))


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(256, size=(67, 101, 3), dtype=np.uint8)


@pytest.fixture
def write_files(tmp_path: Path) -> Callable[[Mapping[str, bytes]], list[Path]]:
    """Writes files that the stub recipe takes for videos."""

    def write(contents: Mapping[str, bytes]) -> list[Path]:
        for name, content in contents.items():
            (tmp_path / name).write_bytes(content)
        return [tmp_path / name for name in contents]

    return write


@pytest.fixture
def losses_of_a_step(store: FeatureStore, picture: np.ndarray) -> Callable[..., list[float]]:
    """Loss of a small SAIL before and after a step on what a recipe puts into a store."""

    def step(recipe: Recipe, path: Path) -> list[float]:
        assert extract([path], recipe, store).with_status("encoded")
        key = VideoKey(content=content_hash(path), fingerprint=recipe.fingerprint)
        video = store.get(key)
        query = recipe.encode_image(picture)
        inputs = LocalizerInput(
            clips=torch.from_numpy(video.clips)[None],
            clip_mask=torch.ones(1, len(video.clips), dtype=torch.bool),
            regions=torch.from_numpy(query.regions)[None],
            boxes=torch.from_numpy(query.boxes)[None],
            region_mask=torch.ones(1, len(query.regions), dtype=torch.bool),
            global_feature=torch.from_numpy(query.global_feature)[None],
        )
        torch.manual_seed(0)
        widths = {name: getattr(recipe, name) for name in ("clip_dim", "region_dim", "global_dim")}
        small = {"num_layers": 2, "num_heads": 2, "projection_dim": 3, "ffn_dim": 5}
        model = Sail(SailConfig(**widths, **small, window=2, hidden_dim=7, dropout=0.0))
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
        losses = []
        for _ in range(2):
            loss = boundary_nll(model(inputs), torch.tensor([1]), torch.tensor([2]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses

    return step
