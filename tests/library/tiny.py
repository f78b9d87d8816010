"""A recipe of eight numbers, whose videos are tables of numbers; and writers that may be killed.

python tests/library/tiny.py LIBRARY add|remove|migrate|search ARGUMENTS
"""

import sys
from pathlib import Path

import numpy as np

from stillseek.errors import MediaError
from stillseek.features import QueryFeatures, Recipe, UnitStream, VideoFeatures
from stillseek.library import Library
from stillseek.timeline import ClipGrid

DIM = 8


class TinyRecipe(Recipe):
    """A line of a video is a clip of half a second; of a picture, the first pixels count."""

    clip_dim = region_dim = global_dim = DIM
    batch_units, one_space = 5, True

    def __init__(self, name: str = "tiny") -> None:
        self.name = name
        self.fingerprint = "abcdef0123456789"[len(name) % 7] * 64

    def open_video(self, path: Path) -> UnitStream:
        try:
            rows = np.loadtxt(path, dtype=np.int64, ndmin=2)
        except ValueError as error:
            raise MediaError(f"{path} is not a video") from error
        return UnitStream(
            duration_seconds=len(rows) / 2, interval_seconds=0.5, units=iter(rows.astype(np.uint8))
        )

    def encode_units(self, units: np.ndarray) -> np.ndarray:
        return units.astype(np.float32) * (2 if self.name == "tiny" else 3)

    def assemble(self, units: np.ndarray, stream: UnitStream) -> VideoFeatures:
        grid = ClipGrid(
            stride_seconds=0.5, length_seconds=0.5, duration_seconds=stream.duration_seconds
        )
        return VideoFeatures(clips=units, grid=grid, fingerprint=self.fingerprint)

    def encode_pixels(self, image: np.ndarray) -> QueryFeatures:
        vector = image[0, :DIM, 0].astype(np.float32)
        return QueryFeatures(
            regions=vector[None],
            boxes=np.array([[0.5, 0.5, 1, 1]], np.float32),
            global_feature=vector,
            fingerprint=self.fingerprint,
        )


def main(folder: str, verb: str, *arguments: str) -> None:
    """Writes, and tells of each video as it is done; or searches until the end of its input."""
    library = Library.open(folder, recipe=None if verb == "migrate" else TinyRecipe())
    match verb:
        case "add":
            library.add(*arguments, workers=1, on_outcome=lambda o: print(o.path, flush=True))
        case "remove":
            for pattern in arguments:
                library.remove(pattern)
                print(pattern, flush=True)
        case "migrate":
            library.migrate(TinyRecipe(arguments[0]), workers=1)
            print("whole", flush=True)
        case "search":
            picture = np.full((2, DIM, 3), 100, np.uint8)
            library = Library.open(folder, recipe=TinyRecipe(arguments[0]))
            print(len(library.search(picture, top=1000, fast=True).results), flush=True)
            assert "torch" not in sys.modules


if __name__ == "__main__":
    main(*sys.argv[1:])
