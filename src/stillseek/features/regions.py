"""Region boxes that need no detector: a grid of overlapping boxes at several scales."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32


def grid_boxes(levels: Sequence[int]) -> Float32[np.ndarray, "region 4"]:
    """Boxes of ``k x k`` grids, one grid a level, row by row.

    Neighbours overlap by half, so whatever is smaller than half a box lies whole in at least
    one: level 1 is the whole image, level 2 four boxes of 2/3 its size, level 3 nine of 1/2.

    Args:
        levels: Boxes along each side, e.g. ``(1, 2, 3)``.

    Returns:
        Centre x, centre y, width, height, in fractions of the image.
    """
    boxes = [
        (column / (k + 1), row / (k + 1), 2 / (k + 1), 2 / (k + 1))
        for k in levels
        for row in range(1, k + 1)
        for column in range(1, k + 1)
    ]
    return np.array(boxes, dtype=np.float32).reshape(-1, 4)
