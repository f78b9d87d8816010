from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.models import get_model, get_model_weights

from stillseek.errors import FeatureError, UsageError
from stillseek.features import RECIPE_NAMES, RecipeOptions, load_recipe
from stillseek.features.recipes import torchvision_recipe
from stillseek.features.recipes.clip_encoder import (
    ARCHITECTURES,
    ClipEncoder,
    build_clip_encoder,
    clip_pixels,
    clip_weights,
)
from stillseek.features.recipes.clip_sampling import CentreCrop, ClipSampling
from stillseek.features.recipes.region_detector import RegionDetector
from stillseek.features.recipes.torchvision_recipe import (
    DETECTORS,
    TorchvisionRecipe,
    published_file,
)
from stillseek.media import sample

SAMPLING = ClipSampling(num_frames=5, stride_frames=3, frame_rate=10.0)
PIXELS = CentreCrop(resize=(18, 23), crop=(17, 19))


@pytest.fixture(scope="module")
def regions() -> RegionDetector:
    """The default detector with random weights, for small pictures."""
    torch.manual_seed(2)
    network = get_model(DETECTORS[0], weights=None, weights_backbone=None, min_size=64, max_size=96)
    return RegionDetector(network)


class Means(nn.Module):
    """The mean colour of a clip, weighted."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.weights = nn.Linear(3, 7)

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        return self.weights(clips.mean((2, 3, 4)))


def tiny_recipe(regions: RegionDetector, *, seed: int = 0, **changes) -> TorchvisionRecipe:
    encoder = ClipEncoder(Means(seed), dim=7, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.25))
    settings = {"sampling": SAMPLING, "pixels": PIXELS, **changes}
    return TorchvisionRecipe("torchvision:means", encoder, regions, **settings)


def test_clips_are_stacks_of_consecutive_frames(
    regions: RegionDetector, make_video: Callable[..., Path]
):
    recipe, path = tiny_recipe(regions), make_video(seconds=1.7)
    stream = recipe.open_video(path)
    units = np.stack(list(stream.units))
    shown = np.stack([f.pixels for f in sample(path, interval_seconds=0.1, size=(23, 18))])
    # half a pixel goes to the even side: no row and two columns at the front
    shown = shown[:, :17, 2:21]
    assert units.shape == (6, 5, 17, 19, 3)
    np.testing.assert_array_equal(units[1], shown[3:8])
    np.testing.assert_array_equal(units[5], shown[[15, 16, 16, 16, 16]])
    features = recipe.encode_video(path)
    assert features.clips.shape == (6, 7)
    assert features.grid.duration_seconds == pytest.approx(1.7)
    assert (features.grid.stride_seconds, features.grid.length_seconds) == (0.3, 0.5)
    np.testing.assert_array_equal(features.clips, recipe.encode_units(units))


def test_shortest_video_is_one_clip(regions: RegionDetector, make_video: Callable[..., Path]):
    assert tiny_recipe(regions).encode_video(make_video(seconds=0.1)).clips.shape == (1, 7)


def test_query_has_the_detectors_regions(regions: RegionDetector):
    picture = np.random.default_rng(0).integers(256, size=(67, 101, 3), dtype=np.uint8)
    recipe = tiny_recipe(regions)
    query = recipe.encode_image(picture)
    expected = regions.encode(picture)
    for found, wanted in zip(
        (query.regions, query.boxes, query.global_feature), expected, strict=True
    ):
        np.testing.assert_array_equal(found, wanted)
    assert query.regions.shape[1] == recipe.region_dim == 1024
    assert query.global_feature.shape == (recipe.global_dim,) == (256,)


def test_fingerprint_covers_weights_sampling_pixels_and_precision(regions: RegionDetector):
    recipes = [
        tiny_recipe(regions),
        tiny_recipe(regions, seed=1),
        tiny_recipe(regions, dtype=torch.bfloat16),
        tiny_recipe(regions, pixels=CentreCrop(resize=(17, 23), crop=(17, 19))),
        tiny_recipe(regions, sampling=ClipSampling(num_frames=5, stride_frames=3, frame_rate=15.0)),
    ]
    assert len({recipe.fingerprint for recipe in recipes}) == len(recipes)
    assert tiny_recipe(regions).fingerprint == recipes[0].fingerprint


def test_names_are_listed():
    listed = [name for name in RECIPE_NAMES if name.startswith("torchvision:")]
    assert listed == [f"torchvision:{clips}" for clips in ARCHITECTURES]


@pytest.mark.parametrize("name", ["torchvision:", "torchvision:r3d", "torchvision:r3d_18+yolo"])
def test_unknown_networks_are_named(name: str):
    with pytest.raises(UsageError, match=r"clips r3d_18, .* and regions fasterrcnn_mobilenet"):
        load_recipe(name)


@pytest.mark.parametrize("name", [*ARCHITECTURES, *DETECTORS])
def test_published_weights_are_known_by_the_start_of_their_hash(name: str):
    weights = clip_weights(name) if name in ARCHITECTURES else get_model_weights(name)["COCO_V1"]
    file = published_file(weights)
    assert file.url == f"https://download.pytorch.org/models/{file.name}"
    assert file.name.endswith(f"-{file.sha256}.pth")
    assert len(file.sha256) == 8


def test_options_without_effect_are_refused(tmp_path: Path):
    with pytest.raises(UsageError, match="names its detector"):
        load_recipe("torchvision:s3d", RecipeOptions(detector=tmp_path))
    with pytest.raises(UsageError, match=r"folder with s3d-d76dad2f\.pth and fasterrcnn_mobilenet"):
        load_recipe("torchvision:s3d", RecipeOptions(weights=tmp_path / "s3d-d76dad2f.pth"))


def test_weights_that_are_not_the_published_ones_are_refused(tmp_path: Path):
    (tmp_path / "s3d-d76dad2f.pth").write_bytes(b"other")
    with pytest.raises(FeatureError, match=r"is not s3d-d76dad2f\.pth as published"):
        load_recipe("torchvision:s3d", RecipeOptions(weights=tmp_path))


@pytest.mark.parametrize(
    "detector",
    [DETECTORS[0], pytest.param(DETECTORS[1], marks=pytest.mark.slow)],
)
def test_recipe_is_what_torchvision_builds_of_the_same_files(
    detector: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Torchvision builds detectors with frozen batch norms when it loads weights, we don't."""
    checkpoints = tmp_path / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    torch.manual_seed(11)
    enum = get_model_weights(detector)["COCO_V1"]
    random = {
        clip_weights("s3d"): get_model("s3d", weights=None),
        enum: get_model(detector, weights=None, weights_backbone=None),
    }
    for weights, network in random.items():
        # running statistics that matter
        for key, value in network.state_dict().items():
            if key.endswith("running_var"):
                value.uniform_(0.5, 2)
        torch.save(network.state_dict(), checkpoints / published_file(weights).name)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    # torchvision looks at the name only; ours would refuse random weights
    monkeypatch.setattr(torchvision_recipe, "fetch", lambda file, given: checkpoints / file.name)

    name = "torchvision:s3d" if detector == DETECTORS[0] else f"torchvision:s3d+{detector}"
    recipe = load_recipe(name, RecipeOptions(precision="fp32"))
    assert recipe.name == name
    assert (recipe.clip_dim, recipe.region_dim, recipe.global_dim) == (1024, 1024, 256)
    picture = np.random.default_rng(0).integers(256, size=(64, 96, 3), dtype=np.uint8)
    query = recipe.encode_image(picture)

    expected = RegionDetector(get_model(detector, weights=enum)).encode(picture)
    np.testing.assert_allclose(query.boxes, expected[1], atol=1e-4)
    # frozen batch norms multiply in another order
    scale = np.abs(expected[0]).max()
    np.testing.assert_allclose(query.regions, expected[0], atol=1e-4 * scale)
    np.testing.assert_allclose(query.global_feature, expected[2], rtol=1e-3, atol=1e-4)


def test_r3d_from_video_to_clips(regions: RegionDetector, make_video: Callable[..., Path]):
    torch.manual_seed(13)
    encoder = build_clip_encoder("r3d_18")
    recipe = TorchvisionRecipe(
        "torchvision:r3d_18",
        encoder,
        regions,
        sampling=ARCHITECTURES["r3d_18"].sampling,
        # a tenth of the published size, for speed
        pixels=CentreCrop(resize=(40, 53), crop=(35, 37)),
    )
    features = recipe.encode_video(make_video(seconds=2.5))
    assert features.clips.shape == (3, 512)
    assert np.isfinite(features.clips).all()
    assert features.grid.stride_seconds == pytest.approx(16 / 15)
    assert not np.allclose(features.clips[0], features.clips[1], rtol=1e-3)
    assert not any(isinstance(module, nn.BatchNorm3d) for module in encoder.modules())


@pytest.mark.slow
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_network_from_video_to_clips(
    name: str, regions: RegionDetector, make_video: Callable[..., Path]
):
    torch.manual_seed(13)
    sampling = ARCHITECTURES[name].sampling
    recipe = TorchvisionRecipe(
        f"torchvision:{name}",
        build_clip_encoder(name),
        regions,
        sampling=sampling,
        pixels=clip_pixels(name),
        dtype=torch.bfloat16,
    )
    features = recipe.encode_video(make_video(seconds=2.5))
    assert features.clips.shape == (3, ARCHITECTURES[name].dim)
    assert np.isfinite(features.clips).all()
    assert features.grid.span(0).end_seconds == pytest.approx(
        sampling.num_frames / sampling.frame_rate
    )
