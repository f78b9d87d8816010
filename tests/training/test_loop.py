import dataclasses
import json
import math
import re
import shutil

import pytest
import torch
from torch import nn

from stillseek.data.augmentation import Augmentation
from stillseek.data.batching import batch_indices
from stillseek.errors import CheckpointError, StillseekError, UsageError
from stillseek.evaluation.priors import best_prior
from stillseek.models.flp import Flp, FlpConfig
from stillseek.models.inputs import blind_query
from stillseek.models.matching import Matching, MatchingConfig
from stillseek.models.sail import Sail, SailConfig
from stillseek.models.sst import Sst, SstConfig
from stillseek.models.tal import Tal, TalConfig
from stillseek.synthetic.planted import PlantedConfig, planted_dataset
from stillseek.training import loop
from stillseek.training.config import TrainConfig
from stillseek.training.loop import train
from stillseek.training.state import read_run, save_tensors

PLANTED = PlantedConfig(
    clip_dim=13,
    region_dim=17,
    global_dim=11,
    code_dim=5,
    num_train_classes=7,
    num_held_out_classes=5,
    num_train_examples=11,
    num_held_out_examples=7,
)
TRAIN, VALIDATION = (list(planted_dataset(PLANTED, split, 0)) for split in ("train", "validation"))
CONFIG = TrainConfig(batch_size=4, max_epochs=3, patience=3)


def make_model(seed: int = 0) -> Sail:
    torch.manual_seed(seed)
    return Sail(
        SailConfig(
            clip_dim=13,
            region_dim=17,
            global_dim=11,
            num_layers=2,
            num_heads=2,
            projection_dim=3,
            window=2,
            ffn_dim=19,
            hidden_dim=5,
        )
    )


def run(folder, config=CONFIG, *, model=None, resume=False):
    model = make_model() if model is None else model
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
    _, other = run(tmp_path / "other", dataclasses.replace(CONFIG, seed=1, max_epochs=1))
    assert other.epochs[0].train_loss != first.epochs[0].train_loss


@pytest.mark.slow
def test_workers_change_no_bit(tmp_path):
    config = dataclasses.replace(CONFIG, max_epochs=2, augmentation=Augmentation(crop=0.5))
    (one, first), (two, second) = (
        run(tmp_path / str(workers), dataclasses.replace(config, num_workers=workers))
        for workers in (0, 1)
    )
    assert without_seconds(first) == without_seconds(second)
    assert same_weights(one, two)
    # A run may be resumed with another number of them.
    run(tmp_path / "1", config, resume=True)


def test_augmentation_changes_training_and_not_validation(tmp_path):
    # Steps that are too small to change an answer.
    config = dataclasses.replace(CONFIG, max_epochs=1, learning_rate=1e-30)
    changes = (Augmentation(crop=crop) for crop in (0.0, 1.0))
    (_, plain), (_, cropped) = (
        run(tmp_path / str(change.crop), dataclasses.replace(config, augmentation=change))
        for change in changes
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
        config = dataclasses.replace(CONFIG, max_epochs=1, bucket_by_length=bucket)
        run(tmp_path / str(bucket), config)

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


def same_files(tmp_path, one: str, two: str) -> bool:
    """Whether two runs ended with the same bits: weights, their average, Adam's moments."""
    for name in ("state.safetensors", "best.safetensors"):
        first, second = (
            loop.safetensors.torch.load_file(tmp_path / folder / name) for folder in (one, two)
        )
        if first.keys() != second.keys():
            return False
        if not all(torch.equal(first[key], second[key]) for key in first):
            return False
    return True


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
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "parts", EVERYTHING)
    monkeypatch.undo()
    # Other weights and other random state: all that matters must come from the files.
    resumed, result = run(tmp_path / "parts", EVERYTHING, model=make_model(seed=9), resume=True)
    assert without_seconds(result) == without_seconds(expected)
    assert same_weights(resumed, whole)
    assert same_files(tmp_path, "whole", "parts")


def test_a_run_of_a_constant_rate_may_have_more_epochs(tmp_path):
    config = dataclasses.replace(CONFIG, schedule="constant")
    _, expected = run(tmp_path / "whole", config)
    run(tmp_path / "parts", dataclasses.replace(config, max_epochs=2))
    _, result = run(tmp_path / "parts", config, model=make_model(seed=9), resume=True)
    assert without_seconds(result) == without_seconds(expected)
    assert same_files(tmp_path, "whole", "parts")


def test_a_run_whose_rate_falls_may_not_have_more_epochs(tmp_path):
    run(tmp_path, dataclasses.replace(CONFIG, max_epochs=1))
    with pytest.raises(UsageError, match="max_epochs was 1, now 2; use the old values"):
        run(tmp_path, dataclasses.replace(CONFIG, max_epochs=2), resume=True)


def test_the_learning_rate_rises_and_falls_to_zero(tmp_path, monkeypatch):
    seen = []
    step = loop._Run._step

    def spy(self, batch):
        seen.append(self.optimizer.param_groups[0]["lr"])
        return step(self, batch)

    monkeypatch.setattr(loop._Run, "_step", spy)
    run(tmp_path / "cosine", dataclasses.replace(CONFIG, warmup_steps=2))
    falling = [0.0005 * (1 + math.cos(math.pi * step / 9)) / 2 for step in range(9)]
    falling[0] /= 3
    falling[1] *= 2 / 3
    assert seen == pytest.approx(falling, rel=1e-12)

    seen.clear()
    run(tmp_path / "constant", dataclasses.replace(CONFIG, schedule="constant"))
    assert seen == [0.0005] * 9


def test_the_average_is_judged_and_kept_and_changes_no_step(tmp_path):
    raw, plain = run(tmp_path / "raw", dataclasses.replace(CONFIG, weight_average=0.0))
    averaged, result = run(tmp_path / "averaged", dataclasses.replace(CONFIG, weight_average=0.9))

    assert [e.train_loss for e in result.epochs] == [e.train_loss for e in plain.epochs]
    state = loop.safetensors.torch.load_file(tmp_path / "raw/state.safetensors")
    names = raw.state_dict().keys()
    assert all(torch.equal(state[f"average.{n}"], state[f"model.{n}"]) for n in names)
    state = loop.safetensors.torch.load_file(tmp_path / "averaged/state.safetensors")
    assert not any(torch.equal(state[f"average.{n}"], state[f"model.{n}"]) for n in names)
    kept = loop.safetensors.torch.load_file(result.weights)
    assert all(torch.equal(kept[name], w) for name, w in averaged.state_dict().items())


def test_turned_spaces_are_refused_where_there_is_not_one(tmp_path):
    config = dataclasses.replace(CONFIG, augmentation=Augmentation(rotation=1.0))
    with pytest.raises(UsageError, match="these are 13, 17 and 11 wide; leave it out"):
        run(tmp_path / "run", config)
    assert not (tmp_path / "run").exists()


def test_an_interrupted_run_resumes_at_its_last_finished_epoch(
    tmp_path, finished, interrupt_at, monkeypatch
):
    interrupt_at(3 * 2 + 1)
    with pytest.raises(KeyboardInterrupt, match=r"after 2 finished epochs.*resume"):
        run(tmp_path / "cut")
    monkeypatch.undo()
    assert len((tmp_path / "cut" / "epochs.jsonl").read_text().splitlines()) == 2
    _, result = run(tmp_path / "cut", resume=True)
    assert without_seconds(result) == without_seconds(finished[2])


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
    best, _ = run(tmp_path / "b", dataclasses.replace(config, max_epochs=2))
    assert same_weights(stopped, best)


def test_resuming_a_finished_run_changes_nothing(tmp_path, finished):
    folder, model, result = finished
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    again, same = run(tmp_path, model=make_model(seed=9), resume=True)
    assert dataclasses.replace(same, weights=result.weights) == result
    assert same_weights(again, model)


def test_one_batch_can_be_overfit(tmp_path):
    config = TrainConfig(learning_rate=0.02, batch_size=4, max_epochs=30, patience=30)
    torch.manual_seed(0)
    model = make_model()
    result = train(model, TRAIN[:4], TRAIN[:4], config, tmp_path, quiet=True)
    assert result.epochs[0].train_loss > 5
    assert result.best_miou > 0.9


WIDTHS = {"clip_dim": 13, "region_dim": 17, "global_dim": 11}
BASELINES = {
    "flp": lambda: Flp(FlpConfig(**WIDTHS, hidden_dim=19)),
    "sst": lambda: Sst(SstConfig(**WIDTHS, hidden_dim=19, num_proposals=19)),
    "tal": lambda: Tal(TalConfig(**WIDTHS, hidden_dim=19, anchor_scales=(3, 5, 7), dropout=0.0)),
}


@pytest.mark.parametrize("name", BASELINES)
def test_every_model_learns_by_its_own_loss(tmp_path, name):
    config = TrainConfig(learning_rate=0.01, batch_size=4, max_epochs=20, patience=20)
    torch.manual_seed(0)
    model = BASELINES[name]()
    result = train(model, TRAIN[:4], TRAIN[:4], config, tmp_path, quiet=True)
    assert result.epochs[-1].train_loss < 0.7 * result.epochs[0].train_loss
    assert result.best_miou > result.epochs[0].validation_miou + 0.1
    assert {epoch.validation_miou_independent for epoch in result.epochs} == {None}


@pytest.mark.parametrize("name", BASELINES)
def test_every_model_resumes(tmp_path, name):
    results = []
    for folder, stops in (("whole", (2,)), ("parts", (1, 2))):
        for stop in stops:
            torch.manual_seed(0)
            config = dataclasses.replace(CONFIG, max_epochs=stop, schedule="constant")
            _, result = run(tmp_path / folder, config, model=BASELINES[name](), resume=True)
        results.append(without_seconds(result))
    assert results[0] == results[1]


def test_a_model_that_cannot_learn_is_refused_before_anything_is_written(tmp_path):
    model = Matching(MatchingConfig(**WIDTHS | {"global_dim": 13}))
    with pytest.raises(UsageError, match="has nothing to train"):
        run(tmp_path / "run", model=model)
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
    _, changed = run(tmp_path, dataclasses.replace(CONFIG, **change))
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
    train(deaf_model(), TRAIN, VALIDATION, CONFIG, tmp_path / "deaf")
    lines = capsys.readouterr().err.splitlines()
    warnings = [line for line in lines if line.startswith("warning: ")]
    assert [w.partition(" gives the same answer")[0] for w in warnings] == [
        "warning: epoch 0",
        f"warning: the epoch that is kept, {max_epoch(tmp_path / 'deaf')},",
    ]
    records = (tmp_path / "deaf/epochs.jsonl").read_text().splitlines()
    assert [json.loads(record)["ignores_query"] for record in records] == [True] * 3
    # A control that is not to see it is none of these.
    blind = dataclasses.replace(CONFIG, query_blind=True, max_epochs=1)
    _, result = run(tmp_path / "blind", blind)
    assert not result.epochs[0].ignores_query
    assert not finished[2].epochs[-1].ignores_query


def max_epoch(folder) -> int:
    records = [json.loads(line) for line in (folder / "epochs.jsonl").read_text().splitlines()]
    return max(records, key=lambda record: record["validation_miou"])["epoch"]


def test_a_killed_run_resumes_and_leaves_nothing_behind(tmp_path):
    config = dataclasses.replace(CONFIG, max_epochs=1)
    run(tmp_path, config)
    # What a kill in the middle of an epoch's files leaves: half a file, and a log that is behind.
    left = tmp_path / f".{'3' * 16}.tmp.safetensors"
    left.write_bytes(b"half")
    (tmp_path / "epochs.jsonl").unlink()

    run(tmp_path, config, resume=True)

    assert not left.exists()
    assert len((tmp_path / "epochs.jsonl").read_text().splitlines()) == 1


def test_a_state_of_an_earlier_version_is_refused(tmp_path):
    run(tmp_path, dataclasses.replace(CONFIG, max_epochs=1))
    path = tmp_path / "state.safetensors"
    tensors, stored = loop.safetensors.torch.load_file(path), read_run(path)
    save_tensors(path, tensors, {"run": json.dumps({"format_version": 1, **stored})})

    with pytest.raises(CheckpointError, match=r"another version of stillseek.*train again"):
        run(tmp_path, resume=True)


def test_a_used_folder_is_refused_without_resume(finished):
    with pytest.raises(UsageError, match="already holds a training run; go on with it by --resume"):
        run(finished[0])


def test_a_run_is_not_resumed_as_another(tmp_path, finished):
    shutil.copytree(finished[0], tmp_path, dirs_exist_ok=True)
    with pytest.raises(UsageError, match=r"learning_rate was 0\.0005, now 0\.001"):
        run(tmp_path, dataclasses.replace(CONFIG, learning_rate=0.001), resume=True)
    with pytest.raises(UsageError, match="region_dim was 17, now 4096"):
        run(tmp_path, model=Sail(SailConfig(clip_dim=13)), resume=True)
    (tmp_path / "state.safetensors").write_bytes(b"broken")
    with pytest.raises(CheckpointError, match="no training state"):
        run(tmp_path, resume=True)


def test_a_run_is_not_resumed_with_other_examples(finished):
    streams = TRAIN[:-2]  # as drawn streams are other examples, and fewer or more

    with pytest.raises(
        UsageError, match=f"num_train_examples was {len(TRAIN)}, now {len(streams)}"
    ):
        train(make_model(), streams, VALIDATION, CONFIG, finished[0], resume=True, quiet=True)


def test_a_run_is_not_resumed_with_another_model_of_the_same_shapes(finished):
    model = make_model()
    ablation = Sail(dataclasses.replace(model.config, local_self_attention=False))

    with pytest.raises(UsageError, match="local_self_attention was True, now False"):
        run(finished[0], model=ablation, resume=True)


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
