"""Region boxes that need no detector, and what a feature map holds inside of boxes."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float32


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


def pool_boxes(
    feature_map: Float32[np.ndarray, "row column channel"],
    boxes: Float32[np.ndarray, "region 4"],
) -> Float32[np.ndarray, "region channel"]:
    """Means of a map over boxes, each cell with the share of the box that it fills.

    A box over everything has exactly the mean of the map.

    Args:
        feature_map: Features of the cells of an image.
        boxes: Centre x, centre y, width, height, in fractions of the image; each meets it.
    """
    num_rows, num_columns = feature_map.shape[:2]
    down = _shares(boxes[:, 1], boxes[:, 3], num_rows)
    across = _shares(boxes[:, 0], boxes[:, 2], num_columns)
    return np.einsum("mr,mc,rcd->md", down, across, feature_map, optimize=True).astype(np.float32)


def _shares(
    centres: Float32[np.ndarray, " region"], sizes: Float32[np.ndarray, " region"], num_cells: int
) -> Float[np.ndarray, "region cell"]:
    """Share of each interval that lies in each of the equal cells of [0, 1]."""
    edges = np.linspace(0.0, 1.0, num_cells + 1)
    low, high = (centres - sizes / 2)[:, None], (centres + sizes / 2)[:, None]
    overlaps = np.maximum(0.0, np.minimum(high, edges[1:]) - np.maximum(low, edges[:-1]))
    return overlaps / overlaps.sum(axis=1, keepdims=True)
