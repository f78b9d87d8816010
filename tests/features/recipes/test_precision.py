from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from stillseek.errors import UsageError
from stillseek.features import RecipeOptions, load_recipe, precision_of
from stillseek.features.recipes.pocket import PocketRecipe
from stillseek.features.recipes.pocket_encoder import PocketEncoder
from stillseek.features.recipes.precision import (
    choose_dtype,
    exact_float32,
    find_device,
    has_native_bf16,
)

CPU = torch.device("cpu")
needs_switches = pytest.mark.skipif(
    not hasattr(torch.backends.cudnn, "conv"), reason="torch has no switch for each operation"
)


@pytest.mark.parametrize(
    ("capabilities", "native"),
    [
        ({"avx512_bf16": True, "amx_bf16": False}, True),
        ({"avx512_bf16": False, "amx_bf16": True}, True),
        ({"avx512_f": True}, False),
        ({}, False),
    ],
)
def test_auto_is_bf16_only_where_the_processor_has_it(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], native: bool
):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert has_native_bf16(CPU) is native
    assert choose_dtype("auto", CPU) is (torch.bfloat16 if native else torch.float32)
    assert choose_dtype("bf16", CPU) is torch.bfloat16
    assert choose_dtype("fp32", CPU) is torch.float32


def test_torch_that_cannot_tell_means_single_precision(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert choose_dtype("auto", CPU) is torch.float32
    assert not has_native_bf16(torch.device("meta"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gpu9", "no device 'gpu9'"),
        ("cuda:99", "is not"),
        ("meta", "not run on"),
        ("mps", "not run on"),
        ("xpu:1", "not run on"),
    ],
)
def test_device_that_is_not_here_is_refused(name: str, message: str):
    with pytest.raises(UsageError, match=message):
        find_device(name)


def precisions() -> list[str]:
    backends: Any = torch.backends
    places = (backends.cudnn.conv, backends.cuda.matmul, backends.mkldnn.matmul)
    return [place.fp32_precision for place in places]


@pytest.fixture
def rounding() -> Iterator[None]:
    """TF32 wherever it can be had."""
    before = torch.get_float32_matmul_precision()
    assert torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("high")
    yield
    torch.set_float32_matmul_precision(before)


@needs_switches
def test_single_precision_is_not_rounded_until_the_last_one_leaves(rounding: None):
    assert precisions() == ["tf32"] * 3
    first, second = exact_float32(), exact_float32()
    with first:
        second.__enter__()
        assert precisions() == ["ieee"] * 3
        assert torch.get_float32_matmul_precision() == "highest"
    assert precisions() == ["ieee"] * 3
    second.__exit__(None, None, None)
    assert precisions() == ["tf32"] * 3
    assert torch.get_float32_matmul_precision() == "high"
    assert torch.backends.cudnn.allow_tf32


def test_switches_of_older_torch_go_off_and_back(rounding: None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delattr(type(torch.backends.cudnn), "conv", raising=False)
    with exact_float32():
        assert not torch.backends.cudnn.allow_tf32
        assert torch.get_float32_matmul_precision() == "highest"
    assert torch.backends.cudnn.allow_tf32
    assert torch.get_float32_matmul_precision() == "high"


@needs_switches
def test_pocket_encodes_without_rounding(rounding: None, monkeypatch, pocket_encoder):
    recipe = PocketRecipe(encoder=pocket_encoder)
    seen = []
    embed = recipe._encoder.embed_frames
    monkeypatch.setattr(
        recipe._encoder, "embed_frames", lambda maps: seen.append(precisions()) or embed(maps)
    )
    recipe.encode_units(np.zeros((2, 128, 128, 3), np.uint8))
    recipe.encode_pixels(np.zeros((67, 101, 3), np.uint8))
    assert seen == [["ieee"] * 3] * 2


@pytest.mark.gpu
def test_cuda_in_single_precision_equals_the_cpu(pocket_encoder: PocketEncoder):
    units = np.random.default_rng(0).integers(256, size=(3, 128, 128, 3), dtype=np.uint8)
    expected = PocketRecipe(encoder=pocket_encoder).encode_units(units)
    found = PocketRecipe(encoder=pocket_encoder.cuda()).encode_units(units)
    # Another order of sums; TF32 is off by 1e-3.
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def test_precision_that_does_not_exist_is_refused():
    options = RecipeOptions()
    # The hook of the tests would refuse it first.
    object.__setattr__(options, "precision", "fp16")
    with pytest.raises(UsageError, match="no precision 'fp16'; use auto, fp32, bf16"):
        options.__post_init__()


def test_pocket_takes_an_encoder_of_the_users(tmp_path, pocket_encoder: PocketEncoder):
    pocket_encoder.save(tmp_path / "pocket_encoder.safetensors")
    options = RecipeOptions(weights=tmp_path / "pocket_encoder.safetensors", precision="fp32")
    recipe = load_recipe("pocket", options)
    folder = load_recipe("pocket", RecipeOptions(weights=tmp_path))
    assert folder.fingerprint == recipe.fingerprint
    assert recipe.clip_dim == 17
    assert precision_of(recipe.fingerprint, "pocket", options) == "fp32"
    assert precision_of(recipe.fingerprint[:16], "pocket", options) == "fp32"
    assert precision_of("0" * 64, "pocket", options) is None


def test_precision_of_a_fingerprint_is_found(monkeypatch: pytest.MonkeyPatch, stub):
    made = {"fp32": "f" * 64, "bf16": "b" * 64}

    def load(name: str, options: RecipeOptions):
        stub.fingerprint = made[options.precision]
        return stub

    monkeypatch.setattr("stillseek.features.recipes.registry.load_recipe", load)
    assert precision_of("b" * 64, "stub", RecipeOptions()) == "bf16"
    assert precision_of("f" * 16, "stub", RecipeOptions(precision="bf16")) == "fp32"
