import subprocess
import sys

import numpy as np
import pytest

from stillseek.errors import FeatureError, UsageError
from stillseek.features.recipes.recipe import (
    QueryFeatures,
    VideoFeatures,
    crop_to_box,
    fingerprint_of,
)
from stillseek.features.recipes.registry import load_recipe
from stillseek.timeline import ClipGrid

IMAGE = np.arange(31 * 53 * 3, dtype=np.uint32).astype(np.uint8).reshape(31, 53, 3)


def test_unknown_recipe_lists_the_known_ones():
    with pytest.raises(UsageError, match=r"no recipe 'pokcet'; the recipes are: lite, pocket"):
        load_recipe("pokcet")


def test_rows_must_fit_the_grid():
    grid = ClipGrid(stride_seconds=1.0, length_seconds=1.0, duration_seconds=3.0)
    with pytest.raises(FeatureError, match="3 clips but there are 2 rows"):
        VideoFeatures(clips=np.zeros((2, 5), np.float32), grid=grid, fingerprint="f")


@pytest.mark.parametrize(("num_regions", "num_boxes"), [(0, 0), (2, 3)])
def test_query_needs_one_box_a_region(num_regions: int, num_boxes: int):
    with pytest.raises(FeatureError, match="at least one region"):
        QueryFeatures(
            regions=np.zeros((num_regions, 5), np.float32),
            boxes=np.zeros((num_boxes, 4), np.float32),
            global_feature=np.zeros(7, np.float32),
            fingerprint="f",
        )


def test_pictures_count_alike_in_one_however_long_their_features() -> None:
    first, second = (
        QueryFeatures(
            regions=np.full((number, 2), number, np.float32),
            boxes=np.full((number, 4), 0.5, np.float32),
            global_feature=np.array(feature, np.float32),
            fingerprint="f",
        )
        for number, feature in ((1, [9.0, 0.0]), (2, [0.0, 0.25]))
    )

    one = QueryFeatures.as_one([first, second])

    assert one.global_feature.tolist() == [0.5, 0.5]
    assert one.regions.tolist() == [[1, 1], [2, 2], [2, 2]]
    assert len(one.boxes) == 3
    assert QueryFeatures.as_one([first]) is first


def test_box_is_cropped_with_a_tenth_of_context():
    np.testing.assert_array_equal(crop_to_box(IMAGE, (20, 10, 20, 10)), IMAGE[9:21, 18:42])


def test_context_ends_at_the_border_of_the_image():
    np.testing.assert_array_equal(crop_to_box(IMAGE, (0, 0, 53, 31)), IMAGE)


@pytest.mark.parametrize(
    "box", [(-1, 0, 5, 5), (0, -1, 5, 5), (50, 0, 4, 5), (0, 30, 5, 2), (3, 3, 0, 5), (3, 3, 5, 0)]
)
def test_box_outside_the_image_is_refused(box: tuple[int, int, int, int]):
    with pytest.raises(UsageError, match="inside the image of 53 x 31 pixels"):
        crop_to_box(IMAGE, box)


def test_fingerprint_changes_with_every_ingredient():
    weights = {"a": np.array([1.0, 2.0], np.float32), "b": np.array([3.0], np.float32)}
    same = fingerprint_of("pocket", {"side": 7}, weights)
    others = [
        fingerprint_of("other", {"side": 7}, weights),
        fingerprint_of("pocket", {"side": 11}, weights),
        fingerprint_of("pocket", {"side": 7}, weights | {"b": np.array([5.0], np.float32)}),
        fingerprint_of("pocket", {"side": 7}, weights | {"b": np.array([3.0], np.float64)}),
        fingerprint_of("pocket", {"side": 7}, {"a": weights["a"], "c": weights["b"]}),
        fingerprint_of("pocket", {"side": 7}, weights | {"a": weights["a"].reshape(2, 1)}),
    ]
    assert len({same, *others}) == 1 + len(others)
    assert len(same) == 64


def test_fingerprint_ignores_the_order_of_weights():
    a, b = np.ones(2, np.float32), np.zeros(3, np.float32)
    assert fingerprint_of("n", {}, {"a": a, "b": b}) == fingerprint_of("n", {}, {"b": b, "a": a})


def test_names_and_store_need_no_torch():
    code = "import sys, stillseek.features; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
