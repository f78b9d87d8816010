import dataclasses
import json
import re
from pathlib import Path

import pytest

from stillseek.cli.app import main
from stillseek.cli.train import SailOptions
from stillseek.models.checkpoint import load_checkpoint
from stillseek.models.sail import SailConfig

SMALL = (
    *("--num-layers", "1", "--num-heads", "1", "--projection-dim", "5", "--window", "2"),
    *("--ffn-dim", "7", "--hidden-dim", "3", "--batch-size", "3"),
)


def test_options_are_those_of_the_model() -> None:
    def defaults(kind: type, *without: str) -> dict[str, object]:
        return {f.name: f.default for f in dataclasses.fields(kind) if f.name not in without}

    assert defaults(SailOptions) == defaults(SailConfig, "clip_dim", "region_dim", "global_dim")


@pytest.fixture
def store(use_small_recipe, dataset: Path, tmp_path: Path) -> Path:
    assert main(["extract", "--dataset", str(dataset), "--out", str(tmp_path / "store")]) == 0
    return tmp_path / "store"


@pytest.fixture
def places(dataset: Path, store: Path, capsys) -> list[str]:
    capsys.readouterr()
    return ["--dataset", str(dataset), "--store", str(store)]


def test_trained_heads_are_scored_beside_the_controls(
    places: list[str], tmp_path: Path, capsys
) -> None:
    heads = []
    for seed in ("0", "1"):
        out = tmp_path / f"run{seed}"
        command = ["train", *places, "--out", str(out), "--max-epochs", "1", "--seed", seed]
        assert main([*command, *SMALL, "--no-local-self-attention"]) == 0
        heads.append(str(out / "head"))
        assert re.fullmatch(
            rf"best epoch 0: validation mIoU \d+\.\d\d%\nwrote {out}/head; use it with "
            rf"--checkpoint {out}/head\n",
            capsys.readouterr().out,
        )
    head = load_checkpoint(tmp_path / "run1/head", recipe_fingerprint=None)
    assert head.model.config.local_self_attention is False
    assert (head.model.config.clip_dim, head.model.config.hidden_dim) == (17, 3)
    assert (head.training["name"], head.training["config"]["seed"]) == ("sail w/o LS", 1)

    out = tmp_path / "scores"
    assert main(["evaluate", *places, "--checkpoint", *heads, "--out", str(out)]) == 0

    table = capsys.readouterr().out
    assert table == (out / "tables.md").read_text()
    tables = json.loads((out / "tables.json").read_text())
    runs = {(row["model"], row["decode"]): row["num_seeds"] for row in tables["scores"]}
    assert runs[("sail w/o LS", "joint")] == runs[("sail w/o LS, shuffled", "independent")] == 2
    assert {model for model, _ in runs} == {
        "random",
        "whole-video",
        "centre",
        "sail w/o LS",
        "sail w/o LS, shuffled",
    }
    assert {row["num_samples"] for row in tables["scores"]} == {6}
    assert tables["swap_accuracy"]["sail w/o LS, joint"]["num_pairs"] == 1
    assert tables["swap_accuracy"]["whole-video, whole"]["strict"]["value"] == 0
    assert (out / "predictions/sail-w-o-LS_joint_seed1.jsonl").exists()


def test_query_blind_head_has_no_shuffled_control(
    places: list[str], tmp_path: Path, capsys
) -> None:
    command = ["train", *places, "--out", str(tmp_path / "run"), "--max-epochs", "1", *SMALL]
    assert main([*command, "--query-blind"]) == 0

    head = str(tmp_path / "run/head")
    assert main(["evaluate", *places, "--checkpoint", head, "--out", str(tmp_path / "out")]) == 0

    assert "| sail query-blind | joint |" in capsys.readouterr().out
    assert not list((tmp_path / "out/predictions").glob("*shuffled*"))


def test_a_second_run_in_a_folder_needs_resume(places: list[str], tmp_path: Path, capsys) -> None:
    command = ["train", *places, "--out", str(tmp_path / "run"), *SMALL]
    assert main([*command, "--max-epochs", "1"]) == 0
    capsys.readouterr()

    assert main([*command, "--max-epochs", "2"]) == 2
    assert capsys.readouterr().err.startswith(f"error: {tmp_path / 'run'} already holds a train")
    assert main([*command, "--max-epochs", "2", "--resume"]) == 0
    assert len((tmp_path / "run/epochs.jsonl").read_text().splitlines()) == 2
    scores = ["--checkpoint", str(tmp_path / "run/head"), "--out", str(tmp_path / "scores")]
    assert main(["evaluate", *places, *scores, "--split", "train"]) == 0
    assert capsys.readouterr().err.startswith("warning: no control with shuffled queries: ")


@pytest.mark.usefixtures("use_small_recipe")
def test_wrong_requests_are_one_line(
    dataset: Path, small_head: Path, tmp_path: Path, capsys
) -> None:
    places = ["--dataset", str(dataset), "--store", str(tmp_path / "store")]
    out = ["--out", str(tmp_path / "out")]

    assert main(["train", *places, *out, "--window", "0"]) == 2
    assert capsys.readouterr().err.startswith("error: window must be ")
    assert main(["train", *places, *out, "--learning-rate", "-1"]) == 2
    assert "learning_rate must be positive" in capsys.readouterr().err
    head = str(small_head)
    assert main(["evaluate", *places, *out, "--checkpoint", head, "--split", "seen"]) == 1
    assert "has no sample of split 'seen'; choose another --split" in capsys.readouterr().err


def test_two_heads_of_one_name_and_seed_are_refused(
    places: list[str], small_head: Path, tmp_path: Path, capsys
) -> None:
    twin = tmp_path / "twin" / small_head.name
    twin.mkdir(parents=True)
    for file in small_head.iterdir():
        (twin / file.name).write_bytes(file.read_bytes())
    heads = ["--checkpoint", str(small_head), str(twin)]

    assert main(["evaluate", *places, *heads, "--out", str(tmp_path / "out")]) == 2
    assert "two heads are called 'small-head' with seed 0" in capsys.readouterr().err
