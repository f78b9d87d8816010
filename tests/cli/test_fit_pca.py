from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from stillseek.data.manifest import read_manifest
from stillseek.data.stored import video_paths
from stillseek.features import FeatureStore, VideoFeatures, VideoKey, content_hash
from stillseek.features.recipes.pca_reduction import Reduction
from stillseek.timeline import ClipGrid

WHOLE, REDUCED = "a" * 64, "b" * 64


def stub_recipe() -> SimpleNamespace:
    """What the verb needs of the recipe; its features are 13 wide."""

    def reduced(reduction: Reduction) -> SimpleNamespace:
        def reduce(features: VideoFeatures) -> VideoFeatures:
            clips = reduction.apply(features.clips)
            return VideoFeatures(clips=clips, grid=features.grid, fingerprint=REDUCED)

        return SimpleNamespace(fingerprint=REDUCED, reduce=reduce)

    return SimpleNamespace(name="c3d-vgg16", fingerprint=WHOLE, clip_dim=13, reduced=reduced)


@pytest.fixture
def store(dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FeatureStore:
    """Features of all videos; those that are not for training lie far away."""
    import stillseek.features.recipes.c3d_vgg16

    monkeypatch.setattr(
        stillseek.features.recipes.c3d_vgg16, "load_c3d_vgg16", lambda options: stub_recipe()
    )
    store = FeatureStore(tmp_path / "store")
    rng = np.random.default_rng(3)
    for path in video_paths(read_manifest(dataset)):
        shift = 0 if path.name.startswith("train") else 1000
        features = VideoFeatures(
            clips=(rng.normal(size=(7, 13)) + shift).astype(np.float32),
            grid=ClipGrid(stride_seconds=1.0, length_seconds=2.0, duration_seconds=7.0),
            fingerprint=WHOLE,
        )
        key = VideoKey(content=content_hash(path), fingerprint=WHOLE)
        store.put(key, features, source=path.name, recipe="c3d-vgg16")
    return store


def test_the_pca_sees_training_videos_and_the_store_is_reduced(
    dataset: Path, store: FeatureStore, tmp_path: Path, run
) -> None:
    out = tmp_path / "pca.safetensors"
    words = ["--dataset", dataset, "--store", store.root, "--out", out, "--components", "5"]

    printed = run("fit-pca", *words)

    reduction = Reduction.load(out)
    manifest = read_manifest(dataset)
    assert np.abs(reduction.mean).max() < 2
    assert reduction.fitted_on["classes"] == ["train a", "train b"]
    assert reduction.fitted_on["samples_sha256"] == manifest.header.samples_sha256
    assert reduction.fitted_on["recipe_fingerprint"] == WHOLE
    assert (reduction.fitted_on["num_videos"], reduction.fitted_on["num_clips"]) == (4, 28)
    for path in video_paths(manifest):
        key = VideoKey(content=content_hash(path), fingerprint=WHOLE)
        # What the store keeps is rounded to half precision.
        np.testing.assert_allclose(
            store.get(replace(key, fingerprint=REDUCED)).clips,
            reduction.apply(store.get(key).clips),
            rtol=1e-3,
            atol=1e-3,
        )
    assert "5 of 13 dimensions keep " in printed
    assert "of 28 clips of 4 training videos" in printed
    assert "reduced 12 videos, kept 0 query images in " in printed
    assert f"--recipe c3d-vgg16 --reduction {out}" in printed


@pytest.mark.usefixtures("store")
def test_a_reduced_recipe_is_not_reduced_again(dataset: Path, tmp_path: Path, refused) -> None:
    words = ["--dataset", dataset, "--store", tmp_path, "--out", tmp_path / "pca.safetensors"]

    assert refused("fit-pca", *words, "--reduction", "old.safetensors") == (
        "fit-pca takes features that are not reduced; leave --reduction out"
    )
