"""Where an encoder computes, and in which number format."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

from stillseek.errors import UsageError
from stillseek.features.recipes.options import Precision

# Matrix instructions of x86. Without them bf16 is emulated, and slower than single precision.
_BF16_INSTRUCTIONS = ("amx_bf16", "avx512_bf16")


def find_device(name: str) -> torch.device:
    """The device of a name.

    Raises:
        UsageError: It is neither the CPU nor a CUDA device, or it is not here.
    """
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"there is no device {name!r}; use cpu, cuda or cuda:N") from None
    if device.type not in ("cpu", "cuda"):
        raise UsageError(f"stillseek does not run on device {name!r}; use cpu, cuda or cuda:N")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UsageError(
            f"device {name!r} is not here ({torch.cuda.device_count()} CUDA devices found); use "
            "cpu, or see stillseek doctor"
        )
    return device


def choose_dtype(precision: Precision, device: torch.device) -> torch.dtype:
    """The number format of a large convolutional or transformer encoder.

    ``auto`` is bfloat16 where the processor or GPU multiplies matrices in it, and single precision
    elsewhere: with AVX-512 BF16 on two cores r3d_18, s3d, mvit_v2_s, DINOv2 and C3D are 1.5 to 2.2
    times as fast in it. A format that was asked for is used anywhere, so that features and
    fingerprints of one machine can be had on another. The format belongs into the fingerprint.

    An encoder as small as the pocket recipe's should not ask: its features then are the same
    everywhere.

    Args:
        precision: What was asked for.
        device: Where the encoder computes.
    """
    if precision == "auto":
        return torch.bfloat16 if has_native_bf16(device) else torch.float32
    return torch.bfloat16 if precision == "bf16" else torch.float32


def has_native_bf16(device: torch.device) -> bool:
    """Whether a device multiplies matrices in bfloat16 without emulating it."""
    if device.type == "cuda":
        with torch.cuda.device(device):
            return torch.cuda.is_bf16_supported(including_emulation=False)
    # Older releases of torch can't tell.
    if device.type != "cpu" or not hasattr(torch.cpu, "get_capabilities"):
        return False
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in _BF16_INSTRUCTIONS)


class _Exactness:
    """How many computations need exact single precision now, and the way back after them."""

    lock = threading.Lock()
    users = 0
    restore = ExitStack()


@contextmanager
def exact_float32() -> Iterator[None]:
    """Single precision as IEEE 754 has it, whatever was set before.

    Otherwise cuDNN rounds what it convolves to the 10 bits of TF32, by default, and features of
    one fingerprint differ from machine to machine. The setting is the process's: it lasts until
    the last thread that asked for it has left.
    """
    with _Exactness.lock:
        if _Exactness.users == 0:
            _Exactness.restore.enter_context(_rounding_off())
        _Exactness.users += 1
    try:
        yield
    finally:
        with _Exactness.lock:
            _Exactness.users -= 1
            if _Exactness.users == 0:
                _Exactness.restore.close()


@contextmanager
def _rounding_off() -> Iterator[None]:
    """No factor of a product is rounded; what was set comes back afterwards."""
    backends: Any = torch.backends
    if hasattr(backends.cudnn, "conv"):
        places = (
            backends.cudnn.conv,
            backends.cuda.matmul,
            backends.mkldnn.conv,
            backends.mkldnn.matmul,
        )
        name, exact = "fp32_precision", "ieee"
    else:  # torch before 2.9
        places, name, exact = (backends.cudnn,), "allow_tf32", False
    matmul = torch.get_float32_matmul_precision()
    found = [getattr(place, name) for place in places]
    # torch refuses to multiply where this switch of old and the new ones disagree.
    torch.set_float32_matmul_precision("highest")
    for place in places:
        setattr(place, name, exact)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(matmul)
        for place, value in zip(places, found, strict=True):
            setattr(place, name, value)
