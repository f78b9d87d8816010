import numpy as np
import pytest

from stillseek.features.recipes.picture_content import content_box, is_blank


def make_noise(height: int, width: int, *, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(60, 200, (height, width, 3), dtype=np.uint8)


def framed(left: int, top: int, width: int, height: int, *, level: int = 0) -> np.ndarray:
    """Content in a picture of 120 x 80 that is of one grey around it."""
    picture = np.full((80, 120, 3), level, np.uint8)
    picture[top : top + height, left : left + width] = make_noise(height, width)
    return picture


def test_a_picture_of_one_pixel():
    assert content_box(np.zeros((1, 1, 3), np.uint8)) == (0, 0, 1, 1)


@pytest.mark.parametrize("level", [0, 16, 23])
@pytest.mark.parametrize(
    "box",
    [(0, 0, 120, 80), (0, 11, 120, 58), (23, 0, 74, 80), (13, 9, 94, 62)],
    ids=["no bars", "letterbox", "pillarbox", "both"],
)
def test_bars_are_found_at_every_black_level(box: tuple[int, int, int, int], level: int):
    assert content_box(framed(*box, level=level)) == box


def test_noise_of_compression_and_a_logo_do_not_hide_a_bar():
    noise = np.random.default_rng(1).integers(0, 20, (80, 120, 3), dtype=np.uint8)
    picture = np.maximum(framed(0, 11, 120, 58), noise)
    picture[3, 5:7] = 255
    assert content_box(picture) == (0, 11, 120, 58)


def test_one_dark_side_is_no_pair_of_bars():
    assert content_box(framed(0, 30, 120, 50)) == (0, 0, 120, 80)


def test_a_night_scene_keeps_its_darkness():
    picture = np.zeros((80, 120, 3), np.uint8)
    picture[36:44, 50:70] = 220  # a lamp
    assert content_box(picture) == (0, 0, 120, 80)
    assert not is_blank(picture)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_one_colour_with_noise_is_blank(level):
    noise = np.random.default_rng(0).integers(-3, 4, (40, 60, 3))
    assert is_blank((np.full((40, 60, 3), level) + noise).clip(0, 255).astype(np.uint8))


def test_fog_is_not_blank():
    fog = np.linspace(120, 150, 60, dtype=np.uint8)[None, :, None].repeat(40, 0).repeat(3, 2)
    assert not is_blank(fog)
