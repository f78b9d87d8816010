import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

import stillseek
from stillseek.errors import FeatureError, UsageError
from stillseek.features.recipes import pocket
from stillseek.features.recipes.pocket import PocketRecipe, PocketSampling
from stillseek.features.recipes.pocket_encoder import PocketEncoder
from stillseek.media import VideoWriter, frame_at, sample


@pytest.fixture
def recipe(pocket_encoder: PocketEncoder) -> PocketRecipe:
    return PocketRecipe(encoder=pocket_encoder)


def frame_features(recipe: PocketRecipe, path: Path) -> np.ndarray:
    """Global features of the sampled frames, one by one."""
    frames = sample(path, interval_seconds=0.5, size=(128, 128))
    return np.stack([recipe.encode_image(frame.pixels).global_feature for frame in frames])


def test_clip_is_the_mean_of_its_frames(recipe: PocketRecipe, make_video):
    path = make_video(seconds=3.5)
    frames = frame_features(recipe, path)
    features = recipe.encode_video(path)
    assert len(frames) == 7
    assert features.grid.duration_seconds == pytest.approx(3.5)
    assert (features.grid.stride_seconds, features.grid.length_seconds) == (1.0, 1.0)
    expected = np.stack([frames[i : i + 3].mean(0) for i in (0, 2, 4, 6)])
    # convolution kernels may sum in another order for another batch size
    np.testing.assert_allclose(features.clips, expected, rtol=1e-4, atol=1e-4)


def test_frames_come_in_bounded_batches(recipe: PocketRecipe, make_video):
    path = make_video(seconds=3.5)
    whole = recipe.encode_video(path)
    recipe.batch_units = 3
    progress = []
    small = recipe.encode_video(path, on_progress=lambda *seconds: progress.append(seconds))
    np.testing.assert_allclose(small.clips, whole.clips, rtol=1e-4, atol=1e-4)
    assert [done for done, _ in progress] == pytest.approx([1.5, 3.0, 3.5])
    assert {total for _, total in progress} == {whole.grid.duration_seconds}


def test_still_of_a_video_is_its_frame(recipe: PocketRecipe, tmp_path: Path):
    """The still is resized by another library than the video: their filters must be the same."""
    path = tmp_path / "noise.mp4"
    noise = np.random.default_rng(0).integers(256, size=(240, 320, 1), dtype=np.uint8)
    with VideoWriter(path, frame_rate=Fraction(10), crf=0) as writer:
        writer.write(noise.repeat(3, axis=2))
    still = recipe.encode_image(frame_at(path, 0.0)).global_feature
    # rounding of pixels is 0.004; the next best filter, bicubic, is 0.05 away
    np.testing.assert_allclose(still, frame_features(recipe, path)[0], atol=0.01)


def test_query_has_fourteen_regions_and_the_first_is_the_whole(
    recipe: PocketRecipe, picture: np.ndarray
):
    query = recipe.encode_image(picture)
    assert query.regions.shape == (14, 17)
    assert query.boxes.shape == (14, 4)
    assert query.fingerprint == recipe.fingerprint
    np.testing.assert_allclose(query.regions[0], query.global_feature, rtol=1e-4, atol=1e-4)


def test_fingerprint_covers_weights_sizes_and_sampling(pocket_encoder: PocketEncoder):
    torch.manual_seed(1)
    recipes = [
        PocketRecipe(encoder=pocket_encoder),
        PocketRecipe(encoder=PocketEncoder(pocket_encoder.config)),
        PocketRecipe(encoder=pocket_encoder, sampling=PocketSampling(interval_seconds=0.25)),
        PocketRecipe(encoder=pocket_encoder, sampling=PocketSampling(frames_per_clip=2)),
        PocketRecipe(encoder=pocket_encoder, sampling=PocketSampling(stride_frames=1)),
        PocketRecipe(encoder=pocket_encoder, sampling=PocketSampling(side_pixels=64)),
        PocketRecipe(encoder=pocket_encoder, sampling=PocketSampling(region_levels=(1, 2))),
    ]
    assert len({recipe.fingerprint for recipe in recipes}) == len(recipes)
    assert PocketRecipe(encoder=pocket_encoder).fingerprint == recipes[0].fingerprint


def test_fingerprint_is_the_one_that_the_shipped_head_was_trained_on():
    head = Path(stillseek.__file__).parent / "localize/heads/pocket/checkpoint.json"
    expected = json.loads(head.read_text())["recipe"]
    assert expected == {"name": "pocket", "fingerprint": PocketRecipe().fingerprint}


def test_training_goes_on_beside_the_recipe(pocket_encoder: PocketEncoder):
    pocket_encoder.train()
    recipe = PocketRecipe(encoder=pocket_encoder)
    assert pocket_encoder.training
    assert all(p.requires_grad for p in pocket_encoder.parameters())
    image = np.full((11, 13, 3), 77, np.uint8)
    before = recipe.encode_image(image).global_feature
    with torch.no_grad():
        pocket_encoder.head[1].weight.zero_()
    np.testing.assert_array_equal(recipe.encode_image(image).global_feature, before)


def test_missing_shipped_weights_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pocket, "_SHIPPED_WEIGHTS", tmp_path / "pocket_encoder.safetensors")
    with pytest.raises(FeatureError, match="weights of the pocket encoder are not at"):
        PocketRecipe()


@pytest.mark.parametrize(
    "wrong",
    [
        {"interval_seconds": 0.0},
        {"stride_frames": 0},
        {"stride_frames": 5, "frames_per_clip": 3},
        {"side_pixels": 0},
        {"region_levels": ()},
        {"region_levels": (1, 0)},
    ],
)
def test_sampling_is_checked(wrong: dict):
    with pytest.raises(UsageError, match="sampling needs"):
        PocketSampling(**wrong)
