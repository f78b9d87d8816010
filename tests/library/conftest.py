import os
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

TINY = runpy.run_path(str(Path(__file__).with_name("tiny.py")))
DIM: int = TINY["DIM"]


@pytest.fixture
def tiny() -> Callable[..., Any]:
    """Makes a recipe that reads tables of numbers."""
    return TINY["TinyRecipe"]


@pytest.fixture
def write_video(tmp_path: Path) -> Callable[..., Path]:
    """Writes a "video" of noise in which clips 10 to 15 show a kind of their own."""

    def write(name: str, *, kind: int | None = None, num_clips: int = 31, seed: int = 0) -> Path:
        rows = np.random.default_rng([seed, num_clips]).integers(20, 40, (num_clips, DIM))
        if kind is not None:
            rows[10:16] = 5
            rows[10:16, kind] = 200
        path = tmp_path / "videos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savetxt(path, rows, fmt="%d")
        # Two writes within one tick of the clock have one time.
        os.utime(path, ns=(0, 10**9 * (seed + 1)))
        return path

    return write


@pytest.fixture
def picture() -> Callable[[int], np.ndarray]:
    """Makes a picture of a kind, and of another kind in a mirror."""

    def make(kind: int, *, in_mirror: int | None = None) -> np.ndarray:
        pixels = np.full((13, 40, 3), 5, np.uint8)
        pixels[0, kind] = 200
        pixels[0, -1 - (kind if in_mirror is None else in_mirror)] = 200
        return pixels

    return make
