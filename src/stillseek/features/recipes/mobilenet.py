"""The ``mobilenet`` recipe: MobileNetV2 in 8-bit integers (Sandler et al. 2018), by LiteRT."""

import os
import threading
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8

from stillseek.errors import InstallationError, UsageError
from stillseek.features.recipes.frame_recipe import FrameRecipe
from stillseek.features.recipes.options import RecipeOptions
from stillseek.features.threads import get_threads
from stillseek.features.weights.published_files import WeightsFile, fetch

WEIGHTS = WeightsFile(
    name="mobilenet_v2_1.0_224_quant.tflite",
    url=(
        "https://raw.githubusercontent.com/google-coral/edgetpu/"
        "5020de9386ff370dcc1f63291a2d0f98eeb98adb/test_data/mobilenet_v2_1.0_224_quant.tflite"
    ),
    sha256="51e8256b05665529f8836fe6e8eeed41b2fc75a900d8eebda338d70a6726f8da",
    size_bytes=3_577_952,
    licence="Apache-2.0",
)


class MobileNetEncoder:
    """The pooled last map of a quantized MobileNet, as numbers: 0 to 6 in 1,280 channels.

    Frames go through one by one, as the file has it, on as many threads as there are: two
    threads on one frame are as fast as two interpreters side by side. Their number does not change
    a feature.

    Args:
        path: The file of `WEIGHTS`.

    Raises:
        InstallationError: LiteRT is not installed.
    """

    batch_frames = 32

    def __init__(self, path: Path) -> None:
        self._data = path.read_bytes()
        self._interpreter = _open(self._data)
        self._input = self._interpreter.get_input_details()[0]
        tensors = self._interpreter.get_tensor_details()
        self._pooled = next(t for t in tensors if t["name"].endswith("AvgPool"))
        self.dim = int(self._pooled["shape"][-1])
        self.side_pixels = int(self._input["shape"][1])
        self._map = next(
            t
            for t in tensors
            if len(t["shape"]) == 4 and t["shape"][1] > 1 and t["shape"][-1] == self.dim
        )
        # A frame is three calls; the frames of two threads must not mix.
        self._lock = threading.Lock()
        self.settings: Mapping[str, object] = {"engine": "litert", "dtype": "int8"}

    @property
    def weights(self) -> Mapping[str, np.ndarray]:
        """The bytes of the file."""
        return {"file": np.frombuffer(self._data, np.uint8)}

    def embed(
        self, frames: UInt8[np.ndarray, "frame side side 3"]
    ) -> Float32[np.ndarray, "frame dim"]:
        """One feature a frame, the same to the bit whatever the other frames are."""
        with self._lock:
            return np.stack([self._run(frame, self._pooled)[0].reshape(-1) for frame in frames])

    def embed_map(
        self, frame: UInt8[np.ndarray, "side side 3"]
    ) -> tuple[Float32[np.ndarray, " dim"], Float32[np.ndarray, "row column dim"]]:
        """The feature of a frame, and the map that it is the rounded mean of."""
        with self._lock:
            pooled, feature_map = self._run(frame, self._pooled, self._map)
        return pooled.reshape(-1), feature_map[0]

    def _run(
        self, frame: UInt8[np.ndarray, "side side 3"], *tensors: Mapping[str, Any]
    ) -> list[Float32[np.ndarray, "..."]]:
        self._interpreter.set_tensor(self._input["index"], frame[None])
        self._interpreter.invoke()
        values = []
        for tensor in tensors:
            scale, zero = tensor["quantization"]
            steps = self._interpreter.get_tensor(tensor["index"]).astype(np.float32) - zero
            values.append(steps * np.float32(scale))
        return values


def load_mobilenet(options: RecipeOptions) -> FrameRecipe:
    """The recipe with the published weights, and the detector of the options if there is one.

    Raises:
        FeatureError: The weights are not there and cannot be downloaded, or a file is broken.
        InstallationError: LiteRT is not installed.
        UsageError: There is no such detector, or an option has no effect here.
    """
    if options.device != "cpu":
        raise UsageError(
            f"mobilenet runs on the CPU, not on {options.device}; leave the device out"
        )
    if options.precision != "auto":
        raise UsageError(
            f"mobilenet computes in 8-bit integers, not in {options.precision}; leave the "
            "precision out"
        )
    encoder = MobileNetEncoder(fetch(WEIGHTS, given=options.weights))
    if options.detector is None:
        return FrameRecipe("mobilenet", encoder)
    # torchvision's detectors take a second to import.
    from stillseek.features.recipes.torchvision_boxes import load_torchvision_detector

    weights = options.weights
    folder = weights if weights is not None and weights.is_dir() else None
    detector = load_torchvision_detector(str(options.detector), folder=folder)
    return FrameRecipe("mobilenet", encoder, detector=detector)


def _open(data: bytes) -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise InstallationError(
            f"the mobilenet recipe needs ai-edge-litert ({error}); pip install "
            "'stillseek[mobilenet]'"
        ) from error
    with warnings.catch_warnings():
        # Keeping every tensor costs 7 MB here; without it the map and its mean are gone.
        warnings.filterwarnings("ignore", message=".*experimental_preserve_all_tensors")
        interpreter = Interpreter(
            model_content=data,
            num_threads=get_threads() or os.cpu_count(),
            experimental_preserve_all_tensors=True,
        )
    interpreter.allocate_tensors()
    return interpreter
