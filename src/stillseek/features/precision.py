"""Where an encoder computes, and in which number format."""

import torch

from stillseek.errors import UsageError


def find_device(name: str) -> torch.device:
    """The device of a name.

    Raises:
        UsageError: There is no such device, or it is not here.
    """
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"there is no device {name!r}; use cpu, cuda or cuda:N") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UsageError(
            f"device {name!r} is not here ({torch.cuda.device_count()} CUDA devices found); use "
            "cpu, or see stillseek doctor"
        )
    return device
