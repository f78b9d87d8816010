"""Speed and memory of SAIL: the printed formulas (`models/plain.py`) against the fast ones.

python benchmarks/model.py [--json] [--page] [--rounds 5] [--allocator glibc|reuse]
    [--only parts,steps,length,limit,queries,memory]

All variants of a comparison run in turn, round after round, in one process; a figure is the median
over the rounds, with the smallest and the largest. The allocator is held fixed: "glibc" at the
limits where its own adaptive rule ends, so that tensors of 32 MB and more are mapped afresh each
time, as in any program; "reuse" keeps all freed memory, which spares the printed formulas the page
faults of their large tensors. Memory is the peak of resident memory in a process of its own, where
freed memory goes back at once, above what weights, gradients and Adam's moments take.
"""

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pages import DOCS, fill
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from stillseek.features import QueryFeatures
from stillseek.localize import Localizer
from stillseek.localize.query import encode
from stillseek.localize.window_search import find_moments
from stillseek.models import plain
from stillseek.models.additive_attention import additive_context, pair_engine
from stillseek.models.matching import Matching, MatchingConfig
from stillseek.models.sail import Sail, SailConfig
from stillseek.tensors import LocalizerInput, LocalizerOutput
from stillseek.timeline import ClipGrid
from stillseek.training.losses import boundary_nll

# The reference sizes: 256 wide in all four heads together, 27.4 million weights.
CONFIG = SailConfig(projection_dim=64)
NUM_REGIONS, BATCH, NUM_CLIPS = 36, 16, 200
HOUR_CLIPS = 13_500
RECORD = DOCS / "models" / "speed.json"
LENGTHS = (200, 400, 800, 1600, 3200, 6400)
PLAIN_LENGTHS = (200, 400, 800, 1600)  # 10 GB at 1600
MEMORY_CASES = (("plain", 16, 200), ("fast", 16, 200), ("plain", 1, 1600), ("fast", 1, 1600))
MEMORY_CASES += (("fast", 1, 6400), ("fast", 1, 13_500))
ALLOCATORS = {
    # glibc's own limits, where its adaptive rule ends, held there.
    "glibc": {"MALLOC_MMAP_THRESHOLD_": str(2**25), "MALLOC_TRIM_THRESHOLD_": str(2**26)},
    "reuse": {
        "MALLOC_ARENA_MAX": "1",
        "MALLOC_MMAP_MAX_": "0",
        "MALLOC_TRIM_THRESHOLD_": str(2**40),
        "MALLOC_TOP_PAD_": str(2**26),
    },
    "memory": {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "0"},
}


@dataclass(frozen=True, slots=True)
class Case:
    """One variant of a comparison.

    Attributes:
        name: What is measured.
        call: Does it once.
        around: Entered around every call.
    """

    name: str
    call: Callable[[], object]
    around: Callable[[], AbstractContextManager[Any]] = nullcontext


def measure(cases: list[Case], rounds: int) -> dict[str, dict[str, float]]:
    """Milliseconds of every case, by turns, after a warm-up that is not counted."""
    times: dict[str, list[float]] = {case.name: [] for case in cases}
    for turn in range(rounds + 1):
        for case in cases:
            gc.collect()
            with case.around():
                start = time.perf_counter()
                case.call()
                seconds = time.perf_counter() - start
            if turn:
                times[case.name].append(1000 * seconds)
        print(f"  {', '.join(times)}: round {turn} of {rounds}", file=sys.stderr)
    return {
        name: {"ms": statistics.median(all_), "min_ms": min(all_), "max_ms": max(all_)}
        for name, all_ in times.items()
    }


def make_inputs(batch: int, num_clips: int, config: SailConfig = CONFIG) -> LocalizerInput:
    """Random features."""
    random = torch.Generator().manual_seed(0)
    return LocalizerInput(
        clips=torch.randn(batch, num_clips, config.clip_dim, generator=random),
        clip_mask=torch.ones(batch, num_clips, dtype=torch.bool),
        regions=torch.randn(batch, NUM_REGIONS, config.region_dim, generator=random),
        boxes=0.1 + 0.8 * torch.rand(batch, NUM_REGIONS, 4, generator=random),
        region_mask=torch.ones(batch, NUM_REGIONS, dtype=torch.bool),
        global_feature=torch.randn(batch, config.global_dim, generator=random),
    )


class Trainer:
    """A model with its optimizer and one batch."""

    def __init__(self, batch: int, num_clips: int) -> None:
        torch.manual_seed(0)
        self.model = Sail(CONFIG)
        self.inputs = make_inputs(batch, num_clips)
        self.start = torch.full((batch,), num_clips // 3)
        self.end = torch.full((batch,), num_clips // 2)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-5, fused=True)

    def step(self, *, printed: bool = False, bf16: bool = False, keep: bool = False) -> None:
        """One training step; ``keep`` leaves the gradients' memory in place."""
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            output = plain.sail(self.model, self.inputs) if printed else self.model(self.inputs)
        loss = boundary_nll(output, self.start, self.end)
        self.optimizer.zero_grad(set_to_none=not keep)
        loss.backward()
        self.optimizer.step()


def forward_backward(call: Callable[..., object], module: nn.Module, *tensors: Tensor) -> None:
    """A pass both ways; inputs with gradients get them as well."""
    module.zero_grad()
    output = call(*tensors)
    if isinstance(output, LocalizerOutput):
        (output.start_logits.sum() + output.end_logits.square().sum()).backward()
    else:
        assert isinstance(output, Tensor)
        output.square().sum().backward()


def parts(rounds: int) -> dict[str, Any]:
    """Region encoder, local transformer and localizer, forward and backward."""
    trainer = Trainer(BATCH, NUM_CLIPS)
    model, inputs = trainer.model, trainer.inputs
    states = torch.randn(BATCH, NUM_CLIPS, CONFIG.clip_dim, requires_grad=True)
    mask, region_mask = inputs.clip_mask, inputs.region_mask
    query = (inputs.regions, inputs.boxes, region_mask, inputs.global_feature)
    with torch.no_grad():
        regions = model.region_encoder(*query)
    encoder, transformer, localizer = model.region_encoder, model.local_transformer, model.localizer
    compiled = torch.compile(lambda *tensors: plain.localizer(localizer, *tensors))

    def fast_transformer(*tensors: Tensor) -> Tensor:
        clips, clip_mask, hidden, hidden_mask = tensors
        return transformer(clips, clip_mask, transformer.remember(hidden, hidden_mask))

    def case(name: str, call: Callable[..., object], module: nn.Module, *tensors: Tensor) -> Case:
        engine = "eager" if "not compiled" in name else "auto"
        return Case(
            name,
            lambda: forward_backward(call, module, *tensors),
            lambda: pair_engine(engine),
        )

    of_video = (states, mask, regions, region_mask)
    projections = [
        weight.detach()
        for layer in transformer.layers
        for weight in (layer.image_attention.key.weight, layer.image_attention.value.weight)
    ]

    def keys_values_joined() -> None:
        with torch.no_grad():
            torch.nn.functional.linear(regions[:1], torch.cat(projections))

    def keys_values_apart() -> None:
        with torch.no_grad():
            for weight in projections:
                torch.nn.functional.linear(regions[:1], weight)

    times = measure(
        [
            case(
                "region encoder, printed",
                lambda *t: plain.region_encoder(encoder, *t),
                encoder,
                *query,
            ),
            case("region encoder, fast", encoder, encoder, *query),
            case(
                "local transformer, printed",
                lambda *t: plain.local_transformer(transformer, *t),
                transformer,
                *of_video,
            ),
            case("local transformer, fast", fast_transformer, transformer, *of_video),
            case(
                "localizer, printed",
                lambda *t: plain.localizer(localizer, *t),
                localizer,
                states,
                mask,
            ),
            case("localizer, printed and compiled", compiled, localizer, states, mask),
            case("localizer, fast, not compiled", localizer, localizer, states, mask),
            case("localizer, fast", localizer, localizer, states, mask),
            Case("keys and values of one image, one joined product", keys_values_joined),
            Case("keys and values of one image, ten products", keys_values_apart),
        ],
        rounds,
    )
    return {
        "times": times,
        "ratios": ratios(
            times,
            {
                "region encoder": ("region encoder, printed", "region encoder, fast", 10),
                "local transformer": (
                    "local transformer, printed", "local transformer, fast", None
                ),
                "localizer": ("localizer, printed", "localizer, fast", 15),
                "localizer, not compiled": (
                    "localizer, printed", "localizer, fast, not compiled", 2
                ),
                "localizer against the compiled formula": (
                    "localizer, printed and compiled", "localizer, fast", None
                ),
            },
        ),
    }  # fmt: skip


def steps(rounds: int) -> dict[str, Any]:
    """A training step of 16 videos of 200 clips."""
    trainer = Trainer(BATCH, NUM_CLIPS)
    times = measure(
        [
            Case("step, printed, fp32", lambda: trainer.step(printed=True)),
            Case("step, fast, fp32", trainer.step),
            Case("step, fast, not compiled, fp32", trainer.step, lambda: pair_engine("eager")),
            Case("step, printed, bf16", lambda: trainer.step(printed=True, bf16=True)),
            Case("step, fast, bf16", lambda: trainer.step(bf16=True)),
        ],
        rounds,
    )
    return {
        "times": times,
        "ratios": ratios(
            times,
            {
                "step, fp32": ("step, printed, fp32", "step, fast, fp32", 2.4),
                "step, bf16 against fp32 printed": ("step, printed, fp32", "step, fast, bf16", 3.4),
                "step, bf16 against bf16 printed": (
                    "step, printed, bf16", "step, fast, bf16", None
                ),
                "step, fp32, not compiled": (
                    "step, printed, fp32", "step, fast, not compiled, fp32", None
                ),
            },
        ),
    }  # fmt: skip


def length(rounds: int) -> dict[str, Any]:
    """A training step of one video of 200 to 6400 clips, and how its parts grow."""
    cases = []
    for num_clips in LENGTHS:
        trainer = Trainer(1, num_clips)
        localizer = trainer.model.localizer
        states = torch.randn(1, num_clips, CONFIG.clip_dim)
        pairs = [
            tuple(
                tensor.detach().requires_grad_()
                for tensor in (
                    side.anchor(states), side.other(states), side.score.weight[0],
                    torch.nn.functional.linear(states, scorer.hidden.weight),
                )
            )
            for side, scorer in (
                (localizer.forward_context, localizer.start),
                (localizer.backward_context, localizer.end),
            )
        ]  # fmt: skip
        mask = trainer.inputs.clip_mask

        def kernel(pairs: Any = pairs, mask: Tensor = mask) -> None:
            for tensors, direction in zip(pairs, ("forward", "backward"), strict=True):
                additive_context(*tensors, mask, direction).sum().backward()

        if num_clips in PLAIN_LENGTHS:
            cases.append(Case(f"printed, n = {num_clips}", lambda t=trainer: t.step(printed=True)))
        cases.append(Case(f"fast, n = {num_clips}", trainer.step))
        cases.append(Case(f"pair kernel, n = {num_clips}", kernel))
    times = measure(cases, rounds)
    rest = {
        n: times[f"fast, n = {n}"]["ms"] - times[f"pair kernel, n = {n}"]["ms"] for n in LENGTHS
    }
    growth = {
        "pair kernel, n = 1600 to 6400": {
            "value": times["pair kernel, n = 6400"]["ms"] / times["pair kernel, n = 1600"]["ms"],
            "at_most": 16.5,
        },
        "everything else, n = 1600 to 6400": {"value": rest[6400] / rest[1600], "at_most": 4.5},
    }
    compared = {f"n = {n}": (f"printed, n = {n}", f"fast, n = {n}", None) for n in PLAIN_LENGTHS}
    compared["n = 1600"] = ("printed, n = 1600", "fast, n = 1600", 10)
    return {
        "times": times,
        "rest_ms": rest,
        "ratios": ratios(times, compared),
        "growth": growth,
    }


def queries(rounds: int) -> dict[str, Any]:
    """A search in an hour of encoded clips, 16 frames of 30 a second with 8 shared: 13,500."""
    pocket = Localizer.load("pocket")
    torch.manual_seed(0)
    paper = Sail(CONFIG).eval()
    cases, asked = [], {}
    for name, head, config, precision, most in (
        ("pocket head", pocket.model, pocket.model.config, "fp32", (100, 2000)),
        ("27 M weights", paper, CONFIG, "fp32", (200, 6000)),
        ("27 M weights, bf16", paper, CONFIG, "bf16", (200, 6000)),
    ):
        random = np.random.default_rng(0)
        clips = random.normal(size=(HOUR_CLIPS, config.clip_dim)).astype(np.float32)
        stride = 3600 / HOUR_CLIPS
        grid = ClipGrid(stride_seconds=stride, length_seconds=2 * stride, duration_seconds=3600.0)
        inputs = make_inputs(1, 1, config)
        picture = QueryFeatures(
            regions=inputs.regions[0].numpy(),
            boxes=inputs.boxes[0].numpy(),
            global_feature=inputs.global_feature[0].numpy(),
            fingerprint="",
        )
        score = encode(head, [picture], "cpu", precision=precision)
        likeness = None
        if config.clip_dim == config.global_dim:
            matching = Matching(
                MatchingConfig(
                    clip_dim=config.clip_dim,
                    region_dim=config.region_dim,
                    global_dim=config.global_dim,
                )
            )
            likeness = encode(matching, [picture], "cpu")
        for search, limit_ms in zip(("refined", "exhaustive"), most, strict=True):

            def find(
                score: Any = score,
                clips: Any = clips,
                grid: ClipGrid = grid,
                likeness: Any = likeness,
                search: Any = search,
            ) -> None:
                find_moments(score, clips, grid, similar=likeness, search=search)

            cases.append(Case(f"{name}, {search}", find))
            asked[f"{name}, {search}"] = limit_ms
    times = measure(cases, rounds)
    return {
        "times": times,
        "latency_ms": {
            name: {"value": times[name]["ms"], "at_most": most} for name, most in asked.items()
        },
    }  # fmt: skip


def limit(rounds: int) -> dict[str, Any]:
    """Share of the processor's matrix-product rate that a step of 64 videos reaches."""
    trainer = Trainer(64, NUM_CLIPS)
    with FlopCounterMode(display=False) as counter:
        trainer.step()
    flops = counter.get_total_flops()
    result = {}
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        side = 3072
        left, right = torch.randn(side, side).to(dtype), torch.randn(side, side).to(dtype)
        times = measure(
            [
                Case(f"product, {name}", lambda a=left, b=right: a @ b),
                Case(f"step, {name}", lambda b=dtype is torch.bfloat16: trainer.step(bf16=b)),
            ],
            rounds,
        )
        rate = 2 * side**3 / times[f"product, {name}"]["ms"] / 1e6
        reached = flops / times[f"step, {name}"]["ms"] / 1e6
        result[name] = {
            "times": times,
            "matrix_product_gflops": rate,
            "step_gflops": reached,
            "share": {"value": reached / rate, "at_least": 0.7 if name == "fp32" else None},
        }
    return result | {"step_flops": flops}


def memory(_: int) -> dict[str, Any]:
    """Peak memory of a training step above the model's, each case in a process of its own."""
    peaks = {}
    for kind, batch, num_clips in MEMORY_CASES:
        name = f"{kind}, batch {batch}, n = {num_clips}"
        arguments = [sys.executable, __file__, "--memory-of", f"{kind},{batch},{num_clips}"]
        done = subprocess.run(
            arguments,
            env={k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")}
            | ALLOCATORS["memory"],
            capture_output=True,
            text=True,
            check=True,
        )
        peaks[name] = json.loads(done.stdout)
        print(f"  {name}: {peaks[name]}", file=sys.stderr)
    above = {name: peak["above_mb"] for name, peak in peaks.items()}
    return {
        "peaks": peaks,
        "ratios": {
            f"batch {batch}, n = {n}": {
                "value": above[f"plain, batch {batch}, n = {n}"]
                / above[f"fast, batch {batch}, n = {n}"],
                "at_least": wanted,
            }
            for batch, n, wanted in ((16, 200, 5), (1, 1600, 30))
        },
        "total": {
            f"n = {n}": {
                "value": peaks[f"fast, batch 1, n = {n}"]["peak_mb"],
                "at_most": most,
            }
            for n, most in ((6400, 2500), (13_500, 2000))
        },
    }


def memory_of(kind: str, batch: int, num_clips: int) -> dict[str, float]:
    """Peak resident memory of one step in this process, in MB."""
    trainer = Trainer(batch, num_clips)
    whole = trainer.inputs, trainer.start, trainer.end
    # Two short steps first: gradients, moments, code and compiled kernels are not the step's.
    trainer.inputs = make_inputs(batch, 70)
    trainer.start, trainer.end = whole[1] * 0, whole[2] * 0
    with pair_engine("compiled" if kind == "fast" else "eager"):
        for _ in range(2):
            trainer.step(printed=kind == "plain", keep=True)
        trainer.inputs, trainer.start, trainer.end = whole
        gc.collect()
        before = status_mb("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
        trainer.step(printed=kind == "plain", keep=True)
    peak = status_mb("VmHWM")
    return {"before_mb": before, "peak_mb": peak, "above_mb": peak - before}


def status_mb(field: str) -> float:
    """A size from the kernel's record of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024 / 1e6
    raise KeyError(field)


def ratios(
    times: dict[str, dict[str, float]], compared: dict[str, tuple[str, str, float | None]]
) -> dict[str, dict[str, float | None]]:
    """How many times faster the second is than the first, beside what is asked for."""
    return {
        name: {"value": times[slow]["ms"] / times[fast]["ms"], "at_least": wanted}
        for name, (slow, fast, wanted) in compared.items()
    }


SECTIONS: dict[str, Callable[..., dict[str, Any]]] = {
    "parts": parts,
    "steps": steps,
    "length": length,
    "limit": limit,
    "queries": queries,
    "memory": memory,
}


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default=",".join(SECTIONS))
    parser.add_argument("--allocator", choices=("glibc", "reuse"), default="glibc")
    parser.add_argument("--page", action="store_true", help="write docs/models/sail.md as well")
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory_of:
        kind, batch, num_clips = options.memory_of.split(",")
        print(json.dumps(memory_of(kind, int(batch), int(num_clips))))
        return
    allocator = ALLOCATORS[options.allocator]
    if any(os.environ.get(key) != value for key, value in allocator.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | allocator)
    result: dict[str, Any] = {
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "parameters": sum(p.numel() for p in Sail(CONFIG).parameters()),
        "rounds": options.rounds,
        "allocator": {"times": options.allocator} | ALLOCATORS,
    }
    for name in options.only.split(","):
        result[name] = SECTIONS[name](options.rounds)
    if options.page:
        write_page(result)
    print(json.dumps(result) if options.json else table(result))


def write_page(result: dict[str, Any]) -> None:
    """Puts the figures, and those of sections that were run before, into the page about SAIL."""
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    record |= result | {"date": record.get("date", {}) | dict.fromkeys(result, str(date.today()))}
    record["date"] = {name: day for name, day in record["date"].items() if name in SECTIONS}
    RECORD.write_text(json.dumps(record, indent=2) + "\n")
    fill(DOCS / "models" / "sail.md", page_text(record), mark="speed")


def page_text(record: dict[str, Any]) -> str:
    """Figures with what was asked of them, and the times of parts and steps."""
    lines = [
        f"Made by `python benchmarks/model.py --page` on {min(record['date'].values())}: torch",
        f"{record['torch']}, {record['threads']} threads, {record['capability']}, medians of "
        f"{record['rounds']} rounds. All times and memory are in [speed.json](speed.json).",
        "",
        "| figure | value | asked |",
        "|---|---:|---|",
    ]
    for name, unit, figure in figures_of(record):
        value = f"{figure['value']:,.{0 if figure['value'] > 100 else 2}f}{unit}"
        asked = [f"{k.replace('_', ' ')} {v:,g}" for k, v in figure.items() if v and k != "value"]
        lines.append(f"| {name} | {value} | {', '.join(asked)} |")
    lines += ["", "| time | ms, median | range |", "|---|---:|---:|"]
    for name, time_of in (record["parts"]["times"] | record["steps"]["times"]).items():
        spread = f"{time_of['min_ms']:,.0f} to {time_of['max_ms']:,.0f}"
        lines.append(f"| {name} | {time_of['ms']:,.0f} | {spread} |")
    return "\n".join(lines)


def figures_of(
    values: dict[str, Any], name: str = "", unit: str = ""
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Name, unit and value of everything that something may be asked of."""
    units = {"ratios": " times", "latency_ms": " ms", "total": " MB"}
    for key, value in values.items():
        if isinstance(value, dict) and "value" in value:
            yield f"{name}{key}", unit, value
        elif isinstance(value, dict):
            inner = name if key in units else f"{name}{key}: "
            yield from figures_of(value, inner, units.get(key, ""))


def table(result: dict[str, Any]) -> str:
    """Times and verdicts as text."""
    return "\n".join(lines_of(result, ""))


def lines_of(values: dict[str, Any], prefix: str) -> list[str]:
    """One line a figure."""
    lines = []
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and "ms" in value:
            lines.append(f"{name:58} {value['ms']:10.1f} ms  "
                         f"({value['min_ms']:.1f} to {value['max_ms']:.1f})")  # fmt: skip
        elif isinstance(value, dict) and "value" in value:
            wanted = {k: v for k, v in value.items() if k != "value" and v is not None}
            asked = "".join(f"  asked: {k.replace('_', ' ')} {v:g}" for k, v in wanted.items())
            lines.append(f"{name:58} {value['value']:10.2f}{asked}")
        elif isinstance(value, dict):
            lines += lines_of(value, f"{name}: ")
        else:
            lines.append(f"{name:58} {value}")
    return lines


if __name__ == "__main__":
    main()
