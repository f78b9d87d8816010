"""Boxes of a YOLOX detector in an ONNX file (Ge et al. 2021), on the CPU."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from PIL import Image
from torchvision.ops import nms

from stillseek.errors import FeatureError, InstallationError, UsageError

_STRIDES = (8, 16, 32)
_PADDING = 114


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionConfig:
    """Which boxes count as regions.

    Attributes:
        max_boxes: Most boxes of an image, those of highest score.
        min_score: Least score, objectness times the best class's share.
        overlap: IoU from which the weaker of two boxes is dropped, whatever their classes; the
            paper's 0.7 (section 6.1).

    Raises:
        UsageError: A value is out of range.
    """

    max_boxes: int = 16
    min_score: float = 0.05
    overlap: float = 0.7

    def __post_init__(self) -> None:
        """Refuses values that leave no box, or all of them."""
        if not (self.max_boxes > 0 and 0 < self.min_score < 1 and 0 < self.overlap < 1):
            raise UsageError(
                "detection needs a positive max_boxes, and min_score and overlap between 0 and 1, "
                f"got {self}"
            )


class YoloxDetector:
    """Finds what may be regions; the classes that it was trained on do not matter.

    Any YOLOX exported without its own decoding: input ``(1, 3, S, S)``, BGR from 0 to 255; output
    a row an anchor point of the strides 8, 16 and 32: offset, log size, objectness, class scores.

    Args:
        path: The ONNX file.
        config: Which boxes count.

    Attributes:
        settings: What decides the boxes, the hash of the file included: JSON values.

    Raises:
        FeatureError: The file is missing, broken, or no YOLOX.
        InstallationError: ONNX Runtime is not installed.
    """

    def __init__(self, path: Path, *, config: DetectionConfig | None = None) -> None:
        self.config = config or DetectionConfig()
        try:
            data = path.read_bytes()
        except OSError as error:
            raise FeatureError(
                f"cannot read the detector {path}: {error.strerror}; give --detector a YOLOX file "
                "in ONNX format"
            ) from error
        self._session = _open(data, path)
        self._input = self._session.get_inputs()[0]
        self._side = _side_of(self._input.shape, self._session.get_outputs()[0].shape, path)
        self._points, self._strides = _anchor_points(self._side)
        self.settings: Mapping[str, object] = {
            "detector": hashlib.sha256(data).hexdigest(),
            **asdict(self.config),
        }

    def detect(
        self, image: UInt8[np.ndarray, "height width 3"]
    ) -> tuple[Float32[np.ndarray, "box 4"], Float32[np.ndarray, " box"]]:
        """Boxes of an RGB picture as left, top, right, bottom in pixels, and their scores.

        The best box is first; there may be none.
        """
        scale, letterboxed = self._letterbox(image)
        (output,) = self._session.run(None, {self._input.name: letterboxed})
        rows = output[0].astype(np.float32)
        centres = (rows[:, :2] + self._points) * self._strides
        with np.errstate(over="ignore"):
            sizes = np.exp(rows[:, 2:4]) * self._strides
        scores = rows[:, 4] * rows[:, 5:].max(axis=1)
        boxes = np.concatenate((centres - sizes / 2, centres + sizes / 2), axis=1) / scale
        height, width = image.shape[:2]
        boxes = boxes.clip(0, (width, height, width, height)).astype(np.float32)
        sides = boxes[:, 2:] - boxes[:, :2]
        seen = (scores >= self.config.min_score) & (sides >= 1).all(axis=1)
        boxes, scores = boxes[seen], scores[seen]
        kept = nms(torch.from_numpy(boxes), torch.from_numpy(scores), self.config.overlap).numpy()
        kept = kept[: self.config.max_boxes]
        return boxes[kept], scores[kept]

    def _letterbox(
        self, image: UInt8[np.ndarray, "height width 3"]
    ) -> tuple[float, Float32[np.ndarray, "1 3 side side"]]:
        """The picture at the top left of a grey square, and the scale that it got."""
        height, width = image.shape[:2]
        scale = min(self._side / height, self._side / width)
        size = max(1, int(width * scale)), max(1, int(height * scale))
        resized = np.array(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))
        square = np.full((self._side, self._side, 3), _PADDING, np.float32)
        square[: size[1], : size[0]] = resized[..., ::-1]  # RGB to BGR
        return scale, np.ascontiguousarray(square.transpose(2, 0, 1)[None])


def _open(data: bytes, path: Path) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise InstallationError(
            f"a detector needs onnxruntime ({error}); pip install 'stillseek[onnx]'"
        ) from error
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4  # what fails raises, too
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's exceptions have no other base
        raise FeatureError(
            f"ONNX Runtime cannot read the detector {path}: {error}; give --detector a YOLOX file "
            "in ONNX format"
        ) from error


def _side_of(inputs: list[Any], outputs: list[Any], path: Path) -> int:
    """Side of the input square, once the shapes say that this is a YOLOX."""
    side = inputs[-1]
    square = len(inputs) == 4 and inputs[1] == 3 and inputs[2] == side
    if square and isinstance(side, int) and side % _STRIDES[-1] == 0:
        num_points = sum((side // stride) ** 2 for stride in _STRIDES)
        if len(outputs) == 3 and outputs[1] == num_points:
            return side
    raise FeatureError(
        f"{path} is no YOLOX: it takes {inputs} and gives {outputs}, expected (1, 3, S, S) and one "
        "row an anchor point (3549 for S = 416); give --detector a YOLOX file of fixed size"
    )


def _anchor_points(
    side: int,
) -> tuple[Float32[np.ndarray, "point 2"], Float32[np.ndarray, "point 1"]]:
    """Cells (x, y) of every anchor point in units of its stride, and the strides."""
    points, strides = [], []
    for stride in _STRIDES:
        rows, columns = np.mgrid[: side // stride, : side // stride]
        points.append(np.stack((columns, rows), axis=-1).reshape(-1, 2))
        strides.append(np.full((len(points[-1]), 1), stride))
    return np.concatenate(points).astype(np.float32), np.concatenate(strides).astype(np.float32)
