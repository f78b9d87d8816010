import dataclasses
import inspect
import json
import re
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from typing import get_args

import pytest
import torch

from stillseek.cli.app import main
from stillseek.cli.model_options import ModelOptions, TrainableName
from stillseek.data.absence import absent_of, freeze_absent
from stillseek.data.manifest import read_manifest, write_manifest
from stillseek.evaluation.predictions import read_predictions
from stillseek.features import Recipe, RecipeOptions
from stillseek.localize import head
from stillseek.models.checkpoint import Checkpoint, load_checkpoint
from stillseek.models.flp import FlpConfig
from stillseek.models.matching import Matching
from stillseek.models.sail import SailConfig
from stillseek.models.similarity import SimilarityConfig
from stillseek.models.sst import SstConfig
from stillseek.models.tal import TalConfig

SMALL = (
    *("--num-layers", "1", "--num-heads", "1", "--projection-dim", "5", "--window", "2"),
    *("--ffn-dim", "7", "--hidden-dim", "3", "--batch-size", "3"),
)


WIDTHS = ("clip_dim", "region_dim", "global_dim")
CONFIGS = {
    "sail": SailConfig,
    "similarity": SimilarityConfig,
    "flp": FlpConfig,
    "sst": SstConfig,
    "tal": TalConfig,
}


def test_options_are_those_of_the_models() -> None:
    types = {
        field.name: field.type | None
        for config in CONFIGS.values()
        for field in dataclasses.fields(config)
        if field.name not in (*WIDTHS, "background")
    }

    assert {field.name: field.type for field in dataclasses.fields(ModelOptions)} == types
    assert set(get_args(TrainableName)) == set(CONFIGS)


def test_help_tells_every_default() -> None:
    (section,) = re.findall(r"Attributes:(.*)", inspect.getdoc(ModelOptions) or "", re.DOTALL)
    entries = dict(re.findall(r"^    (\w+): (.*?)(?=^    \w|\Z)", section, re.DOTALL | re.M))
    told = {
        (model, option): default
        for option, text in entries.items()
        for model, default in re.findall(r"(\w+): ([^;)]+)[;)]", " ".join(text.split()))
    }

    def shown(value: object) -> str:
        return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)

    assert told == {
        (model, field.name): "on" if field.default is True else shown(field.default)
        for model, config in CONFIGS.items()
        for field in dataclasses.fields(config)
        if field.name not in (*WIDTHS, "background")
    }


@pytest.fixture
def store(use_small_recipe, dataset: Path, tmp_path: Path) -> Path:
    assert main(["extract", "--dataset", str(dataset), "--out", str(tmp_path / "store")]) == 0
    return tmp_path / "store"


@pytest.fixture
def places(dataset: Path, store: Path, capsys) -> list[str]:
    capsys.readouterr()
    return ["--dataset", str(dataset), "--store", str(store)]


def test_frozen_absent_questions_are_those_that_heads_are_asked(
    places: list[str], dataset: Path, tmp_path: Path, monkeypatch, capsys
) -> None:
    manifest = read_manifest(dataset)
    labels = {name: {label} for name, label in (("test-a2", "test a"), ("test-b1", "test b"))}
    labels |= {s.video_id: {s.label} for s in manifest.samples if s.video_id not in labels}
    frozen = freeze_absent(dataset, manifest.samples, labels, {}, seed=3, number=2)
    manifest = write_manifest(dataset, manifest.samples, source="test", seed=0, settings=frozen)
    numbers = ("similarity", "background", "length", "bias", "moment_peak", "moment_mean")
    calibration = dict.fromkeys((*numbers, "moment_bias", "threshold"), 0.5)
    make = head.matching_head

    def calibrated(recipe: Recipe) -> Checkpoint:
        made = make(recipe)
        torch.manual_seed(0)
        model = Matching(replace(made.model.config, background=5))
        return replace(made, model=model, calibration=calibration)

    monkeypatch.setattr(head, "matching_head", calibrated)

    out = tmp_path / "scores"
    assert main(["evaluate", *places, "--matching", "--out", str(out)]) == 0

    for kind, samples in absent_of(manifest, "test").items():
        file = out / "predictions" / f"matching--{kind}_joint_seed0.jsonl"
        answered = {row.sample_id for row in read_predictions(file).rows}
        assert answered == {sample.sample_id for sample in samples}
    assert {"other", "elsewhere"} <= {
        row["kind"]
        for row in json.loads((out / "presence.json").read_text())["matching"]["absences"]
    }


def test_trained_heads_are_scored_beside_the_controls(
    places: list[str], tmp_path: Path, capsys
) -> None:
    heads = []
    for seed in ("0", "1"):
        out = tmp_path / f"run{seed}"
        command = ["train", *places, "--out", str(out), "--max-epochs", "1", "--seed", seed]
        loading = ["--no-bucket-by-length", "--num-workers", seed, "--augmentation.crop", "0.5"]
        assert main([*command, *SMALL, *loading, "--no-local-self-attention"]) == 0
        heads.append(str(out / "head"))
        captured = capsys.readouterr()
        score = r"validation mIoU \d+\.\d\d% \(best prior: (whole-video|centre), \d+\.\d\d%\)"
        assert re.fullmatch(
            rf"best epoch 0: {score}\nwrote {out}/head; use it with --checkpoint {out}\n",
            captured.out,
        )
        size, line = captured.err.splitlines()[:2]
        assert re.fullmatch(
            r"head: \d[\d,]* parameters, \d+% of them in its [a-z ]+; set by num_layers 1, "
            r"num_heads 1, projection_dim 5, ffn_dim 7, hidden_dim 3 and the widths of the "
            r"features \(clip 17, region 17, global 17\)",
            size,
        )
        assert re.fullmatch(rf"epoch 0: loss \d+\.\d\d\d, {score}, \d+ s", line)
    head = load_checkpoint(tmp_path / "run1/head", recipe_fingerprint=None)
    assert head.model.config.local_self_attention is False
    assert (head.model.config.clip_dim, head.model.config.hidden_dim) == (17, 3)
    config = head.training["config"]
    assert (head.training["name"], config["seed"]) == ("sail w/o LS", 1)
    assert (config["bucket_by_length"], config["num_workers"]) == (False, 1)
    assert head.recipe_options == RecipeOptions()
    prior = head.training["best_prior"]
    assert prior["name"] in ("whole-video", "centre")
    assert 0 < prior["validation_miou"] < 1
    assert config["augmentation"] == {"crop": 0.5, "region_drop": 0.0, "rotation": 0.0}

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


def test_features_are_enough_and_no_video_is_opened(
    places: list[str], dataset: Path, tmp_path: Path, monkeypatch, capsys
) -> None:
    def work(name: str) -> tuple[bytes, str, str]:
        run, scores = tmp_path / name, tmp_path / f"{name}-scores"
        command = ["train", *places, "--out", str(run), "--max-epochs", "1", *SMALL]
        assert main(command) == 0
        capsys.readouterr()
        heads = ["--checkpoint", str(run), "--matching"]
        assert main(["evaluate", *places, *heads, "--out", str(scores)]) == 0
        return (
            (run / "head/model.safetensors").read_bytes(),
            capsys.readouterr().out,
            (scores / "tables.md").read_text(),
        )

    hashes = (dataset / "file_hashes.jsonl").read_bytes()
    (dataset / "file_hashes.jsonl").unlink()
    hashed = work("hashed")
    (dataset / "file_hashes.jsonl").write_bytes(hashes)

    def refuse(path: Path) -> str:
        raise AssertionError(f"{path} was opened")

    monkeypatch.setattr("stillseek.data.file_hashes.content_hash", refuse)
    assert work("here") == hashed
    rmtree(dataset / "videos")
    assert work("gone") == hashed

    monkeypatch.undo()
    (dataset / "file_hashes.jsonl").unlink()
    assert main(["train", *places, "--out", str(tmp_path / "no"), *SMALL]) == 1
    assert re.match(r"error: cannot read .*\.mp4 \(No such file", capsys.readouterr().err)


BASELINES = {
    "flp": ("--hidden-dim", "7"),
    "sst": ("--hidden-dim", "7", "--num-proposals", "5", "--num-layers", "1", "--dropout", "0"),
    "tal": ("--hidden-dim", "7", "--projection-dim", "3", "--anchor-scales", "2", "5"),
}


def test_every_baseline_is_trained_and_scored_as_sail_is(
    places: list[str], tmp_path: Path, capsys
) -> None:
    heads = []
    for name, options in BASELINES.items():
        out = str(tmp_path / name)
        command = ["train", *places, "--out", out, "--max-epochs", "1", "--model", name]
        assert main([*command, *options]) == 0
        heads.append(f"{out}/head")
    capsys.readouterr()
    tal = load_checkpoint(tmp_path / "tal/head", recipe_fingerprint=None).model
    assert isinstance(tal.config, TalConfig)
    assert (tal.config.anchor_scales, tal.config.hidden_dim) == ((2, 5), 7)

    out = ["--out", str(tmp_path / "scores")]
    assert main(["evaluate", *places, *out, "--checkpoint", *heads, "--matching"]) == 0

    tables = json.loads((tmp_path / "scores/tables.json").read_text())
    rows = {(row["model"], row["decode"]) for row in tables["scores"]}
    names = ("flp", "sst+", "tal+", "matching")
    assert rows == {
        ("random", "uniform"),
        ("whole-video", "whole"),
        next(row for row in rows if row[0] == "centre"),
        *((name, "joint") for name in names),
        *((f"{name}, shuffled", "joint") for name in names),
    }


def test_matching_needs_no_checkpoint(places: list[str], tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"

    assert main(["evaluate", *places, "--matching", "--out", str(out)]) == 0

    assert "| matching | joint |" in capsys.readouterr().out
    header = json.loads(
        (out / "predictions/matching_joint_seed0.jsonl").read_text().splitlines()[0]
    )
    assert (header["model"], header["checkpoint"]) == ("matching", None)


def test_query_blind_head_has_no_shuffled_control(
    places: list[str], tmp_path: Path, capsys
) -> None:
    command = ["train", *places, "--out", str(tmp_path / "run"), "--max-epochs", "1", *SMALL]
    assert main([*command, "--query-blind"]) == 0

    head = str(tmp_path / "run/head")
    assert main(["evaluate", *places, "--checkpoint", head, "--out", str(tmp_path / "out")]) == 0

    assert "| sail query-blind | joint |" in capsys.readouterr().out
    assert not list((tmp_path / "out/predictions").glob("*shuffled*"))


def test_a_head_is_asked_with_as_many_steps_as_it_was_trained_with(
    places: list[str], tmp_path: Path, monkeypatch
) -> None:
    asked: list[int] = []
    head, out = str(tmp_path / "run"), ["--out", str(tmp_path / "out")]
    command = ["train", *places, "--out", head, "--max-epochs", "1", *SMALL]
    assert main([*command, "--max-steps", "4"]) == 0
    monkeypatch.setattr(
        "stillseek.evaluation.run.predict",
        lambda _, examples, **__: asked.append(max(each.grid.num_steps for each in examples)) or {},
    )

    assert main(["evaluate", *places, "--checkpoint", head, *out]) == 0
    assert main(["evaluate", *places, "--checkpoint", head, *out, "--max-steps", "3"]) == 0

    assert asked == [4, 4, 3, 3]
    assert main(["evaluate", *places, "--checkpoint", head, *out, "--max-steps", "0"]) == 2


def test_a_second_run_in_a_folder_needs_resume(places: list[str], tmp_path: Path, capsys) -> None:
    # A rate that falls would end with the first epoch.
    rate = ("--schedule", "constant")
    command = ["train", *places, "--out", str(tmp_path / "run"), *rate, *SMALL]
    assert main([*command, "--max-epochs", "1"]) == 0
    capsys.readouterr()

    assert main([*command, "--max-epochs", "2"]) == 2
    assert capsys.readouterr().err.startswith(f"error: {tmp_path / 'run'} already holds a train")
    assert main([*command, "--max-epochs", "2", "--resume"]) == 0
    assert len((tmp_path / "run/epochs.jsonl").read_text().splitlines()) == 2
    capsys.readouterr()
    scores = ["--checkpoint", str(tmp_path / "run/head"), "--out", str(tmp_path / "scores")]
    assert main(["evaluate", *places, *scores, "--split", "train"]) == 0
    assert capsys.readouterr().err == (
        "warning: the table has no row 'sail, shuffled': each sample needs a picture of another "
        "class and another video, and 3 of the 5 samples of split 'train' are of class 'train b'; "
        "make the data set with more classes or fewer queries of this one, or choose another "
        "--split\n"
    )


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
    foreign = ["--model", "sail", "--num-proposals", "5"]
    assert main(["train", *places, *out, *foreign]) == 2
    assert capsys.readouterr().err == (
        "error: --num-proposals is not an option of model 'sail', which has --num-layers, "
        "--num-heads, --projection-dim, --window, --ffn-dim, --hidden-dim, --dropout, "
        "--region-self-attention, --multi-level-interaction, --local-self-attention, "
        "--bidirectional-aggregation; leave it out, or choose another --model\n"
    )
    assert main(["train", *places, *out, "--model", "flp", "--no-local-self-attention"]) == 2
    assert "--local-self-attention is not an option of model 'flp'" in capsys.readouterr().err
    assert main(["train", *places, *out, "--model", "matching"]) == 2
    assert "sail" in capsys.readouterr().err
    assert main(["evaluate", *places, *out]) == 2
    assert capsys.readouterr().err == (
        "error: nothing to score; give --checkpoint DIR, --matching, --similarity or several of "
        "these\n"
    )
    assert not (tmp_path / "out").exists()
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
