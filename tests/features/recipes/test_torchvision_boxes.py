from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.models import get_model

from stillseek.errors import FeatureError, UsageError
from stillseek.features import RecipeOptions
from stillseek.features.recipes import mobilenet, torchvision_boxes
from stillseek.features.recipes.frame_recipe import Detector, FrameRecipe
from stillseek.features.recipes.torchvision_boxes import (
    DetectionConfig,
    TorchvisionDetector,
    load_torchvision_detector,
)

NAME = "fasterrcnn_mobilenet_v3_large_fpn"


@pytest.fixture(scope="module")
def detector() -> TorchvisionDetector:
    """Random weights find boxes of no meaning, many of them."""
    torch.manual_seed(0)
    network = get_model(
        NAME, weights=None, weights_backbone=None, min_size=64, max_size=96, box_score_thresh=0.0
    )
    return TorchvisionDetector(network, config=DetectionConfig(max_boxes=7, min_score=0.001))


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(256, size=(67, 101, 3), dtype=np.uint8)


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


def test_weights_tell_detectors_apart(detector: TorchvisionDetector):
    torch.manual_seed(1)
    other = TorchvisionDetector(get_model(NAME, weights=None, weights_backbone=None))

    assert other.settings["detector"] != detector.settings["detector"]


def test_settings_of_the_network_tell_detectors_apart():
    torch.manual_seed(0)
    network = get_model(NAME, weights=None, weights_backbone=None, min_size=64)
    found = {TorchvisionDetector(network).settings["detector"]}
    for part, name, value in (
        ("rpn", "score_thresh", 0.3),
        ("transform", "min_size", (48,)),
        ("roi_heads", "score_thresh", 0.3),
        ("roi_heads", "nms_thresh", 0.3),
        ("roi_heads", "detections_per_img", 7),
    ):
        setattr(network.get_submodule(part), name, value)
        found.add(TorchvisionDetector(network).settings["detector"])
    assert len(found) == 6


class Stub:
    """An encoder whose features are the colour of a frame."""

    dim, side_pixels, batch_frames = 3, 5, 2
    settings, weights = {}, {}

    def __init__(self, path: Path | None = None) -> None:
        pass

    def embed(self, frames):
        return frames.mean((1, 2)).astype(np.float32)

    def embed_map(self, frame):
        raise NotImplementedError


def test_mobilenet_takes_one_by_its_name(
    detector: TorchvisionDetector, picture: np.ndarray, tmp_path: Path, monkeypatch
):
    asked = []
    monkeypatch.setattr(mobilenet, "MobileNetEncoder", Stub)
    monkeypatch.setattr(mobilenet, "fetch", lambda file, given: tmp_path / file.name)
    monkeypatch.setattr(
        torchvision_boxes,
        "load_torchvision_detector",
        lambda name, folder: asked.append((name, folder)) or detector,
    )
    named = Path(f"torchvision:{NAME}")

    recipe = mobilenet.load_mobilenet(RecipeOptions(weights=tmp_path, detector=named))
    mobilenet.load_mobilenet(RecipeOptions(weights=tmp_path / "m.tflite", detector=named))

    assert asked == [(f"torchvision:{NAME}", tmp_path), (f"torchvision:{NAME}", None)]
    query = recipe.encode_image(picture)
    assert len(query.regions) == 1 + len(detector.detect(picture)[0])
    assert recipe.fingerprint != FrameRecipe("mobilenet", Stub()).fingerprint


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
