"""What holds of every recipe, whatever its encoder."""

from pathlib import Path

import numpy as np
import pytest

from stillseek.errors import MediaError, UsageError
from stillseek.features import Recipe, RecipeOptions, load_recipe


def test_shortest_video_is_one_clip(each_recipe: Recipe, make_video):
    features = each_recipe.encode_video(make_video(seconds=0.1))
    assert features.clips.shape == (1, each_recipe.clip_dim)
    assert features.fingerprint == each_recipe.fingerprint


def test_grid_ends_where_the_decoding_ended(each_recipe: Recipe, make_video):
    stream = each_recipe.open_video(make_video(seconds=3.7))
    features = each_recipe.assemble(np.zeros((2, each_recipe.clip_dim), np.float32), stream)
    assert features.grid.duration_seconds == pytest.approx(2 * stream.interval_seconds)


def test_video_that_is_none_is_refused(each_recipe: Recipe, write_files):
    with pytest.raises(MediaError):
        each_recipe.encode_video(*write_files({"notes.mp4": b"not a video"}))


def test_box_is_the_query_of_its_crop(each_recipe: Recipe, picture: np.ndarray):
    boxed = each_recipe.encode_image(picture, box=(20, 10, 40, 30))
    cropped = each_recipe.encode_image(picture[7:43, 16:64].copy())
    assert boxed.fingerprint == each_recipe.fingerprint
    np.testing.assert_allclose(boxed.regions, cropped.regions, rtol=1e-4, atol=1e-4)
    with pytest.raises(UsageError, match="inside the image"):
        each_recipe.encode_image(picture, box=(90, 10, 40, 30))


def test_a_model_trains_on_what_is_stored(each_recipe: Recipe, make_video, losses_of_a_step):
    before, after = losses_of_a_step(each_recipe, make_video(seconds=3.7))
    assert after < before


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("lite", {"device": "cuda"}, "lite runs on the CPU"),
        ("lite", {"precision": "bf16"}, "lite has one precision"),
        ("lite", {"detector": Path("d.onnx")}, "takes no detector"),
        ("mobilenet", {"device": "cuda"}, "runs on the CPU, not on cuda; leave the device out"),
        ("mobilenet", {"precision": "bf16"}, "8-bit integers, not in bf16; leave the precision"),
        ("pocket", {"precision": "bf16"}, "computes in fp32 everywhere"),
        ("pocket", {"detector": Path("d.onnx")}, "takes no detector"),
        ("pocket", {"reduction": Path("p")}, "recipe 'pocket' takes no reduction"),
        ("hub:dinov2-small", {"detector": Path("torchvision:x")}, "leave the detector out"),
        ("torchvision:s3d", {"detector": Path()}, "names its detector"),
        (
            "torchvision:s3d",
            {"weights": Path("s3d-d76dad2f.pth")},
            r"folder with s3d-d76dad2f\.pth and fasterrcnn_mobilenet",
        ),
    ],
)
def test_options_without_effect_are_refused(name: str, options: dict, message: str):
    with pytest.raises(UsageError, match=message):
        load_recipe(name, RecipeOptions(**options))
