"""Heads in ONNX files, run by ONNX Runtime; `stillseek.models.onnx_export` writes them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32

from stillseek.errors import CheckpointError, InstallationError, UsageError
from stillseek.features.threads import get_threads
from stillseek.models.decoding import DecodeMethod
from stillseek.scores import PresenceEvidence, Scores

FORMAT_VERSION = "1"
# Inputs whose width a model's configuration says.
_WIDTHS = {"clips": "clip", "regions": "region", "global_feature": "global"}
EVIDENCE = ("evidence_similarity", "evidence_background")
"""Outputs beside the scores of a head that presence is judged by."""

# A file ends with an entry of its metadata (field 14 of ONNX's ModelProto, 84 bytes) that holds the
# hash of what is before it. Other programs see one more property.
_SEAL = b"\x72\x54\x0a\x10stillseek.sha256\x12\x40"
_DIGITS = 64


class OnnxModel:
    """A head that ONNX Runtime computes, on the CPU, in NumPy and without PyTorch.

    Args:
        session: An ``onnxruntime.InferenceSession`` of the file.
        sha256: Hash of the file.
        config: The configuration of the model that was exported.
    """

    def __init__(self, session: Any, *, sha256: str, config: Mapping[str, Any]) -> None:
        self.sha256 = sha256
        self.config = SimpleNamespace(**config)
        self._session = session
        self._outputs = [output.name for output in session.get_outputs()]
        is_paired = "clip_logits" not in self._outputs
        self.decode_methods: tuple[DecodeMethod, ...] = (
            ("joint", "independent") if is_paired else ("joint",)
        )

    def to(self, device: str) -> "OnnxModel":
        """Itself: there is one place where it runs.

        Raises:
            UsageError: The device is not the CPU.
        """
        if str(device).partition(":")[0] != "cpu":
            raise UsageError(
                f"the onnx engine runs on the CPU, not on {device}; leave the device out, or use "
                "the torch engine"
            )
        return self

    def eval(self) -> "OnnxModel":
        """Itself: there is no dropout in a file."""
        return self

    def __call__(
        self,
        *,
        clips: Float32[np.ndarray, "batch clip clip_dim"],
        clip_mask: Bool[np.ndarray, "batch clip"],
        regions: Float32[np.ndarray, "batch region region_dim"],
        boxes: Float32[np.ndarray, "batch region 4"],
        region_mask: Bool[np.ndarray, "batch region"],
        global_feature: Float32[np.ndarray, "batch global_dim"],
    ) -> Scores:
        """Scores a batch in float32, of any number of videos, clips and regions.

        Its arguments are the fields of `stillseek.tensors.LocalizerInput`.

        Raises:
            UsageError: A feature has another width than those of the model, a row has no real clip
                or region, or a real region has no area.
        """
        feed = {
            "clips": clips,
            "clip_mask": clip_mask,
            "regions": regions,
            "boxes": boxes,
            "region_mask": region_mask,
            "global_feature": global_feature,
        }
        for name, kind in _WIDTHS.items():
            width, expected = feed[name].shape[-1], getattr(self.config, f"{kind}_dim")
            if width != expected:
                raise UsageError(
                    f"{kind} features are {width} wide but the model expects {expected}; use the "
                    "features that the model was built for"
                )
        if not (clip_mask.any(axis=1) & region_mask.any(axis=1)).all():
            raise UsageError("every video needs a real clip, and every query a real region")
        if (flat := region_mask & ~(boxes[..., 2:] > 0).all(axis=-1)).any():
            row, region = np.argwhere(flat)[0].tolist()
            raise UsageError(
                f"region {region} of query {row} has box {boxes[row, region].tolist()}, but width "
                "and height must be positive; drop such regions from the query"
            )
        found = dict(zip(self._outputs, self._session.run(self._outputs, feed), strict=True))
        similarity, background = (found.get(name) for name in EVIDENCE)
        evidence = None
        if similarity is not None and background is not None:
            evidence = PresenceEvidence(similarity=similarity, background=background)
        return Scores(
            start_logits=found["start_logits"],
            end_logits=found["end_logits"],
            clip_logits=found.get("clip_logits"),
            evidence=evidence,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxCheckpoint:
    """An exported head with what one must know to use it.

    Attributes:
        model: The head.
        model_name: Its name in `stillseek.models.catalog.MODELS`.
        recipe_name: Recipe of the features that it was trained on.
        recipe_fingerprint: Fingerprint of that recipe.
        training: Summary of the training run, as JSON values; empty where nothing was trained.
        calibration: Presence calibration as JSON values; None until calibrated.
    """

    model: OnnxModel
    model_name: str
    recipe_name: str
    recipe_fingerprint: str
    training: Mapping[str, Any]
    calibration: Mapping[str, Any] | None


def load_onnx(path: Path, *, threads: int | None = None) -> OnnxCheckpoint:
    """Reads a file of `stillseek.models.onnx_export.write_onnx`.

    Args:
        path: The file.
        threads: How many compute it; None takes those of the process.

    Raises:
        CheckpointError: The file is missing, corrupt, or none of ours.
        InstallationError: ONNX Runtime is not installed.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CheckpointError(
            f"cannot read {path}: {error.strerror}; stillseek export writes such a file"
        ) from error
    return open_onnx(data, name=str(path), threads=threads)


def open_onnx(data: bytes, *, name: str, threads: int | None = None) -> OnnxCheckpoint:
    """As `load_onnx`, from the bytes of a file; ``name`` is what messages call it.

    Raises:
        CheckpointError: The bytes are corrupt, or none of ours.
        InstallationError: ONNX Runtime is not installed.
    """
    onnxruntime = _import_runtime()
    _check_seal(data, name)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = get_threads() if threads is None else threads
    options.log_severity_level = 4  # what fails raises, too
    try:
        session = onnxruntime.InferenceSession(
            data,
            options,
            providers=["CPUExecutionProvider"],
            enable_fallback=0,  # to what failed; it prints
        )
    except Exception as error:  # the runtime's exceptions have no other base
        raise CheckpointError(
            f"ONNX Runtime cannot read {name}: {' '.join(str(error).split())}; export the head "
            "again, or update onnxruntime"
        ) from error
    values = session.get_modelmeta().custom_metadata_map
    found = values.get("stillseek.format_version")
    if found != FORMAT_VERSION:
        raise CheckpointError(
            f"{name} has format_version {found}, expected {FORMAT_VERSION}; export the head again"
        )
    kind = values["stillseek.model"]
    return OnnxCheckpoint(
        model=OnnxModel(
            session,
            sha256=hashlib.sha256(data).hexdigest(),
            config=json.loads(values["stillseek.config"]),
        ),
        model_name=kind,
        recipe_name=values["stillseek.recipe"],
        recipe_fingerprint=values["stillseek.fingerprint"],
        training=json.loads(values["stillseek.training"]),
        calibration=json.loads(values["stillseek.calibration"]),
    )


def seal(model: bytes) -> bytes:
    """A file that holds its own hash: what is damaged must not reach ONNX Runtime, which trusts."""
    return model + _SEAL + hashlib.sha256(model).hexdigest().encode()


def _check_seal(data: bytes, name: str) -> None:
    """Refuses a file that is not as `seal` made it.

    Raises:
        CheckpointError: It is not.
    """
    model = data[: -len(_SEAL) - _DIGITS]
    if not data[len(model) :].startswith(_SEAL):
        raise CheckpointError(
            f"{name} is not a file of this version's stillseek export, or its end is missing; "
            "export the head again"
        )
    if seal(model) != data:
        raise CheckpointError(
            f"{name} is damaged (its checksum differs); copy it or export the head again"
        )


def _import_runtime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise InstallationError(
            f"heads in ONNX files need onnxruntime ({error}); pip install onnxruntime"
        ) from error
    onnxruntime.disable_telemetry_events()
    return onnxruntime
