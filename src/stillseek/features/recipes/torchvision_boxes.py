"""Boxes of torchvision's detectors, for recipes that encode each box by themselves."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torchvision.models import get_model, get_model_weights
from torchvision.models.detection import FasterRCNN
from torchvision.ops import nms, remove_small_boxes

from stillseek.errors import UsageError
from stillseek.features.recipes.clip_encoder import load_published
from stillseek.features.recipes.recipe import fingerprint_of
from stillseek.features.recipes.region_detector import network_settings
from stillseek.features.recipes.torchvision_recipe import DETECTORS, published_file
from stillseek.features.weights.published_files import fetch

PREFIX = "torchvision:"
"""Begins the name of such a detector."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionConfig:
    """Which boxes count as regions.

    Attributes:
        max_boxes: Most boxes of an image, those of highest score.
        min_score: Least score, objectness times the best class's share.
        overlap: IoU from which the weaker of two boxes is dropped, whatever their classes; the
            paper's 0.7 (section 6.1).

    Raises:
        UsageError: A value is out of range.
    """

    max_boxes: int = 16
    min_score: float = 0.05
    overlap: float = 0.7

    def __post_init__(self) -> None:
        if not (self.max_boxes > 0 and 0 < self.min_score < 1 and 0 < self.overlap < 1):
            raise UsageError(
                "detection needs a positive max_boxes, and min_score and overlap between 0 and 1, "
                f"got {self}"
            )


class TorchvisionDetector:
    """Finds what may be regions; the classes that it was trained on do not matter.

    Args:
        network: The detector, on the CPU. It is taken, not copied.
        config: Which boxes count.

    Attributes:
        settings: What decides the boxes, the hash of the weights included: JSON values.
    """

    def __init__(self, network: FasterRCNN, *, config: DetectionConfig | None = None) -> None:
        self.config = config or DetectionConfig()
        self._network = network.float().eval().requires_grad_(False)
        heads: Any = network.roi_heads
        settings = network_settings(network) | {
            "overlap": heads.nms_thresh,
            "min_score": heads.score_thresh,
            "max_boxes": heads.detections_per_img,
        }
        weights = {key: value.numpy() for key, value in network.state_dict().items()}
        self.settings: Mapping[str, object] = {
            "detector": fingerprint_of("torchvision boxes", settings, weights),
            **asdict(self.config),
        }

    def detect(
        self, image: UInt8[np.ndarray, "height width 3"]
    ) -> tuple[Float32[np.ndarray, "box 4"], Float32[np.ndarray, " box"]]:
        """Boxes of an RGB picture as left, top, right, bottom in pixels, and their scores.

        The best box is first; there may be none.
        """
        with torch.inference_mode():
            (found,) = self._network([torch.from_numpy(image).permute(2, 0, 1).float() / 255])
        boxes, scores = found["boxes"], found["scores"]
        kept = remove_small_boxes(boxes, min_size=1.0)
        kept = kept[scores[kept] >= self.config.min_score]
        kept = kept[nms(boxes[kept], scores[kept], self.config.overlap)][: self.config.max_boxes]
        return boxes[kept].numpy(), scores[kept].numpy()


def load_torchvision_detector(name: str, *, folder: Path | None) -> TorchvisionDetector:
    """A detector with the weights that torchvision publishes.

    Args:
        name: One of the detectors of the torchvision recipes, after ``PREFIX``.
        folder: Folder that holds the weights; None looks in the cache and downloads.

    Raises:
        UsageError: There is no such detector.
        FeatureError: Weights cannot be had, or are broken.
    """
    known = name.removeprefix(PREFIX)
    if known not in DETECTORS:
        names = " or ".join(f"{PREFIX}{each}" for each in DETECTORS)
        raise UsageError(f"there is no detector {name!r}; use {names}")
    weights = published_file(get_model_weights(known)["COCO_V1"])
    network: Any = get_model(known, weights=None, weights_backbone=None)
    load_published(network, fetch(weights, given=folder))
    return TorchvisionDetector(network)
