import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from stillseek.models.checkpoint import load_checkpoint, save_checkpoint
from stillseek.models.flp import Flp, FlpConfig
from stillseek.models.matching import Matching, MatchingConfig
from stillseek.models.onnx_export import write_onnx
from stillseek.models.sst import Sst, SstConfig

pytestmark = pytest.mark.usefixtures("use_small_recipe")
WIDTHS = {"clip_dim": 17, "region_dim": 17, "global_dim": 17}


@pytest.fixture
def moments(search: list[str], run):
    def find(*words: object) -> tuple[str, list[dict]]:
        found = json.loads(run(*search, *words, "--top", "2", "--json"))
        return found["model"], found["moments"]

    return find


def assert_same(ours: list[dict], theirs: list[dict]) -> None:
    assert len(ours) == len(theirs) >= 1
    for mine, other in zip(ours, theirs, strict=True):
        assert mine["score"] is other["score"] is None  # no calibration
        for end in ("start_seconds", "end_seconds"):
            assert mine[end] == pytest.approx(other[end], rel=1e-4)  # float32, in another order


def test_an_exported_head_finds_the_same_moments(small_head: Path, moments, tmp_path, run) -> None:
    # A head that is exported in a second: that others give the same scores is tested elsewhere.
    head, folder = load_checkpoint(small_head, recipe_fingerprint=None), tmp_path / "flp"
    torch.manual_seed(3)
    save_checkpoint(folder, replace(head, model=Flp(FlpConfig(**WIDTHS, hidden_dim=7))))
    out = tmp_path / "new" / "ball.onnx"

    told = run("export", folder, "--out", out)

    assert told == f"wrote {out}, for features of recipe pocket\n"
    _, expected = moments("--checkpoint", folder)
    model, found = moments("--checkpoint", out)
    assert model == "flp:ball"
    assert_same(found, expected)


def test_the_onnx_engine_exports_another_head_itself(moments) -> None:
    _, expected = moments("--model", "matching", "--engine", "torch")
    model, found = moments("--model", "matching", "--engine", "onnx")

    assert model == "matching:pocket"
    assert_same(found, expected)


def test_exported_heads_that_cannot_be_used(
    small_head: Path, search: list[str], tmp_path: Path, refused
) -> None:
    path = tmp_path / "head.onnx"
    head = load_checkpoint(small_head, recipe_fingerprint=None)
    model = Matching(MatchingConfig(**WIDTHS))
    write_onnx(path, replace(head, model=model, recipe_name="other", recipe_fingerprint="f00"))
    command = [*search, "--checkpoint", path]

    assert refused(*command, code=1).startswith(
        f"head '{path}' was trained on features of recipe 'other' with fingerprint f00, not of "
        "'pocket' with "
    )
    assert refused(*command, "--engine", "torch") == (
        "the torch engine cannot run an exported head; use the onnx engine, or give the folder "
        "that the head was exported from"
    )
    path.write_bytes(path.read_bytes()[:500])
    assert refused(*command, code=1) == (
        f"{path} is not a file of this version's stillseek export, or its end is missing; export "
        "the head again"
    )
    path.unlink()
    assert refused(*command, code=1) == (
        f"cannot read {path}: No such file or directory; stillseek export writes such a file"
    )


def test_wrong_requests(small_head: Path, tmp_path: Path, refused) -> None:
    out, other, sst = (tmp_path / name for name in ("head.onnx", "head.pb", "sst"))
    head = load_checkpoint(small_head, recipe_fingerprint=None)
    model = Sst(SstConfig(**WIDTHS, hidden_dim=5, num_proposals=3))
    save_checkpoint(sst, replace(head, model=model))
    known = "knows its recipe and its model; give a folder, or --recipe and --model"

    for words, code, message in (
        ([small_head, "--recipe", "pocket"], 2, f"{small_head} {known}"),
        ([small_head, "--model", "sail"], 2, f"{small_head} {known}"),
        ([tmp_path / "no"], 1, f"{tmp_path / 'no'} is no folder with a "),
        (
            [sst],
            2,
            "a head of model 'sst' cannot be exported to ONNX; sail, flp, similarity and matching ",
        ),
    ):
        assert refused("export", *words, "--out", out, code=code).startswith(message)
    assert not out.exists()
    message = f"--out {other} has a name of another format; it must end in .onnx"
    assert refused("export", small_head, "--out", other) == message


def test_missing_packages_exit_with_1(small_head: Path, tmp_path: Path, monkeypatch, refused):
    monkeypatch.setitem(sys.modules, "onnxscript", None)

    told = refused("export", small_head, "--out", tmp_path / "head.onnx", code=1)

    assert told.startswith("the export needs onnx and onnxscript (")
    assert told.endswith("); pip install 'stillseek[onnx]'")
