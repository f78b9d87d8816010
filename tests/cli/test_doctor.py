import hashlib
import json
import platform
import re
from importlib.metadata import version

import pytest
import torch

from stillseek.cli import doctor
from stillseek.features.recipes.precision import has_native_bf16


@pytest.fixture
def weights(monkeypatch, tmp_path):
    """Where doctor looks for weights: one file is there, the other is to be written."""
    head, encoder = tmp_path / "head.safetensors", tmp_path / "encoder.safetensors"
    head.write_bytes(b"head")
    places = {"pocket encoder": ("stillseek", str(encoder)), "head": ("stillseek", str(head))}
    monkeypatch.setattr(doctor, "_WEIGHTS", places)
    return encoder


def test_weights_of_the_default_recipe_and_extras_are_named(monkeypatch, run, heard) -> None:
    told = run("doctor")

    for name in ("lite network", "lite projection", "lite head", "pocket encoder", "pocket head"):
        assert re.search(rf"^{name} +sha256 [0-9a-f]{{16}} ", told, re.MULTILINE)
    for package in ("fastapi", "uvicorn"):
        assert re.search(rf"^{package} +{re.escape(version(package))}$", told, re.MULTILINE)
    monkeypatch.setitem(doctor._WEIGHTS, "lite network", ("no_such_package", "net.pth"))
    missing = json.loads(heard("doctor", "--json", code=1).out)["missing"]
    assert missing == ["lite network"]


def test_missing_weights_are_named_and_exit_with_1(weights, heard) -> None:
    captured = heard("doctor", code=1)

    assert captured.err == "error: the pocket encoder is missing; install stillseek again\n"
    assert f"sha256 {hashlib.sha256(b'head').hexdigest()[:16]}" in captured.out


@pytest.fixture
def whole(weights):
    """All weights are there."""
    weights.write_bytes(b"encoder")
    return weights


def test_json_is_one_object(whole, run) -> None:
    found = json.loads(run("doctor", "--json"))
    assert found["missing"] == []
    assert found["python"] == platform.python_version()
    assert found["weights"]["pocket encoder"] == {
        "path": str(whole),
        "bytes": 7,
        "sha256": hashlib.sha256(b"encoder").hexdigest(),
    }
    assert set(found["packages"]) >= {"stillseek", "torch", "av"}
    assert found["packages"]["onnxruntime"] == version("onnxruntime")
    assert found["cpu"]["threads"] >= 1
    assert found["ffmpeg"]["libavcodec"].count(".") == 2


@pytest.mark.parametrize(
    ("capability", "native"), [("avx512_bf16", True), ("amx_bf16", True), ("bf16", False)]
)
def test_bf16_is_what_auto_goes_by(whole, monkeypatch, run, capability, native) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {capability: True}, raising=False)

    assert json.loads(run("doctor", "--json"))["cpu"]["bf16"] is native
    assert has_native_bf16(torch.device("cpu")) is native
    assert f"bf16 {'yes' if native else 'no'}\n" in run("doctor")


def test_packages_of_extras_are_named_where_installed(whole, monkeypatch, run) -> None:
    monkeypatch.setattr(doctor, "_OPTIONAL", ("no-such-package",))

    out = run("doctor")

    assert "no-such-package" not in out
    assert "onnxruntime" not in out


def test_downloaded_weights_are_listed(whole, monkeypatch, tmp_path, run) -> None:
    cache = tmp_path / "cache"
    monkeypatch.setenv("STILLSEEK_CACHE", str(cache))
    monkeypatch.delenv("STILLSEEK_OFFLINE", raising=False)

    assert f"none in {cache}\n" in run("doctor")

    cache.mkdir()
    (cache / "net.pth").write_bytes(bytes(2_600_000))
    assert "libraries" not in run("doctor")
    for name in ("0a/library.json", "0a/index-1/index.sqlite", "0b/library.json"):
        (cache / "libraries" / name).parent.mkdir(parents=True, exist_ok=True)
        (cache / "libraries" / name).write_bytes(bytes(1_600_000))
    monkeypatch.setenv("STILLSEEK_OFFLINE", "1")
    assert f"net.pth (3 MB) in {cache}, STILLSEEK_OFFLINE is set\n" in run("doctor")
    assert json.loads(run("doctor", "--json"))["downloads"] == {
        "folder": str(cache),
        "offline": True,
        "files": {"net.pth": 2_600_000},
    }
    libraries = cache / "libraries"
    assert f"libraries               2 fetched (5 MB) in {libraries}\n" in run("doctor")
    assert json.loads(run("doctor", "--json"))["libraries"] == {
        "folder": str(libraries),
        "number": 2,
        "bytes": 4_800_000,
    }
