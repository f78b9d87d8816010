"""Every verb that names a recipe, with a recipe other than ``pocket``."""

from dataclasses import replace
from pathlib import Path

import pytest
from small_options import SHORT

from stillseek.errors import UsageError
from stillseek.features import Recipe, RecipeOptions
from stillseek.features.recipes.recipe import QueryFeatures, VideoFeatures

NAME = "torchvision:means"
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
def places(recipes, dataset: Path, tmp_path: Path, run) -> list[str]:
    run("extract", "--dataset", dataset, "--out", tmp_path / "store", "--recipe", NAME)
    return ["--dataset", str(dataset), "--store", str(tmp_path / "store")]


@pytest.fixture
def head(places: list[str], tmp_path: Path, run) -> str:
    words = [*places, "--recipe", NAME, "--out", tmp_path / "run", *SHORT]
    run("train", *words, may_complain=True)
    return str(tmp_path / "run/head")


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
    verb, given, expected, dataset, tmp_path, monkeypatch, refused
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
    words = [dataset if word == "D" else word for word in verb]

    assert refused(*words, "--recipe", NAME, *GIVEN, *given.split()) == "seen"
    assert seen == [(NAME, replace(OPTIONS, **expected))]


def test_a_recipe_without_gpu_stays_on_the_cpu(dataset, monkeypatch, refused) -> None:
    seen = []

    def load(name: str, options: RecipeOptions) -> Recipe:
        seen.append(options.device)
        raise UsageError("seen")

    replace_load_recipe(monkeypatch, load)
    command = ["evaluate", "--dataset", dataset, "--store", "s", "--out", "o", "--matching"]

    assert refused(*command, "--recipe", "mobilenet", "--device", "cuda") == "seen"
    assert seen == ["cpu"]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["dataset", "check", "D", "--precision", "fp32"], "give --store DIR too"),
        (["dataset", "check", "D", "--recipe", "pocket"], "give --store DIR too"),
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
def test_options_without_effect_exit_with_2(command, message, refused) -> None:
    assert message in refused(*command)


def test_a_head_of_unequal_widths_is_trained_scored_and_used(
    places: list[str], head: str, search: list[str], tmp_path: Path, run
) -> None:
    words = ["--recipe", NAME, "--checkpoint", head]
    told = run("evaluate", *places, *words, "--out", tmp_path / "scores", may_complain=True)
    assert "| sail | joint |" in told
    assert f"recipe {NAME}, model sail:run)" in run(*search, *words)
    run("dataset", "check", places[1], *places[2:], "--recipe", NAME)


def test_a_run_finds_its_head_its_recipe_and_the_options_by_itself(
    dataset: Path, recipes, search: list[str], tmp_path: Path, monkeypatch, run, refused
) -> None:
    weights, folder = tmp_path / "w.pt", tmp_path / "run"
    weights.touch()
    monkeypatch.chdir(tmp_path)
    loading = ["--recipe", NAME, "--weights", "w.pt"]
    places = ["--dataset", dataset, "--store", tmp_path / "other"]
    run("extract", "--dataset", dataset, "--out", places[3], *loading)
    # A head that is exported in a second.
    flp = ["--model", "flp", "--hidden-dim", "7", "--max-epochs", "1"]
    told = run("train", *places, *loading, "--out", folder, *flp, may_complain=True)
    assert told.endswith(f"wrote {folder}/head; use it with --checkpoint {folder}\n")
    # From anywhere else.
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    evaluate = ["evaluate", *places, "--out", tmp_path / "scores", "--checkpoint", folder]
    assert "| flp | joint |" in run(*evaluate, may_complain=True)
    assert f"recipe {NAME}, model flp:run)" in run(*search, "--checkpoint", folder)
    told = run("export", folder, "--out", "head.onnx")
    assert told.endswith(f"for features of recipe {NAME}\n")
    told = run(*search, "--checkpoint", "head.onnx", "--weights", weights)
    assert f"recipe {NAME}, model flp:head)" in told

    # What is given wins, and the rest is still the head's.
    assert "not of 'pocket' with " in refused(*evaluate, "--recipe", "pocket", code=1)
    weights.rename(tmp_path / "moved.pt")
    assert refused(*search, "--checkpoint", folder) == (
        f"head '{folder}' was trained on features of recipe {NAME!r} with --weights {weights}, and "
        "that is not there; give --weights with where it is now"
    )
    run(*search, "--checkpoint", folder, "--weights", tmp_path / "moved.pt")


@pytest.mark.usefixtures("recipes")
def test_no_head_and_no_common_space_says_what_to_do(search: list[str], tmp_path, refused) -> None:
    command = [*search, "--recipe", NAME]

    assert refused(*command, code=1) == (
        f"no head is shipped for recipe {NAME!r}; train one with stillseek train and give its "
        "folder as checkpoint (--checkpoint)"
    )
    message = (
        f"recipe {NAME!r} encodes clips and pictures with different networks, and matching cannot "
        "compare the two; train a head with stillseek train and give its folder as checkpoint "
        "(--checkpoint)"
    )
    assert refused(*command, "--model", "matching") == message
    export = ["export", "--recipe", NAME, "--model", "matching", "--out", tmp_path / "m.onnx"]
    assert refused(*export) == message


def test_a_store_of_another_recipe_is_refused(
    places: list[str], tmp_path: Path, refused, heard
) -> None:
    out = ["--out", tmp_path / "out"]
    train = ["train", *places, *out, *SHORT]
    evaluate = ["evaluate", *places, *out, "--matching"]
    extract = f"stillseek extract --dataset {places[1]} --out {places[3]} --recipe"

    for command in (train, evaluate):
        message = refused(*command, code=1)
        assert message.startswith(f"the store {places[3]} has no features of ")
        others = f"only those of fingerprint {'f' * 16} (recipe {NAME}: use --recipe {NAME})"
        assert others in message
        assert f"; make them with: {extract.removesuffix(' --recipe')}" in message

    precise = ["--recipe", NAME, "--recipe-precision", "bf16"]
    message = refused(*train, *precise, code=1)
    assert "(the same recipe in fp32: use --recipe-precision fp32)" in message
    assert message.endswith(f"; make them with: {extract} {NAME} --precision bf16")
    message = refused(*train, "--recipe", NAME, "--weights", "w.pt", code=1)
    assert f"{'f' * 16} ({NAME} with other weights or options); make them with" in message
    assert message.endswith(f"{NAME} --weights w.pt")
    assert not (tmp_path / "out").exists()

    check = ["dataset", "check", places[1], *places[2:], "--recipe", NAME, "--precision", "bf16"]
    last = heard(*check, code=1).err.splitlines()[-1]
    assert f"comes with: {extract} {NAME} --precision bf16; the store has those of " in last
    assert last.endswith("(the same recipe in fp32: use --precision fp32)")


def test_a_head_of_another_recipe_is_refused(
    places: list[str], head: str, search: list[str], tmp_path: Path, refused
) -> None:
    anew = "or train a head on these features"

    for command in (["evaluate", *places, "--out", tmp_path / "out"], search):
        for words, end in (
            (["pocket"], f"; use --recipe {NAME}, {anew}"),
            (
                [NAME, "--recipe-precision", "bf16"],
                "; that is the same recipe in fp32: use --recipe-precision fp32",
            ),
            (
                [NAME, "--weights", "w.pt"],
                f"; use the files and options that it was trained with, {anew}",
            ),
        ):
            message = refused(*command, "--checkpoint", head, "--recipe", *words, code=1)
            assert message.startswith(f"head '{head}' was trained on features of recipe {NAME!r}")
            assert message.endswith(end)
