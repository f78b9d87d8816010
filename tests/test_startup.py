"""Nothing is imported that a request does not use; each request runs in a process of its own."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HEAVY = (
    *("accelerate", "cv2", "fsspec", "h5py", "jinja2", "matplotlib", "onnx", "onnxruntime"),
    *("pandas", "pooch", "ray", "requests", "tensorboard", "torchmetrics", "torchvision"),
    # PyTorch's compiler, which some of its plain functions import: a second or more.
    *("sympy", "torch._dynamo", "triton"),
    *("stillseek.data", "stillseek.evaluation", "stillseek.training"),
)


def imported_by(source: str, modules: tuple[str, ...]) -> tuple[str, str]:
    """Which of the modules a program has imported at its end, and what it says on stderr."""
    source += f"\nimport sys; print('imported', *sorted({set(modules)} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True)
    return done.stdout.splitlines()[-1] if done.stdout else "", done.stderr


def test_search_imports_nothing_that_it_does_not_use(
    write_clip: Callable[..., Path], write_picture: Callable[..., Path], tmp_path: Path
) -> None:
    tokens = ["locate", str(write_clip(seconds=5.0)), "--image", str(write_picture())]
    tokens += ["--cache", str(tmp_path / "cache")]
    source = f"from stillseek.cli.app import main\nassert main({tokens}) == 0"

    # Fills the cache with the network, and reads it then without; the head is a file.
    assert imported_by(source, ("torch", *HEAVY)) == ("imported onnx onnxruntime", "")
    assert imported_by(source, ("torch", *HEAVY)) == ("imported onnxruntime", "")
    assert len(list(tmp_path.glob("cache/*/*/*.safetensors"))) == 2


def test_a_library_answers_without_pytorch(
    write_clip: Callable[..., Path], write_picture: Callable[..., Path], tmp_path: Path
) -> None:
    library = str(tmp_path / "library")
    make = f"from stillseek import Library\nLibrary.open({library!r}).add({str(write_clip())!r})"
    tokens = ["library", "add", library, str(write_clip(name="second.mp4", seed=4))]
    add = f"from stillseek.cli.app import main\nassert main({tokens}) == 0"
    words = ["library", "search", library, "--image", str(write_picture())]
    ask = f"from stillseek.cli.app import main\nassert main({words}) == 0"
    looks = [f"main(['library', {verb!r}, {library!r}])" for verb in ("list", "stats", "verify")]
    look = "\n".join(["from stillseek.cli.app import main", *looks])

    assert imported_by(make, ("torch",)) == ("imported", "")
    assert imported_by(add, ("torch",)) == ("imported", "")
    assert imported_by(ask, ("torch", "jinja2", "matplotlib")) == ("imported", "")
    assert imported_by(look, ("torch", "onnxruntime")) == ("imported", "")


def test_reading_a_checkpoint_needs_no_compiler() -> None:
    # As `load_checkpoint` makes every kind of model.
    source = (
        "import torch\n"
        "from stillseek.models.catalog import MODELS\n"
        "from stillseek.models.sail import SailConfig, Sail\n"
        "with torch.device('meta'):\n"
        "    for config, model in MODELS.values(): model(config())\n"
        "    Sail(SailConfig(clip_dim=12, region_dim=12, num_heads=3, projection_dim=4))\n"
    )

    assert imported_by(source, HEAVY) == ("imported", "")


def test_help_needs_neither_numpy_nor_ffmpeg() -> None:
    verbs = ((), ("locate",), ("demo",), ("export",), ("store",), ("library",), ("doctor",))
    helps = [f"assert main({[*verb, '--help']}) == 0" for verb in verbs]
    source = "\n".join(["from stillseek.cli.app import main", *helps])

    assert imported_by(source, ("numpy", "torch", "av", "PIL")) == ("imported", "")


def test_features_lists_each_of_its_names() -> None:
    import stillseek.features

    found = {name: getattr(stillseek.features, name) for name in stillseek.features.__all__}

    assert {name for name, value in found.items() if value is None} == set()
    with pytest.raises(AttributeError, match=r"'stillseek\.features' has no attribute 'Sift'"):
        _ = stillseek.features.Sift  # pyright: ignore[reportAttributeAccessIssue]
