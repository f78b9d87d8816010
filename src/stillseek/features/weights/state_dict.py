"""Weights that others published: read without running what a file says, checked by name."""

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from stillseek.errors import FeatureError

# Where training scripts put the weights beside their optimizer.
_WRAPPERS = ("model", "state_dict")
# What the readers of both formats raise.
_OF_FORMATS = (SafetensorError, pickle.UnpicklingError)
_UNREADABLE = (*_OF_FORMATS, OSError, RuntimeError, EOFError, ValueError)


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Parameters by name, in single precision, from safetensors or a PyTorch file.

    A PyTorch file may hold nothing but tensors and plain values; code in it is refused.

    Raises:
        FeatureError: The file is missing, broken, or holds something else.
    """
    if not path.is_file():
        raise FeatureError(f"there are no weights at {path}; check the path")
    try:
        if path.suffix == ".safetensors":
            loaded = load_file(path)
        else:
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except _UNREADABLE as error:
        reason = str(error).partition("\n")[0]
        raise FeatureError(
            f"{path} does not hold weights that can be read safely ({reason}); give a "
            "safetensors file or a PyTorch file of tensors only"
        ) from error
    for wrapper in _WRAPPERS:
        if isinstance(loaded, Mapping) and isinstance(loaded.get(wrapper), Mapping):
            loaded = loaded[wrapper]
    if not isinstance(loaded, Mapping) or not all(isinstance(v, Tensor) for v in loaded.values()):
        raise FeatureError(
            f"{path} does not hold parameters by name; give the file with the model's state dict"
        )
    # Models trained on several GPUs carry the name of their wrapper.
    return {str(key).removeprefix("module."): value.float() for key, value in loaded.items()}


def load_parameters(network: nn.Module, weights: Mapping[str, Tensor], *, source: Path) -> None:
    """Makes the tensors the network's parameters; names and shapes must fit exactly.

    Raises:
        FeatureError: A parameter is missing, unknown, or has another shape.
    """
    expected = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    found = {key: tuple(value.shape) for key, value in weights.items()}
    wrong = sorted(
        key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key)
    )
    if wrong:
        first = wrong[0]
        raise FeatureError(
            f"{source} does not fit {type(network).__name__}: {len(wrong)} parameters differ, "
            f"the first is {first!r}: expected {expected.get(first, 'nothing')}, got "
            f"{found.get(first, 'nothing')}; give the weights of this network"
        )
    network.load_state_dict(dict(weights), assign=True)
