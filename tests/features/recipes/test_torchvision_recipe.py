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

from .conftest import make_torchvision, tiny_network


def test_clips_are_stacks_of_consecutive_frames(make_video):
    recipe, path = make_torchvision(), make_video(seconds=1.7)
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


def test_query_has_the_detectors_regions(picture: np.ndarray):
    recipe = make_torchvision()
    query = recipe.encode_image(picture)
    expected = RegionDetector(tiny_network()).encode(picture)
    for found, wanted in zip(
        (query.regions, query.boxes, query.global_feature), expected, strict=True
    ):
        np.testing.assert_array_equal(found, wanted)
    assert query.regions.shape[1] == recipe.region_dim == 17
    assert query.global_feature.shape == (recipe.global_dim,) == (7,)


def test_fingerprint_covers_weights_sampling_pixels_and_precision():
    recipes = [
        make_torchvision(),
        make_torchvision(seed=1),
        make_torchvision(dtype=torch.bfloat16),
        make_torchvision(pixels=CentreCrop(resize=(17, 23), crop=(17, 19))),
        make_torchvision(sampling=ClipSampling(num_frames=5, stride_frames=3, frame_rate=15.0)),
    ]
    assert len({recipe.fingerprint for recipe in recipes}) == len(recipes)
    assert make_torchvision().fingerprint == recipes[0].fingerprint


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
    theirs = RegionDetector(get_model(detector, weights=enum))
    assert theirs.settings == recipe._regions.settings
    for regions in (theirs, recipe._regions):
        # Not to the 800 pixels of both: it takes a second each.
        regions._network.transform.min_size = (160,)
    picture = np.random.default_rng(0).integers(256, size=(64, 96, 3), dtype=np.uint8)
    query = recipe.encode_image(picture)

    expected = theirs.encode(picture)
    np.testing.assert_allclose(query.boxes, expected[1], atol=1e-4)
    # frozen batch norms multiply in another order
    scale = np.abs(expected[0]).max()
    np.testing.assert_allclose(query.regions, expected[0], atol=1e-4 * scale)
    np.testing.assert_allclose(query.global_feature, expected[2], rtol=1e-3, atol=1e-4)


NETWORKS = [
    # A tenth of the published size and one network, for speed.
    pytest.param("r3d_18", CentreCrop(resize=(40, 53), crop=(35, 37)), torch.float32, id="small"),
    *(
        pytest.param(name, clip_pixels(name), torch.bfloat16, id=name, marks=pytest.mark.slow)
        for name in ARCHITECTURES
    ),
]


@pytest.mark.parametrize(("name", "pixels", "dtype"), NETWORKS)
def test_networks_from_video_to_a_trained_step(
    name: str, pixels: CentreCrop, dtype: torch.dtype, make_video, losses_of_a_step
):
    torch.manual_seed(13)
    encoder, sampling = build_clip_encoder(name), ARCHITECTURES[name].sampling
    recipe = TorchvisionRecipe(
        f"torchvision:{name}",
        encoder,
        RegionDetector(tiny_network()),
        sampling=sampling,
        pixels=pixels,
        dtype=dtype,
    )
    video = make_video(seconds=2.5)
    features = recipe.encode_video(video)
    assert features.clips.shape == (3, ARCHITECTURES[name].dim)
    assert np.isfinite(features.clips).all()
    assert not np.allclose(features.clips[0], features.clips[1], rtol=1e-3)
    assert features.grid.stride_seconds == pytest.approx(16 / 15)
    length_seconds = sampling.num_frames / sampling.frame_rate
    assert features.grid.length_seconds == pytest.approx(length_seconds)
    assert not any(isinstance(module, nn.BatchNorm3d) for module in encoder.modules())
    before, after = losses_of_a_step(recipe, video)
    assert after < before
