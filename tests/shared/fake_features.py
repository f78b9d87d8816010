"""Features without a network: a source of examples, and a recipe that sees the blue of a frame."""

from collections.abc import Callable

import numpy as np

from stillseek.data.sample import Sample
from stillseek.errors import FeatureError
from stillseek.features import QueryFeatures, Recipe, UnitStream, VideoFeatures
from stillseek.timeline import ClipGrid, Segment


def counted(number: int, dim: int) -> np.ndarray:
    """Vectors that say which one they are."""
    return np.arange(number, dtype=np.float32)[:, None] * np.ones(dim, np.float32)


def query_of(regions: np.ndarray, whole: np.ndarray, fingerprint: str = "f") -> QueryFeatures:
    boxes = np.full((len(regions), 4), 0.5, np.float32)
    return QueryFeatures(
        regions=regions, boxes=boxes, global_feature=whole, fingerprint=fingerprint
    )


class FakeSource:
    """The same clips for every video, and one query times a number that its sample gives.

    Remembers what was loaded; once ``is_lost``, it has nothing any more.
    """

    def __init__(
        self,
        clips: np.ndarray,
        *,
        stride_seconds: float = 0.5,
        length_seconds: float = 1.0,
        regions: np.ndarray | None = None,
        whole: np.ndarray | None = None,
        value: Callable[[Sample], float] | None = None,
    ) -> None:
        self.clips, self.value = clips, value
        self.regions = np.ones((2, 7), np.float32) if regions is None else regions
        self.whole = np.ones(3, np.float32) if whole is None else whole
        self.grid = ClipGrid(
            stride_seconds=stride_seconds,
            length_seconds=length_seconds,
            duration_seconds=len(clips) * stride_seconds,
        )
        self.loaded: list[tuple[str, Segment | None]] = []
        self.is_lost = False

    def load_video_features(self, video_id, window) -> VideoFeatures:
        self._use(video_id)
        self.loaded.append((video_id, window))
        inside, grid = self._part(window)
        clips = self.clips[inside.start : inside.stop]
        return VideoFeatures(clips=clips, grid=grid, fingerprint="f")

    def load_grid(self, video_id, window) -> ClipGrid:
        return self._part(window)[1]

    def load_query_features(self, sample) -> QueryFeatures:
        self._use(sample.video_id)
        value = np.float32(1 if self.value is None else self.value(sample))
        return query_of(self.regions * value, self.whole * value)

    def _part(self, window: Segment | None) -> tuple[range, ClipGrid]:
        return (range(len(self.clips)), self.grid) if window is None else self.grid.window(window)

    def _use(self, video_id: str) -> None:
        if self.is_lost:
            raise FeatureError(f"no features of {video_id}")


class BlueRecipe(Recipe):
    """Features of a picture: its blue; counts the pictures. Videos have none."""

    name, fingerprint = "blue", "a" * 64
    clip_dim, region_dim, global_dim = 3, 3, 5

    def __init__(self) -> None:
        self.seen = 0

    def open_video(self, path) -> UnitStream:
        raise NotImplementedError

    def encode_units(self, units) -> np.ndarray:
        raise NotImplementedError

    def assemble(self, units, stream) -> VideoFeatures:
        raise NotImplementedError

    def encode_pixels(self, image) -> QueryFeatures:
        self.seen += 1
        blue = np.float32(image[..., 2].mean() / 256)
        regions, whole = np.full((2, 3), blue), np.full(5, blue)
        return query_of(regions, whole, self.fingerprint)
