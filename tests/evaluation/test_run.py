import json
from dataclasses import replace
from pathlib import Path

import pytest
from random_features import RandomFeatures

from stillseek.data.manifest import write_manifest
from stillseek.data.several_pictures import SeveralPictures
from stillseek.errors import DatasetError, UsageError
from stillseek.evaluation.predictions import read_predictions
from stillseek.evaluation.run import Head, answers_of, evaluate, score
from stillseek.models.calibration import Calibration
from stillseek.models.checkpoint import Checkpoint
from stillseek.models.flp import Flp, FlpConfig
from stillseek.models.matching import Matching, MatchingConfig

WIDTH = 5
FEATURES = RandomFeatures(WIDTH, 60.0)


@pytest.fixture
def manifest(make_sample, tmp_path: Path):
    samples = [
        make_sample(number, split=split, sample_id=f"{split}-{number}", label=label)
        for split in ("train", "test")
        for number, label in enumerate(("violin", "chess", "golf", "chess"))
    ]
    return write_manifest(tmp_path / "data", samples, source="test", seed=0, settings={})


def make_head(name: str = "own", seed: int = 0, **training) -> Head:
    config = MatchingConfig(clip_dim=WIDTH, region_dim=WIDTH, global_dim=WIDTH)
    checkpoint = Checkpoint(
        model=Matching(config),
        recipe_name="test",
        recipe_fingerprint="f",
        training={"name": name, "config": {"seed": seed, **training}},
    )
    return Head.of(checkpoint, Path("runs") / name)


def test_python_scores_heads_as_the_command_does(manifest, tmp_path: Path) -> None:
    heads = [make_head(seed=0), make_head(seed=1), make_head("blind", query_blind=True)]

    done = evaluate(manifest, heads, FEATURES, tmp_path / "out")

    rows = {row.model: row.num_seeds for row in done.rows}
    controls = {"random": 1, "whole-video": 1, "centre": 1, "own, shuffled": 2}
    assert rows == controls | {"own": 2, "blind": 1}
    assert {row.num_samples for row in done.rows} == {4}
    assert done.text == (tmp_path / "out/tables.md").read_text()
    tables = json.loads((tmp_path / "out/tables.json").read_text())
    assert len(tables["scores"]) == len(done.rows)
    files = sorted((tmp_path / "out/predictions").iterdir())
    own = ["own_joint_seed0.jsonl", "own_joint_seed1.jsonl"]
    assert [file.name for file in files if "own_" in file.name] == own
    # The tables are made of predictions and nothing else.
    again = score(manifest, map(read_predictions, files), split="test")
    assert sorted(again.text.splitlines()) == sorted(done.text.splitlines())
    assert not (tmp_path / "out/presence.md").exists()


def test_heads_that_compare_are_asked_with_several_pictures(make_sample, tmp_path: Path) -> None:
    labels = ("violin", "chess", "golf") * 3
    samples = [make_sample(n, split="test", label=label) for n, label in enumerate(labels)]
    manifest = write_manifest(tmp_path / "data", samples, source="test", seed=0, settings={})
    head = make_head()

    evaluate(manifest, [head], FEATURES, tmp_path / "out", num_pictures=3)

    source = SeveralPictures(FEATURES, manifest.samples, 3)
    (expected,) = answers_of(head, samples, source, shuffled=False)
    found = read_predictions(tmp_path / "out/predictions/own--3-pictures_joint_seed0.jsonl")
    assert found.rows == expected.rows
    (single,) = answers_of(head, samples, FEATURES, shuffled=False)
    assert found.rows != single.rows


def test_at_least_one_picture_asks(manifest, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="pictures must be at least 1, got 0"):
        evaluate(manifest, [make_head()], FEATURES, tmp_path, num_pictures=0)


def test_heads_that_do_not_compare_are_not_asked_with_several_pictures(
    manifest, tmp_path: Path
) -> None:
    flp = Flp(FlpConfig(clip_dim=WIDTH, region_dim=WIDTH, global_dim=WIDTH))
    head = Head.of(
        Checkpoint(model=flp, recipe_name="test", recipe_fingerprint="f", training={}), None
    )
    with pytest.raises(UsageError, match="'flp' does not compare pictures with clips"):
        evaluate(manifest, [head], FEATURES, tmp_path, num_pictures=2)


def test_calibrations_of_heads_are_those_of_so_many_pictures() -> None:
    calibration = Calibration(
        similarity=1.0, background=1.0, length=0.0, bias=1.0, moment_peak=0.0, moment_mean=1.0,
        moment_bias=0.0, sharpening=0.5, pictures=1.0,
    )  # fmt: skip
    head = make_head()
    checkpoint = replace(head.checkpoint, calibration=calibration.to_dict())
    found = replace(head, checkpoint=checkpoint, num_pictures=4).calibration
    assert found == calibration.for_pictures(4)
    assert head.calibration is None


def test_heads_of_one_name_and_seed_are_refused(manifest, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="two heads are called 'own' with seed 0; train one"):
        evaluate(manifest, [make_head(), make_head()], FEATURES, tmp_path / "out")


def test_an_empty_split_is_refused(manifest, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="has no sample of split 'seen'; choose another"):
        evaluate(manifest, [make_head()], FEATURES, tmp_path / "out", split="seen")


def test_queries_that_cannot_be_shuffled_are_told(make_sample, tmp_path: Path) -> None:
    samples, told = [make_sample(0), make_sample(1)], []

    (run,) = answers_of(make_head(), samples, FEATURES, on_left_out=told.append)

    assert (run.header.model, run.header.checkpoint) == ("own", "runs/own")
    assert len(run.rows) == 2
    assert [line.partition(":")[0] for line in told] == ["the table has no row 'own, shuffled'"]
    assert len(list(answers_of(make_head(), samples, FEATURES, shuffled=False))) == 1


def test_a_head_without_a_folder_is_called_as_its_model() -> None:
    head = Head.of(make_head().checkpoint, None)

    assert (head.name, head.row_name, head.path) == ("matching", "own", None)
