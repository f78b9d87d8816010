"""Every verb that names a recipe, with a recipe other than ``pocket``."""

from dataclasses import replace
from pathlib import Path

import pytest

from stillseek.cli.app import main
from stillseek.errors import UsageError
from stillseek.features import Recipe, RecipeOptions
from stillseek.features.recipes.recipe import QueryFeatures, VideoFeatures

NAME = "torchvision:means"
SMALL = (
    *("--num-layers", "1", "--num-heads", "1", "--projection-dim", "5", "--window", "2"),
    *("--ffn-dim", "7", "--hidden-dim", "3", "--batch-size", "3", "--max-epochs", "1"),
)
FINGERPRINTS = {"auto": "f" * 64, "fp32": "f" * 64, "bf16": "b" * 64}


class NarrowRecipe(Recipe):
    """Another recipe's features, cut to three different widths."""

    name = NAME
    clip_dim, region_dim, global_dim = 5, 7, 11

    def __init__(self, whole: Recipe, fingerprint: str) -> None:
        self._whole, self.fingerprint = whole, fingerprint
        self.batch_units = whole.batch_units

    def open_video(self, path):
        return self._whole.open_video(path)

    def encode_units(self, units):
        return self._whole.encode_units(units)

    def assemble(self, units, stream):
        whole = self._whole.assemble(units, stream)
        return VideoFeatures(
            clips=whole.clips[:, :5], grid=whole.grid, fingerprint=self.fingerprint
        )

    def encode_pixels(self, image):
        whole = self._whole.encode_pixels(image)
        return QueryFeatures(
            regions=whole.regions[:, :7],
            boxes=whole.boxes,
            global_feature=whole.global_feature[:11],
            fingerprint=self.fingerprint,
        )


def replace_load_recipe(monkeypatch: pytest.MonkeyPatch, load) -> None:
    for module in ("features", "features.recipes.registry", "localize.head"):
        monkeypatch.setattr(f"stillseek.{module}.load_recipe", load)


@pytest.fixture
def recipes(monkeypatch: pytest.MonkeyPatch, small_recipe) -> None:
    """``pocket`` and ``lite`` are the small one, and one has unequal widths by its precision."""

    def load(name: str, options: RecipeOptions | None = None) -> Recipe:
        if name in ("pocket", "lite"):
            return small_recipe
        assert name == NAME
        options = options or RecipeOptions()
        others = "e" * 64 if options.weights else FINGERPRINTS[options.precision]
        return NarrowRecipe(small_recipe, others)

    replace_load_recipe(monkeypatch, load)


@pytest.fixture
def store(recipes, dataset: Path, tmp_path: Path, capsys) -> Path:
    command = ["extract", "--dataset", str(dataset), "--out", str(tmp_path / "store")]
    assert main([*command, "--recipe", NAME]) == 0
    capsys.readouterr()
    return tmp_path / "store"


@pytest.fixture
def places(dataset: Path, store: Path) -> list[str]:
    return ["--dataset", str(dataset), "--store", str(store)]


@pytest.fixture
def head(places: list[str], tmp_path: Path, capsys) -> str:
    command = ["train", *places, "--recipe", NAME, "--out", str(tmp_path / "run"), *SMALL]
    assert main(command) == 0
    capsys.readouterr()
    return str(tmp_path / "run/head")


def error_of(command: list[str], code: int, capsys) -> str:
    """The one line of a failure."""
    assert main(command) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    return captured.err


GIVEN = ("--weights", "w", "--detector", "d", "--reduction", "r")
OPTIONS = RecipeOptions(
    weights=Path("w"), detector=Path("d"), reduction=Path("r"), precision="bf16"
)


@pytest.mark.parametrize(
    ("verb", "given", "expected"),
    [
        (("locate", "v.mp4", "--image", "i.png"), "--recipe-precision bf16", {}),
        (
            ("locate", "v.mp4", "--image", "i.png", "--precision", "fp32"),
            "--recipe-precision bf16 --device cuda:1",
            {"device": "cuda:1"},
        ),
        (("train", "--dataset", "D", "--store", "S", "--out", "o"), "--recipe-precision bf16", {}),
        (
            ("evaluate", "--dataset", "D", "--store", "S", "--out", "o", "--matching"),
            "--recipe-precision bf16 --device cuda:1",
            {"device": "cuda:1"},
        ),
        (
            ("export", "--out", "o.onnx"),
            "--precision bf16 --device cuda:1",
            {"device": "cuda:1"},
        ),
        (("dataset", "check", "D", "--store", "S"), "--precision bf16", {}),
        (("demo",), "--precision bf16", {}),
    ],
)
def test_options_reach_the_recipe(
    verb, given, expected, dataset, tmp_path, monkeypatch, capsys
) -> None:
    seen = []
    monkeypatch.chdir(tmp_path)
    for name in ("v.mp4", "i.png"):
        Path(name).write_text("looked at later")
    Path("S/logs").mkdir(parents=True)

    def load(name: str, options: RecipeOptions) -> Recipe:
        seen.append((name, options))
        raise UsageError("seen")

    replace_load_recipe(monkeypatch, load)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    words = [str(dataset) if word == "D" else word for word in verb]

    assert main([*words, "--recipe", NAME, *GIVEN, *given.split()]) == 2

    assert capsys.readouterr().err == "error: seen\n"
    assert seen == [(NAME, replace(OPTIONS, **expected))]


def test_a_recipe_without_gpu_stays_on_the_cpu(dataset, monkeypatch, capsys) -> None:
    seen = []

    def load(name: str, options: RecipeOptions) -> Recipe:
        seen.append(options.device)
        raise UsageError("seen")

    replace_load_recipe(monkeypatch, load)
    command = ["evaluate", "--dataset", str(dataset), "--store", "s", "--out", "o", "--matching"]

    assert main([*command, "--recipe", "mobilenet", "--device", "cuda"]) == 2

    assert seen == ["cpu"]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["dataset", "check", "D", "--precision", "fp32"], "give --store DIR too"),
        (["dataset", "build", "--annotations", "a.json", "--weights", "w"], "give --query-frame"),
        (
            ["dataset", "build", "--annotations", "a.json", "--videos", "v", "--reduction", "r"],
            "give --query-frame typical as well",
        ),
        (
            [
                *("dataset", "build", "--annotations", "a.json", "--videos", "v"),
                *("--query-frame", "typical", "--reduction", "r"),
            ],
            "--reduction has no effect on them",
        ),
        (["export", "D", "--out", "o.onnx", "--weights", "w"], "give a folder, or --recipe and"),
    ],
)
def test_options_without_effect_exit_with_2(command, message, capsys) -> None:
    assert message in error_of(command, 2, capsys)


def test_a_head_of_unequal_widths_is_trained_scored_and_used(
    places: list[str], head: str, search: list[str], tmp_path: Path, capsys
) -> None:
    out = ["--out", str(tmp_path / "scores")]
    assert main(["evaluate", *places, "--recipe", NAME, "--checkpoint", head, *out]) == 0
    assert "| sail | joint |" in capsys.readouterr().out

    assert main([*search, "--recipe", NAME, "--checkpoint", head]) == 0
    assert f"recipe {NAME}, model sail:run)" in capsys.readouterr().out

    assert main(["dataset", "check", places[1], *places[2:], "--recipe", NAME]) == 0


def test_a_run_finds_its_head_its_recipe_and_the_options_by_itself(
    dataset: Path, recipes, search: list[str], tmp_path: Path, monkeypatch, capsys
) -> None:
    weights, run = tmp_path / "w.pt", str(tmp_path / "run")
    weights.touch()
    monkeypatch.chdir(tmp_path)
    loading = ["--recipe", NAME, "--weights", "w.pt"]
    places = ["--dataset", str(dataset), "--store", str(tmp_path / "other")]
    assert main(["extract", "--dataset", str(dataset), "--out", places[3], *loading]) == 0
    assert main(["train", *places, *loading, "--out", run, *SMALL]) == 0
    assert capsys.readouterr().out.endswith(f"wrote {run}/head; use it with --checkpoint {run}\n")
    # From anywhere else.
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    evaluate = ["evaluate", *places, "--out", str(tmp_path / "scores"), "--checkpoint", run]
    assert main(evaluate) == 0
    assert "| sail | joint |" in capsys.readouterr().out
    assert main([*search, "--checkpoint", run]) == 0
    assert f"recipe {NAME}, model sail:run)" in capsys.readouterr().out
    assert main(["export", run, "--out", "head.onnx"]) == 0
    assert capsys.readouterr().out.endswith(f"for features of recipe {NAME}\n")
    assert main([*search, "--checkpoint", "head.onnx", "--weights", str(weights)]) == 0
    assert f"recipe {NAME}, model sail:head)" in capsys.readouterr().out

    # What is given wins, and the rest is still the head's.
    assert "not of 'pocket' with " in error_of([*evaluate, "--recipe", "pocket"], 1, capsys)
    weights.rename(tmp_path / "moved.pt")
    assert error_of([*search, "--checkpoint", run], 2, capsys) == (
        f"error: head '{run}' was trained on features of recipe {NAME!r} with --weights {weights}, "
        "and that is not there; give --weights with where it is now\n"
    )
    assert main([*search, "--checkpoint", run, "--weights", str(tmp_path / "moved.pt")]) == 0


def test_a_run_without_a_head_names_resume(dataset: Path, tmp_path: Path, capsys) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.json").write_text("{}")
    places = ["--dataset", str(dataset), "--store", str(tmp_path / "store")]
    command = ["evaluate", *places, "--out", str(tmp_path / "out"), "--checkpoint", str(run)]

    message = error_of(command, 1, capsys)

    assert message.startswith(f"error: the training run {run} is not finished and has no head yet")
    assert message.endswith(f"stillseek train ... --out {run} --resume\n")
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("recipes")
def test_no_head_and_no_common_space_says_what_to_do(
    search: list[str], tmp_path: Path, capsys
) -> None:
    command = [*search, "--recipe", NAME]

    assert error_of(command, 1, capsys) == (
        f"error: no head is shipped for recipe {NAME!r}; train one with stillseek train and give "
        "its folder as checkpoint (--checkpoint)\n"
    )
    refused = (
        f"error: recipe {NAME!r} encodes clips and pictures with different networks, and matching "
        "cannot compare the two; train a head with stillseek train and give its folder as "
        "checkpoint (--checkpoint)\n"
    )
    assert error_of([*command, "--model", "matching"], 2, capsys) == refused
    export = ["export", "--recipe", NAME, "--model", "matching", "--out", str(tmp_path / "m.onnx")]
    assert error_of(export, 2, capsys) == refused


def test_a_store_of_another_recipe_is_refused(
    places: list[str], head: str, tmp_path: Path, capsys
) -> None:
    out = ["--out", str(tmp_path / "out")]
    train = ["train", *places, *out, *SMALL]
    evaluate = ["evaluate", *places, *out, "--matching"]
    extract = f"stillseek extract --dataset {places[1]} --out {places[3]} --recipe"

    for command in (train, evaluate):
        message = error_of(command, 1, capsys)
        assert message.startswith(f"error: the store {places[3]} has no features of ")
        assert f"only those of fingerprint {'f' * 16} (recipe {NAME}: use --recipe {NAME})" in (
            message
        )
        assert f"; make them with: {extract.removesuffix(' --recipe')}" in message

    precise = ["--recipe", NAME, "--recipe-precision", "bf16"]
    message = error_of([*train, *precise], 1, capsys)
    assert "(the same recipe in fp32: use --recipe-precision fp32)" in message
    assert message.endswith(f"; make them with: {extract} {NAME} --precision bf16\n")
    message = error_of([*train, "--recipe", NAME, "--weights", "w.pt"], 1, capsys)
    assert f"{'f' * 16} ({NAME} with other weights or options); make them with" in message
    assert message.endswith(f"{NAME} --weights w.pt\n")
    assert not (tmp_path / "out").exists()

    check = ["dataset", "check", places[1], *places[2:], "--recipe", NAME, "--precision", "bf16"]
    assert main(check) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert f"comes with: {extract} {NAME} --precision bf16; the store has those of " in last
    assert last.endswith("(the same recipe in fp32: use --precision fp32)")


def test_a_head_of_another_recipe_is_refused(
    places: list[str], head: str, search: list[str], tmp_path: Path, capsys
) -> None:
    evaluate = ["evaluate", *places, "--out", str(tmp_path / "out")]

    for command in (evaluate, search):
        command = [*command, "--checkpoint", head]
        message = error_of([*command, "--recipe", "pocket"], 1, capsys)
        assert message.startswith(
            f"error: head '{head}' was trained on features of recipe {NAME!r}"
        )
        assert message.endswith(f"; use --recipe {NAME}, or train a head on these features\n")
        precise = ["--recipe", NAME, "--recipe-precision", "bf16"]
        assert error_of([*command, *precise], 1, capsys).endswith(
            "; that is the same recipe in fp32: use --recipe-precision fp32\n"
        )
        weights = ["--recipe", NAME, "--weights", "w.pt"]
        assert error_of([*command, *weights], 1, capsys).endswith(
            "; use the files and options that it was trained with, or train a head on these "
            "features\n"
        )
