import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from stillseek.cli.app import main
from stillseek.models.checkpoint import load_checkpoint, save_checkpoint
from stillseek.models.flp import Flp, FlpConfig
from stillseek.models.matching import Matching, MatchingConfig
from stillseek.models.onnx_export import write_onnx
from stillseek.models.sst import Sst, SstConfig

pytestmark = pytest.mark.usefixtures("use_small_recipe")
WIDTHS = {"clip_dim": 17, "region_dim": 17, "global_dim": 17}


def moments(command: list[str], capsys) -> tuple[str, list[dict]]:
    assert main([*command, "--top", "2", "--json"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    found = json.loads(captured.out)
    return found["model"], found["moments"]


def assert_same(ours: list[dict], theirs: list[dict]) -> None:
    assert len(ours) == len(theirs) >= 1
    for mine, other in zip(ours, theirs, strict=True):
        assert mine["score"] is other["score"] is None  # no calibration
        for end in ("start_seconds", "end_seconds"):
            assert mine[end] == pytest.approx(other[end], rel=1e-4)  # float32, in another order


def test_an_exported_head_finds_the_same_moments(
    small_head: Path, search: list[str], tmp_path: Path, capsys
) -> None:
    # A head that is exported in a second: that others give the same scores is tested elsewhere.
    head, folder = load_checkpoint(small_head, recipe_fingerprint=None), tmp_path / "flp"
    torch.manual_seed(3)
    save_checkpoint(folder, replace(head, model=Flp(FlpConfig(**WIDTHS, hidden_dim=7))))
    out = tmp_path / "new" / "ball.onnx"

    assert main(["export", str(folder), "--out", str(out)]) == 0

    assert capsys.readouterr() == (f"wrote {out}, for features of recipe pocket\n", "")
    _, expected = moments([*search, "--checkpoint", str(folder)], capsys)
    model, found = moments([*search, "--checkpoint", str(out)], capsys)
    assert model == "flp:ball"
    assert_same(found, expected)


def test_the_onnx_engine_exports_another_head_itself(search: list[str], capsys) -> None:
    command = [*search, "--model", "matching"]

    _, expected = moments([*command, "--engine", "torch"], capsys)
    model, found = moments([*command, "--engine", "onnx"], capsys)

    assert model == "matching:pocket"
    assert_same(found, expected)


@pytest.fixture
def matching_folder(small_head: Path, tmp_path: Path) -> Path:
    """A head of matching, for features of another recipe."""
    path = tmp_path / "matching"
    head = load_checkpoint(small_head, recipe_fingerprint=None)
    model = Matching(MatchingConfig(**WIDTHS))
    save_checkpoint(path, replace(head, model=model, recipe_name="other", recipe_fingerprint="f00"))
    return path


def test_exported_heads_that_cannot_be_used(
    matching_folder: Path, search: list[str], tmp_path: Path, capsys
) -> None:
    path = tmp_path / "head.onnx"
    write_onnx(path, load_checkpoint(matching_folder, recipe_fingerprint=None))
    command = [*search, "--checkpoint", str(path)]

    assert main(command) == 1
    assert capsys.readouterr().err.startswith(
        f"error: head '{path}' was trained on features of recipe 'other' with fingerprint "
        "f00, not of 'pocket' with "
    )
    assert main([*command, "--engine", "torch"]) == 2
    assert capsys.readouterr().err == (
        "error: the torch engine cannot run an exported head; use the onnx engine, or give the "
        "folder that the head was exported from\n"
    )
    path.write_bytes(path.read_bytes()[:500])
    assert main(command) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        f"error: {path} is not a file of this version's stillseek export, or its end is missing; "
        "export the head again\n"
    )
    path.unlink()
    assert main(command) == 1
    assert capsys.readouterr().err == (
        f"error: cannot read {path}: No such file or directory; stillseek export writes such a "
        "file\n"
    )


def test_wrong_requests(small_head: Path, tmp_path: Path, capsys) -> None:
    out = ["--out", str(tmp_path / "head.onnx")]

    assert main(["export", str(small_head), "--out", str(tmp_path / "head.pb")]) == 2
    assert capsys.readouterr().err == (
        f"error: --out {tmp_path / 'head.pb'} has a name of another format; it must end in .onnx\n"
    )
    for words in (["--recipe", "pocket"], ["--model", "sail"]):
        assert main(["export", str(small_head), *out, *words]) == 2
        assert capsys.readouterr().err == (
            f"error: {small_head} knows its recipe and its model; give a folder, or --recipe and "
            "--model\n"
        )
    assert main(["export", str(tmp_path / "no"), *out]) == 1
    assert capsys.readouterr().err.startswith(f"error: {tmp_path / 'no'} is no folder with a ")
    head = load_checkpoint(small_head, recipe_fingerprint=None)
    sst = Sst(SstConfig(**WIDTHS, hidden_dim=5, num_proposals=3))
    save_checkpoint(tmp_path / "sst", replace(head, model=sst))
    assert main(["export", str(tmp_path / "sst"), *out]) == 2
    assert capsys.readouterr() == (
        "",
        "error: a head of model 'sst' cannot be exported to ONNX; sail, flp, similarity and "
        "matching can\n",
    )
    assert not (tmp_path / "head.onnx").exists()


def test_missing_packages_exit_with_1(small_head: Path, tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "onnxscript", None)

    assert main(["export", str(small_head), "--out", str(tmp_path / "head.onnx")]) == 1

    captured = capsys.readouterr()
    assert captured.err.startswith("error: the export needs onnx and onnxscript (")
    assert captured.err.endswith("); pip install 'stillseek[onnx]'\n")
