import json
import os
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch

import stillseek
from stillseek.errors import CheckpointError, InstallationError, UsageError
from stillseek.models import onnx_export
from stillseek.models.checkpoint import Checkpoint, load_checkpoint
from stillseek.models.flp import Flp, FlpConfig
from stillseek.models.matching import Matching, MatchingConfig
from stillseek.models.onnx_export import onnx_bytes, write_onnx
from stillseek.models.onnx_session import INPUT_NAMES, open_onnx
from stillseek.models.sail import Sail, SailConfig
from stillseek.models.similarity import Similarity, SimilarityConfig
from stillseek.models.sst import Sst, SstConfig
from stillseek.models.tal import Tal, TalConfig
from stillseek.tensors import LocalizerInput

WIDTHS = {"clip_dim": 13, "region_dim": 17, "global_dim": 7}
SAIL = {
    **WIDTHS,
    "num_layers": 2,
    "num_heads": 3,
    "projection_dim": 5,
    "window": 2,
    "ffn_dim": 19,
    "hidden_dim": 11,
}
ONE_SPACE = {**WIDTHS, "global_dim": 13}


def corrected(model: Similarity) -> Similarity:
    """As after training: corrections start as nothing."""
    torch.nn.init.normal_(model.correct.weight)
    return model


HEADS: dict[str, Callable[[], Any]] = {
    "sail": lambda: Sail(SailConfig(**SAIL)),
    "w/o RS": lambda: Sail(SailConfig(**SAIL, region_self_attention=False)),
    "w/o ML": lambda: Sail(SailConfig(**SAIL, multi_level_interaction=False)),
    "w/o LS": lambda: Sail(SailConfig(**SAIL, local_self_attention=False)),
    "w/o BA": lambda: Sail(SailConfig(**SAIL, bidirectional_aggregation=False)),
    "flp": lambda: Flp(FlpConfig(**WIDTHS, hidden_dim=11)),
    "matching": lambda: Matching(MatchingConfig(**ONE_SPACE, smoothing=3.0)),
    "similarity": lambda: corrected(
        Similarity(
            SimilarityConfig(
                **dict.fromkeys(WIDTHS, 13), num_layers=2, hidden_dim=11, least_steadiness=0.02
            )
        )
    ),
    "matching, as is": lambda: Matching(MatchingConfig(**ONE_SPACE, smoothing=0.0, centring=None)),
}
# The head that is shipped is a similarity.
QUICK = ("sail", "flp", "matching")
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
    torch.manual_seed(3)
    model = HEADS[request.param]().train()
    head = open_onnx(onnx_bytes(checkpoint_of(model)), name="the file").model
    assert model.training
    return model.eval(), head


@pytest.fixture
def make_single(make_inputs) -> Callable[..., LocalizerInput]:
    """A float32 batch with regions and a global feature of the model's widths."""

    def build(num_clips: list[int], num_regions: list[int], config: Any) -> LocalizerInput:
        inputs = make_inputs(num_clips, num_regions, seed=len(num_clips) + sum(num_clips))
        random = torch.Generator().manual_seed(1)
        values = {field.name: getattr(inputs, field.name) for field in fields(inputs)}
        values["global_feature"] = torch.randn(len(num_clips), config.global_dim, generator=random)
        values["regions"] = inputs.regions[..., : config.region_dim]
        return LocalizerInput(
            **{name: v.float() if v.is_floating_point() else v for name, v in values.items()}
        )

    return build


def assert_same_scores(exported: Any, model: Any, inputs: LocalizerInput) -> None:
    with torch.inference_mode():
        found, expected = exported(inputs), model(inputs)
    for name in ("start_logits", "end_logits", "clip_logits"):
        ours, theirs = getattr(found, name), getattr(expected, name)
        assert (ours is None) == (theirs is None)
        if ours is not None:
            # float32 has 1.2e-7 of the largest; a few hundred sums of it.
            largest = theirs[inputs.clip_mask].abs().max()
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5 * max(1, float(largest)))


@pytest.mark.parametrize(("num_clips", "num_regions"), SIZES, ids=str)
def test_scores_equal_those_of_pytorch(exported, num_clips, num_regions, make_single) -> None:
    model, head = exported
    inputs = make_single(num_clips, num_regions, model.config)

    assert_same_scores(head, model, inputs)
    assert head.decode_methods == model.decode_methods


@pytest.mark.parametrize("recipe", ["lite", pytest.param("pocket", marks=pytest.mark.slow)])
def test_the_shipped_head_gives_the_same_scores(recipe: str) -> None:
    folder = Path(stillseek.__file__).parent / "localize" / "heads" / recipe
    shipped = load_checkpoint(folder, recipe_fingerprint=None)
    head = open_onnx(onnx_bytes(shipped), name="the file").model
    for num_clips, num_regions in ((1, 1), (37, 5), (200, 36)):
        random = torch.Generator().manual_seed(num_clips)
        config = shipped.model.config
        inputs = LocalizerInput(
            clips=torch.randn(1, num_clips, config.clip_dim, generator=random),
            clip_mask=torch.ones(1, num_clips, dtype=torch.bool),
            regions=torch.randn(1, num_regions, config.region_dim, generator=random),
            boxes=0.1 + torch.rand(1, num_regions, 4, generator=random),
            region_mask=torch.ones(1, num_regions, dtype=torch.bool),
            global_feature=torch.randn(1, config.global_dim, generator=random),
        )

        assert_same_scores(head, shipped.model, inputs)


def test_file_says_what_it_is(matching_onnx: bytes) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(matching_onnx, providers=["CPUExecutionProvider"])

    properties = session.get_modelmeta().custom_metadata_map
    config = json.loads(properties.pop("stillseek.config"))
    assert MatchingConfig(**config) == MatchingConfig(**ONE_SPACE)
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
    assert tuple(each.name for each in session.get_inputs()) == INPUT_NAMES
    assert {each.name: each.shape for each in session.get_outputs()} == {
        name: ["batch", "clip"] for name in ("start_logits", "end_logits", "clip_logits")
    }


def test_file_passes_the_checker_and_tells_no_paths(matching_onnx: bytes) -> None:
    import onnx

    onnx.checker.check_model(matching_onnx, full_check=True)
    assert b".py" not in matching_onnx


@pytest.mark.parametrize(
    "model",
    [
        Sst(SstConfig(**WIDTHS, hidden_dim=11, num_proposals=5)),
        Tal(TalConfig(**WIDTHS, hidden_dim=11, anchor_scales=(1, 3))),
    ],
    ids=lambda model: type(model).__name__,
)
def test_other_models_are_refused(model) -> None:
    with pytest.raises(
        UsageError,
        match=r"a head of model '(sst|tal)' cannot be exported to ONNX; sail, flp, "
        "similarity and matching can",
    ):
        onnx_bytes(checkpoint_of(model))


@pytest.mark.parametrize("package", ["onnx", "onnxscript"])
def test_a_missing_package_says_what_to_install(package: str, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)

    with pytest.raises(InstallationError, match=r"pip install 'stillseek\[onnx\]'"):
        onnx_bytes(checkpoint_of(HEADS["matching"]()))


def test_summaries_must_be_json() -> None:
    broken = checkpoint_of(HEADS["matching"](), training={"best": float("nan")})

    with pytest.raises(CheckpointError, match="must be finite JSON values"):
        onnx_bytes(broken)


@pytest.fixture
def ready(monkeypatch, matching_onnx: bytes) -> Checkpoint:
    """A head that is exported at once: writing is under test."""
    monkeypatch.setattr(onnx_export, "onnx_bytes", lambda _: matching_onnx)
    return checkpoint_of(HEADS["matching"]())


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
        write_onnx(tmp_path / "head.pb", checkpoint_of(HEADS["matching"]()))
