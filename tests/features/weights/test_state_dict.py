from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from stillseek.errors import FeatureError
from stillseek.features.weights.state_dict import load_parameters, read_state_dict


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(3)
    return nn.Linear(5, 7)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("wrapper", [None, "model", "state_dict"])
def test_weights_come_back_whatever_they_are_wrapped_in(
    network: nn.Module, tmp_path: Path, wrapper: str | None, legacy: bool
) -> None:
    weights = {f"module.{key}": value.half() for key, value in network.state_dict().items()}
    content = weights if wrapper is None else {wrapper: weights, "epoch": 3}
    torch.save(content, tmp_path / "w.pth", _use_new_zipfile_serialization=not legacy)
    other = nn.Linear(5, 7)

    load_parameters(other, read_state_dict(tmp_path / "w.pth"), source=tmp_path / "w.pth")

    assert other.weight.dtype == torch.float32
    assert torch.equal(other.weight, network.state_dict()["weight"].half().float())


def test_safetensors_are_read(network: nn.Module, tmp_path: Path) -> None:
    save_file(network.state_dict(), tmp_path / "w.safetensors")

    found = read_state_dict(tmp_path / "w.safetensors")

    assert torch.equal(found["bias"], network.state_dict()["bias"])


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    torch.save(nn.Linear(5, 7), tmp_path / "pickled.pth")

    with pytest.raises(FeatureError, match="does not hold weights that can be read safely"):
        read_state_dict(tmp_path / "pickled.pth")


@pytest.mark.parametrize("content", [b"", b"no weights", b"PK\x03\x04 half a file"])
def test_a_broken_file_is_named(tmp_path: Path, content: bytes) -> None:
    for name in ("broken.pth", "broken.safetensors"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(FeatureError, match=name):
            read_state_dict(tmp_path / name)


def test_what_is_no_state_dict_is_refused(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "list.pth")

    with pytest.raises(FeatureError, match="does not hold parameters by name"):
        read_state_dict(tmp_path / "list.pth")
    with pytest.raises(FeatureError, match="there are no weights at"):
        read_state_dict(tmp_path / "missing.pth")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weight": torch.zeros(7, 3)}, r"'weight': expected \(7, 5\), got \(7, 3\)"),
        ({"extra": torch.zeros(2)}, r"'extra': expected nothing, got \(2,\)"),
        ({"bias": None}, r"'bias': expected \(7,\), got nothing"),
    ],
)
def test_weights_of_another_network_are_refused(
    network: nn.Module, tmp_path: Path, change: dict, message: str
) -> None:
    weights = {k: v for k, v in {**network.state_dict(), **change}.items() if v is not None}

    with pytest.raises(FeatureError, match=message):
        load_parameters(network, weights, source=tmp_path / "w.pth")
