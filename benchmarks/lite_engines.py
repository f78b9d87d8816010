"""Ways to run the network of the ``lite`` recipe on the CPU, all from the recipe's own graph."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from lite_sizes import open_graph, published_weights
from onnx import numpy_helper
from torch import Tensor
from torch.nn import functional

from stillseek.features.efficientnet_lite import graph_of

BF16_FLAGS = ("avx512_bf16", "amx_bf16")
OURS = "ONNX Runtime fp32, one by one"


class TorchEngine:
    """The recipe's graph, batch norms folded, in eager PyTorch and channels last."""

    def __init__(self, graph: bytes, dtype: torch.dtype) -> None:
        model = onnx.load_from_string(graph).graph
        self._dtype = dtype
        self._nodes = list(model.node)
        self._constants = {}
        for constant in model.initializer:
            values = torch.from_numpy(numpy_helper.to_array(constant).copy()).to(dtype)
            layout = torch.channels_last if values.ndim == 4 else torch.contiguous_format
            self._constants[constant.name] = values.contiguous(memory_format=layout)

    def run(self, outputs: Sequence[str], feed: dict[str, np.ndarray]) -> list[np.ndarray]:
        """As ONNX Runtime's."""
        with torch.inference_mode():
            values = {**self._constants, **{k: torch.from_numpy(v) for k, v in feed.items()}}
            for node in self._nodes:
                values[node.output[0]] = self._step(node, [values[name] for name in node.input])
            return [values[name].float().numpy() for name in outputs]

    def _step(self, node: Any, args: list[Tensor]) -> Tensor:
        options = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        match node.op_type:
            case "Cast":
                return args[0].float()
            case "Sub":
                return args[0] - args[1].float()
            case "Div":
                return args[0] / args[1].float()
            case "Transpose":
                # A view: frames have their channels last already.
                return args[0].permute(options["perm"]).to(self._dtype)
            case "Conv":
                return _convolve(*args, stride=options["strides"][0], groups=options["group"])
            case "Clip":
                return functional.relu6(args[0])
            case "Add":
                return args[0] + args[1]
            case "GlobalAveragePool":
                return args[0].mean(dim=(2, 3), keepdim=True)
            case "Flatten":
                return args[0].flatten(1)
        raise ValueError(f"the graph has a node {node.op_type}, which is not known here")


def _convolve(x: Tensor, kernel: Tensor, bias: Tensor, *, stride: int, groups: int) -> Tensor:
    """A convolution padded as SAME_UPPER has it."""
    pads = []
    for size, side in zip(x.shape[:1:-1], kernel.shape[:1:-1], strict=True):
        total = max((-(-size // stride) - 1) * stride + side - size, 0)
        pads += [total // 2, total - total // 2]
    if pads[::2] == pads[1::2]:
        padding = (pads[2], pads[0])
        return functional.conv2d(x, kernel, bias, stride, padding, groups=groups)
    return functional.conv2d(functional.pad(x, pads), kernel, bias, stride, groups=groups)


def quantized(graph: bytes, frames: np.ndarray) -> bytes:
    """The graph in 8-bit integers, weights by channel, activations by the ranges of frames."""
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self._left = iter(frames)

        def get_next(self) -> dict[str, np.ndarray] | None:
            frame = next(self._left, None)
            return None if frame is None else {"frames": frame[None]}

    with tempfile.TemporaryDirectory() as folder:
        plain, prepared, small_one = (str(Path(folder) / f"{n}.onnx") for n in "abc")
        Path(plain).write_bytes(graph)
        quant_pre_process(plain, prepared)
        quantize_static(
            prepared,
            small_one,
            Reader(),
            per_channel=True,
            op_types_to_quantize=["Conv", "Add", "Clip"],
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        return Path(small_one).read_bytes()


def multiplies_in_bf16() -> bool:
    """Whether the processor has instructions for it; elsewhere it takes ten times as long."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    return any(flag in text for flag in BF16_FLAGS)


def engines(calibration: np.ndarray) -> dict[str, tuple[Any, int]]:
    """Every way to run the network, and the frames that it takes at once."""
    graph = graph_of(published_weights(2))
    plain, fp32 = open_graph(graph), TorchEngine(graph, torch.float32)
    found: dict[str, tuple[Any, int]] = {
        OURS: (plain, 1),
        "ONNX Runtime fp32, batch of 16": (plain, 16),
        "PyTorch fp32, folded norms, channels last, one by one": (fp32, 1),
        "PyTorch fp32, folded norms, channels last, batch of 16": (fp32, 16),
    }
    if multiplies_in_bf16():
        bf16 = TorchEngine(graph, torch.bfloat16)
        found["PyTorch bf16, folded norms, channels last, one by one"] = bf16, 1
        found["PyTorch bf16, folded norms, channels last, batch of 16"] = bf16, 16
    found["ONNX Runtime int8, one by one"] = open_graph(quantized(graph, calibration)), 1
    return found
