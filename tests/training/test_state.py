import os

import pytest
import torch

from stillseek.errors import CheckpointError
from stillseek.models.flp import Flp, FlpConfig
from stillseek.training.state import load_state, read_run, save_state, save_tensors

CONFIG = FlpConfig(clip_dim=5, region_dim=7, global_dim=3, hidden_dim=11)


def make(value: float) -> tuple[Flp, torch.optim.Adam]:
    model = Flp(CONFIG)
    optimizer = torch.optim.Adam(model.parameters())
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, value)
    optimizer.step()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(value)
    return model, optimizer


def save(path, value: float) -> None:
    model, optimizer = make(value)
    save_state(path, {"model": model}, optimizer, {"epochs": [value]})


def test_whoever_dies_while_writing_the_state_leaves_a_whole_one(tmp_path, dying_writes):
    path, value = tmp_path / "state.safetensors", 0.0
    save(path, 0.0)

    def save_another() -> None:
        nonlocal value
        value += 1.0
        save(path, value)

    for _ in dying_writes(save_another):
        model, optimizer = make(-1.0)
        load_state(path, {"model": model}, optimizer)
        (epoch,) = read_run(path)["epochs"]
        assert {w for p in model.parameters() for w in p.flatten().tolist()} == {epoch}

    assert read_run(path)["epochs"] == [value]
    assert [file.name for file in tmp_path.iterdir() if file.suffix != ".safetensors"] == []


def test_weights_are_on_the_disk_before_they_have_their_name(tmp_path, monkeypatch):
    path, names = tmp_path / "best.safetensors", []
    fsync = os.fsync

    def spy(descriptor: int) -> None:
        names.append((os.path.realpath(f"/proc/self/fd/{descriptor}"), path.exists()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", spy)
    save_tensors(path, {"w": torch.ones(3)}, {})

    (written, was_there), (folder, is_there) = names
    assert written.endswith(".tmp.safetensors")
    assert (folder, was_there, is_there) == (str(tmp_path), False, True)


def test_a_state_that_is_cut_is_refused(tmp_path):
    path = tmp_path / "state.safetensors"
    save(path, 1.0)
    path.write_bytes(path.read_bytes()[:-9])

    with pytest.raises(CheckpointError, match="is no training state"):
        read_run(path)
