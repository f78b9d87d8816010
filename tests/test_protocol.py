"""Statements of the paper's protocol that are default settings here."""

from collections import Counter
from pathlib import Path

import pytest
import torch

from stillseek.models.sail import Sail, SailConfig
from stillseek.synthetic.planted import PlantedConfig, PlantedDataset
from stillseek.synthetic.rendered.rendered_dataset import (
    RenderedConfig,
    build_samples,
    draw_streams,
)
from stillseek.training.config import TrainConfig
from stillseek.training.loop import train


def test_a_video_has_3_simple_and_2_difficult_queries() -> None:
    # With one activity asked for in each video, and enough videos to find every query.
    config = RenderedConfig(
        train_videos=0, seen_videos=90, validation_videos=0, test_videos=0, two_targets_share=0.0
    )
    samples = build_samples(config, draw_streams(config))
    kinds = Counter((sample.video_id, sample.query_kind) for sample in samples)

    assert len({video_id for video_id, _ in kinds}) == 90
    assert {number for (_, kind), number in kinds.items() if kind == "simple"} == {3}
    assert {number for (_, kind), number in kinds.items() if kind == "difficult"} == {2}


def test_training_starts_with_the_papers_optimizer(tmp_path: Path) -> None:
    planted = PlantedConfig(
        clip_dim=13,
        region_dim=17,
        global_dim=11,
        code_dim=5,
        num_train_classes=7,
        num_held_out_classes=5,
        num_train_examples=3,
        num_held_out_examples=2,
    )
    data, held_out = (list(PlantedDataset(planted, split, 0)) for split in ("train", "validation"))
    torch.manual_seed(0)
    model = Sail(SailConfig(clip_dim=13, region_dim=17, global_dim=11, num_layers=1, dropout=0.0))
    before = torch.cat([weight.detach().flatten().clone() for weight in model.parameters()])

    train(model, data, held_out, TrainConfig(max_epochs=1), tmp_path, quiet=True)

    after = torch.cat([weight.detach().flatten() for weight in model.parameters()])
    moves = (after - before).abs()
    # Adam's first step moves a weight by the learning rate in the direction of its gradient; by
    # less only where the gradient is near Adam's epsilon.
    assert moves.max().item() == pytest.approx(5e-4, rel=1e-3)
    assert moves.median().item() == pytest.approx(5e-4, rel=1e-2)
