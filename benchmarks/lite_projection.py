"""Fits the projection of the ``lite`` recipe and its background on photographs of train classes.

    python benchmarks/lite_projection.py PHOTOGRAPHS --class-split splits.json

It writes ``src/stillseek/features/weights/lite.safetensors``: mean and first directions of
EfficientNet-Lite2's features. What ships says nothing of a single photograph: they are statistics
of thousands.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.random import Generator

from stillseek.features.recipes.frame_recipe import squash
from stillseek.features.recipes.lite import LiteEncoder
from stillseek.features.recipes.pca_reduction import CovarianceAccumulator
from stillseek.media import read_image

WEIGHTS = Path(__file__).parents[1] / "src/stillseek/features/weights/lite.safetensors"
# Of a photograph: all of it, and a part in the shape of a video frame.
_LEAST_PART = 0.7


def views(image: np.ndarray, rng: Generator) -> list[np.ndarray]:
    """A photograph and a part of it of 4:3, as a camera might show it."""
    height, width = image.shape[:2]
    rows = max(1, int(min(height, width * 3 / 4) * rng.uniform(_LEAST_PART, 1)))
    columns = max(1, min(width, rows * 4 // 3))
    top, left = rng.integers(height - rows + 1), rng.integers(width - columns + 1)
    return [image, image[top : top + rows, left : left + columns]]


def photographs_of(folder: Path, classes: list[str], number: int, rng: Generator) -> list[Path]:
    """As many photographs of each class, drawn."""
    found = []
    for name in classes:
        paths = sorted(path for path in (folder / name).iterdir() if path.is_file())
        found += [paths[k] for k in rng.permutation(len(paths))[:number]]
    return found


def main() -> None:
    """Fits and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("--class-split", type=Path, required=True)
    parser.add_argument("--per-class", type=int, default=100)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    classes = json.loads(arguments.class_split.read_text(encoding="utf-8"))["train"]
    paths = photographs_of(arguments.photographs, classes, arguments.per_class, rng)
    encoder = LiteEncoder(projected=False)
    sums = CovarianceAccumulator(encoder.dim)
    for number, path in enumerate(paths):
        pictures = np.stack(
            [squash(view, encoder.side_pixels) for view in views(read_image(path), rng)]
        )
        sums.update(encoder.embed(pictures))
        if number % 500 == 0:
            print(f"{number} of {len(paths)} photographs", flush=True)
    reduction = sums.reduction(
        arguments.dim,
        fitted_on={
            "photographs": len(paths),
            "classes": classes,
            "seed": arguments.seed,
            "network": encoder.settings["network"],
        },
    )
    reduction.save(arguments.out, dtype=np.float16)
    kept = reduction.explained_variance.sum() / reduction.total_variance
    print(f"{arguments.dim} numbers keep {100 * kept:.1f}% of the variance; wrote {arguments.out}")


if __name__ == "__main__":
    main()
