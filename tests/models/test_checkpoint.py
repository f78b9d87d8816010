import copy
import dataclasses
import hashlib
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from heads import make_head, make_inputs

from stillseek.errors import CheckpointError
from stillseek.features import RecipeOptions
from stillseek.models import checkpoint as checkpoint_module
from stillseek.models.catalog import MODELS, model_name
from stillseek.models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint


@pytest.fixture
def checkpoint() -> Checkpoint:
    return Checkpoint(
        model=make_head("sail", window=3, local_self_attention=False),
        recipe_name="pocket",
        recipe_fingerprint="f00d",
        training={"epochs": 3, "best": {"miou": 0.5}},
    )


MISSING = object()
# A value that is not the default wherever types differ.
CHANGES: dict[str, dict[str, Any]] = {
    "flp": {"dropout": 0.25},
    "similarity": {"least_steadiness": 0.25},
    "matching": {"centring": None, "scale": 3.0},
}


def checkpoint_of(name: str) -> Checkpoint:
    model = make_head(name, **CHANGES.get(name, {}))
    return Checkpoint(model=model, recipe_name="r", recipe_fingerprint="f00d", training={})


@pytest.fixture
def saved(checkpoint, tmp_path) -> Path:
    save_checkpoint(tmp_path / "sail", checkpoint)
    return tmp_path / "sail"


def load(path: Path) -> Checkpoint:
    return load_checkpoint(path, recipe_fingerprint="f00d")


def edit(path: Path, key: str, value: Any) -> None:
    """Changes one entry of the header, or takes it away; a dotted key goes one level down."""
    header = json.loads((path / "checkpoint.json").read_text())
    *parents, last = key.split(".")
    target = header
    for parent in parents:
        target = target[parent]
    target[last] = value
    if value is MISSING:
        del target[last]
    (path / "checkpoint.json").write_text(json.dumps(header))


def test_round_trip(checkpoint, saved):
    loaded = load(saved)

    assert loaded.model.config == checkpoint.model.config
    assert (loaded.recipe_name, loaded.recipe_fingerprint) == ("pocket", "f00d")
    assert loaded.training == {"epochs": 3, "best": {"miou": 0.5}}
    assert loaded.calibration is None
    assert not loaded.model.training
    for name, tensor in checkpoint.model.state_dict().items():
        assert torch.equal(loaded.model.state_dict()[name], tensor), name
    assert sorted(file.name for file in saved.iterdir()) == ["checkpoint.json", "model.safetensors"]
    assert [entry.name for entry in saved.parent.iterdir()] == ["sail"]


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_model_comes_back_as_itself(name, tmp_path):
    saved = checkpoint_of(name)
    model = saved.model
    save_checkpoint(tmp_path / name, saved)

    loaded = load(tmp_path / name).model

    assert json.loads((tmp_path / name / "checkpoint.json").read_text())["model"] == name
    assert type(loaded) is type(model)
    assert model_name(loaded) == name
    assert loaded.config == model.config  # tuples are tuples again
    for key, tensor in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[key], tensor), key
    assert not any(tensor.is_meta for tensor in (*loaded.parameters(), *loaded.buffers()))


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("tal", "anchor_scales", 3),
        ("tal", "anchor_scales", [1, 2.5]),
        ("tal", "anchor_scales", [1, True]),
        ("matching", "centring", "image"),
        ("matching", "centring", 1),
        ("matching", "scale", None),
    ],
)
def test_wrong_types_are_refused_in_every_config(name, key, value, tmp_path):
    save_checkpoint(tmp_path / name, checkpoint_of(name))
    edit(tmp_path / name, f"config.{key}", value)

    with pytest.raises(CheckpointError, match=f"config: {key}.*: (Expected|Invalid)"):
        load(tmp_path / name)


def test_loaded_model_gives_the_same_output_and_can_train_on(checkpoint, saved):
    inputs = make_inputs([7, 5], [3, 2])
    model = load_checkpoint(saved, recipe_fingerprint=None).model

    output = model.double()(inputs)

    expected = checkpoint.model.double().eval()(inputs)
    assert torch.equal(output.start_logits, expected.start_logits)
    output.start_logits[0, 0].backward()
    assert model.region_encoder.global_feature.weight.grad is not None


def test_float16_halves_the_file_and_loads_as_float32(checkpoint, saved, tmp_path):
    save_checkpoint(tmp_path / "half", checkpoint, weights="float16")

    loaded = load(tmp_path / "half").model

    small, large = (
        sum(t.nbytes for t in safetensors.torch.load_file(p / "model.safetensors").values())
        for p in (tmp_path / "half", saved)
    )
    assert 2 * small == large
    for name, tensor in loaded.state_dict().items():
        assert tensor.dtype == torch.float32
        # float16 keeps 11 bits: half a unit in the last place is 2^-11 of the value, and 2^-25
        # below its normal range.
        torch.testing.assert_close(
            tensor, checkpoint.model.state_dict()[name], rtol=2**-11, atol=2**-25
        )


def test_saving_again_replaces(checkpoint, saved):
    with torch.no_grad():
        checkpoint.model.localizer.start.score.weight.fill_(0.25)
    save_checkpoint(saved, checkpoint)

    loaded = load(saved)

    assert (loaded.model.localizer.start.score.weight == 0.25).all()
    assert [entry.name for entry in saved.parent.iterdir()] == ["sail"]


def test_failed_save_keeps_the_old_checkpoint(checkpoint, saved, monkeypatch):
    replace = Path.replace

    def failing(self: Path, target: Path) -> Path:
        if target.name == "checkpoint.json":
            raise OSError("no space left")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(CheckpointError, match="no space left"):
        save_checkpoint(saved, fill(checkpoint, 0.25))

    load(saved)
    assert sorted(file.name for file in saved.iterdir()) == ["checkpoint.json", "model.safetensors"]


def fill(checkpoint: Checkpoint, value: float) -> Checkpoint:
    """The same model with one number for every weight, and a header that says which."""
    model = copy.deepcopy(checkpoint.model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(value)
    return dataclasses.replace(checkpoint, model=model, training={"value": value})


def test_whoever_dies_while_saving_leaves_the_old_checkpoint_or_the_new_one(
    checkpoint, tmp_path, dying_writes
):
    path = tmp_path / "head"
    save_checkpoint(path, fill(checkpoint, 0.0))
    value, seen = 0.0, set()

    def save_another() -> None:
        nonlocal value
        value += 1.0
        save_checkpoint(path, fill(checkpoint, value))

    for _ in dying_writes(save_another):
        found = load(path)
        weights = {w for p in found.model.parameters() for w in p.flatten().tolist()}
        assert weights == {found.training["value"]}
        seen.add(value - found.training["value"])

    assert 0.0 in seen
    assert len(seen) > 1  # some deaths left the new one, others an older one
    assert found.training["value"] == value
    assert sorted(file.name for file in path.iterdir()) == ["checkpoint.json", "model.safetensors"]


def test_whoever_dies_while_saving_the_first_leaves_none_or_a_whole_one(
    checkpoint, tmp_path, dying_writes
):
    path, is_there = tmp_path / "head", False
    for _ in dying_writes(lambda: save_checkpoint(path, checkpoint)):
        is_there = is_there or (path / "checkpoint.json").exists()
        if is_there:
            load(path)
    assert is_there


def test_a_reader_meets_a_writer_between_the_two_files(checkpoint, saved, monkeypatch):
    read = checkpoint_module.read_header
    writes = iter([fill(checkpoint, 0.5)])

    def read_then_write(path: Path) -> dict[str, Any]:
        header = read(path)
        for new in writes:
            save_checkpoint(path, new)
        return header

    monkeypatch.setattr(checkpoint_module, "read_header", read_then_write)

    assert load(saved).training == {"value": 0.5}


@pytest.mark.parametrize("name", ["notes.txt", "sail/notes.txt"])
def test_saving_never_deletes_foreign_files(checkpoint, saved, name):
    notes = saved.parent / name
    notes.write_text("mine")

    with pytest.raises(CheckpointError, match=r"holds 'notes\.txt'.*choose another directory"):
        save_checkpoint(notes if name == "notes.txt" else saved, checkpoint)

    assert notes.read_text() == "mine"


def test_float16_refuses_weights_beyond_its_range(checkpoint, tmp_path):
    with torch.no_grad():
        checkpoint.model.localizer.start.score.weight[0, 0] = 1e5

    with pytest.raises(CheckpointError, match=r"localizer\.start\.score\.weight is not finite"):
        save_checkpoint(tmp_path / "half", checkpoint, weights="float16")
    save_checkpoint(tmp_path, checkpoint)  # into an empty folder, as nothing was written


def test_refuses_a_summary_that_is_not_json(checkpoint, tmp_path):
    broken = dataclasses.replace(checkpoint, training={"loss": float("nan")})

    with pytest.raises(CheckpointError, match="must be finite JSON values"):
        save_checkpoint(tmp_path / "sail", broken)
    assert list(tmp_path.iterdir()) == []


def test_other_fingerprint_is_refused_with_what_to_do(saved):
    with pytest.raises(
        CheckpointError,
        match=r"'beef'.*needs 'pocket' with fingerprint 'f00d'; extract again with --recipe pocket",
    ):
        load_checkpoint(saved, recipe_fingerprint="beef")


def test_missing_file(saved):
    (saved / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"cannot read .*model\.safetensors: No such file"):
        load(saved)
    (saved / "checkpoint.json").unlink()
    with pytest.raises(CheckpointError, match=rf"{saved} has no checkpoint\.json; give the folder"):
        load(saved)


def test_missing_directory(tmp_path):
    with pytest.raises(CheckpointError, match=r"none is no folder with a checkpoint\.json; give"):
        load(tmp_path / "none")


@pytest.mark.parametrize(
    ("message", "texts"),
    [
        ("is not JSON", ["", "{", "\udcff", "[" * 100_000]),
        ("expected 1; use the stillseek version", ["[]", "{}", '{"format_version": 2}']),
    ],
)
def test_a_header_that_cannot_be_read(saved, message, texts):
    for text in texts:
        (saved / "checkpoint.json").write_bytes(text.encode(errors="surrogateescape"))

        with pytest.raises(CheckpointError, match=message):
            load(saved)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("surprise", 1, "unknown key 'surprise'"),
        ("config.window", MISSING, "config has no key 'window'"),
        ("config.surprise", 1, "config: unknown key 'surprise'"),
        ("recipe.surprise", "x", "recipe: unknown key 'surprise'"),
        ("model", "mystery", r"model 'mystery', expected one of \['flp', 'matching', "),
        ("config.num_heads", 0, "num_heads must be at least 1, got 0"),
        ("config.num_heads", "3", "config: num_heads: Expected `int`, got `str`; copy"),
        ("config.num_heads", True, "config: num_heads: Expected `int`, got `bool`"),
        ("config.local_self_attention", 0, "local_self_attention: Expected `bool`, got `int`"),
        ("config.dropout", "0.1", "dropout: Expected `float`, got `str`"),
        ("config.ffn_dim", 23, r"does not fit the config.*: weight '[^\n]+; copy the check[^\n]+$"),
        ("config.num_layers", 3, r"shape None, expected \(\d+,\); copy the checkpoint again$"),
        ("config.num_layers", 10**9, "num_layers must be at most 1000, got 1000000000"),
        ("config.hidden_dim", 10**30, "hidden_dim must be at most 65536, got 10000"),
        ("config", None, "json: config: Expected `object`, got `null`"),
        ("training", "good", "training: Expected `object`, got `str`"),
        ("recipe.options", [], r"recipe: options: Expected `object \| null`, got `array`"),
        ("recipe.options", {"weights": 3}, "recipe: options.*: Expected `str`, got `int`"),
        ("recipe.options", {"sampling": "x"}, "recipe options: unknown key 'sampling'"),
        ("recipe.options", {"precision": "fp8"}, "options: precision: Invalid enum value 'fp8'"),
        ("recipe.name", None, "recipe: name: Expected `str`, got `null`"),
        ("weights_sha256", "0", "is not the file that checkpoint.json was written with"),
    ],
)
def test_tampered_header(saved, key, value, message):
    edit(saved, key, value)

    with pytest.raises(CheckpointError, match=message):
        load(saved)


def test_truncated_weights(saved):
    weights = saved / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4])

    with pytest.raises(CheckpointError, match="copy the checkpoint again"):
        load(saved)


def test_pickled_weights_are_refused_and_never_run(saved, tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    data = pickle.dumps(Trap())
    (saved / "model.safetensors").write_bytes(data)
    edit(saved, "weights_sha256", hashlib.sha256(data).hexdigest())

    with pytest.raises(CheckpointError, match="does not fit the config"):
        load(saved)
    assert not (tmp_path / "sprung").exists()


def test_the_folder_of_a_run_stands_for_its_head(tmp_path, checkpoint):
    save_checkpoint(tmp_path / "head", checkpoint)
    (tmp_path / "config.json").write_text("{}")

    assert load_checkpoint(tmp_path, recipe_fingerprint=None).training == checkpoint.training


@pytest.mark.parametrize("name", ["run", "run/head"])
def test_a_run_that_is_not_finished_names_resume(tmp_path, name):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/config.json").write_text("{}")

    with pytest.raises(CheckpointError) as error:
        load_checkpoint(tmp_path / name, recipe_fingerprint=None)
    assert str(error.value) == (
        f"the training run {tmp_path}/run is not finished and has no head yet; finish it with the "
        f"command that began it and --resume: stillseek train ... --out {tmp_path}/run --resume"
    )


def test_an_exported_head_is_no_checkpoint(tmp_path):
    file = tmp_path / "head.onnx"
    file.write_bytes(b"")

    with pytest.raises(CheckpointError, match=r"an exported head, which can be searched with only"):
        load_checkpoint(file, recipe_fingerprint=None)


def test_the_options_of_the_recipe_come_back(checkpoint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("w.pth").touch()
    options = RecipeOptions(
        weights=Path("w.pth"), detector=Path("torchvision:x"), device="cuda", precision="bf16"
    )
    save_checkpoint(tmp_path / "a", dataclasses.replace(checkpoint, recipe_options=options))

    found = load(tmp_path / "a").recipe_options

    # Wherever it is read, and on whichever device.
    assert found == dataclasses.replace(options, weights=tmp_path / "w.pth", device="cpu")
    save_checkpoint(tmp_path / "b", checkpoint)
    assert load(tmp_path / "b").recipe_options is None


def test_heads_of_before_whitening_do_not_whiten(tmp_path):
    made = checkpoint_of("similarity")
    save_checkpoint(tmp_path / "head", made)
    edit(tmp_path / "head", "config.whitening", MISSING)

    assert load(tmp_path / "head").model.config == made.model.config
