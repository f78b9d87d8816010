"""The files of a small data set."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def folder(write_clip, tmp_path: Path) -> Path:
    """Two videos, ``long`` of 7 s and ``other`` of 5 s, and a grey picture."""
    write_clip(name="set/videos/long.mp4", seconds=7.0, rate=4)
    write_clip(name="set/videos/other.mp4", seconds=5.0, rate=4, seed=3)
    Image.fromarray(np.full((6, 8, 3), 128, np.uint8)).save(tmp_path / "set/handball.png")
    return tmp_path / "set"
