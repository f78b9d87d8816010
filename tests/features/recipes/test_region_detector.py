import json
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from torchvision.models.detection import FasterRCNN, fasterrcnn_mobilenet_v3_large_fpn
from torchvision.models.detection._utils import BoxCoder
from torchvision.ops import box_convert, box_iou

from stillseek.errors import UsageError
from stillseek.features.recipes.region_detector import RegionDetector, RegionSelection

from .conftest import CHANNELS, REGION_DIM, tiny_network


def corners(boxes: np.ndarray) -> torch.Tensor:
    return box_convert(torch.from_numpy(boxes), "cxcywh", "xyxy")


def maps_of(network: FasterRCNN, picture: np.ndarray) -> tuple:
    """A picture as the network sees it, and the maps that it makes of it."""
    with torch.inference_mode():
        images, _ = network.transform([torch.from_numpy(picture).permute(2, 0, 1) / 255])
        return images, network.backbone(images.tensors)


def test_regions_lie_apart_inside_the_image(picture: np.ndarray):
    detector = RegionDetector(tiny_network(), selection=RegionSelection(num_regions=11))
    regions, boxes, global_feature = detector.encode(picture)
    assert regions.shape == (11, REGION_DIM) == (11, detector.region_dim)
    assert global_feature.shape == (CHANNELS,) == (detector.global_dim,)
    left_top, right_bottom = corners(boxes).split(2, dim=1)
    # corners are rebuilt from centres and sizes in float32
    assert (left_top >= -1e-6).all()
    assert (right_bottom <= 1 + 1e-6).all()
    assert (right_bottom > left_top).all()
    # IoU is taken in pixels of the resized image, which keeps the shape to a rounding
    overlaps = box_iou(corners(boxes), corners(boxes)).fill_diagonal_(0)
    assert overlaps.max() <= 0.7 + 1e-4


def test_best_region_is_the_networks_own_best_detection(picture: np.ndarray):
    network = tiny_network()
    network.roi_heads.score_thresh = 0.0
    with torch.inference_mode():
        pixels = torch.from_numpy(picture).permute(2, 0, 1) / 255
        best = network([pixels])[0]["boxes"][0] / torch.tensor([101, 67, 101, 67])
    _, boxes, _ = RegionDetector(network).encode(picture)
    # the network scales its boxes back to the picture in another order
    torch.testing.assert_close(corners(boxes)[0], best, rtol=1e-4, atol=1e-4)


def test_features_are_the_box_heads_of_the_regions(picture: np.ndarray):
    network = tiny_network()
    regions, boxes, global_feature = RegionDetector(network).encode(picture)
    images, cells = maps_of(network, picture)
    height, width = images.image_sizes[0]
    with torch.inference_mode():
        scaled = corners(boxes) * torch.tensor([width, height, width, height])
        pooled = network.roi_heads.box_roi_pool({"0": cells}, [scaled], [(height, width)])
        expected = network.roi_heads.box_head(pooled).numpy()
    # boxes went to fractions and back
    np.testing.assert_allclose(regions, expected, rtol=1e-3, atol=1e-4)
    # 64 x 96 pixels are 8 x 12 cells; the image is padded to whole multiples of 32
    assert (height, width) == (64, 96)
    np.testing.assert_allclose(global_feature, cells[0].mean((1, 2)).numpy(), rtol=1e-5, atol=1e-6)


def test_padding_is_no_part_of_the_global_feature():
    network = tiny_network()
    narrow = np.random.default_rng(5).integers(256, size=(64, 72, 3), dtype=np.uint8)
    _, _, global_feature = RegionDetector(network).encode(narrow)
    images, cells = maps_of(network, narrow)
    assert images.tensors.shape[-1] == 96
    np.testing.assert_allclose(global_feature, cells[0, :, :, :9].mean((1, 2)), rtol=1e-5)


def test_image_without_detections_is_one_region(picture: np.ndarray):
    network = tiny_network()
    # every box shrinks to less than a pixel
    network.roi_heads.box_predictor.bbox_pred.bias.data[2::4] = -60.0
    network.roi_heads.box_predictor.bbox_pred.bias.data[3::4] = -60.0
    regions, boxes, _ = RegionDetector(network).encode(picture)
    np.testing.assert_array_equal(boxes, [[0.5, 0.5, 1, 1]])
    assert regions.shape == (1, REGION_DIM)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 53, 3), (89, 2, 3)])
def test_smallest_pictures_have_regions(shape: tuple[int, int, int]):
    regions, boxes, _ = RegionDetector(tiny_network()).encode(np.full(shape, 77, np.uint8))
    assert len(regions) == len(boxes) >= 1
    assert np.isfinite(regions).all()


def test_same_picture_same_features(picture: np.ndarray):
    detector = RegionDetector(tiny_network())
    for first, second in zip(detector.encode(picture), detector.encode(picture), strict=True):
        np.testing.assert_array_equal(first, second)


def test_pyramid_gives_its_topmost_pooled_level(picture: np.ndarray):
    torch.manual_seed(0)
    network = fasterrcnn_mobilenet_v3_large_fpn(
        weights=None, weights_backbone=None, min_size=64, max_size=128
    ).eval()
    detector = RegionDetector(network, selection=RegionSelection(num_regions=3))
    regions, _, global_feature = detector.encode(picture)
    assert regions.shape == (3, 1024)
    images, maps = maps_of(network, picture)
    assert list(maps) == ["0", "1", "pool"]
    assert images.image_sizes == [tuple(images.tensors.shape[-2:])]
    np.testing.assert_allclose(global_feature, maps["1"][0].mean((1, 2)), rtol=1e-4, atol=1e-5)


def test_settings_and_weights_tell_detectors_apart():
    detector = RegionDetector(tiny_network())
    fewer = RegionDetector(tiny_network(), selection=RegionSelection(num_regions=5))
    assert detector.settings != fewer.settings
    assert detector.weights.keys() == tiny_network().state_dict().keys()


def other_proposals(when: str, number: int) -> FasterRCNN:
    network = tiny_network()
    getattr(network.rpn, f"_{when}_nms_top_n")["testing"] = number
    return network


def other_anchors() -> FasterRCNN:
    """Of the same number, and set by hand as those of `vgg_detector` are."""
    network = tiny_network()
    network.rpn.anchor_generator.cell_anchors = [
        anchors + 3 for anchors in network.rpn.anchor_generator.cell_anchors
    ]
    return network


def changed(part: str, name: str, value: object) -> FasterRCNN:
    network = tiny_network()
    setattr(network.get_submodule(part), name, value)
    return network


@pytest.mark.parametrize(
    "other",
    [
        partial(other_proposals, "pre", 500),
        partial(other_proposals, "post", 13),
        other_anchors,
        partial(changed, "rpn", "nms_thresh", 0.3),
        partial(changed, "rpn", "score_thresh", 0.5),
        partial(changed, "rpn", "box_coder", BoxCoder((2.0, 2.0, 1.0, 1.0))),
        partial(changed, "transform", "min_size", (48,)),
        partial(changed, "transform", "max_size", 70),
        partial(changed, "transform", "size_divisible", 64),
        partial(changed, "roi_heads", "box_coder", BoxCoder((5.0, 5.0, 5.0, 5.0))),
        partial(changed, "roi_heads.box_roi_pool", "sampling_ratio", 1),
    ],
)
def test_settings_know_what_of_the_network_decides_a_feature(
    other: Callable[[], FasterRCNN], picture: np.ndarray
):
    first, second = RegionDetector(tiny_network()), RegionDetector(other())
    pairs = list(zip(first.encode(picture), second.encode(picture), strict=True))
    assert any(a.shape != b.shape or np.abs(a - b).max() > 1e-6 for a, b in pairs)
    assert json.dumps(first.settings) != json.dumps(second.settings)


@pytest.mark.parametrize("wrong", [{"num_regions": 0}, {"overlap": 0.0}, {"overlap": 1.5}])
def test_selection_is_checked(wrong: dict):
    with pytest.raises(UsageError, match="regions need a positive number"):
        RegionSelection(**wrong)
