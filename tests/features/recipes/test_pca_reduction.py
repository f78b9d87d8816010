from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from stillseek.errors import FeatureError, UsageError
from stillseek.features.recipes.pca_reduction import CovarianceAccumulator, Reduction


@pytest.fixture
def features() -> np.ndarray:
    """211 rows of 13, far from zero, of very different variances."""
    rng = np.random.default_rng(3)
    return (1000 + rng.normal(size=(211, 13)) @ np.diag(np.arange(13, 0, -1.0))).astype(np.float32)


def fit(*parts: np.ndarray, num_components: int) -> Reduction:
    accumulator = CovarianceAccumulator(parts[0].shape[1])
    for part in parts:
        accumulator.update(part)
    return accumulator.reduction(num_components, fitted_on={"split": "train"})


def test_directions_by_hand() -> None:
    # Along (3, 4) / 5 the points lie at -10, 0, 10 around (1, 2); across it there is nothing.
    points = np.array([[-5.0, -6.0], [1.0, 2.0], [7.0, 10.0]], np.float32)

    reduction = fit(points, num_components=1)

    np.testing.assert_allclose(reduction.mean, [1, 2])
    np.testing.assert_allclose(reduction.components, [[0.6, 0.8]], rtol=1e-6)
    np.testing.assert_allclose(reduction.explained_variance, [100], rtol=1e-6)
    assert reduction.total_variance == pytest.approx(100)
    np.testing.assert_allclose(reduction.apply(points), [[-10], [0], [10]], atol=1e-5)


def test_part_by_part_equals_a_singular_value_decomposition(features: np.ndarray) -> None:
    reduction = fit(features[:1], features[1:100], features[:0], features[100:], num_components=7)

    centred = features.astype(np.float64) - features.mean(0, dtype=np.float64)
    _, values, directions = np.linalg.svd(centred, full_matrices=False)
    # Components are kept in single precision.
    np.testing.assert_allclose(reduction.explained_variance, values[:7] ** 2 / 210, rtol=1e-5)
    np.testing.assert_allclose(
        np.abs(reduction.components @ directions[:7].T), np.eye(7), atol=1e-5
    )


def test_the_largest_entry_of_a_direction_is_positive(features: np.ndarray) -> None:
    for signs in (1, -1):
        components = fit(features * signs, num_components=7).components
        peaks = np.abs(components).argmax(1)
        assert (components[np.arange(7), peaks] > 0).all()


def test_reduced_features_are_centred_and_uncorrelated(features: np.ndarray) -> None:
    reduced = fit(features, num_components=5).apply(features)

    assert reduced.shape == (211, 5)
    covariance = np.cov(reduced.T)
    # Features of about 1000 in single precision are rounded to 6e-5.
    np.testing.assert_allclose(reduced.mean(0), 0, atol=1e-3)
    np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=1e-2)


def test_a_saved_reduction_is_the_same(features: np.ndarray, tmp_path: Path) -> None:
    reduction = fit(features, num_components=5)
    reduction.save(tmp_path / "new" / "pca.safetensors")
    loaded = Reduction.load(tmp_path / "new" / "pca.safetensors")

    assert loaded.fingerprint == reduction.fingerprint
    assert loaded.fitted_on == {"split": "train"}
    np.testing.assert_array_equal(loaded.apply(features), reduction.apply(features))


def test_a_write_that_stops_leaves_the_file_that_was_there(
    features: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, first = tmp_path / "pca.safetensors", fit(features, num_components=5)
    first.save(path)

    def stop(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", stop)
    with pytest.raises(FeatureError, match=r"cannot write .*pca\.safetensors \(No space left"):
        fit(features, num_components=7).save(path)

    assert Reduction.load(path).fingerprint == first.fingerprint
    assert list(tmp_path.iterdir()) == [path]


def test_the_fingerprint_knows_values_and_origin(features: np.ndarray) -> None:
    first = fit(features, num_components=5)
    other_values = fit(features[:-1], num_components=5)
    other_origin = replace(first, fitted_on={"split": "test"})

    assert len({r.fingerprint for r in (first, other_values, other_origin)}) == 3


def test_what_does_not_fit_is_refused(features: np.ndarray, tmp_path: Path) -> None:
    reduction = fit(features, num_components=5)
    with pytest.raises(FeatureError, match="fitted on features of width 13, got 11"):
        reduction.apply(features[:, :11])
    with pytest.raises(UsageError, match="width 13 reduce to 1 to 13 dimensions, not to 17"):
        fit(features, num_components=17)
    with pytest.raises(UsageError, match="5 directions need more than as many clips, got 5"):
        fit(features[:5], num_components=5)
    with pytest.raises(FeatureError, match="no reduction at"):
        Reduction.load(tmp_path / "missing.safetensors")
    save_file({"mean": features}, tmp_path / "other.safetensors")
    with pytest.raises(FeatureError, match="does not hold a reduction"):
        Reduction.load(tmp_path / "other.safetensors")
