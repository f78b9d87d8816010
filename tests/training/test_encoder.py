import json
import math

import numpy as np
import pytest
import torch
from torch import nn

from stillseek.errors import UsageError
from stillseek.features.recipes.pocket_encoder import PocketEncoder
from stillseek.training.encoder import (
    augment,
    contrastive_loss,
    retrieval_auc,
    train_encoder,
)
from stillseek.training.encoder_config import EncoderTrainConfig


def test_contrastive_loss_of_two_orthogonal_pairs_is_known():
    features = torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0], [0.0, 3.0]])
    labels = torch.tensor([0, 0, 1, 1])

    # Each picture has one partner at cosine 1 and two strangers at cosine 0.
    expected = -math.log(math.e / (math.e + 2))
    assert contrastive_loss(features, labels, 1.0).item() == pytest.approx(expected)


class _Colours(PocketEncoder):
    """An encoder whose feature is the mean colour."""

    def features(self, images):
        return images.float()

    def embed_frames(self, maps):
        return maps.mean((2, 3))


def test_retrieval_auc_is_1_when_classes_are_apart_and_half_when_they_are_the_same():
    rng = np.random.default_rng(0)
    pictures = np.zeros((12, 4, 4, 3), np.uint8)
    labels = np.repeat(np.arange(3), 4)
    for picture, label in zip(pictures, labels, strict=True):
        picture[..., label] = rng.integers(100, 250)
    encoder = _Colours()

    assert retrieval_auc(encoder, pictures, labels) == 1.0
    pictures = rng.integers(0, 255, (40, 2, 2, 3)).astype(np.uint8)
    # 40 random pictures: the chance level within what their spread allows.
    assert retrieval_auc(encoder, pictures, np.arange(40) % 4) == pytest.approx(0.5, abs=0.12)


def test_augmentation_keeps_shape_and_range_and_follows_its_generator():
    images = torch.rand(5, 3, 11, 13, generator=torch.Generator().manual_seed(1))

    first = augment(images, torch.Generator().manual_seed(2))

    assert first.shape == images.shape
    assert 0 <= first.min() <= first.max() <= 1
    torch.testing.assert_close(first, augment(images, torch.Generator().manual_seed(2)))
    assert not torch.equal(first, augment(images, torch.Generator().manual_seed(3)))


@pytest.mark.slow
def test_a_tiny_training_is_reproducible_and_writes_a_loadable_encoder(tmp_path):
    config = EncoderTrainConfig(
        pictures=200, validation_pictures=200, epochs=1, batch_size=100, side_pixels=32
    )

    first = train_encoder(config, tmp_path / "a")
    second = train_encoder(config, tmp_path / "b")

    assert first["history"] == second["history"]
    encoder = PocketEncoder.load(tmp_path / "a" / "pocket_encoder.safetensors")
    assert isinstance(encoder, nn.Module)
    summary = json.loads((tmp_path / "a" / "encoder.json").read_text())
    assert not set(summary["seen_classes"]) & set(summary["validation_classes"])
    assert summary["config"]["epochs"] == 1


def test_contrastive_loss_of_a_batch_without_pairs_is_zero():
    assert contrastive_loss(torch.eye(3), torch.tensor([0, 1, 2]), 0.1).item() == 0.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"learning_rate": -1.0}, "learning_rate must be positive, got -1.0"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"batch_size": 300, "pictures": 200}, r"batch_size must be at most pictures \(200\)"),
    ],
)
def test_settings_that_train_nothing_are_refused(change, message):
    with pytest.raises(UsageError, match=message):
        EncoderTrainConfig(**change)
