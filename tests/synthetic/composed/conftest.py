"""Photographs that are told apart: random blots of colour."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from stillseek.synthetic.composed.photographs import Photograph, PhotographFolder

LABELS = tuple(f"sports/{name}" for name in "abcdefgh")
GROUPS = {
    "first": ["sports/a", "sports/b", "sports/g"],
    "second": ["sports/c", "sports/d"],
    "third": ["sports/e", "sports/f"],
}
SPLIT = {
    "train": ["sports/a", "sports/b", "sports/c", "sports/d"],
    "val": ["sports/e", "sports/f"],
    "test": ["sports/g", "sports/h"],
}


@pytest.fixture(scope="session")
def blots() -> Callable[..., np.ndarray]:
    def draw(seed: int, *, width: int = 101, height: int = 67) -> np.ndarray:
        small = np.random.default_rng(seed).integers(0, 256, (7, 7, 3), dtype=np.uint8)
        return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)

    return draw


@pytest.fixture(scope="session")
def write_photographs(tmp_path_factory: pytest.TempPathFactory, blots) -> Callable[..., Path]:
    """Writes a folder of classes; every photograph is another one."""

    def write(labels=LABELS, *, number: int = 9) -> Path:
        folder = tmp_path_factory.mktemp("photographs")
        for place, label in enumerate(labels):
            (folder / label).mkdir(parents=True)
            for index in range(number):
                image = Image.fromarray(blots(1000 * place + index))
                image.save(folder / label / f"{index:02d}.png")
        return folder

    return write


@pytest.fixture(scope="session")
def listed() -> PhotographFolder:
    """Photographs without files: 8 classes of 23; two in a row are near-duplicates."""
    photographs = tuple(
        Photograph(
            name=f"{label}/{index:02d}.png",
            label=label,
            sha256="",
            phash=0,
            mirrored_phash=0,
            group=1000 * place + index // 2,
        )
        for place, label in enumerate(LABELS)
        for index in range(23)
    )
    return PhotographFolder(
        path=Path("nowhere"),
        photographs=photographs,
        unreadable=(),
        unlabelled=(),
        num_shared=0,
        sha256="0",
    )
