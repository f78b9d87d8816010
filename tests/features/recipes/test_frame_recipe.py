import numpy as np
import pytest
from PIL import Image

from stillseek.errors import UsageError
from stillseek.features.recipes.frame_recipe import FrameRecipe, FrameSampling
from stillseek.media import sample
from stillseek.timeline import ClipGrid

from .conftest import ColourEncoder, FixedDetector

DIM, SIDE = 7, 30


@pytest.fixture
def encoder() -> ColourEncoder:
    return ColourEncoder()


@pytest.fixture
def recipe(encoder: ColourEncoder) -> FrameRecipe:
    return FrameRecipe("colour", encoder)


def squash(picture: np.ndarray) -> np.ndarray:
    return np.array(Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def test_every_half_second_is_a_clip(recipe: FrameRecipe, encoder: ColourEncoder, make_video):
    path = make_video(seconds=3.7)
    features = recipe.encode_video(path)
    frames = list(sample(path, interval_seconds=0.5, size=(SIDE, SIDE)))
    assert len(frames) == 8
    np.testing.assert_array_equal(
        features.clips, np.stack([encoder.embed(frame.pixels[None])[0] for frame in frames])
    )
    assert features.grid == ClipGrid(
        stride_seconds=0.5, length_seconds=0.5, duration_seconds=features.grid.duration_seconds
    )
    assert features.grid.duration_seconds == pytest.approx(3.7)
    assert (recipe.clip_dim, recipe.region_dim, recipe.global_dim) == (DIM, DIM, DIM)


def test_regions_are_means_over_the_grid(
    recipe: FrameRecipe, encoder: ColourEncoder, picture: np.ndarray
):
    query = recipe.encode_image(picture)
    pooled, cells = encoder.embed_map(squash(picture))
    assert query.regions.shape == (14, DIM)
    np.testing.assert_array_equal(query.global_feature, pooled)
    np.testing.assert_allclose(query.regions[0], pooled, rtol=1e-5, atol=1e-6)
    # the first of four boxes of 2/3: two of three rows, and a third of the fourth of five columns
    weights = np.array([1, 1, 1, 1 / 3, 0]) / (10 / 3)
    expected = (cells[:2].mean(0) * weights[:, None]).sum(0)
    np.testing.assert_allclose(query.regions[1], expected, rtol=1e-5, atol=1e-6)
    assert query.fingerprint == recipe.fingerprint


def test_detected_boxes_are_cut_out_with_context(encoder: ColourEncoder, picture: np.ndarray):
    # The second has a side of less than 8 pixels, which shows nothing.
    detector = FixedDetector([[20.3, 10.0, 60.0, 39.6], [20.0, 10.0, 27.0, 39.6]])
    query = FrameRecipe("colour", encoder, detector=detector).encode_image(picture)
    # 40 x 30 pixels and a tenth more on each side
    crop = picture[7:43, 16:64]
    np.testing.assert_array_equal(
        query.regions, encoder.embed(np.stack([squash(picture), squash(crop)]))
    )
    np.testing.assert_array_equal(query.global_feature, query.regions[0])
    expected = [[0.5, 0.5, 1, 1], [40.15 / 101, 24.8 / 67, 39.7 / 101, 29.6 / 67]]
    np.testing.assert_allclose(query.boxes, expected, rtol=1e-5)  # float32


def test_box_that_rounding_put_over_the_border_ends_there(encoder: ColourEncoder):
    image = np.random.default_rng(0).integers(256, size=(37, 54, 3), dtype=np.uint8)
    detector = FixedDetector([[-1e-6, 11.0, 54.000004, 37.000004]])
    assert detector.boxes[0][2] > 54
    query = FrameRecipe("colour", encoder, detector=detector).encode_image(image)
    # 26 rows and a tenth more above; there is nothing below
    np.testing.assert_array_equal(query.regions[1], encoder.embed(squash(image[8:])[None])[0])
    np.testing.assert_allclose(query.boxes[1], [0.5, 24 / 37, 1, 26 / 37], rtol=1e-6)
    low, high = (
        query.boxes[:, :2] - query.boxes[:, 2:] / 2,
        query.boxes[:, :2] + query.boxes[:, 2:] / 2,
    )
    assert (low >= 0).all()
    assert (high <= 1).all()


def test_picture_where_nothing_is_found_has_one_region(encoder: ColourEncoder, picture: np.ndarray):
    query = FrameRecipe("colour", encoder, detector=FixedDetector([])).encode_image(picture)
    assert query.regions.shape == (1, DIM)
    np.testing.assert_array_equal(query.boxes, [[0.5, 0.5, 1, 1]])


def test_fingerprint_covers_everything_but_the_name(encoder: ColourEncoder):
    recipes = [
        FrameRecipe("colour", encoder),
        FrameRecipe("colour", ColourEncoder(seed=1)),
        FrameRecipe("colour", ColourEncoder(settings={"engine": "torch"})),
        FrameRecipe("colour", ColourEncoder(side_pixels=60)),
        FrameRecipe("colour", encoder, sampling=FrameSampling(interval_seconds=0.25)),
        FrameRecipe("colour", encoder, sampling=FrameSampling(region_levels=(1, 2))),
        FrameRecipe("colour", encoder, detector=FixedDetector([])),
        FrameRecipe("colour", encoder, detector=FixedDetector([], {"detector": "b" * 64})),
    ]
    assert len({recipe.fingerprint for recipe in recipes}) == len(recipes)
    assert FrameRecipe("other", ColourEncoder()).fingerprint == recipes[0].fingerprint


@pytest.mark.parametrize(
    "wrong", [{"interval_seconds": 0.0}, {"region_levels": ()}, {"region_levels": (1, 0)}]
)
def test_sampling_is_checked(wrong: dict):
    with pytest.raises(UsageError, match="sampling needs"):
        FrameSampling(**wrong)
