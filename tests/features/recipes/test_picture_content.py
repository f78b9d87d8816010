import numpy as np
import pytest

from stillseek.features.recipes.picture_content import content_box, is_blank


def make_noise(height: int, width: int, *, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(60, 200, (height, width, 3), dtype=np.uint8)


def test_a_picture_without_bars_is_all_content():
    assert content_box(make_noise(41, 67)) == (0, 0, 67, 41)


def test_a_picture_of_one_pixel():
    assert content_box(np.zeros((1, 1, 3), np.uint8)) == (0, 0, 1, 1)


@pytest.mark.parametrize("level", [0, 16, 23])
def test_letterbox_and_pillarbox_bars_are_found_at_every_black_level(level):
    picture = np.full((80, 120, 3), level, np.uint8)
    picture[11:69] = make_noise(58, 120)
    assert content_box(picture) == (0, 11, 120, 58)

    picture = np.full((80, 120, 3), level, np.uint8)
    picture[:, 23:97] = make_noise(80, 74)
    assert content_box(picture) == (23, 0, 74, 80)


def test_a_window_of_both_kinds_of_bars():
    picture = np.zeros((80, 120, 3), np.uint8)
    picture[9:71, 13:107] = make_noise(62, 94)
    assert content_box(picture) == (13, 9, 94, 62)


def test_noise_of_compression_and_a_logo_do_not_hide_a_bar():
    picture = np.random.default_rng(1).integers(0, 20, (80, 120, 3), dtype=np.uint8)
    picture[11:69] = make_noise(58, 120)
    picture[3, 5:7] = 255
    assert content_box(picture) == (0, 11, 120, 58)


def test_one_dark_side_is_no_pair_of_bars():
    picture = make_noise(80, 120)
    picture[:30] = 0
    assert content_box(picture) == (0, 0, 120, 80)


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
