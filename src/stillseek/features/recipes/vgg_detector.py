"""The VGG-16 Faster R-CNN of section 6.1, out of torchvision's parts, with published weights.

The weights are those of github.com/jwyang/faster-rcnn.pytorch, which come in a layout of their
own: blue first, two scores an anchor, and its own names. They are rewritten to what torchvision's
`FasterRCNN` computes. The answers are the same but for three things: images are padded to whole
cells where the original leaves the rest out, boxes end at the border and not one pixel before it,
and proposals that the border leaves nothing of are dropped.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torchvision.models import vgg16
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.rpn import RPNHead
from torchvision.ops import MultiScaleRoIAlign

from stillseek.errors import FeatureError
from stillseek.features.weights.state_dict import load_parameters, read_state_dict

REGION_DIM = 4096
GLOBAL_DIM = 512

_STRIDE = 16
_POOLED_SIDE = 7
# Sides of an anchor of scale 1 for height : width = 1/2, 1, 2, rounded as py-faster-rcnn does.
_ANCHOR_SIDES = ((23, 12), (16, 16), (11, 22))
# Scales by the number of anchors a cell: Pascal VOC; COCO and Visual Genome.
_ANCHOR_SCALES = {9: (8, 16, 32), 12: (4, 8, 16, 32)}

# Pixel means in red, green, blue; the network takes 0 to 255.
_MEAN_RGB = (122.7717, 115.9465, 102.9801)

_RENAMED = {
    "RCNN_base.": "backbone.",
    "RCNN_rpn.RPN_Conv.": "rpn.head.conv.0.0.",
    "RCNN_rpn.RPN_cls_score.": "rpn.head.cls_logits.",
    "RCNN_rpn.RPN_bbox_pred.": "rpn.head.bbox_pred.",
    "RCNN_top.0.": "roi_heads.box_head.fc6.",
    "RCNN_top.3.": "roi_heads.box_head.fc7.",
    "RCNN_cls_score.": "roi_heads.box_predictor.cls_score.",
    "RCNN_bbox_pred.": "roi_heads.box_predictor.bbox_pred.",
}


class _SharedLayers(nn.Sequential):
    """VGG-16 up to the last convolution of stride 16, without the pool after it."""

    out_channels = GLOBAL_DIM


def vgg_detector(*, num_classes: int, anchor_scales: Sequence[int] = (8, 16, 32)) -> FasterRCNN:
    """A VGG-16 Faster R-CNN (Ren et al. 2015) with random weights.

    It looks at images with a shorter side of 600 pixels and a longer one of at most 1000, takes
    the best 300 of 6000 proposals after suppression at 0.7, pools 7 x 7 and has the two layers of
    4096 of VGG-16 as its head.

    Args:
        num_classes: Classes of the detector, background included.
        anchor_scales: Side of the square anchor in cells of 16 pixels.
    """
    anchors = AnchorGenerator(
        sizes=(tuple(_STRIDE * scale for scale in anchor_scales),), aspect_ratios=((0.5, 1.0, 2.0),)
    )
    # torchvision centres anchors on a cell's corner and does not round them before scaling.
    anchors.cell_anchors = [_cell_anchors(anchor_scales)]
    return FasterRCNN(
        _SharedLayers(*list(vgg16().features.children())[:-1]),
        min_size=600,
        max_size=1000,
        # Images come in 0 to 1: the mean is taken off and the range becomes 0 to 255.
        image_mean=[mean / 255 for mean in _MEAN_RGB],
        image_std=[1 / 255] * 3,
        size_divisible=_STRIDE,
        rpn_anchor_generator=anchors,
        rpn_head=RPNHead(GLOBAL_DIM, anchors.num_anchors_per_location()[0]),
        rpn_pre_nms_top_n_test=6000,
        rpn_post_nms_top_n_test=300,
        rpn_nms_thresh=0.7,
        # No fixed number of samples a bin: as many as there are pixels.
        box_roi_pool=MultiScaleRoIAlign(["0"], output_size=_POOLED_SIDE, sampling_ratio=0),
        box_head=TwoMLPHead(GLOBAL_DIM * _POOLED_SIDE**2, REGION_DIM),
        box_predictor=FastRCNNPredictor(REGION_DIM, num_classes),
    )


def load_vgg_detector(path: Path) -> FasterRCNN:
    """The detector with the weights of a file of jwyang/faster-rcnn.pytorch.

    Raises:
        FeatureError: The file is missing, is not a plain state dict, or is another network's.
    """
    return published_vgg_detector(read_state_dict(path), source=path)


def published_vgg_detector(weights: Mapping[str, Tensor], *, source: Path) -> FasterRCNN:
    """The detector with weights under the names of jwyang/faster-rcnn.pytorch.

    The number of classes and the anchors follow from the shapes: VOC's 9 anchors a cell, or the
    12 of COCO and Visual Genome.

    Raises:
        FeatureError: They are another network's.
    """
    try:
        num_anchors = len(weights["RCNN_rpn.RPN_bbox_pred.bias"]) // 4
        num_classes = len(weights["RCNN_cls_score.bias"])
        anchor_scales = _ANCHOR_SCALES[num_anchors]
    except KeyError as error:
        raise FeatureError(
            f"{source} does not hold a VGG-16 detector of faster-rcnn.pytorch ({error} is missing "
            "or not known); give one of its files, such as faster_rcnn_1_6_10021.pth"
        ) from error
    with torch.device("meta"):
        detector = vgg_detector(num_classes=num_classes, anchor_scales=anchor_scales)
    load_parameters(detector, dict(_converted(weights, num_classes)), source=source)
    return detector


def _converted(
    weights: Mapping[str, Tensor], num_classes: int
) -> Iterator[tuple[str, Float[Tensor, "..."]]]:
    """The same detector under torchvision's names, for images with red first."""
    for key, value in weights.items():
        old = next((prefix for prefix in _RENAMED if key.startswith(prefix)), "")
        if key == "RCNN_base.0.weight":
            value = value.flip(1)
        elif old == "RCNN_rpn.RPN_cls_score.":
            # A softmax over background and object is the sigmoid of their difference.
            background, foreground = value.chunk(2)
            value = foreground - background
        elif old == "RCNN_bbox_pred." and len(value) == 4:
            # One box for all classes.
            value = value.repeat(num_classes, *[1] * (value.ndim - 1))
        yield _RENAMED.get(old, "") + key.removeprefix(old), value


def _cell_anchors(scales: Sequence[int]) -> Float[Tensor, "anchor 4"]:
    """Left, top, right, bottom of the anchors of the first cell, centred on it."""
    sides = torch.tensor(
        [(width * scale, height * scale) for width, height in _ANCHOR_SIDES for scale in scales],
        dtype=torch.float32,
        device="cpu",
    )
    return torch.cat((_STRIDE / 2 - sides / 2, _STRIDE / 2 + sides / 2), dim=1)
