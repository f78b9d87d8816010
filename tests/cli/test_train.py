import dataclasses
import inspect
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from typing import get_args

import pytest
import torch
from small_options import SHORT, SMALL

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

WIDTHS = ("clip_dim", "region_dim", "global_dim")
CONFIGS = {
    "sail": SailConfig,
    "similarity": SimilarityConfig,
    "flp": FlpConfig,
    "sst": SstConfig,
    "tal": TalConfig,
}


# Widths come from the features; a head that is trained has no evidence to whiten with.
NOT_ASKED = (*WIDTHS, "background", "whitening")


def test_options_are_those_of_the_models() -> None:
    types = {
        field.name: field.type | None
        for config in CONFIGS.values()
        for field in dataclasses.fields(config)
        if field.name not in NOT_ASKED
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
        if field.name not in NOT_ASKED
    }


@pytest.fixture
def train(places: list[str], run, tmp_path: Path):
    """Trains a small head in a folder of this name; gives the folder."""

    def train(name: str, *words: str, options: Sequence[str] = SHORT) -> Path:
        run("train", *places, "--out", tmp_path / name, *options, *words, may_complain=True)
        return tmp_path / name

    return train


@pytest.fixture
def evaluate(places: list[str], run, tmp_path: Path):
    """Scores heads; gives what is printed. The scores are in the folder of this name."""

    def evaluate(*words: object, out: str = "scores") -> str:
        return run("evaluate", *places, "--out", tmp_path / out, *words, may_complain=True)

    return evaluate


def test_frozen_absent_questions_are_those_that_heads_are_asked(
    evaluate, dataset: Path, tmp_path: Path, monkeypatch
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

    told = evaluate("--matching")

    assert "\n\n| model | questions |" in told
    out = tmp_path / "scores"
    for kind, samples in absent_of(manifest, "test").items():
        file = out / "predictions" / f"matching--{kind}_joint_seed0.jsonl"
        answered = {row.sample_id for row in read_predictions(file).rows}
        assert answered == {sample.sample_id for sample in samples}
    assert {"other", "elsewhere"} <= {
        row["kind"]
        for row in json.loads((out / "presence.json").read_text())["matching"]["absences"]
    }


def test_trained_heads_are_scored_beside_the_controls(
    places: list[str], evaluate, tmp_path: Path, heard
) -> None:
    heads = []
    for seed in ("0", "1"):
        out = tmp_path / f"run{seed}"
        command = ["train", *places, "--out", out, "--seed", seed, *SHORT]
        loading = ["--no-bucket-by-length", "--num-workers", seed, "--augmentation.crop", "0.5"]
        captured = heard(*command, *loading, "--no-local-self-attention")
        heads.append(out / "head")
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

    table = evaluate("--checkpoint", *heads)

    out = tmp_path / "scores"
    assert table == (out / "tables.md").read_text()
    tables = json.loads((out / "tables.json").read_text())
    runs = {(row["model"], row["decode"]): row["num_seeds"] for row in tables["scores"]}
    assert runs[("sail w/o LS", "joint")] == runs[("sail w/o LS, shuffled", "independent")] == 2
    controls = {"random", "whole-video", "centre", "sail w/o LS, shuffled"}
    assert {model for model, _ in runs} == {"sail w/o LS", *controls}
    assert {row["num_samples"] for row in tables["scores"]} == {6}
    assert tables["swap_accuracy"]["sail w/o LS, joint"]["num_pairs"] == 1
    assert tables["swap_accuracy"]["whole-video, whole"]["strict"]["value"] == 0
    assert (out / "predictions/sail-w-o-LS_joint_seed1.jsonl").exists()


def test_features_are_enough_and_no_video_is_opened(
    places: list[str], train, evaluate, dataset: Path, tmp_path: Path, monkeypatch, refused
) -> None:
    def work(name: str) -> tuple[bytes, str, str]:
        run, scores = train(name), f"{name}-scores"
        printed = evaluate("--checkpoint", run, "--matching", out=scores)
        weights = (run / "head/model.safetensors").read_bytes()
        return weights, printed, (tmp_path / scores / "tables.md").read_text()

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
    told = refused("train", *places, "--out", tmp_path / "no", *SMALL, code=1)
    assert re.match(r"cannot read .*\.mp4 \(No such file", told)
    assert f"stillseek dataset upgrade {dataset}; then features in a store are enough" in told


BASELINES = {
    "flp": ("--hidden-dim", "7"),
    "sst": ("--hidden-dim", "7", "--num-proposals", "5", "--num-layers", "1", "--dropout", "0"),
    "tal": ("--hidden-dim", "7", "--projection-dim", "3", "--anchor-scales", "2", "5"),
}


def test_every_baseline_is_trained_and_scored_as_sail_is(train, evaluate, tmp_path: Path) -> None:
    short = ("--max-epochs", "1")
    heads = [
        train(name, "--model", name, options=(*short, *options)) / "head"
        for name, options in BASELINES.items()
    ]
    tal = load_checkpoint(tmp_path / "tal/head", recipe_fingerprint=None).model
    assert isinstance(tal.config, TalConfig)
    assert (tal.config.anchor_scales, tal.config.hidden_dim) == ((2, 5), 7)

    evaluate("--checkpoint", *heads, "--matching")

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


def test_matching_needs_no_checkpoint(evaluate, tmp_path: Path) -> None:
    assert "| matching | joint |" in evaluate("--matching")

    predictions = tmp_path / "scores/predictions/matching_joint_seed0.jsonl"
    header = json.loads(predictions.read_text().splitlines()[0])
    assert (header["model"], header["checkpoint"]) == ("matching", None)


def test_query_blind_head_has_no_shuffled_control(train, evaluate, tmp_path: Path) -> None:
    run = train("run", "--query-blind")

    assert "| sail query-blind | joint |" in evaluate("--checkpoint", run / "head")
    assert not list((tmp_path / "scores/predictions").glob("*shuffled*"))


def test_a_head_is_asked_with_as_many_steps_as_it_was_trained_with(
    places: list[str], train, evaluate, refused, monkeypatch
) -> None:
    asked: list[int] = []
    head = train("run", "--max-steps", "4")
    monkeypatch.setattr(
        "stillseek.evaluation.run.predict",
        lambda _, examples, **__: asked.append(max(each.grid.num_steps for each in examples)) or {},
    )

    evaluate("--checkpoint", head)
    evaluate("--checkpoint", head, "--max-steps", "3")

    assert asked == [4, 4, 3, 3]
    # As for training, which has two boundaries to tell apart.
    words = [*places, "--checkpoint", head, "--out", "o", "--max-steps", "1"]
    assert refused("evaluate", *words) == "--max-steps must be at least 2, got 1"


def test_heads_are_asked_with_as_many_pictures_as_said(
    places: list[str], train, tmp_path: Path, refused
) -> None:
    words = [*places, "--checkpoint", train("run"), "--out", tmp_path / "scores", "--pictures"]
    assert refused("evaluate", *words, "2").startswith(
        "head 'run' does not compare pictures with clips"
    )
    assert refused("evaluate", *words, "0") == "the number of pictures must be at least 1, got 0"


def test_a_second_run_in_a_folder_needs_resume(
    places: list[str], train, tmp_path: Path, refused, heard
) -> None:
    # A rate that falls would end with the first epoch.
    rate = ("--schedule", "constant", *SMALL, "--max-epochs")
    run = train("run", *rate, "1", options=())

    told = refused("train", *places, "--out", run, *rate, "2")
    assert told.startswith(f"{run} already holds a train")
    train("run", *rate, "2", "--resume", options=())
    assert len((run / "epochs.jsonl").read_text().splitlines()) == 2
    scores = ["--checkpoint", run / "head", "--out", tmp_path / "scores"]
    assert heard("evaluate", *places, *scores, "--split", "train").err == (
        "warning: the table has no row 'sail, shuffled': each sample needs a picture of another "
        "class and another video, and 3 of the 5 samples of split 'train' are of class 'train b'; "
        "make the data set with more classes or fewer queries of this one, or choose another "
        "--split\n"
    )


@pytest.mark.usefixtures("use_small_recipe")
def test_wrong_requests_are_one_line(dataset: Path, tmp_path: Path, refused) -> None:
    places = ["--dataset", dataset, "--store", tmp_path / "store", "--out", tmp_path / "out"]

    for words, message in (
        (["--window", "0"], "window must be "),
        (["--learning-rate", "-1"], "learning_rate must be positive"),
        (
            ["--model", "sail", "--num-proposals", "5"],
            "--num-proposals is not an option of model 'sail', which has --num-layers, "
            "--num-heads, --projection-dim, --window, --ffn-dim, --hidden-dim, --dropout, "
            "--region-self-attention, --multi-level-interaction, --local-self-attention, "
            "--bidirectional-aggregation; leave it out, or choose another --model",
        ),
        (
            ["--model", "flp", "--no-local-self-attention"],
            "--local-self-attention is not an option of model 'flp'",
        ),
        (["--model", "matching"], 'Invalid value "matching" for'),
    ):
        assert refused("train", *places, *words).startswith(message)
    assert not (tmp_path / "out").exists()
