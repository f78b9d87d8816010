"""Chooses and calibrates the head of the ``lite`` recipe on validation classes, and ships it.

Every trial is scored on four domains (`lite_domains`); the best mean mIoU wins. Then the metric and
the background of `Evidence` are fitted on photographs of train classes, and the calibration on
the composed and drawn domains, those whose pictures are photographs. Test classes are not read.

    python benchmarks/lite_head.py --photographs P --class-split P/splits.json --composed C \
        --rendered R --real V --store S --out runs/lite
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from lite_domains import (
    INTERVAL_SECONDS,
    Question,
    made_questions,
    of_photographs,
    of_recordings,
    without_test,
)
from lite_projection import photographs_of, views

from stillseek.evaluation.calibration import auroc, fit_logistic
from stillseek.evaluation.overlap import temporal_iou
from stillseek.features import Recipe, load_recipe
from stillseek.features.content import is_blank
from stillseek.files import replacing
from stillseek.media import read_image
from stillseek.models.calibration import Calibration, doublings
from stillseek.models.checkpoint import Checkpoint, save_checkpoint
from stillseek.models.decoding import decode
from stillseek.models.evidence import unit
from stillseek.models.matching import Matching, MatchingConfig
from stillseek.tensors import ClipEvidence

BACKGROUND_OF_CLASS = 80
HEAD = Path(__file__).parents[1] / "src/stillseek/localize/heads/lite"
# Videos joined for the weight of length: how much evidence chance adds to longer ones.
_JOINED = (4, 16, 64)
_SHRINKAGE = 0.3
_PER_CLASS = 100


def trials(dim: int) -> dict[str, MatchingConfig]:
    """Every setting that was tried, by what it changes."""
    widths = {"clip_dim": dim, "region_dim": dim, "global_dim": dim}
    plain = MatchingConfig(**widths)
    chosen = MatchingConfig(**widths, smoothing=3.0, region_weight=0.5, growth=0.0)
    found = {"plain": plain}
    for sigma in (1.0, 2.0, 3.0, 4.0):
        found[f"plain, smoothing {sigma:g}"] = replace(plain, smoothing=sigma)
    found["plain, growth 0"] = replace(plain, growth=0.0)
    found["plain, no centring"] = replace(plain, centring=None, threshold=0.3)
    for sigma in (1.5, 3.0, 5.0):
        for weight in (0.0, 0.25, 0.5, 0.75):
            for threshold in (-0.025, 0.0, 0.025, 0.05):
                found[f"smoothing {sigma:g}, regions {weight:g}, threshold {threshold:g}"] = (
                    replace(chosen, smoothing=sigma, region_weight=weight, threshold=threshold)
                )
    for number in (1, 5):
        found[f"smoothing 3, regions 0.5 (best {number}), threshold 0"] = replace(
            chosen, best_regions=number
        )
    return found


def score(model: Matching, questions: Sequence[Question]) -> dict[str, float]:
    """MIoU over all questions, by kind, and swap accuracy."""
    found: dict[str, list[float]] = defaultdict(list)
    for question in questions:
        if question.segment is None:
            continue
        with torch.inference_mode():
            segment = decode(model(question.inputs)).segments[0, 0].numpy() * INTERVAL_SECONDS
        overlap = float(temporal_iou(segment, np.array(question.segment)))
        found["miou"].append(overlap)
        found[question.kind].append(overlap)
        if question.partner is not None and question.kind == "simple":
            other = float(temporal_iou(segment, np.array(question.partner)))
            found["swap"].append(float(overlap > other))
    return {name: float(np.mean(values)) for name, values in found.items()}


def fit_evidence(
    model: Matching, features: dict[str, np.ndarray], rng: np.random.Generator
) -> None:
    """Metric and background from features of photographs by class.

    The background is drawn from a Gaussian for each class, so it holds no photograph's feature.
    """
    by_class = {name: unit(torch.from_numpy(rows)).double() for name, rows in features.items()}
    means = {name: rows.mean(0) for name, rows in by_class.items()}
    total = torch.cat([rows - means[name] for name, rows in by_class.items()])
    within = total.T @ total / len(total)
    values, vectors = torch.linalg.eigh(within)
    shrunk = values + _SHRINKAGE * values.mean()
    metric = vectors * shrunk.rsqrt()
    centre = torch.cat(list(by_class.values())).mean(0)
    factor = vectors * values.clamp(min=0).sqrt()
    draws = torch.cat(
        [
            mean + torch.from_numpy(rng.normal(size=(BACKGROUND_OF_CLASS, len(mean)))) @ factor.T
            for _, mean in sorted(means.items())
        ]
    )
    assert model.evidence is not None
    background = unit((draws - centre) @ metric)
    model.evidence.load_state_dict(
        {"metric": metric.float(), "centre": centre.float(), "background": background.float()}
    )


def evidence_of(model: Matching, question: Question) -> ClipEvidence:
    """What the head says of presence."""
    with torch.inference_mode():
        found = model(question.inputs).evidence
    assert found is not None
    return found


def fit_calibration(
    model: Matching, questions: Sequence[Question], rng: np.random.Generator
) -> Calibration:
    """Weights of presence and of moments; Difficult questions count as neither."""
    terms, labels = [], []
    rows = []
    for question in questions:
        found = evidence_of(model, question)
        rows.append((question, found.similarity[0].numpy(), float(found.background[0])))
        if question.kind != "difficult":
            terms.append((float(found.similarity.max()), float(found.background[0]), 0.0))
            labels.append(question.segment is not None)
    terms += _joined_terms(rows, labels, rng)
    weights = fit_logistic(np.array(terms), np.array(labels))
    calibration = Calibration(
        similarity=weights[0], background=weights[1], length=min(0.0, weights[2]), bias=weights[3],
        moment_peak=1.0, moment_mean=0.0, moment_bias=0.0,
    )  # fmt: skip
    moments, right = [], []
    for question, similarity, background in rows:
        if question.kind == "difficult":
            continue
        logits = calibration.clip_logits(
            ClipEvidence(
                similarity=torch.from_numpy(similarity)[None],
                background=torch.tensor([background]),
            )
        )[0]
        with torch.inference_mode():
            segment = decode(model(question.inputs)).segments[0, 0].numpy()
        inside = logits[round(segment[0]) : round(segment[1])]
        moments.append((inside.max(), inside.mean()))
        right.append(shows_activity(segment * INTERVAL_SECONDS, question.segment))
    peak, mean, bias = fit_logistic(np.array(moments), np.array(right))
    return replace(calibration, moment_peak=peak, moment_mean=mean, moment_bias=bias)


def shows_activity(moment: np.ndarray, truth: tuple[float, float] | None) -> bool:
    """Whether more than half of a moment is the activity."""
    if truth is None:
        return False
    shared = min(moment[1], truth[1]) - max(moment[0], truth[0])
    return bool(shared > 0.5 * (moment[1] - moment[0]))


def _joined_terms(rows, labels: list[bool], rng) -> list[tuple[float, float, float]]:
    """Terms of long videos: each question with clips of other videos joined to its own.

    Similarities of a joined video are those of its parts to the same picture, so the parts come
    from questions that ask with another picture only in their video: here each question's own
    similarities, and those of absent questions, whose pictures are as foreign to their videos.
    """
    absent = [similarity for q, similarity, _ in rows if q.segment is None and q.kind != "sibling"]
    terms = []
    for number in _JOINED:
        for question, similarity, background in rows:
            if question.kind == "difficult":
                continue
            parts = [absent[k] for k in rng.integers(len(absent), size=number - 1)]
            joined = np.concatenate([similarity, *parts])
            length = float(doublings(joined[None])[0])
            terms.append((float(joined.max()), background, length))
            labels.append(question.segment is not None)
    return terms


def presence_of(
    model: Matching, calibration: Calibration, questions: Sequence[Question]
) -> dict[str, np.ndarray]:
    """Presence by kind of question."""
    found: dict[str, list[float]] = defaultdict(list)
    for question in questions:
        logits = calibration.clip_logits(evidence_of(model, question))
        found[question.kind].append(float(calibration.presence(logits)[0]))
    return {kind: np.array(values) for kind, values in found.items()}


def photograph_features(
    folder: Path, classes: Sequence[str], recipe: Recipe, cache: Path
) -> dict[str, np.ndarray]:
    """Features of photographs of train classes and of parts of them."""
    if not cache.exists():
        rng, found = np.random.default_rng(0), {}
        for name in classes:
            found[name] = np.stack(
                [
                    recipe.encode_image(view).global_feature
                    for path in photographs_of(folder, [name], _PER_CLASS, rng)
                    for view in views(read_image(path), rng)
                    if not is_blank(view)
                ]
            )
            print(f"photographs of {name}", flush=True)
        with replacing(cache) as place:
            np.savez(place, **{name.replace("/", "|"): rows for name, rows in found.items()})
    with np.load(cache) as file:
        return {name.replace("|", "/"): file[name] for name in file.files}


def main() -> None:
    """Loads the domains, tries, fits, ships, and writes what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("photographs", "class-split", "composed", "rendered", "real", "store", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--head", type=Path, default=HEAD)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    recipe = load_recipe("lite")
    split = json.loads(arguments.class_split.read_text(encoding="utf-8"))
    store = arguments.store
    makers: dict[str, Callable[[], list[Question]]] = {
        "rendered": lambda: made_questions(without_test(arguments.rendered), store, recipe),
        "composed": lambda: made_questions(without_test(arguments.composed), store, recipe),
        "drawn": lambda: of_photographs(arguments.photographs, split, recipe),
        "real": lambda: of_recordings(arguments.real, store, recipe),
    }
    domains = {name: make() for name, make in makers.items()}
    for name, questions in domains.items():
        print(f"{name}: {len(questions)} questions", flush=True)
    table = {}
    for name, config in trials(recipe.clip_dim).items():
        scores = {domain: score(Matching(config), asked) for domain, asked in domains.items()}
        mean = float(np.mean([each["miou"] for each in scores.values()]))
        table[name] = {"mean": mean, "domains": scores}
        print(f"{mean:.4f}  {name}", flush=True)
    best = max(table, key=lambda name: table[name]["mean"])
    rng = np.random.default_rng(0)
    features = photograph_features(
        arguments.photographs, split["train"], recipe, arguments.out / "photographs.npz"
    )
    config = trials(recipe.clip_dim)[best]
    model = Matching(replace(config, background=BACKGROUND_OF_CLASS * len(features))).eval()
    fit_evidence(model, features, rng)
    calibration = fit_calibration(model, [*domains["composed"], *domains["drawn"]], rng)
    presence = {}
    for name, questions in domains.items():
        by_kind = presence_of(model, calibration, questions)
        presence[name] = {
            kind: auroc(by_kind["simple"], by_kind.get(kind, np.array([])))
            for kind in ("other", "sibling", "elsewhere")
        }
    summary = {
        "name": "matching",
        "made_by": "benchmarks/lite_head.py",
        "date": datetime.now(UTC).date().isoformat(),
        "chosen": best,
        "validation": table[best],
        "presence_auroc": presence,
    }
    save_checkpoint(
        arguments.head,
        Checkpoint(
            model=model,
            recipe_name=recipe.name,
            recipe_fingerprint=recipe.fingerprint,
            training=summary,
            calibration=calibration.to_dict(),
        ),
        weights="float16",
    )
    with replacing(arguments.out / "trials.json") as place:
        place.write_text(json.dumps({**summary, "trials": table}, indent=2), encoding="utf-8")
    print(json.dumps({**summary, "calibration": calibration.to_dict()}, indent=2))


if __name__ == "__main__":
    main()
