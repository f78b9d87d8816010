from pathlib import Path

import numpy as np

from stillseek.features import QueryFeatures, QueryKey, VideoFeatures, VideoKey
from stillseek.timeline import ClipGrid

GRID = ClipGrid(stride_seconds=0.5, length_seconds=0.75, duration_seconds=3.3)
A, B = "a" * 64, "b" * 64
KEY = VideoKey(content="c" * 64, fingerprint=A)
QUERY = QueryKey(content="d" * 64, fingerprint=A, frame_seconds=2.5, box=(1, 2, 3, 4))


def video(value: float = 0.5, *, fingerprint: str = A) -> VideoFeatures:
    clips = np.full((GRID.num_clips, 5), value, np.float32)
    return VideoFeatures(clips=clips, grid=GRID, fingerprint=fingerprint)


def query(value: float = 0.5) -> QueryFeatures:
    return QueryFeatures(
        regions=np.full((2, 7), value, np.float32),
        boxes=np.array([[0.5, 0.5, 1, 1], [0.25, 0.25, 0.5, 0.5]], np.float32),
        global_feature=np.full(11, value, np.float32),
        fingerprint=A,
    )


def damage(path: Path, place: int = -1) -> None:
    """Flips a bit."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
