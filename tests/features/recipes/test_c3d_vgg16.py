from pathlib import Path

import numpy as np
import pytest
import torch

from stillseek.errors import FeatureError, UsageError
from stillseek.features.recipes.options import RecipeOptions
from stillseek.features.recipes.pca_reduction import Reduction
from stillseek.features.recipes.registry import load_recipe

from .conftest import make_c3d


def make_reduction(*, width: int = 13, origin: str = "train") -> Reduction:
    rng = np.random.default_rng(5)
    return Reduction(
        mean=rng.normal(size=width).astype(np.float32),
        components=np.linalg.qr(rng.normal(size=(width, 3)))[0].T.astype(np.float32),
        explained_variance=np.array([3, 2, 1], np.float32),
        total_variance=7.0,
        fitted_on={"split": origin},
    )


@pytest.mark.parametrize(("seconds", "num_clips"), [(0.5, 1), (1.6, 2), (1.7, 3), (4.3, 6)])
def test_a_video_becomes_clips_on_its_own_frame_rate(
    make_video, seconds: float, num_clips: int
) -> None:
    recipe, path = make_c3d(), make_video(seconds=seconds)
    features = recipe.encode_video(path)

    # At 10 frames a second, 8 frames are 0.8 s.
    assert features.clips.shape == (num_clips, 13)
    assert features.grid.stride_seconds == pytest.approx(0.8)
    assert features.grid.length_seconds == pytest.approx(1.6)
    assert features.grid.duration_seconds == pytest.approx(seconds)
    units = np.stack(list(recipe.open_video(path).units))
    assert units.shape == (num_clips, 16, 112, 112, 3)
    np.testing.assert_array_equal(units[1:, 0], units[:-1, 8])
    np.testing.assert_allclose(recipe.encode_units(units), features.clips, atol=1e-6)


def test_a_reduction_changes_clips_width_and_fingerprint_only(make_video) -> None:
    whole, reduction, path = make_c3d(), make_reduction(), make_video(seconds=4.3)
    reduced = whole.reduced(reduction)
    image = np.full((5, 7, 3), 99, np.uint8)

    assert (whole.clip_dim, reduced.clip_dim) == (13, 3)
    expected = reduction.apply(whole.encode_video(path).clips)
    np.testing.assert_array_equal(reduced.encode_video(path).clips, expected)
    np.testing.assert_array_equal(reduced.reduce(whole.encode_video(path)).clips, expected)
    assert reduced.encode_video(path).fingerprint == reduced.fingerprint
    query = reduced.encode_pixels(image)
    assert query.fingerprint == reduced.fingerprint
    np.testing.assert_array_equal(query.regions, whole.encode_pixels(image).regions)


def test_the_fingerprint_knows_all_that_changes_a_feature() -> None:
    recipe = make_c3d()
    others = [
        make_c3d(seed=4),
        make_c3d(detector_seed=7),
        make_c3d(dtype=torch.bfloat16),
        recipe.reduced(make_reduction()),
        recipe.reduced(make_reduction(origin="all")),
    ]

    assert len({other.fingerprint for other in [recipe, *others]}) == 6
    assert make_c3d().fingerprint == recipe.fingerprint
    assert make_c3d().reduced(make_reduction()).fingerprint == others[3].fingerprint


def test_a_reduction_of_another_width_is_refused() -> None:
    with pytest.raises(FeatureError, match="for features of width 11, those of c3d-vgg16 have 13"):
        make_c3d().reduced(make_reduction(width=11))


def test_weights_must_be_given_and_are_looked_for_in_their_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"C3D; get http://imagelab.*c3d\.pickle.*--weights"):
        load_recipe("c3d-vgg16")
    with pytest.raises(UsageError, match=r"get one of https://github\.com/jwyang.*--detector"):
        load_recipe("c3d-vgg16", RecipeOptions(weights=tmp_path / "c3d.pickle"))
    for name in ("faster_rcnn_1_6_10021.pth", "faster_rcnn_1_9_2504.pth"):
        (tmp_path / name).touch()
    with pytest.raises(UsageError, match=r"alone, as faster_rcnn_\*\.pth, beside c3d\.pickle"):
        load_recipe("c3d-vgg16", RecipeOptions(weights=tmp_path))
    (tmp_path / "faster_rcnn_1_9_2504.pth").unlink()
    with pytest.raises(FeatureError, match=r"no weights at .*c3d\.pickle"):
        load_recipe("c3d-vgg16", RecipeOptions(weights=tmp_path))


def test_a_reduction_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(FeatureError, match=r"no reduction at .*pca\.safetensors"):
        load_recipe("c3d-vgg16", RecipeOptions(reduction=tmp_path / "pca.safetensors"))
