"""Regions of a query image from a Faster R-CNN of torchvision's build."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor
from torchvision.models.detection import FasterRCNN
from torchvision.ops import box_convert, clip_boxes_to_image, nms, remove_small_boxes

from stillseek.errors import UsageError
from stillseek.features.recipes.precision import exact_float32


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionSelection:
    """Which of a detector's boxes are regions.

    Attributes:
        num_regions: Most regions of an image, those of highest score; the paper does not give its
            m, 36 is the number that region features are commonly published with.
        overlap: IoU from which the weaker of two boxes is dropped, whatever their classes; the
            paper's 0.7 (section 6.1).

    Raises:
        UsageError: A value is out of range.
    """

    num_regions: int = 36
    overlap: float = 0.7

    def __post_init__(self) -> None:
        if not (self.num_regions > 0 and 0 < self.overlap <= 1):
            raise UsageError(f"regions need a positive number and an overlap in (0, 1], got {self}")


class RegionDetector:
    """The regions of an image, their features and a global feature (section 6.1).

    A region is a box that the detector found for any of its classes, moved by that class's
    regression; its score is that of its best class other than the background. What the classes are
    does not matter. The feature of a region is what the box head says of that very box: the map is
    pooled once more where regions ended, not where proposals began. An image in which nothing is
    found has one region, the whole of it.

    The global feature is the mean over the image of the coarsest map that the box head pools from:
    of VGG-16 that is its only one, of a feature pyramid its topmost level (the level above it,
    which only proposals see, has nothing new).

    It computes in single precision everywhere: an image is encoded once, and box pooling has no
    half precision on every device.

    Args:
        network: The detector, on its device. It is taken, not copied.
        selection: Which boxes are regions.

    Attributes:
        region_dim: Width of a region feature.
        global_dim: Width of the global feature.
        settings: What decides a feature besides pixels and weights: JSON values.
    """

    def __init__(self, network: FasterRCNN, *, selection: RegionSelection | None = None) -> None:
        self.selection = selection or RegionSelection()
        # torch knows the parts of a module as modules only.
        self._network: Any = network.float().eval().requires_grad_(False)
        self._device = next(network.parameters()).device
        self.region_dim: int = self._network.roi_heads.box_predictor.cls_score.in_features
        self.global_dim: int = self._network.backbone.out_channels
        self.settings: Mapping[str, object] = {
            **asdict(self.selection),
            **network_settings(network),
            "features": "box head, at regions",
            "global": "coarsest pooled map",
            "dtype": "float32",
        }

    @property
    def weights(self) -> Mapping[str, np.ndarray]:
        """Parameters and buffers by name."""
        return {key: value.cpu().numpy() for key, value in self._network.state_dict().items()}

    def encode(
        self, image: UInt8[np.ndarray, "height width 3"]
    ) -> tuple[
        Float32[np.ndarray, "region region_dim"],
        Float32[np.ndarray, "region 4"],
        Float32[np.ndarray, " global_dim"],
    ]:
        """Region features, boxes and global feature of an RGB picture.

        Boxes are centre x, centre y, width, height, in fractions of the image; the best one is
        first.
        """
        heads, pixels = self._network.roi_heads, torch.from_numpy(image).to(self._device)
        with exact_float32(), torch.inference_mode():
            images, _ = self._network.transform([pixels.permute(2, 0, 1).float() / 255])
            maps = self._network.backbone(images.tensors)
            if isinstance(maps, Tensor):
                maps = {"0": maps}
            proposals, _ = self._network.rpn(images, maps)
            size = images.image_sizes[0]
            boxes = self._find_regions(maps, proposals, size)
            regions = heads.box_head(heads.box_roi_pool(maps, [boxes], [size]))
            coarsest = [maps[name] for name in heads.box_roi_pool.featmap_names if name in maps][-1]
            global_feature = _mean_of_image(coarsest, size, images.tensors.shape[-2:])
        height, width = size
        fractions = box_convert(boxes, "xyxy", "cxcywh") / boxes.new_tensor([width, height] * 2)
        return regions.cpu().numpy(), fractions.cpu().numpy(), global_feature.cpu().numpy()

    def _find_regions(
        self, maps: Mapping[str, Tensor], proposals: list[Tensor], size: tuple[int, int]
    ) -> Float[Tensor, "region 4"]:
        """Corners of the regions in pixels of the resized image."""
        heads = self._network.roi_heads
        logits, offsets = heads.box_predictor(
            heads.box_head(heads.box_roi_pool(maps, proposals, [size]))
        )
        # Column 0 is the background.
        scores, best = logits.softmax(-1)[:, 1:].max(-1)
        moved = heads.box_coder.decode(offsets, proposals)
        boxes = moved[torch.arange(len(best), device=best.device), best + 1]
        boxes = clip_boxes_to_image(boxes, size)
        kept = remove_small_boxes(boxes, min_size=1.0)
        kept = kept[nms(boxes[kept], scores[kept], self.selection.overlap)]
        if not len(kept):
            height, width = size
            return boxes.new_tensor([[0, 0, width, height]])
        return boxes[kept[: self.selection.num_regions]]


def network_settings(network: FasterRCNN) -> dict[str, object]:
    """What of a detector in evaluation mode decides a feature and is no weight: JSON values."""
    parts: Any = network
    resize, rpn, pool = parts.transform, parts.rpn, parts.roi_heads.box_roi_pool
    return {
        "shorter_side": list(resize.min_size),
        "longest_side": resize.max_size,
        "divisible_by": resize.size_divisible,
        "mean": list(resize.image_mean),
        "std": list(resize.image_std),
        "anchors": [anchors.tolist() for anchors in rpn.anchor_generator.cell_anchors],
        "proposals": {
            "before_suppression": rpn.pre_nms_top_n(),
            "after_suppression": rpn.post_nms_top_n(),
            "overlap": rpn.nms_thresh,
            "min_score": rpn.score_thresh,
            "min_side": rpn.min_size,
            "offset_weights": list(rpn.box_coder.weights),
        },
        "offset_weights": list(parts.roi_heads.box_coder.weights),
        "pooled_maps": list(pool.featmap_names),
        "pooled_cells": list(pool.output_size),
        "pooled_samples": pool.sampling_ratio,
        "pooled_level": [pool.canonical_scale, pool.canonical_level],
    }


def _mean_of_image(
    feature_map: Float[Tensor, "1 channel row column"],
    size: tuple[int, int],
    padded_size: torch.Size,
) -> Float[Tensor, " channel"]:
    """Mean over the cells that the image reaches; the rest is padding to whole cells."""
    rows, columns = (
        -(-cells * side // padded)
        for cells, side, padded in zip(feature_map.shape[-2:], size, padded_size, strict=True)
    )
    return feature_map[0, :, :rows, :columns].mean((1, 2))
