import numpy as np
import pytest

from stillseek.features.recipes.region_grid import grid_boxes, pool_boxes


def test_no_level_is_no_box():
    assert grid_boxes(()).shape == (0, 4)


def test_first_level_is_the_whole_image():
    np.testing.assert_array_equal(grid_boxes((1,)), [[0.5, 0.5, 1, 1]])


def test_second_level_overlaps_by_half():
    third = 1 / 3
    expected = [
        [third, third, 2 * third, 2 * third],
        [2 * third, third, 2 * third, 2 * third],
        [third, 2 * third, 2 * third, 2 * third],
        [2 * third, 2 * third, 2 * third, 2 * third],
    ]
    np.testing.assert_allclose(grid_boxes((2,)), expected, rtol=1e-6)  # float32


@pytest.mark.parametrize("levels", [(1, 2, 3), (5,)])
def test_boxes_lie_inside_and_reach_every_border(levels: tuple[int, ...]):
    boxes = grid_boxes(levels)
    low, high = boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2
    assert len(boxes) == sum(k * k for k in levels)
    # 1e-6 is a few roundings of float32
    np.testing.assert_allclose(low.min(0), 0, atol=1e-6)
    np.testing.assert_allclose(high.max(0), 1, atol=1e-6)


def test_pooling_weighs_cells_by_the_share_of_the_box():
    feature_map = np.arange(2 * 3 * 5, dtype=np.float32).reshape(2, 3, 5)
    boxes = np.array(
        [[0.5, 0.5, 1, 1], [0.5, 0.25, 1 / 3, 0.5], [0.5, 0.5, 2 / 3, 0.5]], np.float32
    )
    pooled = pool_boxes(feature_map, boxes)
    assert pooled.shape == (3, 5)
    np.testing.assert_allclose(pooled[0], feature_map.mean((0, 1)), rtol=1e-6)
    np.testing.assert_allclose(pooled[1], feature_map[0, 1], rtol=1e-6)
    # a half of the first column, all of the second, a half of the third; equal parts of both rows
    columns = feature_map[:, 0] / 4 + feature_map[:, 1] / 2 + feature_map[:, 2] / 4
    np.testing.assert_allclose(pooled[2], columns.mean(0), rtol=1e-6)
