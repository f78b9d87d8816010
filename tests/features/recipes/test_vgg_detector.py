from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import nms

from stillseek.errors import FeatureError
from stillseek.features.recipes.vgg_detector import published_vgg_detector, vgg_detector

# Names and shapes of faster_rcnn_1_6_10021.pth (Pascal VOC, 21 classes, 9 anchors a cell) and its
# sisters, as the modules that save it declare them: github.com/jwyang/faster-rcnn.pytorch,
# lib/model/faster_rcnn/vgg16.py, commit f9e4747dab1ead60865da79a032b25f152769765, and
# lib/model/rpn/rpn.py, commit 913927bc46513356c68d8e4b0c3ed777d3cfc839.
PLACES = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
WIDTHS = (3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)
CONVOLUTIONS = {
    place: (after, before) for place, (before, after) in zip(PLACES, pairwise(WIDTHS), strict=True)
}


def published(
    *, num_classes: int = 21, num_anchors: int = 9, num_boxes: int | None = None
) -> dict[str, Tensor]:
    """A state dict of the published layout, without memory."""
    boxes = num_classes if num_boxes is None else num_boxes
    shapes: dict[str, tuple[int, ...]] = {
        f"RCNN_base.{index}": (*channels, 3, 3) for index, channels in CONVOLUTIONS.items()
    }
    shapes |= {
        "RCNN_rpn.RPN_Conv": (512, 512, 3, 3),
        "RCNN_rpn.RPN_cls_score": (2 * num_anchors, 512, 1, 1),
        "RCNN_rpn.RPN_bbox_pred": (4 * num_anchors, 512, 1, 1),
        "RCNN_top.0": (4096, 25088),
        "RCNN_top.3": (4096, 4096),
        "RCNN_cls_score": (num_classes, 4096),
        "RCNN_bbox_pred": (4 * boxes, 4096),
    }
    weights = {f"{key}.weight": torch.empty(shape, device="meta") for key, shape in shapes.items()}
    biases = {f"{key}.bias": torch.empty(shape[0], device="meta") for key, shape in shapes.items()}
    return weights | biases


@pytest.mark.parametrize(
    "layout",
    [
        {},
        {"num_classes": 81, "num_anchors": 12},
        {"num_classes": 2501, "num_anchors": 12},
        {"num_classes": 21, "num_boxes": 1},
    ],
    ids=["VOC", "COCO", "Visual Genome", "one box for all classes"],
)
def test_published_weights_fit_by_name_and_shape(layout: dict[str, int]) -> None:
    detector = published_vgg_detector(published(**layout), source=Path("w.pth"))

    num_classes, num_anchors = layout.get("num_classes", 21), layout.get("num_anchors", 9)
    shapes = {name: tuple(value.shape) for name, value in detector.state_dict().items()}
    assert shapes["backbone.28.weight"] == (512, 512, 3, 3)
    assert shapes["roi_heads.box_head.fc6.weight"] == (4096, 512 * 7 * 7)
    assert shapes["roi_heads.box_predictor.bbox_pred.weight"] == (4 * num_classes, 4096)
    assert detector.rpn.anchor_generator.cell_anchors[0].shape == (num_anchors, 4)


def test_weights_of_other_detectors_are_refused() -> None:
    other = published()
    del other["RCNN_rpn.RPN_bbox_pred.bias"]
    with pytest.raises(FeatureError, match=r"w\.pth does not hold a VGG-16 detector"):
        published_vgg_detector(other, source=Path("w.pth"))
    with pytest.raises(FeatureError, match="7 is missing or not known"):
        published_vgg_detector(published(num_anchors=7), source=Path("w.pth"))
    resnet = published() | {"RCNN_base.4.0.conv1.weight": torch.empty(64, device="meta")}
    with pytest.raises(FeatureError, match=r"the first is 'backbone\.4\.0\.conv1\.weight'"):
        published_vgg_detector(resnet, source=Path("w.pth"))


def test_anchors_are_those_of_the_authors() -> None:
    with torch.device("meta"):
        detector = vgg_detector(num_classes=2)

    # py-faster-rcnn's table, whose right and bottom are the last pixels inside.
    inclusive = [
        [-84, -40, 99, 55],
        [-176, -88, 191, 103],
        [-360, -184, 375, 199],
        [-56, -56, 71, 71],
        [-120, -120, 135, 135],
        [-248, -248, 263, 263],
        [-36, -80, 51, 95],
        [-80, -168, 95, 183],
        [-168, -344, 183, 359],
    ]
    found = detector.rpn.anchor_generator.cell_anchors[0] - torch.tensor([0, 0, 1, 1])
    assert found.tolist() == inclusive


def test_images_are_in_red_green_blue_and_one_is_white() -> None:
    weights = published()
    first = torch.arange(64 * 3 * 3 * 3.0).reshape(64, 3, 3, 3)
    detector = published_vgg_detector(
        weights | {"RCNN_base.0.weight": first}, source=Path("w.pth")
    ).eval()
    image = torch.zeros(3, 600, 600)
    image[0], image[2] = 1.0, 0.5

    images, _ = detector.transform([image])

    assert torch.equal(detector.backbone[0].weight[:, 0], first[:, 2])
    # The published model takes blue, green, red in 0 to 255 less 102.9801, 115.9465, 122.7717.
    red_green_blue = images.tensors[0, :, 300, 300]
    expected = torch.tensor([255 - 122.7717, -115.9465, 127.5 - 102.9801])
    torch.testing.assert_close(red_green_blue, expected, rtol=1e-5, atol=1e-4)


def published_proposals(
    weights: dict[str, Tensor], maps: Tensor, anchors: Tensor, size: tuple[int, int]
) -> Tensor:
    """Proposals as rpn.py and proposal_layer.py of the published model compute them."""
    conv, scores, offsets = (
        (weights[f"RCNN_rpn.RPN_{name}.weight"], weights[f"RCNN_rpn.RPN_{name}.bias"])
        for name in ("Conv", "cls_score", "bbox_pred")
    )
    hidden = torch.nn.functional.conv2d(maps, *conv, padding=1).relu()
    _, _, rows, columns = maps.shape
    pairs = torch.nn.functional.conv2d(hidden, *scores).reshape(1, 2, 9 * rows, columns)
    objects = pairs.softmax(1).reshape(1, 18, rows, columns)[:, 9:]
    objects = objects.permute(0, 2, 3, 1).reshape(-1)
    deltas = torch.nn.functional.conv2d(hidden, *offsets).permute(0, 2, 3, 1).reshape(-1, 4)
    y, x = torch.meshgrid(torch.arange(rows) * 16, torch.arange(columns) * 16, indexing="ij")
    shifts = torch.stack((x, y, x, y), -1).reshape(-1, 1, 4)
    inclusive = (shifts + anchors).reshape(-1, 4)
    sides = inclusive[:, 2:] - inclusive[:, :2] + 1
    centres = inclusive[:, :2] + sides / 2 + deltas[:, :2] * sides
    sides = sides * deltas[:, 2:].exp()
    boxes = torch.cat((centres - sides / 2, centres + sides / 2), 1)
    height, width = size
    boxes = boxes.clamp(torch.zeros(4), torch.tensor([width, height, width, height]))
    # Proposals that lie outside the image, and have nothing left of them, are ours to drop.
    real = (boxes[:, 2:] - boxes[:, :2] > 1e-3).all(1)
    boxes, objects = boxes[real], objects[real]
    return boxes[nms(boxes, objects, 0.7)[:300]]


def test_proposals_are_those_of_the_published_model() -> None:
    generator = torch.Generator().manual_seed(3)
    weights = published()
    for key in [key for key in weights if key.startswith("RCNN_rpn.")]:
        weights[key] = 0.02 * torch.randn(weights[key].shape, generator=generator)
    detector = published_vgg_detector(weights, source=Path("w.pth")).eval()
    maps = torch.randn(1, 512, 5, 7, generator=generator)
    size = (5 * 16 - 3, 7 * 16)
    images = ImageList(torch.zeros(1, 3, 80, 112), [size])

    (found,), _ = detector.rpn(images, {"0": maps})

    anchors = detector.rpn.anchor_generator.cell_anchors[0] - torch.tensor([0, 0, 1, 1])
    expected = published_proposals(weights, maps, anchors, size)
    assert len(found) > 30
    # Pixels; the scores' order is the same up to rounding.
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-3)
