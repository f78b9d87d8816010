from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stillseek.errors import UsageError
from stillseek.features.recipes.frame_recipe import FrameRecipe, FrameSampling
from stillseek.media import VideoWriter, frame_at, sample
from stillseek.timeline import ClipGrid

DIM, SIDE = 7, 30


@dataclass
class ColourEncoder:
    """Projects the mean colour of 3 x 5 cells."""

    dim: int = DIM
    side_pixels: int = SIDE
    batch_frames: int = 3
    settings: dict = field(default_factory=lambda: {"engine": "numpy"})
    seed: int = 0

    @property
    def weights(self):
        matrix = np.random.default_rng(self.seed).standard_normal((3, DIM))
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


@pytest.fixture
def encoder() -> ColourEncoder:
    return ColourEncoder()


@pytest.fixture
def recipe(encoder: ColourEncoder) -> FrameRecipe:
    return FrameRecipe("colour", encoder)


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(256, size=(67, 101, 3), dtype=np.uint8)


def squash(image: np.ndarray) -> np.ndarray:
    return np.array(Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def test_every_half_second_is_a_clip(
    recipe: FrameRecipe, encoder: ColourEncoder, make_video: Callable[..., Path]
):
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


def test_shortest_video_is_one_clip(recipe: FrameRecipe, make_video: Callable[..., Path]):
    assert recipe.encode_video(make_video(seconds=0.1)).clips.shape == (1, DIM)


def test_grid_ends_where_the_decoding_ended(recipe: FrameRecipe, make_video: Callable[..., Path]):
    stream = recipe.open_video(make_video(seconds=3.7))
    features = recipe.assemble(np.zeros((5, DIM), np.float32), stream)
    assert features.grid.duration_seconds == 2.5


def test_still_of_a_video_is_its_frame(recipe: FrameRecipe, tmp_path: Path):
    """The still is resized by another library than the video: their filters must be the same."""
    path = tmp_path / "noise.mp4"
    noise = np.random.default_rng(0).integers(256, size=(240, 320, 1), dtype=np.uint8)
    with VideoWriter(path, frame_rate=Fraction(10), crf=0) as writer:
        writer.write(noise.repeat(3, axis=2))
    still = recipe.encode_image(frame_at(path, 0.0)).regions
    frame = next(iter(recipe.open_video(path).units))
    # rounding of pixels
    np.testing.assert_allclose(still, recipe.encode_image(frame).regions, atol=0.005)


def test_regions_are_means_over_the_grid(
    recipe: FrameRecipe, encoder: ColourEncoder, image: np.ndarray
):
    query = recipe.encode_image(image)
    pooled, cells = encoder.embed_map(squash(image))
    assert query.regions.shape == (14, DIM)
    np.testing.assert_array_equal(query.global_feature, pooled)
    np.testing.assert_allclose(query.regions[0], pooled, rtol=1e-5, atol=1e-6)
    # the first of four boxes of 2/3: two of three rows, and a third of the fourth of five columns
    weights = np.array([1, 1, 1, 1 / 3, 0]) / (10 / 3)
    expected = (cells[:2].mean(0) * weights[:, None]).sum(0)
    np.testing.assert_allclose(query.regions[1], expected, rtol=1e-5, atol=1e-6)
    assert query.fingerprint == recipe.fingerprint


def test_detected_boxes_are_cut_out_with_context(encoder: ColourEncoder, image: np.ndarray):
    detector = FixedDetector([[20.3, 10.0, 60.0, 39.6]])
    query = FrameRecipe("colour", encoder, detector=detector).encode_image(image)
    # 40 x 30 pixels and a tenth more on each side
    crop = image[7:43, 16:64]
    np.testing.assert_array_equal(
        query.regions, encoder.embed(np.stack([squash(image), squash(crop)]))
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


def test_picture_where_nothing_is_found_has_one_region(encoder: ColourEncoder, image: np.ndarray):
    query = FrameRecipe("colour", encoder, detector=FixedDetector([])).encode_image(image)
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


def test_a_model_trains_on_what_is_stored(
    recipe: FrameRecipe,
    make_video: Callable[..., Path],
    losses_of_a_step: Callable[..., tuple[float, float]],
):
    before, after = losses_of_a_step(recipe, make_video(seconds=3.7))
    assert after < before


@pytest.mark.parametrize(
    "wrong", [{"interval_seconds": 0.0}, {"region_levels": ()}, {"region_levels": (1, 0)}]
)
def test_sampling_is_checked(wrong: dict):
    with pytest.raises(UsageError, match="sampling needs"):
        FrameSampling(**wrong)
