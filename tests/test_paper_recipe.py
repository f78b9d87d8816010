"""The paper's features at the paper's sizes, with random weights in files of the published layouts.

From a video file through the store to one step of training SAIL.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from samples import make_sample
from torch import Tensor

from stillseek.data.example import ExampleSet, collate
from stillseek.data.manifest import write_manifest
from stillseek.data.stored import StoredFeatures, extract_queries, video_paths
from stillseek.features import FeatureStore, Recipe, RecipeOptions, extract, load_recipe
from stillseek.features.recipes.c3d import C3D
from stillseek.features.recipes.pca_reduction import Reduction
from stillseek.features.recipes.vgg_detector import vgg_detector
from stillseek.models.sail import Sail, SailConfig
from stillseek.timeline import Segment
from stillseek.training.losses import boundary_nll

pytestmark = pytest.mark.slow

PUBLISHED_NAMES = {
    "backbone.": "RCNN_base.",
    "rpn.head.conv.0.0.": "RCNN_rpn.RPN_Conv.",
    "rpn.head.cls_logits.": "RCNN_rpn.RPN_cls_score.",
    "rpn.head.bbox_pred.": "RCNN_rpn.RPN_bbox_pred.",
    "roi_heads.box_head.fc6.": "RCNN_top.0.",
    "roi_heads.box_head.fc7.": "RCNN_top.3.",
    "roi_heads.box_predictor.cls_score.": "RCNN_cls_score.",
    "roi_heads.box_predictor.bbox_pred.": "RCNN_bbox_pred.",
}


def random_weights(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """Weights that keep the size of what goes through, after a first layer that brings it to 1."""
    generator = torch.Generator().manual_seed(3)
    weights = {}
    for name, shape in shapes.items():
        fan_in = np.prod(shape[1:])
        scale = 0.01 if shape[1:2] == (3,) else (2 / fan_in) ** 0.5
        is_bias = len(shape) == 1
        weights[name] = (0.0 if is_bias else scale) * torch.randn(shape, generator=generator)
    return weights


def published_shapes() -> tuple[dict[str, tuple[int, ...]], dict[str, tuple[int, ...]]]:
    """Of ``c3d.pickle`` and of a detector for Pascal VOC."""
    with torch.device("meta"):
        clips, regions = C3D().state_dict(), vgg_detector(num_classes=21).state_dict()
    c3d = {name: tuple(value.shape) for name, value in clips.items()}
    detector = {}
    for name, value in regions.items():
        prefix = next(prefix for prefix in PUBLISHED_NAMES if name.startswith(prefix))
        # Two scores an anchor: background and object.
        length = len(value) * 2 if "cls_logits" in name else len(value)
        shape = (length, *value.shape[1:])
        detector[PUBLISHED_NAMES[prefix] + name.removeprefix(prefix)] = shape
    return c3d | {"fc8.weight": (487, 4096), "fc8.bias": (487,)}, detector


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    folder = tmp_path_factory.mktemp("weights")
    c3d, detector = published_shapes()
    torch.save(random_weights(c3d), folder / "c3d.pickle", _use_new_zipfile_serialization=False)
    checkpoint = {"session": 1, "epoch": 7, "model": random_weights(detector)}
    torch.save(checkpoint, folder / "faster_rcnn_1_6_10021.pth")
    rng = np.random.default_rng(5)
    Reduction(
        mean=rng.normal(size=4096).astype(np.float32),
        components=np.linalg.qr(rng.normal(size=(4096, 500)))[0].T.astype(np.float32),
        explained_variance=np.ones(500, np.float32),
        total_variance=4096.0,
        fitted_on={"split": "train"},
    ).save(folder / "pca.safetensors")
    options = RecipeOptions(weights=folder, reduction=folder / "pca.safetensors")
    loaded = load_recipe("c3d-vgg16", options)
    for path in folder.iterdir():
        path.unlink()
    return loaded


def test_sizes_are_the_papers(recipe: Recipe) -> None:
    assert (recipe.clip_dim, recipe.region_dim, recipe.global_dim) == (500, 4096, 512)


def test_a_video_trains_sail_for_a_step(recipe: Recipe, write_clip, tmp_path: Path) -> None:
    for name, seed in (("long", 0), ("other", 3)):
        write_clip(name=f"set/videos/{name}.mp4", seconds=3.0, rate=10, seed=seed)
    sample = make_sample(
        sample_id="first", video_id="long", duration_seconds=3.0, query_seconds=1.5
    )
    samples = [sample, replace(sample, sample_id="second", segment=Segment(0.0, 0.5))]
    manifest = write_manifest(tmp_path / "set", samples, source="test", seed=0, settings={})
    store = FeatureStore(tmp_path / "store")

    extract(video_paths(manifest), recipe, store, strict=True)
    extract_queries(manifest, recipe, store)

    source = StoredFeatures(manifest, store, recipe.fingerprint)
    batch = collate(list(ExampleSet(samples, source)))
    # 30 frames begin 4 clips; the two samples ask about the same ones.
    assert batch.inputs.clips.shape == (2, 4, 500)
    assert batch.inputs.regions.shape[2] == 4096
    assert 1 <= batch.inputs.regions.shape[1] <= 36
    assert batch.inputs.global_feature.shape == (2, 512)
    assert batch.start_step.tolist() == [1, 0]
    torch.manual_seed(3)
    model = Sail(SailConfig(num_layers=1, num_heads=1, window=2, dropout=0.0))
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-4)
    losses = []
    for _ in range(2):
        loss = boundary_nll(model(batch.inputs), batch.start_step, batch.end_step)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[1] < losses[0]


def test_a_clip_has_the_same_features_in_any_batch(recipe: Recipe, write_clip) -> None:
    units = np.stack(list(recipe.open_video(write_clip(seconds=3.0, rate=10)).units))

    together = recipe.encode_units(units)

    alone = np.concatenate([recipe.encode_units(unit[None]) for unit in units])
    # Rounding of bfloat16 (eight bits), through ten layers.
    np.testing.assert_allclose(alone, together, rtol=0, atol=2e-2 * np.abs(together).max())
    assert np.abs(together[0] - together[1]).max() > 0
