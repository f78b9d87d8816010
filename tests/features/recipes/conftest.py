"""Small recipes of every kind, with random weights."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.ops import MultiScaleRoIAlign

from stillseek.features.recipes.c3d import C3D
from stillseek.features.recipes.c3d_vgg16 import C3dVgg16Recipe
from stillseek.features.recipes.clip_encoder import ClipEncoder
from stillseek.features.recipes.clip_sampling import CentreCrop, ClipSampling
from stillseek.features.recipes.frame_recipe import FrameRecipe
from stillseek.features.recipes.pocket import PocketRecipe
from stillseek.features.recipes.recipe import Recipe
from stillseek.features.recipes.region_detector import RegionDetector
from stillseek.features.recipes.torchvision_recipe import TorchvisionRecipe

REGION_DIM, CHANNELS, CLASSES = 17, 7, 5


class Cells(nn.Sequential):
    out_channels = CHANNELS


def tiny_network(*, seed: int = 0) -> FasterRCNN:
    """A detector of one map, which halves a picture's side three times."""
    torch.manual_seed(seed)
    sides = (3, 5, CHANNELS)
    layers = [
        nn.Conv2d(before, after, 3, stride=2, padding=1)
        for before, after in zip((3, *sides), sides, strict=False)
    ]
    return FasterRCNN(
        Cells(*layers),
        min_size=64,
        max_size=128,
        rpn_anchor_generator=AnchorGenerator(((8, 16, 32),), ((0.5, 1.0, 2.0),)),
        box_roi_pool=MultiScaleRoIAlign(["0"], output_size=3, sampling_ratio=2),
        box_head=TwoMLPHead(CHANNELS * 9, REGION_DIM),
        box_predictor=FastRCNNPredictor(REGION_DIM, CLASSES),
    ).eval()


class TinyC3D(C3D):
    """Means of the 16 frames, through two small layers."""

    def __init__(self) -> None:
        nn.Module.__init__(self)
        self.fc6 = nn.Linear(48, 11)
        self.fc7 = nn.Linear(11, 13)

    def forward(self, clips):
        means = clips.float().mean((2, 3)).flatten(1) / 255
        return self.fc7(self.fc6(means.to(self.fc6.weight.dtype)))


def make_c3d(
    *, seed: int = 3, detector_seed: int = 5, dtype: torch.dtype = torch.float32
) -> C3dVgg16Recipe:
    torch.manual_seed(seed)
    encoder = TinyC3D()
    return C3dVgg16Recipe(encoder, RegionDetector(tiny_network(seed=detector_seed)), dtype=dtype)


class Means(nn.Module):
    """The mean colour of a clip, weighted."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.weights = nn.Linear(3, 7)

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        return self.weights(clips.mean((2, 3, 4)))


def make_torchvision(*, seed: int = 0, **changes) -> TorchvisionRecipe:
    encoder = ClipEncoder(Means(seed), dim=7, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.25))
    settings = {
        "sampling": ClipSampling(num_frames=5, stride_frames=3, frame_rate=10.0),
        "pixels": CentreCrop(resize=(18, 23), crop=(17, 19)),
        **changes,
    }
    regions = RegionDetector(tiny_network())
    return TorchvisionRecipe("torchvision:means", encoder, regions, **settings)


@dataclass
class ColourEncoder:
    """Projects the mean colour of 3 x 5 cells."""

    dim: int = 7
    side_pixels: int = 30
    batch_frames: int = 3
    settings: dict = field(default_factory=lambda: {"engine": "numpy"})
    seed: int = 0

    @property
    def weights(self):
        matrix = np.random.default_rng(self.seed).standard_normal((3, self.dim))
        return {"matrix": matrix.astype(np.float32)}

    def embed(self, frames):
        return np.stack([self.embed_map(frame)[0] for frame in frames])

    def embed_map(self, frame):
        cells = frame.reshape(3, 10, 5, 6, 3).mean((1, 3)).astype(np.float32) / 255
        found = cells @ self.weights["matrix"]
        return found.mean((0, 1)), found


@dataclass
class FixedDetector:
    """Finds the same boxes in every picture."""

    boxes: list
    settings: dict = field(default_factory=lambda: {"detector": "a" * 64})

    def detect(self, image):
        del image
        boxes = np.array(self.boxes, np.float32).reshape(-1, 4)
        return boxes, np.ones(len(boxes), np.float32)


KINDS: dict[str, Callable[..., Recipe]] = {
    "frames": lambda encoder: FrameRecipe("colour", ColourEncoder()),
    "pocket": lambda encoder: PocketRecipe(encoder=encoder),
    "c3d": lambda encoder: make_c3d(),
    "torchvision": lambda encoder: make_torchvision(),
}


@pytest.fixture(params=KINDS)
def each_recipe(request, pocket_encoder) -> Recipe:
    return KINDS[request.param](pocket_encoder)
