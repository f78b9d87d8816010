"""The lite recipe with its real weights, which come with a base dependency."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stillseek.errors import FeatureError, UnusableFeaturesError
from stillseek.features import RecipeOptions, load_recipe


@pytest.fixture(scope="module")
def recipe():
    return load_recipe("lite")


def make_picture(height: int = 90, width: int = 130, *, seed: int = 0) -> np.ndarray:
    """Smooth colours, so that scaling changes little."""
    small = np.random.default_rng(seed).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    return np.array(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def test_what_ships_fits_the_shipped_head(recipe):
    from stillseek.localize.head import installed_head

    head = installed_head(recipe, None)
    assert head.recipe_fingerprint == recipe.fingerprint
    assert head.calibration is not None


def test_features_are_128_numbers_and_regions_lie_in_their_space(recipe):
    found = recipe.encode_image(make_picture())
    assert found.global_feature.shape == (128,)
    assert found.regions.shape == (14, 128)
    # The first region is all of the picture, without its mirror image.
    assert cosine(found.regions[0], found.global_feature) > 0.9


def test_bars_change_nothing_but_the_boxes(recipe):
    picture = make_picture()
    framed = np.zeros((150, 130, 3), np.uint8)
    framed[30:120] = picture

    plain, barred = recipe.encode_image(picture), recipe.encode_image(framed)

    np.testing.assert_array_equal(barred.global_feature, plain.global_feature)
    np.testing.assert_allclose(barred.boxes[0], [0.5, 0.5, 1.0, 0.6], atol=1e-6)


def test_frames_lose_their_bars(recipe):
    side = 260
    content = np.array(Image.fromarray(make_picture()).resize((side, side)))
    framed = np.zeros((side, side, 3), np.uint8)
    framed[40:220] = np.array(Image.fromarray(content).resize((side, 180)))

    plain, barred = recipe.encode_units(np.stack([content, framed]))

    # The rows of the content were squeezed and stretched again.
    assert cosine(plain, barred) > 0.98


def test_a_black_frame_has_the_feature_0(recipe):
    frames = np.zeros((3, 260, 260, 3), np.uint8)
    frames[1] = np.array(Image.fromarray(make_picture()).resize((260, 260)))
    features = recipe.encode_units(frames)
    assert (np.abs(features).max(axis=1) > 0).tolist() == [False, True, False]


def test_a_picture_of_nothing_is_refused(recipe):
    with pytest.raises(UnusableFeaturesError, match="one colour all over"):
        recipe.encode_image(np.full((40, 60, 3), 127, np.uint8))


def test_a_mirrored_picture_asks_the_same(recipe):
    picture = make_picture(260, 260)
    plain = recipe.encode_image(picture).global_feature
    mirrored = recipe.encode_image(np.ascontiguousarray(picture[:, ::-1])).global_feature
    np.testing.assert_allclose(plain, mirrored, atol=1e-4 * np.abs(plain).max())


def test_other_weights_are_refused(tmp_path: Path):
    path = tmp_path / "efficientnet-lite2-9656183e.pth"
    path.write_bytes(b"something else")
    recipe = load_recipe("lite", RecipeOptions(weights=path))
    with pytest.raises(FeatureError, match="is not the published file") as failure:
        recipe.encode_image(make_picture())
    assert str(failure.value).endswith("; give that file, or leave --weights out")
