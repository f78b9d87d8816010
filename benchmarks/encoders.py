"""Ways to run an encoder on the CPU, side by side: formats, torch.compile, ONNX Runtime.

python benchmarks/encoders.py [--encoders s3d r3d_18 ...] [--runs 3] [--json]

Each encoder runs on one batch of its recipe, weights random, channels last, in turns over all ways;
a figure is the best of --runs. Start is the time to compile or export before the first batch, which
every start of a program pays. A way that fails is reported as such.
"""

import argparse
import copy
import json
import os
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from pages import made_by
from random_recipes import random_hub
from torch import Tensor, nn

from stillseek.features.recipes.c3d import C3D
from stillseek.features.recipes.clip_encoder import (
    ARCHITECTURES,
    build_clip_encoder,
    clip_pixels,
    fold_norms,
)
from stillseek.features.recipes.pocket_encoder import PocketConfig, PocketEncoder
from stillseek.features.recipes.precision import choose_dtype

ENCODERS = ("pocket", *ARCHITECTURES, "c3d", "dinov2-small", "siglip2-base")
CLIPS = 8


class Frames(nn.Module):
    """What the pocket recipe runs on frames."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = PocketEncoder(PocketConfig()).eval()

    def forward(self, frames: Tensor) -> Tensor:
        """Embeddings of frames ``(B, 3, H, W)`` of uint8."""
        return self.encoder.embed_frames(self.encoder.features(frames))


class Pooled(nn.Module):
    """What the hub recipes run on frames."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        """Pooled outputs."""
        return self.network(pixel_values=pixels).pooler_output


def build(name: str) -> tuple[nn.Module, Tensor]:
    """An encoder and a batch of what it takes."""
    torch.manual_seed(0)
    if name == "pocket":
        frames = torch.randint(256, (64, 128, 128, 3), dtype=torch.uint8)
        return Frames(), frames.permute(0, 3, 1, 2)
    if name == "c3d":
        return C3D().eval(), torch.randint(256, (CLIPS, 16, 112, 112, 3), dtype=torch.uint8)
    if name not in ARCHITECTURES:
        return Pooled(random_hub(name)), torch.randn(32, 3, 224, 224)
    encoder = build_clip_encoder(name)
    fold_norms(encoder.network)
    shape = (CLIPS, ARCHITECTURES[name].sampling.num_frames, *clip_pixels(name).crop, 3)
    return encoder, torch.randint(256, shape, dtype=torch.uint8)


def torch_way(
    network: nn.Module, batch: Tensor, *, dtype: torch.dtype, compiled: bool
) -> Callable[[], object]:
    """A call of PyTorch."""
    clips = batch.ndim == 5
    layout = torch.channels_last_3d if clips else torch.channels_last
    network = copy.deepcopy(network).to(dtype).to(memory_format=layout)
    pixels = batch.to(dtype) if batch.is_floating_point() else batch
    called = torch.compile(network) if compiled else network

    def call() -> object:
        with torch.inference_mode():
            return called(pixels)

    return call


def onnx_way(network: nn.Module, batch: Tensor) -> Callable[[], object]:
    """A call of ONNX Runtime, in single precision: its bfloat16 has no CPU kernels."""
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "encoder.onnx")
        torch.onnx.export(copy.deepcopy(network), (batch,), path, dynamo=True, verbose=False)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: batch.numpy()}
    return lambda: session.run(None, feed)


def ways_of(name: str) -> dict[str, Callable[[], Callable[[], object]]]:
    """What makes each way of running an encoder."""
    network, batch = build(name)
    ways: dict[str, Callable[[], Callable[[], object]]] = {}
    for dtype in (torch.float32, torch.bfloat16):
        if name == "pocket" and dtype == torch.bfloat16:
            continue  # Its recipe has one format on all machines.
        for compiled in (False, True):
            label = f"{'fp32' if dtype == torch.float32 else 'bf16'}{', compiled' * compiled}"
            ways[label] = lambda d=dtype, c=compiled: torch_way(network, batch, dtype=d, compiled=c)
    ways["fp32, ONNX Runtime"] = lambda: onnx_way(network, batch)
    return ways


def measure(name: str, runs: int) -> dict[str, dict[str, float] | str]:
    """Seconds of a batch and of the start, for each way."""
    calls: dict[str, Callable[[], object]] = {}
    figures: dict[str, Any] = {}
    for way, make in ways_of(name).items():
        began = time.perf_counter()
        try:
            calls[way] = make()
            calls[way]()
        except Exception as error:
            figures[way] = f"failed: {type(error).__name__}"
            calls.pop(way, None)
            continue
        figures[way] = {"start": time.perf_counter() - began, "batch": float("inf")}
    for _ in range(runs):
        for way, call in calls.items():
            began = time.perf_counter()
            call()
            figures[way]["batch"] = min(figures[way]["batch"], time.perf_counter() - began)
    for way in calls:
        figures[way]["start"] -= figures[way]["batch"]
    return figures


def chosen_way(name: str) -> str:
    """The way that the recipe takes on this machine."""
    dtype = torch.float32 if name == "pocket" else choose_dtype("auto", torch.device("cpu"))
    return "bf16" if dtype == torch.bfloat16 else "fp32"


def page(figures: dict[str, dict[str, Any]]) -> str:
    """A table: how many times as fast as single precision, and the start of what has to start."""
    ways = list(dict.fromkeys(way for row in figures.values() for way in row))
    lines = [
        f"{made_by()}, {os.cpu_count()} processors, PyTorch {torch.__version__.partition('+')[0]}.",
        "",
        f"| encoder | {' | '.join(ways)} |",
        f"|---|{'---:|' * len(ways)}",
    ]
    for name, row in figures.items():
        single = row["fp32"]
        assert not isinstance(single, str), f"{name} in fp32 {single}"
        cells = []
        for way in ways:
            match row.get(way):
                case {"batch": batch, "start": start}:
                    ratio = f"{single['batch'] / batch:.2f}"
                    ratio = f"**{ratio}**" if way == chosen_way(name) else ratio
                    cells.append(ratio + (f" ({start:.0f} s)" if "," in way else ""))
                case None:
                    cells.append("")
                case failure:
                    cells.append(failure)
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Runs the benchmark."""
    warnings.filterwarnings("ignore")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoders", nargs="*", choices=ENCODERS, default=ENCODERS)
    parser.add_argument("--runs", type=int, default=3, help="each figure is the best of them")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    figures = {}
    for name in options.encoders:
        figures[name] = measure(name, options.runs)
        if not options.json:
            print(page({name: figures[name]}).splitlines()[-1], flush=True)
    if options.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
