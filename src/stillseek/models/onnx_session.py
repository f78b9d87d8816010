"""Heads in ONNX files, run by ONNX Runtime; `stillseek.models.onnx_export` writes them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from stillseek.errors import CheckpointError, InstallationError, UsageError
from stillseek.models.catalog import MODELS
from stillseek.models.decoding import DecodeMethod
from stillseek.models.inputs import check_inputs
from stillseek.tensors import LocalizerInput, LocalizerOutput

FORMAT_VERSION = "1"
INPUT_NAMES = tuple(field.name for field in fields(LocalizerInput))
"""Inputs of a file; its outputs are the fields of `LocalizerOutput` that the model fills."""

# A file ends with an entry of its metadata (field 14 of ONNX's ModelProto, 84 bytes) that holds the
# hash of what is before it. Other programs see one more property.
_SEAL = b"\x72\x54\x0a\x10stillseek.sha256\x12\x40"
_DIGITS = 64


class OnnxModel:
    """A head that ONNX Runtime computes: used like the model it was exported from, on the CPU.

    Args:
        session: An ``onnxruntime.InferenceSession`` of the file.
        decode_methods: Those of the model that was exported.
        sha256: Hash of the file.
    """

    def __init__(
        self, session: Any, *, decode_methods: tuple[DecodeMethod, ...], sha256: str
    ) -> None:
        self.decode_methods = decode_methods
        self.sha256 = sha256
        self._session = session
        self._outputs = [output.name for output in session.get_outputs()]
        widths = {each.name: each.shape[-1] for each in session.get_inputs()}
        self._widths = SimpleNamespace(
            clip_dim=widths["clips"],
            region_dim=widths["regions"],
            global_dim=widths["global_feature"],
        )

    def to(self, device: torch.device | str) -> "OnnxModel":
        """Itself: there is one place where it runs.

        Raises:
            UsageError: The device is not the CPU.
        """
        if torch.device(device).type != "cpu":
            raise UsageError(
                f"the onnx engine runs on the CPU, not on {device}; leave the device out, or use "
                "the torch engine"
            )
        return self

    def eval(self) -> "OnnxModel":
        """Itself: there is no dropout in a file."""
        return self

    def __call__(self, inputs: LocalizerInput) -> LocalizerOutput:
        """Scores a batch in float32, of any number of videos, clips and regions.

        Raises:
            UsageError: The batch does not fit the model (see ``check_inputs``).
        """
        check_inputs(inputs, self._widths)
        feed = {name: getattr(inputs, name).numpy() for name in INPUT_NAMES}
        found = map(torch.from_numpy, self._session.run(self._outputs, feed))
        scores = dict(zip(self._outputs, found, strict=True))
        return LocalizerOutput(
            start_logits=scores["start_logits"],
            end_logits=scores["end_logits"],
            clip_logits=scores.get("clip_logits"),
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


def load_onnx(path: Path) -> OnnxCheckpoint:
    """Reads a file of `stillseek.models.onnx_export.write_onnx`.

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
    return open_onnx(data, name=str(path))


def open_onnx(data: bytes, *, name: str) -> OnnxCheckpoint:
    """The head in the bytes of a file; ``name`` is what messages call it.

    It gets as many threads as PyTorch has now.

    Raises:
        CheckpointError: The bytes are corrupt, or none of ours.
        InstallationError: ONNX Runtime is not installed.
    """
    onnxruntime = _import_runtime()
    _check_seal(data, name)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
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
            decode_methods=MODELS[kind][1].decode_methods,
            sha256=hashlib.sha256(data).hexdigest(),
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
            f"the onnx engine needs onnxruntime ({error}); pip install 'stillseek[onnx]'"
        ) from error
    onnxruntime.disable_telemetry_events()
    return onnxruntime
