"""State dicts that PyTorch wrote before version 1.6, read without PyTorch, which takes a second."""

import io
import pickle
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

_MAGIC = 0x1950A86A20F9469CFC6C
_LENGTH_BYTES = 8


def read_state_dict(content: bytes) -> Mapping[str, np.ndarray]:
    """Parameters and buffers by name.

    Nothing in the file is run: it may hold tensors of floats and whole numbers, and no more.

    Args:
        content: The bytes of the file.

    Raises:
        pickle.UnpicklingError: It is no such file.
    """
    file = io.BytesIO(content)
    storages: dict[str, _Storage] = {}
    magic, _, _, state, keys = (_Unpickler(file, storages).load() for _ in range(5))
    if magic != _MAGIC:
        raise pickle.UnpicklingError("it is no file of this format")
    for key in keys:
        storage = storages[key]
        length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
        storage.values = np.frombuffer(file.read(length * storage.kind.itemsize), storage.kind)
        if len(storage.values) != length:
            raise pickle.UnpicklingError("it is cut off")
    return {name: tensor.array() for name, tensor in state.items()}


@dataclass(slots=True)
class _Storage:
    kind: np.dtype
    values: np.ndarray = field(default_factory=lambda: np.empty(0))


@dataclass(frozen=True, slots=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    def array(self) -> np.ndarray:
        values, steps = self.storage.values, zip(self.shape, self.stride, strict=True)
        if self.offset + sum((size - 1) * step for size, step in steps) >= len(values):
            raise pickle.UnpicklingError("a tensor is longer than its numbers")
        strides = [step * values.itemsize for step in self.stride]
        return np.lib.stride_tricks.as_strided(values[self.offset :], self.shape, strides).copy()


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, storages: dict[str, _Storage]) -> None:
        super().__init__(file)
        self._storages = storages

    def find_class(self, module: str, name: str) -> Any:
        match module, name:
            case "collections", "OrderedDict":
                return OrderedDict
            case "torch._utils", "_rebuild_tensor_v2":
                return _tensor
            case "torch", "FloatStorage":
                return np.dtype(np.float32)
            case "torch", "LongStorage":
                return np.dtype(np.int64)
        raise pickle.UnpicklingError(f"it holds {module}.{name}, which is no plain tensor")

    def persistent_load(self, pid: Any) -> _Storage:
        _, kind, key, *_ = pid
        return self._storages.setdefault(key, _Storage(kind))


def _tensor(
    storage: _Storage, offset: int, shape: tuple[int, ...], stride: tuple[int, ...], *_: object
) -> _Tensor:
    return _Tensor(storage, offset, shape, stride)
