"""From a video file to a trained step, through the store, with random weights."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.models import get_model

from stillseek.features import FeatureStore
from stillseek.features.recipes.clip_encoder import ARCHITECTURES, build_clip_encoder, clip_pixels
from stillseek.features.recipes.region_detector import RegionDetector
from stillseek.features.recipes.torchvision_recipe import DETECTORS, TorchvisionRecipe
from stillseek.media import frame_at
from stillseek.models.sail import Sail, SailConfig
from stillseek.tensors import LocalizerInput
from stillseek.timeline import Segment
from stillseek.training.losses import boundary_nll

pytestmark = pytest.mark.slow


def test_a_head_learns_from_features_of_r3d(make_video: Callable[..., Path], tmp_path: Path):
    torch.manual_seed(17)
    network = get_model(
        DETECTORS[0], weights=None, weights_backbone=None, min_size=160, max_size=192
    )
    recipe = TorchvisionRecipe(
        "torchvision:r3d_18",
        build_clip_encoder("r3d_18"),
        RegionDetector(network),
        sampling=ARCHITECTURES["r3d_18"].sampling,
        pixels=clip_pixels("r3d_18"),
    )
    store = FeatureStore(tmp_path / "store")
    video, picture = make_video(seconds=7.0), tmp_path / "query.png"
    Image.fromarray(frame_at(video, 3.0)).save(picture)
    features = store.get_or_encode(recipe, video)
    query = store.get_or_encode_query(recipe, picture)
    assert features.clips.shape == (7, 512)

    model = Sail(
        SailConfig(
            clip_dim=recipe.clip_dim,
            region_dim=recipe.region_dim,
            global_dim=recipe.global_dim,
            num_layers=2,
            num_heads=2,
            projection_dim=3,
            window=2,
            ffn_dim=19,
            hidden_dim=5,
        )
    )
    batch = LocalizerInput(
        clips=torch.from_numpy(features.clips)[None],
        clip_mask=torch.ones(1, 7, dtype=torch.bool),
        regions=torch.from_numpy(query.regions)[None],
        boxes=torch.from_numpy(query.boxes)[None],
        region_mask=torch.ones(1, len(query.regions), dtype=torch.bool),
        global_feature=torch.from_numpy(query.global_feature)[None],
    )
    # clips of 16/15 s: the second to the fourth
    start, end = features.grid.labels(Segment(1.2, 4.1))
    assert (start, end) == (1, 3)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    losses = []
    for _ in range(5):
        loss = boundary_nll(model(batch), torch.tensor([start]), torch.tensor([end]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]
