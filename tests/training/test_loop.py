import dataclasses
import json
import math
import re
import shutil

import pytest
import safetensors.torch
import torch
from heads import WIDTHS, make_head
from torch import nn

from stillseek.data.augmentation import Augmentation
from stillseek.data.batching import batch_indices
from stillseek.errors import CheckpointError, StillseekError, UsageError
from stillseek.evaluation.priors import best_prior
from stillseek.models.inputs import blind_query
from stillseek.models.sail import Sail
from stillseek.synthetic.planted import PlantedConfig, PlantedDataset
from stillseek.training import loop
from stillseek.training.config import TrainConfig
from stillseek.training.loop import train
from stillseek.training.state import read_run, save_tensors

PLANTED = PlantedConfig(
    **WIDTHS,
    code_dim=5,
    num_train_classes=7,
    num_held_out_classes=5,
    num_train_examples=11,
    num_held_out_examples=7,
)
TRAIN, VALIDATION = (list(PlantedDataset(PLANTED, split, 0)) for split in ("train", "validation"))
CONFIG = TrainConfig(batch_size=4, max_epochs=3, patience=3)


def make_model(seed: int = 0) -> Sail:
    return make_head("sail", seed=seed)


def run(folder, config=CONFIG, *, model=None, resume=False, **changes):
    model = make_model() if model is None else model
    config = dataclasses.replace(config, **changes)
    result = train(model, TRAIN, VALIDATION, config, folder, resume=resume, quiet=True)
    return model, result


def without_seconds(result):
    return [dataclasses.replace(epoch, seconds=0.0) for epoch in result.epochs]


def same_weights(first: nn.Module, second: nn.Module) -> bool:
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of `CONFIG`: its folder, which only readers may use, its model and its result."""
    folder = tmp_path_factory.mktemp("finished")
    return folder, *run(folder)


def test_same_seed_same_run(tmp_path, finished):
    _, one, first = finished
    two, second = run(tmp_path / "again")
    assert without_seconds(first) == without_seconds(second)
    assert same_weights(one, two)
    _, other = run(tmp_path / "other", seed=1, max_epochs=1)
    assert other.epochs[0].train_loss != first.epochs[0].train_loss


@pytest.mark.slow
def test_workers_change_no_bit(tmp_path):
    config = dataclasses.replace(CONFIG, max_epochs=2, augmentation=Augmentation(crop=0.5))
    (one, first), (two, second) = (
        run(tmp_path / str(workers), config, num_workers=workers) for workers in (0, 1)
    )
    assert without_seconds(first) == without_seconds(second)
    assert same_weights(one, two)
    # A run may be resumed with another number of them.
    run(tmp_path / "1", config, resume=True)


def test_augmentation_changes_training_and_not_validation(tmp_path):
    # Steps that are too small to change an answer.
    config = dataclasses.replace(CONFIG, max_epochs=1, learning_rate=1e-30)
    (_, plain), (_, cropped) = (
        run(tmp_path / str(crop), config, augmentation=Augmentation(crop=crop))
        for crop in (0.0, 1.0)
    )
    (before,), (after,) = plain.epochs, cropped.epochs
    assert before.train_loss != after.train_loss
    assert before.validation_miou == after.validation_miou


def test_batches_of_like_length_are_drawn_only_where_asked(tmp_path, monkeypatch):
    seen = []

    def spy(num_examples, batch_size, *, shuffle, num_steps):
        seen.append(num_steps)
        return batch_indices(num_examples, batch_size, shuffle=shuffle, num_steps=num_steps)

    monkeypatch.setattr(loop, "batch_indices", spy)
    for bucket in (True, False):
        run(tmp_path / str(bucket), max_epochs=1, bucket_by_length=bucket)

    assert seen == [tuple(len(example.steps) for example in TRAIN), None]


@pytest.fixture
def interrupt_at(monkeypatch):
    """Ctrl-C in the given training step; 3 steps make an epoch."""

    def interrupt(last_step):
        steps = iter(range(last_step))
        step = loop._Run._step

        def interrupted(self, batch):
            if next(steps, None) is None:
                raise KeyboardInterrupt
            return step(self, batch)

        monkeypatch.setattr(loop._Run, "_step", interrupted)

    return interrupt


def load(path) -> dict[str, torch.Tensor]:
    return safetensors.torch.load_file(path)


def assert_same_files(one, two) -> None:
    """Two runs ended with the same bits: weights, their average, Adam's moments."""
    for name in ("state.safetensors", "best.safetensors"):
        torch.testing.assert_close(load(one / name), load(two / name), rtol=0, atol=0)


EVERYTHING = dataclasses.replace(
    CONFIG,
    max_epochs=4,
    patience=4,
    warmup_steps=5,
    weight_average=0.6,
    joint_loss=True,
    boundary_softness=0.7,
    augmentation=Augmentation(crop=0.5, region_drop=0.3),
)


def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path, interrupt_at, monkeypatch):
    whole, expected = run(tmp_path / "whole", EVERYTHING)
    interrupt_at(3 * 2 + 1)
    with pytest.raises(KeyboardInterrupt, match=r"after 2 finished epochs.*resume"):
        run(tmp_path / "parts", EVERYTHING)
    monkeypatch.undo()
    assert len((tmp_path / "parts/epochs.jsonl").read_text().splitlines()) == 2
    # Other weights and other random state: all that matters must come from the files.
    resumed, result = run(tmp_path / "parts", EVERYTHING, model=make_model(seed=9), resume=True)
    assert without_seconds(result) == without_seconds(expected)
    assert same_weights(resumed, whole)
    assert_same_files(tmp_path / "whole", tmp_path / "parts")


def test_the_learning_rate_rises_and_falls_to_zero(tmp_path, monkeypatch):
    seen = []
    step = loop._Run._step

    def spy(self, batch):
        seen.append(self.optimizer.param_groups[0]["lr"])
        return step(self, batch)

    monkeypatch.setattr(loop._Run, "_step", spy)
    run(tmp_path / "cosine", warmup_steps=2)
    falling = [0.0005 * (1 + math.cos(math.pi * step / 9)) / 2 for step in range(9)]
    falling[0] /= 3
    falling[1] *= 2 / 3
    assert seen == pytest.approx(falling, rel=1e-12)

    seen.clear()
    run(tmp_path / "constant", schedule="constant")
    assert seen == [0.0005] * 9


def test_the_average_is_judged_and_kept_and_changes_no_step(tmp_path):
    raw, plain = run(tmp_path / "raw", weight_average=0.0)
    averaged, result = run(tmp_path / "averaged", weight_average=0.9)

    assert [e.train_loss for e in result.epochs] == [e.train_loss for e in plain.epochs]
    state = load(tmp_path / "raw/state.safetensors")
    names = raw.state_dict().keys()
    assert all(torch.equal(state[f"average.{n}"], state[f"model.{n}"]) for n in names)
    state = load(tmp_path / "averaged/state.safetensors")
    assert not any(torch.equal(state[f"average.{n}"], state[f"model.{n}"]) for n in names)
    kept = load(result.weights)
    assert all(torch.equal(kept[name], w) for name, w in averaged.state_dict().items())


def test_turned_spaces_are_refused_where_there_is_not_one(tmp_path):
    with pytest.raises(UsageError, match="these are 13, 17 and 7 wide; leave it out"):
        run(tmp_path / "run", augmentation=Augmentation(rotation=1.0))
    assert not (tmp_path / "run").exists()


def test_an_interruption_in_the_first_epoch_leaves_nothing_to_resume(
    tmp_path, interrupt_at, monkeypatch
):
    interrupt_at(2)
    with pytest.raises(KeyboardInterrupt, match="before the first epoch"):
        run(tmp_path)
    monkeypatch.undo()
    _, result = run(tmp_path, resume=True)
    assert len(result.epochs) == 3


@pytest.fixture
def scripted_miou(monkeypatch):
    def script(values):
        remaining = iter(values)
        monkeypatch.setattr(loop._Run, "_validate", lambda self: (next(remaining), 0.0))

    return script


def test_early_stopping_keeps_the_best_epoch(tmp_path, scripted_miou):
    config = dataclasses.replace(CONFIG, max_epochs=9, patience=2, schedule="constant")
    scripted_miou([0.1, 0.5, 0.5, 0.4, 0.9])
    stopped, result = run(tmp_path / "a", config)
    assert (result.best_epoch, result.best_miou, len(result.epochs)) == (1, 0.5, 4)
    scripted_miou([0.1, 0.5])
    best, _ = run(tmp_path / "b", config, max_epochs=2)
    assert same_weights(stopped, best)


def test_resuming_a_finished_run_changes_nothing(tmp_path, finished):
    folder, model, result = finished
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    again, same = run(tmp_path, model=make_model(seed=9), resume=True)
    assert dataclasses.replace(same, weights=result.weights) == result
    assert same_weights(again, model)


BASELINES = {
    "flp": {},
    "sst": {"num_proposals": 19},
    "tal": {"anchor_scales": (3, 5, 7), "dropout": 0.0},
}


@pytest.mark.parametrize("name", ["sail", *BASELINES])
def test_every_model_learns_by_its_own_loss(tmp_path, name):
    config = TrainConfig(learning_rate=0.01, batch_size=4, max_epochs=20, patience=20)
    model = make_head(name, hidden_dim=19, **BASELINES.get(name, {}))
    result = train(model, TRAIN[:4], TRAIN[:4], config, tmp_path, quiet=True)
    assert result.epochs[-1].train_loss < 0.7 * result.epochs[0].train_loss
    assert result.best_miou > result.epochs[0].validation_miou + 0.1
    assert result.best_miou > 0.7 or name != "sail"
    has_none = {epoch.validation_miou_independent is None for epoch in result.epochs}
    assert has_none == {name != "sail"}


@pytest.mark.parametrize("name", ["sail", *BASELINES])
def test_a_run_of_a_constant_rate_may_have_more_epochs(tmp_path, name):
    config, change = dataclasses.replace(CONFIG, schedule="constant"), BASELINES.get(name, {})
    _, expected = run(tmp_path / "whole", config, model=make_head(name, **change))
    run(tmp_path / "parts", config, model=make_head(name, **change), max_epochs=2)
    other = make_head(name, seed=9, **change)
    _, result = run(tmp_path / "parts", config, model=other, resume=True)
    assert without_seconds(result) == without_seconds(expected)
    assert_same_files(tmp_path / "whole", tmp_path / "parts")


def test_a_model_that_cannot_learn_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(UsageError, match="has nothing to train; evaluate it as it is"):
        run(tmp_path / "run", model=make_head("matching"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"precision": "bf16"},
        {"gradient_clip": 0.1},
        {"schedule": "constant"},
        {"warmup_steps": 3},
        {"joint_loss": True},
        {"boundary_softness": 1.0},
    ],
)
def test_options_take_effect_and_train(tmp_path, finished, change):
    _, changed = run(tmp_path, **change)
    assert changed.epochs[-1].train_loss != finished[2].epochs[-1].train_loss
    assert changed.epochs[-1].train_loss < changed.epochs[0].train_loss + 0.5


def test_a_query_blind_run_never_sees_the_query(tmp_path, finished):
    config = dataclasses.replace(CONFIG, query_blind=True)
    _, blind = run(tmp_path / "a", config)
    queries = [
        dataclasses.replace(
            example,
            regions=example.regions[:1] + 5,
            boxes=example.boxes[:1],
            global_feature=-example.global_feature,
        )
        for example in TRAIN
    ]
    other = train(make_model(), queries, VALIDATION, config, tmp_path / "b", quiet=True)
    assert without_seconds(other) == without_seconds(blind)
    assert finished[2].epochs[0].train_loss != blind.epochs[0].train_loss


def test_the_run_folder(finished):
    folder, _, result = finished
    assert json.loads((folder / "config.json").read_text()) == dataclasses.asdict(CONFIG)
    lines = [json.loads(line) for line in (folder / "epochs.jsonl").read_text().splitlines()]
    assert lines == [dataclasses.asdict(epoch) for epoch in result.epochs]
    assert result.weights == folder / "best.safetensors"
    names = {path.name for path in folder.iterdir()}
    expected = {"config.json", "epochs.jsonl", "best.safetensors", "state.safetensors"}
    assert names == expected | {"tensorboard"}
    assert any(path.name.startswith("events") for path in (folder / "tensorboard").iterdir())


def test_a_bar_is_shown_on_a_terminal_only_and_scores_everywhere(tmp_path, monkeypatch, capsys):
    config = dataclasses.replace(CONFIG, max_epochs=1)
    train(make_model(), TRAIN, VALIDATION, config, tmp_path / "pipe")
    shown = capsys.readouterr()
    assert shown.out == ""
    size, epoch = shown.err.splitlines()
    number = sum(parameter.numel() for parameter in make_model().parameters())
    assert size.startswith(f"head: {number:,} parameters, ")
    assert re.fullmatch(
        r"epoch 0: loss \d\.\d\d\d, validation mIoU \d+\.\d\d% \(best prior: whole-video, "
        r"\d+\.\d\d%\), \d+ s",
        epoch,
    )
    monkeypatch.setenv("FORCE_COLOR", "1")
    train(make_model(), TRAIN, VALIDATION, config, tmp_path / "terminal")
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "epoch 0" in shown.err
    assert "epoch 0, validation" in shown.err
    train(make_model(), TRAIN, VALIDATION, config, tmp_path / "quiet", quiet=True)
    assert capsys.readouterr() == ("", "")


def test_the_best_prior_stands_beside_every_score(finished):
    result = finished[2]
    name, miou = best_prior(*([example.sample for example in d] for d in (TRAIN, VALIDATION)))
    assert {(epoch.prior, epoch.prior_miou) for epoch in result.epochs} == {(name, miou)}
    assert (result.prior, result.prior_miou) == (name, miou)


def deaf_model() -> Sail:
    """Its boundaries come from the clips alone, whatever the picture."""
    model = make_model()
    model.register_forward_pre_hook(lambda _, arguments: (blind_query(arguments[0]),))
    return model


def test_a_head_that_ignores_the_picture_is_warned_of_once_and_at_the_end(
    tmp_path, finished, capsys
):
    result = train(deaf_model(), TRAIN, VALIDATION, CONFIG, tmp_path / "deaf")
    lines = capsys.readouterr().err.splitlines()
    warnings = [line for line in lines if line.startswith("warning: ")]
    assert [w.partition(" gives the same answer")[0] for w in warnings] == [
        "warning: epoch 0",
        f"warning: the epoch that is kept, {result.best_epoch},",
    ]
    lines = (tmp_path / "deaf" / "epochs.jsonl").read_text().splitlines()
    assert [json.loads(line)["ignores_query"] for line in lines] == [True] * 3
    best = max(result.epochs, key=lambda epoch: epoch.validation_miou)
    assert result.best_epoch == result.epochs.index(best)
    # A control that is not to see it is none of these.
    _, result = run(tmp_path / "blind", query_blind=True, max_epochs=1)
    assert not result.epochs[0].ignores_query
    assert not finished[2].epochs[-1].ignores_query


def test_a_killed_run_resumes_and_leaves_nothing_behind(tmp_path):
    run(tmp_path, max_epochs=1)
    # What a kill in the middle of an epoch's files leaves: half a file, and a log that is behind.
    left = tmp_path / f".{'3' * 16}.tmp.safetensors"
    left.write_bytes(b"half")
    (tmp_path / "epochs.jsonl").unlink()

    run(tmp_path, max_epochs=1, resume=True)

    assert not left.exists()
    assert len((tmp_path / "epochs.jsonl").read_text().splitlines()) == 1


def test_a_state_of_an_earlier_version_is_refused(tmp_path):
    run(tmp_path, max_epochs=1)
    path = tmp_path / "state.safetensors"
    tensors, stored = load(path), read_run(path)
    save_tensors(path, tensors, {"run": json.dumps({"format_version": 1, **stored})})

    with pytest.raises(CheckpointError, match=r"another version of stillseek.*train again"):
        run(tmp_path, resume=True)


def test_a_used_folder_is_refused_without_resume(finished):
    with pytest.raises(UsageError, match="already holds a training run; go on with it by --resume"):
        run(finished[0])


def test_a_run_is_not_resumed_as_another(tmp_path, finished):
    shutil.copytree(finished[0], tmp_path, dirs_exist_ok=True)
    with pytest.raises(UsageError, match=r"learning_rate was 0\.0005, now 0\.001"):
        run(tmp_path, learning_rate=0.001, resume=True)
    with pytest.raises(UsageError, match="max_epochs was 3, now 4; use the old values"):
        run(tmp_path, max_epochs=4, resume=True)  # the rate falls towards the last one
    with pytest.raises(UsageError, match="region_dim was 17, now 4096"):
        run(tmp_path, model=make_head("sail", region_dim=4096), resume=True)
    same_shapes = make_head("sail", local_self_attention=False)
    with pytest.raises(UsageError, match="local_self_attention was True, now False"):
        run(tmp_path, model=same_shapes, resume=True)
    (tmp_path / "state.safetensors").write_bytes(b"broken")
    with pytest.raises(CheckpointError, match="no training state"):
        run(tmp_path, resume=True)


def test_a_run_is_not_resumed_with_other_examples(finished):
    streams = TRAIN[:-2]  # as drawn streams are other examples, and fewer or more

    with pytest.raises(UsageError, match="num_train_examples was 11, now 9"):
        train(make_model(), streams, VALIDATION, CONFIG, finished[0], resume=True, quiet=True)


def test_no_examples_are_refused(tmp_path):
    for data in (([], VALIDATION), (TRAIN, [])):
        with pytest.raises(UsageError, match="training needs examples"):
            train(make_model(), *data, CONFIG, tmp_path, quiet=True)


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path):
    model = make_model()
    with torch.no_grad():
        next(model.parameters()).fill_(torch.nan)
    with pytest.raises(StillseekError, match="the loss became nan in epoch 0, step 0"):
        run(tmp_path, model=model)


@pytest.mark.parametrize(
    "change",
    [
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"batch_size": 0},
        {"patience": 0},
        {"gradient_clip": -1.0},
        {"seed": -1},
        {"num_workers": -1},
        {"warmup_steps": -1},
        {"weight_average": 1.0},
        {"boundary_softness": -0.5},
        {"boundary_softness": float("nan")},
    ],
)
def test_settings_that_train_nothing_are_refused(change):
    with pytest.raises(UsageError, match=next(iter(change))):
        TrainConfig(**change)
