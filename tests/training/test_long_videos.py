"""Videos of more steps than the paper's 200, for whoever wants them at full resolution."""

import pytest
import torch
from heads import make_head

from stillseek.synthetic.planted import PlantedConfig, PlantedDataset
from stillseek.training.config import TrainConfig
from stillseek.training.loop import train


@pytest.mark.parametrize("clips", [1100, pytest.param(13_500, marks=pytest.mark.slow)])
def test_training_at_full_resolution(clips: int, tmp_path) -> None:
    widths = {"clip_dim": 5, "region_dim": 5, "global_dim": 5}
    config = PlantedConfig(
        **widths,
        code_dim=3,
        num_train_classes=3,
        num_held_out_classes=3,
        num_train_examples=2,
        num_held_out_examples=2,
        min_clips=clips,
        max_clips=clips,
    )
    sizes = {"num_layers": 1, "num_heads": 1, "projection_dim": 3, "window": 4, "ffn_dim": 5}
    model = make_head("sail", **widths, **sizes, hidden_dim=2)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    examples, held_out = (PlantedDataset(config, split, 0) for split in ("train", "validation"))
    assert examples[0].grid.num_steps == clips

    training = TrainConfig(max_steps=clips, max_epochs=1, batch_size=1)
    result = train(model, examples, held_out, training, tmp_path, quiet=True)

    assert result.epochs[0].train_loss > 0
    assert any(not torch.equal(before[name], t) for name, t in model.state_dict().items())
