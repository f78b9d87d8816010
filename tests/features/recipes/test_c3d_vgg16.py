from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.ops import MultiScaleRoIAlign

from stillseek.errors import FeatureError, UsageError
from stillseek.features.recipes.c3d import C3D
from stillseek.features.recipes.c3d_vgg16 import C3dVgg16Recipe
from stillseek.features.recipes.options import RecipeOptions
from stillseek.features.recipes.pca_reduction import Reduction
from stillseek.features.recipes.region_detector import RegionDetector
from stillseek.features.recipes.registry import load_recipe


class TinyC3D(C3D):
    """Means of the 16 frames, through two small layers."""

    def __init__(self) -> None:
        nn.Module.__init__(self)
        self.fc6 = nn.Linear(48, 11)
        self.fc7 = nn.Linear(11, 13)

    def forward(self, clips):
        means = clips.float().mean((2, 3)).flatten(1) / 255
        return self.fc7(self.fc6(means.to(self.fc6.weight.dtype)))


class Cells(nn.Sequential):
    out_channels = 5


def tiny_detector(seed: int) -> RegionDetector:
    torch.manual_seed(seed)
    return RegionDetector(
        FasterRCNN(
            Cells(nn.Conv2d(3, 5, 8, stride=8)),
            min_size=32,
            max_size=64,
            rpn_anchor_generator=AnchorGenerator(((8, 16),), ((1.0,),)),
            box_roi_pool=MultiScaleRoIAlign(["0"], output_size=2, sampling_ratio=2),
            box_head=TwoMLPHead(5 * 4, 7),
            box_predictor=FastRCNNPredictor(7, 3),
        )
    )


def make_recipe(
    *, seed: int = 3, detector_seed: int = 5, dtype: torch.dtype = torch.float32
) -> C3dVgg16Recipe:
    torch.manual_seed(seed)
    return C3dVgg16Recipe(TinyC3D(), tiny_detector(detector_seed), dtype=dtype)


def make_reduction(*, width: int = 13, origin: str = "train") -> Reduction:
    rng = np.random.default_rng(5)
    return Reduction(
        mean=rng.normal(size=width).astype(np.float32),
        components=np.linalg.qr(rng.normal(size=(width, 3)))[0].T.astype(np.float32),
        explained_variance=np.array([3, 2, 1], np.float32),
        total_variance=7.0,
        fitted_on={"split": origin},
    )


@pytest.mark.parametrize(("seconds", "num_clips"), [(0.5, 1), (1.6, 2), (1.7, 3), (4.3, 6)])
def test_a_video_becomes_clips_on_its_own_frame_rate(
    make_video, seconds: float, num_clips: int
) -> None:
    recipe, path = make_recipe(), make_video(seconds=seconds)
    features = recipe.encode_video(path)

    # At 10 frames a second, 8 frames are 0.8 s.
    assert features.clips.shape == (num_clips, 13)
    assert features.grid.stride_seconds == pytest.approx(0.8)
    assert features.grid.length_seconds == pytest.approx(1.6)
    assert features.grid.duration_seconds == pytest.approx(seconds)
    units = np.stack(list(recipe.open_video(path).units))
    assert units.shape == (num_clips, 16, 112, 112, 3)
    np.testing.assert_array_equal(units[1:, 0], units[:-1, 8])
    np.testing.assert_allclose(recipe.encode_units(units), features.clips, atol=1e-6)


def test_a_video_that_ends_early_is_as_long_as_what_decodes(make_video) -> None:
    recipe = make_recipe()
    stream = recipe.open_video(make_video(seconds=4.3))

    features = recipe.assemble(np.zeros((2, 13), np.float32), stream)

    assert features.grid.duration_seconds == pytest.approx(1.6)
    assert features.grid.num_clips == 2


def test_a_reduction_changes_clips_width_and_fingerprint_only(make_video) -> None:
    whole, reduction, path = make_recipe(), make_reduction(), make_video(seconds=4.3)
    reduced = whole.reduced(reduction)
    image = np.full((5, 7, 3), 99, np.uint8)

    assert (whole.clip_dim, reduced.clip_dim) == (13, 3)
    expected = reduction.apply(whole.encode_video(path).clips)
    np.testing.assert_array_equal(reduced.encode_video(path).clips, expected)
    np.testing.assert_array_equal(reduced.reduce(whole.encode_video(path)).clips, expected)
    assert reduced.encode_video(path).fingerprint == reduced.fingerprint
    query = reduced.encode_pixels(image)
    assert query.fingerprint == reduced.fingerprint
    np.testing.assert_array_equal(query.regions, whole.encode_pixels(image).regions)


def test_the_fingerprint_knows_all_that_changes_a_feature() -> None:
    recipe = make_recipe()
    others = [
        make_recipe(seed=4),
        make_recipe(detector_seed=7),
        make_recipe(dtype=torch.bfloat16),
        recipe.reduced(make_reduction()),
        recipe.reduced(make_reduction(origin="all")),
    ]

    assert len({other.fingerprint for other in [recipe, *others]}) == 6
    assert make_recipe().fingerprint == recipe.fingerprint
    assert make_recipe().reduced(make_reduction()).fingerprint == others[3].fingerprint


def test_a_reduction_of_another_width_is_refused() -> None:
    with pytest.raises(FeatureError, match="for features of width 11, those of c3d-vgg16 have 13"):
        make_recipe().reduced(make_reduction(width=11))


def test_weights_must_be_given_and_are_looked_for_in_their_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"C3D; get http://imagelab.*c3d\.pickle.*--weights"):
        load_recipe("c3d-vgg16")
    with pytest.raises(UsageError, match=r"get one of https://github\.com/jwyang.*--detector"):
        load_recipe("c3d-vgg16", RecipeOptions(weights=tmp_path / "c3d.pickle"))
    for name in ("faster_rcnn_1_6_10021.pth", "faster_rcnn_1_9_2504.pth"):
        (tmp_path / name).touch()
    with pytest.raises(UsageError, match=r"alone, as faster_rcnn_\*\.pth, beside c3d\.pickle"):
        load_recipe("c3d-vgg16", RecipeOptions(weights=tmp_path))
    (tmp_path / "faster_rcnn_1_9_2504.pth").unlink()
    with pytest.raises(FeatureError, match=r"no weights at .*c3d\.pickle"):
        load_recipe("c3d-vgg16", RecipeOptions(weights=tmp_path))


def test_only_this_recipe_takes_a_reduction(tmp_path: Path) -> None:
    options = RecipeOptions(reduction=tmp_path / "pca.safetensors")

    with pytest.raises(UsageError, match="recipe 'pocket' takes no reduction"):
        load_recipe("pocket", options)
    with pytest.raises(FeatureError, match=r"no reduction at .*pca\.safetensors"):
        load_recipe("c3d-vgg16", options)
