import numpy as np
import pytest

from stillseek.errors import NotDrawnWarning
from stillseek.features import load_recipe
from stillseek.features.recipes.looks_drawn import looks_drawn, warn_unless_drawn
from stillseek.features.recipes.pocket import PocketRecipe


def drawing() -> np.ndarray:
    """Two even areas of different colours, with a red figure across the border."""
    frame = np.full((120, 128, 3), (90, 140, 220), np.uint8)
    frame[70:] = (210, 190, 90)
    frame[40:100, 50:70] = (200, 30, 40)
    return frame


def test_even_areas_of_different_colours_look_drawn() -> None:
    noise = np.random.default_rng(3).integers(0, 2, (120, 128, 3), dtype=np.uint8)

    assert looks_drawn([drawing(), drawing() + noise])


def test_texture_does_not_look_drawn() -> None:
    texture = np.random.default_rng(4).integers(0, 30, (120, 128, 3), dtype=np.uint8)

    assert not looks_drawn([drawing() // 2 + texture])


def test_grey_or_blended_areas_do_not_look_drawn() -> None:
    grey = drawing().mean(axis=2, keepdims=True).astype(np.uint8).repeat(3, axis=2)

    sky = np.linspace((10, 60, 200), (240, 200, 60), 120).astype(np.uint8)[:, None]

    assert not looks_drawn([grey])
    assert not looks_drawn([sky.repeat(128, axis=1)])


def test_only_the_shipped_encoder_knows_drawings_only(small_recipe, tmp_path) -> None:
    assert PocketRecipe().drawn_only
    assert load_recipe("pocket").drawn_only
    assert not small_recipe.drawn_only


def test_a_video_that_was_not_drawn_gets_a_warning(write_clip) -> None:
    video = write_clip(seconds=3.0)

    with pytest.warns(NotDrawnWarning, match=r"does not look drawn; use --recipe lite, the def"):
        warn_unless_drawn(video, 3.0)


def test_a_damaged_video_gets_none(tmp_path) -> None:
    (tmp_path / "video.mp4").write_bytes(b"no video")

    warn_unless_drawn(tmp_path / "video.mp4", 3.0)
