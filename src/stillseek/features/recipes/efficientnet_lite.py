"""EfficientNet-Lite (Tan and Le 2019; Liu 2020) from its published weights to a graph for the CPU.

The published state dict names every layer, and its shapes say everything but the strides. It
becomes an ONNX graph here, with batch norms folded into the convolutions, that takes frames as
bytes: ONNX Runtime computes it two to three times as fast as eager PyTorch, and whoever only looks
something up in an index need not import torch.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from jaxtyping import Float, Shaped
from onnx import TensorProto, helper, numpy_helper

from stillseek.errors import FeatureError

# Input, bytes; the mean of the last map; the last map.
FRAMES, POOLED, MAP = "frames", "pooled", "map"

# Stride of the first block of each of the seven stages; all others have 1.
_STRIDES = (1, 2, 2, 2, 1, 2, 1)
_EPSILON = 1e-3
# Bytes become (x - 127) / 128, as the network was trained.
_MEAN, _SCALE = 127.0, 128.0
# Of ONNX; every ONNX Runtime since 1.15 knows them.
_OPSET, _IR_VERSION = 17, 8


def graph_of(weights: Mapping[str, Shaped[np.ndarray, "..."]]) -> bytes:
    """The network as an ONNX model, serialized.

    It takes `FRAMES`, (frame, side, side, 3) bytes RGB of any side, and gives `POOLED`,
    (frame, 1280), and `MAP`, (frame, 1280, row, column), of which `POOLED` is the mean.

    Args:
        weights: State dict of lite0, lite1 or lite2 by the published names
            (``_conv_stem.weight``, ``_blocks.0._depthwise_conv.weight``, ...).

    Raises:
        FeatureError: An entry is missing or does not fit the others.
    """
    try:
        return _Graph(weights).build()
    except (KeyError, ValueError) as error:
        raise FeatureError(
            f"the weights are not those of EfficientNet-Lite ({error}); install the package of "
            "the weights again"
        ) from error


class _Graph:
    def __init__(self, weights: Mapping[str, Shaped[np.ndarray, "..."]]) -> None:
        self._weights = weights
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def build(self) -> bytes:
        moved = self._node("Cast", FRAMES, to=TensorProto.FLOAT)
        moved = self._node("Sub", moved, self._constant("mean", np.float32(_MEAN)))
        moved = self._node("Div", moved, self._constant("scale", np.float32(_SCALE)))
        moved = self._node("Transpose", moved, perm=[0, 3, 1, 2])
        moved = self._convolve(moved, "_conv_stem", "_bn0", stride=2)
        blocks = sorted({int(name.split(".")[1]) for name in self._weights if "_blocks." in name})
        stage = -1
        for block in blocks:
            opens_stage = self._changes_width(f"_blocks.{block}.")
            stage += opens_stage
            moved = self._block(
                moved, f"_blocks.{block}.", stride=_STRIDES[stage] if opens_stage else 1
            )
        self._convolve(moved, "_conv_head", "_bn1", out=MAP)
        mean = self._node("GlobalAveragePool", MAP)
        self._node("Flatten", mean, out=POOLED)
        return self._serialize()

    def _changes_width(self, block: str) -> bool:
        """Whether a block begins a stage: it has another width than what comes in."""
        expand = self._weights.get(f"{block}_expand_conv.weight")
        comes_in = self._weights[f"{block}_depthwise_conv.weight"] if expand is None else expand
        width = comes_in.shape[0 if expand is None else 1]
        return width != self._weights[f"{block}_project_conv.weight"].shape[0]

    def _block(self, source: str, block: str, *, stride: int) -> str:
        """An inverted residual (Sandler et al. 2018) without squeeze and excitation."""
        moved = source
        if f"{block}_expand_conv.weight" in self._weights:
            moved = self._convolve(moved, f"{block}_expand_conv", f"{block}_bn0")
        moved = self._convolve(moved, f"{block}_depthwise_conv", f"{block}_bn1", stride=stride)
        moved = self._convolve(moved, f"{block}_project_conv", f"{block}_bn2", bounded=False)
        return moved if self._changes_width(block) else self._node("Add", moved, source)

    def _convolve(
        self,
        source: str,
        layer: str,
        norm: str,
        *,
        stride: int = 1,
        bounded: bool = True,
        out: str | None = None,
    ) -> str:
        """A convolution with its batch norm folded in, and ReLU6 behind it where ``bounded``."""
        kernel = self._weights[f"{layer}.weight"].astype(np.float64)
        scale, shift, mean, variance = (
            self._weights[f"{norm}.{part}"].astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        if kernel.ndim != 4 or scale.shape != kernel.shape[:1]:
            raise ValueError(f"{layer} is {kernel.shape} and {norm} {scale.shape}")
        factor = scale / np.sqrt(variance + _EPSILON)
        moved = self._node(
            "Conv",
            source,
            self._constant(f"{layer}.weight", kernel * factor[:, None, None, None]),
            self._constant(f"{layer}.bias", shift - mean * factor),
            kernel_shape=kernel.shape[2:],
            strides=[stride, stride],
            # As TensorFlow pads: where it cannot be even, more at the right and below.
            auto_pad="SAME_UPPER",
            group=len(kernel) if "depthwise" in layer else 1,
            out=None if bounded else out,
        )
        if not bounded:
            return moved
        low, high = (self._constant(f"clip{bound}", np.float32(bound)) for bound in (0, 6))
        return self._node("Clip", moved, low, high, out=out)

    def _node(self, kind: str, *sources: str, out: str | None = None, **attributes: Any) -> str:
        name = out or f"{kind.lower()}{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(sources), [name], **attributes))
        return name

    def _constant(self, name: str, value: Float[np.ndarray, "..."] | np.floating[Any]) -> str:
        if all(name != constant.name for constant in self._constants):
            array = np.asarray(value, np.float32)
            self._constants.append(numpy_helper.from_array(array, name))
        return name

    def _serialize(self) -> bytes:
        channels = self._weights["_conv_head.weight"].shape[0]
        frames = helper.make_tensor_value_info(
            FRAMES, TensorProto.UINT8, ["frame", "height", "width", 3]
        )
        pooled = helper.make_tensor_value_info(POOLED, TensorProto.FLOAT, ["frame", channels])
        last = helper.make_tensor_value_info(
            MAP, TensorProto.FLOAT, ["frame", channels, "row", "column"]
        )
        graph = helper.make_graph(
            self._nodes, "efficientnet_lite", [frames], [pooled, last], self._constants
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION
        )
        onnx.checker.check_model(model)
        return model.SerializeToString()
