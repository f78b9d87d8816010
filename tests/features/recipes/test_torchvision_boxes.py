from pathlib import Path
from unittest.mock import Mock, call

import numpy as np
import pytest

from stillseek.errors import FeatureError, UsageError
from stillseek.features import RecipeOptions
from stillseek.features.recipes import mobilenet, torchvision_boxes
from stillseek.features.recipes.frame_recipe import Detector, FrameRecipe
from stillseek.features.recipes.torchvision_boxes import (
    DetectionConfig,
    TorchvisionDetector,
    load_torchvision_detector,
)

from .conftest import ColourEncoder, FixedDetector, tiny_network

NAME = "fasterrcnn_mobilenet_v3_large_fpn"


@pytest.fixture
def detector() -> TorchvisionDetector:
    """Random weights find boxes of no meaning, many of them."""
    network = tiny_network()
    network.roi_heads.score_thresh = 0.0
    return TorchvisionDetector(network, config=DetectionConfig(max_boxes=7, min_score=0.001))


def test_boxes_lie_in_the_picture_the_best_one_first(
    detector: TorchvisionDetector, picture: np.ndarray
):
    assert isinstance(detector, Detector)
    boxes, scores = detector.detect(picture)

    assert 1 <= len(boxes) == len(scores) <= 7
    assert (boxes[:, 2:] - boxes[:, :2] >= 1).all()
    assert (boxes >= 0).all()
    assert (boxes[:, 2:] <= (101, 67)).all()
    assert (np.diff(scores) <= 0).all()


def test_there_may_be_no_box(detector: TorchvisionDetector, picture: np.ndarray, monkeypatch):
    monkeypatch.setattr(detector, "config", DetectionConfig(min_score=0.999))

    boxes, scores = detector.detect(picture)

    assert (boxes.shape, scores.shape) == ((0, 4), (0,))


def test_weights_and_settings_tell_detectors_apart():
    network = tiny_network()
    found = {TorchvisionDetector(each).settings["detector"] for each in (network, tiny_network())}
    assert len(found) == 1
    found.add(TorchvisionDetector(tiny_network(seed=1)).settings["detector"])
    for part, name, value in (
        ("rpn", "score_thresh", 0.3),
        ("transform", "min_size", (48,)),
        ("roi_heads", "score_thresh", 0.3),
        ("roi_heads", "nms_thresh", 0.3),
        ("roi_heads", "detections_per_img", 7),
    ):
        setattr(network.get_submodule(part), name, value)
        found.add(TorchvisionDetector(network).settings["detector"])
    assert len(found) == 7


def test_mobilenet_takes_one_by_its_name(picture: np.ndarray, tmp_path: Path, monkeypatch):
    load = Mock(return_value=FixedDetector([[20.3, 10.0, 60.0, 39.6]]))
    monkeypatch.setattr(mobilenet, "MobileNetEncoder", lambda path: ColourEncoder())
    monkeypatch.setattr(mobilenet, "fetch", lambda file, given: tmp_path / file.name)
    monkeypatch.setattr(torchvision_boxes, "load_torchvision_detector", load)
    named = Path(f"torchvision:{NAME}")

    recipe = mobilenet.load_mobilenet(RecipeOptions(weights=tmp_path, detector=named))
    mobilenet.load_mobilenet(RecipeOptions(weights=tmp_path / "m.tflite", detector=named))

    assert load.call_args_list == [call(str(named), folder=tmp_path), call(str(named), folder=None)]
    assert len(recipe.encode_image(picture).regions) == 2
    assert recipe.fingerprint != FrameRecipe("mobilenet", ColourEncoder()).fingerprint


@pytest.mark.parametrize(
    "change", [{"max_boxes": 0}, {"min_score": 1.0}, {"overlap": 0.0}], ids=lambda c: next(iter(c))
)
def test_a_config_that_leaves_no_box_is_refused(change: dict):
    with pytest.raises(UsageError, match="detection needs a positive max_boxes"):
        DetectionConfig(**change)


def test_unknown_and_missing_detectors_are_named(tmp_path: Path):
    for name in ("torchvision:ssd", "yolox.onnx"):
        with pytest.raises(UsageError, match=rf"no detector '{name}'; use torchvision:{NAME} or "):
            load_torchvision_detector(name, folder=None)
    with pytest.raises(FeatureError, match=r"there is no file .*fasterrcnn_mobilenet_v3_large_fpn"):
        load_torchvision_detector(f"torchvision:{NAME}", folder=tmp_path)
