import json
import os
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from heads import ABLATIONS, make_exact, make_head, make_inputs

import stillseek
from stillseek.errors import CheckpointError, InstallationError, UsageError
from stillseek.models import onnx_export
from stillseek.models.checkpoint import Checkpoint, load_checkpoint
from stillseek.models.head_outputs import scores_of
from stillseek.models.matching import Matching, MatchingConfig
from stillseek.models.onnx_export import onnx_bytes, write_onnx
from stillseek.models.onnx_session import OnnxModel, load_onnx, open_onnx
from stillseek.models.similarity import Similarity
from stillseek.tensors import LocalizerInput

HEADS: dict[str, tuple[str, dict[str, Any]]] = {
    "sail": ("sail", {}),
    **{ablation: ("sail", change) for ablation, change in ABLATIONS.items()},
    "flp": ("flp", {}),
    "matching": ("matching", {"smoothing": 3.0}),
    "similarity": ("similarity", {"num_layers": 1, "least_steadiness": 0.02}),
    "matching, as is": ("matching", {"centring": None}),
    "matching with evidence": ("matching", {"background": 120, "whitening": 0.5}),
}
QUICK = ("flp", "matching", "similarity")
# One clip; all of a window's blocks and one clip more; more than what was traced; a whole video.
# One row, and rows of different lengths.
SIZES = [
    ([1], [1]),
    ([4], [5]),
    ([5], [1]),
    ([37], [36]),
    ([200], [5]),
    ([200, 1, 37], [1, 36, 5]),
]


def checkpoint_of(model: Any, **values: Any) -> Checkpoint:
    about = {"recipe_name": "pocket", "recipe_fingerprint": "f00d", "training": {}}
    return Checkpoint(model=model, **(about | values))


@pytest.fixture(
    scope="module",
    params=[
        name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in HEADS
    ],
)
def exported(request: pytest.FixtureRequest) -> tuple[Any, Any]:
    """A model, and the same exported in the middle of training: without dropout, and unharmed."""
    name, change = HEADS[request.param]
    model = make_exact(name, **change).float().train()
    if request.param == "matching":
        data = request.getfixturevalue("matching_onnx")
    else:
        data = onnx_bytes(checkpoint_of(model))
    head = open_onnx(data, name="the file").model
    assert model.training
    return model.eval(), head


def assert_same_scores(exported: OnnxModel, model: Any, inputs: LocalizerInput) -> None:
    found = exported(**{each.name: getattr(inputs, each.name).numpy() for each in fields(inputs)})
    with torch.inference_mode():
        expected = scores_of(model(inputs))
    mask = inputs.clip_mask.numpy()
    pairs = [
        (getattr(found, name), getattr(expected, name))
        for name in ("start_logits", "end_logits", "clip_logits")
    ]
    if isinstance(model, Matching):
        assert (found.evidence is None) == (expected.evidence is None)
        if found.evidence is not None and expected.evidence is not None:
            pairs.append((found.evidence.similarity, expected.evidence.similarity))
            np.testing.assert_allclose(
                found.evidence.background, expected.evidence.background, atol=1e-5
            )
    for ours, theirs in pairs:
        assert (ours is None) == (theirs is None)
        if ours is not None:
            # float32 has 1.2e-7 of the largest; a few hundred sums of it.
            largest = np.abs(theirs[mask][np.isfinite(theirs[mask])]).max()
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 * max(1, float(largest)))


@pytest.mark.parametrize(("num_clips", "num_regions"), SIZES, ids=str)
def test_scores_equal_those_of_pytorch(exported, num_clips, num_regions) -> None:
    model, head = exported
    inputs = make_inputs(num_clips, num_regions, config=model.config, dtype=torch.float32)

    assert_same_scores(head, model, inputs)
    assert head.decode_methods == model.decode_methods


SHIPPED = Path(stillseek.__file__).parent / "localize" / "heads"


def assert_same_head(head: OnnxModel, model: Any) -> None:
    for num_clips, num_regions in ((1, 1), (37, 5), (200, 36)):
        inputs = make_inputs([num_clips], [num_regions], config=model.config, dtype=torch.float32)
        assert_same_scores(head, model, inputs)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["lite", "pocket"])
def test_the_shipped_head_gives_the_same_scores(recipe: str) -> None:
    shipped = load_checkpoint(SHIPPED / recipe, recipe_fingerprint=None)

    assert_same_head(open_onnx(onnx_bytes(shipped), name="the file").model, shipped.model)


@pytest.mark.parametrize("name", ["similarity", "matching"])
def test_the_shipped_files_are_the_shipped_head(name: str) -> None:
    shipped = load_checkpoint(SHIPPED / "lite", recipe_fingerprint=None)
    assert isinstance(shipped.model, Similarity)
    model = shipped.model if name == "similarity" else shipped.model.matching
    found = load_onnx(SHIPPED / f"lite.{name}.onnx")

    assert found.model_name == name
    assert found.recipe_fingerprint == shipped.recipe_fingerprint
    assert found.calibration == shipped.calibration
    assert_same_head(found.model, model)


def test_file_says_what_it_is(matching_onnx: bytes) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(matching_onnx, providers=["CPUExecutionProvider"])

    properties = session.get_modelmeta().custom_metadata_map
    config = json.loads(properties.pop("stillseek.config"))
    assert MatchingConfig(**config) == make_head("matching", smoothing=3.0).config
    assert len(properties.pop("stillseek.sha256")) == 64
    assert properties == {
        "stillseek.format_version": "1",
        "stillseek.version": stillseek.__version__,
        "stillseek.model": "matching",
        "stillseek.recipe": "pocket",
        "stillseek.fingerprint": "f00d",
        "stillseek.training": '{"name": "by hand"}',
        "stillseek.calibration": '{"slope": 2.5}',
    }
    assert {each.name: each.shape for each in session.get_inputs()} == {
        "clips": ["batch", "clip", 13],
        "clip_mask": ["batch", "clip"],
        "regions": ["batch", "region", 17],
        "boxes": ["batch", "region", 4],
        "region_mask": ["batch", "region"],
        "global_feature": ["batch", 13],
    }
    assert {each.name: each.shape for each in session.get_outputs()} == {
        name: ["batch", "clip"] for name in ("start_logits", "end_logits", "clip_logits")
    }


def test_file_passes_the_checker_and_tells_no_paths(matching_onnx: bytes) -> None:
    import onnx

    onnx.checker.check_model(matching_onnx, full_check=True)
    assert b".py" not in matching_onnx


@pytest.mark.parametrize("name", ["sst", "tal"])
def test_other_models_are_refused(name) -> None:
    with pytest.raises(
        UsageError,
        match=f"a head of model '{name}' cannot be exported to ONNX; sail, flp, similarity and "
        "matching can",
    ):
        onnx_bytes(checkpoint_of(make_head(name)))


@pytest.mark.parametrize("package", ["onnx", "onnxscript"])
def test_a_missing_package_says_what_to_install(package: str, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)

    with pytest.raises(InstallationError, match=r"pip install 'stillseek\[onnx\]'"):
        onnx_bytes(checkpoint_of(make_head("matching")))


def test_summaries_must_be_json() -> None:
    broken = checkpoint_of(make_head("matching"), training={"best": float("nan")})

    with pytest.raises(CheckpointError, match="must be finite JSON values"):
        onnx_bytes(broken)


@pytest.fixture
def ready(monkeypatch, matching_onnx: bytes) -> Checkpoint:
    """A head that is exported at once: writing is under test."""
    monkeypatch.setattr(onnx_export, "onnx_bytes", lambda _: matching_onnx)
    return checkpoint_of(make_head("matching"))


def test_file_is_written_into_a_new_folder_and_replaced(ready, matching_onnx, tmp_path) -> None:
    path = tmp_path / "new" / "head.onnx"
    write_onnx(path, ready)
    write_onnx(path, ready)
    path.write_bytes(b"old")

    with pytest.raises(UsageError, match=r"head\.onnx exists, and stillseek did not write it; "):
        write_onnx(path, ready)
    write_onnx(path, ready, overwrite=True)

    assert path.read_bytes() == matching_onnx
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file(ready, tmp_path, monkeypatch) -> None:
    path = tmp_path / "head.onnx"
    path.write_bytes(b"old")

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)

    with pytest.raises(CheckpointError, match="No space left on device; check the directory"):
        write_onnx(path, ready, overwrite=True)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_whoever_dies_while_writing_leaves_a_whole_file(ready, tmp_path, dying_writes) -> None:
    path = tmp_path / "head.onnx"
    write_onnx(path, ready)
    whole = path.read_bytes()

    for _ in dying_writes(lambda: write_onnx(path, ready)):
        assert path.read_bytes() == whole


def test_another_suffix_is_refused(tmp_path) -> None:
    with pytest.raises(UsageError, match=r"head\.pb has a name of another format; it must "):
        write_onnx(tmp_path / "head.pb", checkpoint_of(make_head("matching")))
