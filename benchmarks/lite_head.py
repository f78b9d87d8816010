"""Trains, chooses and calibrates the head of the ``lite`` recipe, and ships it.

Every trial of matching, and every similarity head, is scored on four validation domains
(`lite_domains`); the best mean mIoU wins, if it loses to matching in none of them by more than a
point. Similarity heads learn from streams drawn from photographs of train classes, on whose
photographs the metric and the background of `Evidence` are fitted before. The calibration is fitted
on composed videos, whose pictures are photographs: of validation classes, and of train classes by
evidence that was fitted without any class that a video shows or is asked for. Test classes are not
read.

    python benchmarks/lite_head.py --photographs P --class-split P/splits.json --composed C \
        --calibration D --rendered R --real V --store S --out runs/lite

``--keep-head`` only calibrates the head that ships anew.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lite_domains import (
    INTERVAL_SECONDS,
    Question,
    activities_of,
    made_questions,
    of_photographs,
    of_recordings,
    without_test,
)
from lite_projection import photographs_of, views

from stillseek.data.drawn_streams import DrawnStreams, FeatureBank, Picture, Shot
from stillseek.data.example import Example
from stillseek.data.manifest import read_manifest
from stillseek.data.sample import Sample
from stillseek.evaluation.fit_calibration import auroc, fit_logistic
from stillseek.evaluation.overlap import temporal_iou
from stillseek.features import Recipe, load_recipe
from stillseek.features.recipes.picture_content import is_blank
from stillseek.files import replacing
from stillseek.media import read_image
from stillseek.models.calibration import Calibration, doublings, mean_of_best
from stillseek.models.catalog import model_name
from stillseek.models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from stillseek.models.decoding import decode
from stillseek.models.evidence import Evidence, unit
from stillseek.models.head_outputs import scores_of
from stillseek.models.matching import Matching, MatchingConfig
from stillseek.models.onnx_export import write_onnx
from stillseek.models.similarity import Similarity, SimilarityConfig
from stillseek.scores import PresenceEvidence
from stillseek.timeline import ClipGrid, Segment
from stillseek.training.config import TrainConfig
from stillseek.training.loop import train

BACKGROUND = 2000
SEEDS = (0, 1, 2)
STREAMS = 7200  # an epoch
BANK_OF_CLASS = 220
BALANCED = 360  # questions of each domain that an epoch is judged by
# By how much a head may be behind matching in a domain.
_MOST_LOSS = 0.01
# Clips that speak for presence together: 8 s.
_BEST_CLIPS = 16
HEAD = Path(__file__).parents[1] / "src/stillseek/localize/heads/lite"
# Videos joined for the weight of length, and the weights that are tried.
_JOINED = (4, 16, 64)
_LENGTHS = np.linspace(-2, 0, 201)
# Pictures that are asked with as one, and the weights that are tried.
_PICTURES = (2, 4, 8)
_SHARPENINGS, _OF_PICTURES = np.linspace(0, 1, 41), np.linspace(-1, 0.5, 61)
_SHRINKAGE = 0.3
_PER_CLASS = 100


def trials(widths: dict[str, int]) -> dict[str, MatchingConfig]:
    """Every setting that was tried, by what it changes."""
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
    for sigma in (1.5, 3.0):
        for power in (0.25, 0.5, 0.75, 1.0):
            found[f"smoothing {sigma:g}, regions 0.5, threshold 0, whitening {power:g}"] = replace(
                chosen, smoothing=sigma, whitening=power
            )
    return found


def learned(widths: dict[str, int]) -> dict[str, tuple[SimilarityConfig, TrainConfig]]:
    """Every similarity head that was trained, by its name."""
    plain = SimilarityConfig(**widths, least_steadiness=0.91, whitening=0.5)
    config = TrainConfig(
        learning_rate=2e-3, warmup_steps=50, weight_average=0.99, batch_size=24, max_epochs=3,
        gradient_clip=1.0,
    )  # fmt: skip
    found = {}
    for softness, dropout in ((0.0, 0.25), (0.5, 0.25), (1.0, 0.25), (1.0, 0.1)):
        found[f"softness {softness:g}, dropout {dropout:g}"] = (
            replace(plain, dropout=dropout),
            replace(config, boundary_softness=softness),
        )
    settings, how = found[last := "softness 1, dropout 0.25"]
    found[f"{last}, width 96"] = (replace(settings, hidden_dim=96), how)
    for power in (0.0, 0.25, 0.75):
        found[f"{last}, whitening {power:g}"] = (replace(settings, whitening=power), how)
    return found


def train_similarity(
    name: str,
    bank: FeatureBank,
    domains: dict[str, list[Question]],
    out: Path,
    seed: int,
    widths: dict[str, int],
    evidence: Evidence,
) -> Similarity:
    """One similarity head; the epoch with the best mean over the domains is kept."""
    config, how = learned(widths)[name]
    torch.manual_seed(seed)
    model = Similarity(config)
    model.matching.evidence = deepcopy(evidence)  # which a run that goes on overwrites
    folder = out / "similarity" / f"{name}, seed {seed}"
    train(
        model,
        DrawnStreams(bank, STREAMS, seed=seed),
        [example_of(q) for q in balanced(domains)],
        replace(how, seed=seed),
        folder,
        resume=True,
        quiet=True,
    )
    return model.eval()


def balanced(domains: dict[str, list[Question]]) -> list[Question]:
    """As many questions of every domain, so that their mean is the mean over the domains."""
    found = []
    for questions in domains.values():
        asked = [question for question in questions if question.segment is not None]
        found += [asked[k % len(asked)] for k in range(BALANCED)]
    return found


def bank_of(folder: Path, split: dict[str, Any], recipe: Recipe, cache: Path) -> FeatureBank:
    """Photographs of train classes and parts of them, as features."""
    if not cache.exists():
        rng, rows = np.random.default_rng(6), {}
        for name in split["train"]:
            for path in photographs_of(folder, [name], BANK_OF_CLASS, rng):
                picture = read_image(path)
                whole, first = views(picture, rng)
                seen = [whole, first, views(picture, rng)[1]]
                if any(map(is_blank, seen)):
                    continue
                query = recipe.encode_image(whole)
                parts = [recipe.encode_image(view).global_feature for view in seen[1:]]
                key = f"{name}/{path.name}".replace("/", "|")
                rows[f"{key}|views"] = np.stack([query.global_feature, *parts])
                rows[f"{key}|regions"] = query.regions
                rows[f"{key}|boxes"] = query.boxes
            print(f"bank: {name}", flush=True)
        with replacing(cache) as place, place.open("wb") as file:
            np.savez(file, **rows)
    shots: dict[str, list[Shot]] = defaultdict(list)
    pictures: dict[str, list[Picture]] = defaultdict(list)
    with np.load(cache) as file:
        for key in file.files:
            photograph, _, what = key.rpartition("|")
            if what != "views":
                continue
            name, source = photograph.rpartition("|")[0].replace("|", "/"), photograph
            seen = file[key].astype(np.float32)
            shots[name].append(Shot(features=seen, is_still=True, source=source))
            pictures[name].append(
                Picture(
                    regions=file[f"{photograph}|regions"].astype(np.float32),
                    boxes=file[f"{photograph}|boxes"].astype(np.float32),
                    global_feature=seen[0],
                    source=source,
                )
            )
    similar: dict[str, set[str]] = defaultdict(set)
    for group in split["similar"].values():
        for name in group:
            similar[name] |= set(group) - {name}
    return FeatureBank(
        shots={name: tuple(each) for name, each in shots.items()},
        pictures={name: tuple(each) for name, each in pictures.items()},
        similar={name: frozenset(kin) for name, kin in similar.items()},
        stride_seconds=INTERVAL_SECONDS,
    )


def example_of(question: Question) -> Example:
    """A question that training can validate on."""
    inputs, segment = question.inputs, question.segment
    assert segment is not None
    duration = INTERVAL_SECONDS * inputs.clips.shape[1]
    return Example(
        sample=Sample(
            sample_id=question.video, video_id=question.video, duration_seconds=duration,
            window=None, segment=Segment(*segment), label="asked for", split="validation",
            query_kind="simple", query_label="asked for", query_video_id=None, query_seconds=None,
            query_image="picture", source_video_id=question.video, pair_id=None,
            taxonomy_distance=0,
        ),
        steps=inputs.clips[0].numpy(),
        grid=ClipGrid(
            stride_seconds=INTERVAL_SECONDS, length_seconds=INTERVAL_SECONDS,
            duration_seconds=duration, max_steps=inputs.clips.shape[1],
        ),
        regions=inputs.regions[0].numpy(),
        boxes=inputs.boxes[0].numpy(),
        global_feature=inputs.global_feature[0].numpy(),
    )  # fmt: skip


def best_steps(model: Matching | Similarity, question: Question) -> np.ndarray:
    """Start and end of the head's answer, in steps."""
    with torch.inference_mode():
        return decode(scores_of(model(question.inputs))).segments[0, 0]


def score(model: Matching | Similarity, questions: Sequence[Question]) -> dict[str, float]:
    """MIoU over all questions, by kind, and swap accuracy."""
    found: dict[str, list[float]] = defaultdict(list)
    for question in questions:
        if question.segment is None:
            continue
        segment = best_steps(model, question) * INTERVAL_SECONDS
        overlap = float(temporal_iou(segment, np.array(question.segment)))
        found["miou"].append(overlap)
        found[question.kind].append(overlap)
        if question.partner is not None and question.kind == "simple":
            other = float(temporal_iou(segment, np.array(question.partner)))
            found["swap"].append(float(overlap > other))
    return {name: float(np.mean(values)) for name, values in found.items()}


def table_row(model: Matching | Similarity, domains: dict[str, list[Question]]) -> dict[str, Any]:
    """The scores in every domain, and their mean mIoU."""
    scores = {domain: score(model, asked) for domain, asked in domains.items()}
    return {"mean": float(np.mean([each["miou"] for each in scores.values()])), "domains": scores}


def fit_evidence(features: dict[str, np.ndarray], rng: np.random.Generator) -> Evidence:
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
            mean
            + torch.from_numpy(rng.normal(size=(BACKGROUND // len(means), len(mean)))) @ factor.T
            for _, mean in sorted(means.items())
        ]
    )
    background = unit((draws - centre) @ metric)
    evidence = Evidence(dim=len(centre), num_background=len(background))
    evidence.load_state_dict(
        {"metric": metric.float(), "centre": centre.float(), "background": background.float()}
    )
    return evidence


def evidence_of(model: Matching | Similarity, question: Question) -> PresenceEvidence:
    """What the head says of presence."""
    matching = model.matching if isinstance(model, Similarity) else model
    with torch.inference_mode():
        found = scores_of(matching(question.inputs)).evidence
    assert found is not None
    return found


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A question, the evidence of presence, and where the head's answer lies, in steps.

    Nobody asks where it lies for several pictures.
    """

    question: Question
    evidence: PresenceEvidence
    segment: np.ndarray | None


def judged(model: Matching | Similarity, questions: Sequence[Question]) -> list[Judged]:
    """What the head answers to questions; Difficult ones are left out, as they are neither."""
    return [
        Judged(
            question=question,
            evidence=evidence_of(model, question),
            segment=best_steps(model, question) if question.num_pictures == 1 else None,
        )
        for question in questions
        if question.kind != "difficult"
    ]


def judged_held_out(
    model: Matching | Similarity,
    questions: Sequence[Question],
    features: dict[str, np.ndarray],
    shown: dict[str, set[str]],
) -> list[Judged]:
    """`judged` for train classes, as if they were unseen.

    The evidence of each video is fitted without the classes that it shows and is asked for: what it
    knows of the rest of a video makes it too sure. The head itself has seen photographs of these
    classes, but only how alike they are.

    Args:
        model: The head.
        questions: About train videos.
        features: Photographs by class, which evidence is fitted on.
        shown: Classes of each video.
    """
    matching = model.matching if isinstance(model, Similarity) else model
    whole, found = matching.evidence, []
    asked: dict[str, list[Question]] = defaultdict(list)
    for question in questions:
        asked[question.video].append(question)
    for video, each in asked.items():
        out = shown[video] | {question.label for question in each}
        rest = {name: rows for name, rows in features.items() if name not in out}
        matching.evidence = fit_evidence(rest, np.random.default_rng(0))
        found += judged(model, each)
    matching.evidence = whole
    return found


def fit_calibration(
    own: Sequence[Judged], others: Sequence[Judged], rng: np.random.Generator
) -> Calibration:
    """Weights of presence, of length, of a moment, and of several pictures.

    Presence is fitted on videos as they are, and what length adds then on joined ones: fitted
    together, many long videos made short ones all too unsure. Likewise what pictures add that are
    asked with as one.

    Args:
        own: Of validation classes.
        others: Of train classes, held out. Absent ones count as much of all as in ``own``.
        rng: Draws the videos that are joined.
    """
    several = [[e for e in part if e.question.num_pictures > 1] for part in (own, others)]
    own, others = ([e for e in part if e.question.num_pictures == 1] for part in (own, others))
    every = [*own, *others]
    labels = np.array([each.question.label for each in every])
    is_there, counts = truths(every), counts_of(own, others)
    terms = np.array([(best(e.evidence.similarity[0]), e.evidence.background[0]) for e in every])
    similarity, background, bias = fit_unseen(terms, is_there, labels, counts)
    joined, lengths, there = _joined(own, rng)
    odds = joined @ (similarity, background) + bias
    signs = np.where(there, -1.0, 1.0)
    losses = [np.logaddexp(0, signs * (odds + each * lengths)).mean() for each in _LENGTHS]
    calibration = Calibration(
        similarity=similarity, background=background, length=float(_LENGTHS[np.argmin(losses)]),
        bias=bias, moment_peak=0.0, moment_mean=1.0, moment_bias=0.0, best_clips=_BEST_CLIPS,
    )  # fmt: skip
    moments, right = [], []
    for each in every:
        assert each.segment is not None
        logits = calibration.clip_logits(each.evidence)[0]
        inside = logits[round(each.segment[0]) : round(each.segment[1])]
        moments.append([inside[np.isfinite(inside)].mean()])  # without black clips
        right.append(shows_activity(each.segment * INTERVAL_SECONDS, each.question.segment))
    mean, offset = fit_unseen(np.array(moments), np.array(right), labels, counts)
    calibration = replace(calibration, moment_mean=mean, moment_bias=offset)
    return fit_pictures(calibration, *several) if several[0] else calibration


def fit_pictures(
    calibration: Calibration, own: Sequence[Judged], others: Sequence[Judged]
) -> Calibration:
    """The weights of several pictures as one, from questions as `fit_calibration` has them."""
    every = [*own, *others]
    odds = np.array([best(calibration.clip_logits(each.evidence)[0]) for each in every])
    more = np.log2([each.question.num_pictures for each in every])
    signs, counts = np.where(truths(every), -1.0, 1.0), counts_of(own, others)

    def loss(sharpening: float, pictures: float) -> float:
        found = (1 + sharpening * more) * odds + pictures * more
        return float(counts @ np.logaddexp(0, signs * found))

    tried = [(float(s), float(p)) for s in _SHARPENINGS for p in _OF_PICTURES]
    sharpening, pictures = min(tried, key=lambda each: loss(*each))
    return replace(calibration, sharpening=sharpening, pictures=pictures)


def truths(asked: Sequence[Judged]) -> np.ndarray:
    """Whether what is asked for is there."""
    return np.array([each.question.segment is not None for each in asked], bool)


def counts_of(own: Sequence[Judged], others: Sequence[Judged]) -> np.ndarray:
    """How often each counts: absent ones as much of all in ``others`` as in ``own``."""
    counts, present, more = np.ones(len(own) + len(others)), truths(own), truths(others)
    if others:
        counts[len(own) :][~more] = (~present).sum() / present.sum() * more.sum() / (~more).sum()
    return counts


def fit_unseen(
    terms: np.ndarray, is_right: np.ndarray, labels: np.ndarray, counts: np.ndarray
) -> list[float]:
    """Weights and bias of a logistic regression for classes that it was not fitted on.

    It is too sure of those. By how much, classes that are left out tell, one after the other.
    """
    held_out = np.zeros(len(terms))
    for label in set(labels):
        out = labels == label
        *weights, bias = fit_logistic(terms[~out], is_right[~out], counts[~out])
        held_out[out] = terms[out] @ weights + bias
    slope, offset = fit_logistic(held_out[:, None], is_right, counts)
    *weights, bias = fit_logistic(terms, is_right, counts)
    return [float(slope * weight) for weight in weights] + [float(slope * bias + offset)]


def best(similarity: np.ndarray) -> float:
    """What of the similarities speaks for presence."""
    return float(mean_of_best(similarity, _BEST_CLIPS))


def shows_activity(moment: np.ndarray, truth: tuple[float, float] | None) -> bool:
    """Whether more than half of a moment is the activity."""
    if truth is None:
        return False
    shared = min(moment[1], truth[1]) - max(moment[0], truth[0])
    return bool(shared > 0.5 * (moment[1] - moment[0]))


def _joined(asked: Sequence[Judged], rng) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Terms, doublings and truths of long videos: each question with clips of others joined.

    Similarities of a joined video are those of its parts to the same picture, so the parts come
    from questions that ask with another picture only in their video: here each question's own
    similarities, and those of absent questions, whose pictures are as foreign to their videos.
    """
    absent = [
        each.evidence.similarity[0]
        for each in asked
        if each.question.segment is None and each.question.kind != "sibling"
    ]
    terms, lengths, there = [], [], []
    for number in _JOINED:
        for each in asked:
            parts = [absent[k] for k in rng.integers(len(absent), size=number - 1)]
            joined = np.concatenate([each.evidence.similarity[0], *parts])
            terms.append((best(joined), each.evidence.background[0]))
            lengths.append(float(doublings(joined[None])[0]))
            there.append(each.question.segment is not None)
    return np.array(terms), np.array(lengths), np.array(there)


def train_questions(
    options: argparse.Namespace, recipe: Recipe
) -> tuple[list[Question], dict[str, set[str]]]:
    """The questions of the train videos that calibration is fitted on, and what videos show."""
    manifest = read_manifest(options.calibration)
    manifest = replace(manifest, samples=manifest.of_split("train"))
    questions = made_questions(
        manifest, options.store, recipe, split="train", num_pictures=(1, *_PICTURES)
    )
    return questions, activities_of(manifest.folder, manifest.samples)


def presence_of(
    model: Matching | Similarity, calibration: Calibration, questions: Sequence[Question]
) -> dict[str, np.ndarray]:
    """Presence by kind of question."""
    found: dict[str, list[float]] = defaultdict(list)
    for question in questions:
        logits = calibration.clip_logits(evidence_of(model, question))
        found[question.kind].append(float(calibration.presence(logits)[0]))
    return {kind: np.array(values) for kind, values in found.items()}


def aurocs(
    model: Matching | Similarity, calibration: Calibration, domains: dict[str, list[Question]]
) -> dict[str, dict[str, float]]:
    """AUROC of presence in every domain, by kind of absence."""
    found = {}
    for name, questions in domains.items():
        by_kind = presence_of(model, calibration, questions)
        found[name] = {
            kind: auroc(by_kind["simple"], by_kind.get(kind, np.array([])))
            for kind in ("other", "sibling", "elsewhere")
        }
    return found


def ship(made: Checkpoint, folder: Path) -> None:
    """Saves a head, and beside it what a search reads without PyTorch."""
    save_checkpoint(folder, made, weights="float16")
    shipped = load_checkpoint(folder, recipe_fingerprint=None)
    for each in (shipped.model, getattr(shipped.model, "matching", None)):
        if each is not None:
            file = folder.with_name(f"{made.recipe_name}.{model_name(each)}.onnx")
            write_onnx(file, replace(shipped, model=each), overwrite=True)


def today() -> str:
    """The date."""
    return datetime.now(UTC).date().isoformat()


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
    for name in ("photographs", "class-split", "store", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    for name in ("composed", "calibration", "rendered", "real"):
        parser.add_argument(f"--{name}", type=Path, required=True, help="videos with questions")
    parser.add_argument("--head", type=Path, default=HEAD)
    parser.add_argument("--keep-head", action="store_true", help="only calibrate what ships anew")
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
    rng = np.random.default_rng(0)
    features = photograph_features(
        arguments.photographs, split["train"], recipe, arguments.out / "photographs.npz"
    )
    evidence = fit_evidence(features, rng)
    widths = dict.fromkeys(("clip_dim", "region_dim", "global_dim"), recipe.clip_dim)
    widths["background"] = len(evidence.background)

    def judge(model: Matching | Similarity) -> tuple[Calibration, dict[str, Any]]:
        questions, shown = train_questions(arguments, recipe)
        others = judged_held_out(model, questions, features, shown)
        composed = without_test(arguments.composed)
        several = made_questions(composed, store, recipe, num_pictures=_PICTURES)
        own = judged(model, [*domains["composed"], *several])
        calibration = fit_calibration(own, others, rng)
        return calibration, aurocs(model, calibration, domains)

    if arguments.keep_head:
        kept = load_checkpoint(arguments.head, recipe_fingerprint=recipe.fingerprint)
        assert isinstance(kept.model, Similarity)
        calibration, presence = judge(kept.model)
        numbers = calibration.to_dict()
        told = {"calibration_date": today(), "presence_auroc": presence}
        print(json.dumps(told | {"calibration": numbers}, indent=2))
        ship(replace(kept, training={**kept.training, **told}, calibration=numbers), arguments.head)
        return
    table, matchings = {}, {}
    for name, config in trials(widths).items():
        matchings[name] = Matching(config).eval()
        matchings[name].evidence = evidence
        table[name] = table_row(matchings[name], domains)
        print(f"{table[name]['mean']:.4f}  {name}", flush=True)
    matched = max(table, key=lambda name: table[name]["mean"])
    bank = bank_of(arguments.photographs, split, recipe, arguments.out / "bank.npz")
    heads: dict[str, Similarity] = {}

    def try_head(name: str, seed: int) -> None:
        key = f"similarity, {name}, seed {seed}"
        model = train_similarity(name, bank, domains, arguments.out, seed, widths, evidence)
        heads[key], table[key] = model, table_row(model, domains)
        print(f"{table[key]['mean']:.4f}  {key}", flush=True)

    def allowed(key: str) -> bool:
        rows, before = table[key]["domains"], table[matched]["domains"]
        return all(rows[d]["miou"] >= before[d]["miou"] - _MOST_LOSS for d in domains)

    for name in learned(widths):
        try_head(name, SEEDS[0])
    setting = max(filter(allowed, heads), key=lambda key: table[key]["mean"], default=None)
    if setting is not None:
        name = setting.removeprefix("similarity, ").rpartition(", seed ")[0]
        for seed in SEEDS[1:]:
            try_head(name, seed)
    ungated = next(iter(heads))
    open_head = Similarity(replace(heads[ungated].config, least_steadiness=None)).eval()
    open_head.load_state_dict(heads[ungated].state_dict())
    without_gate = {f"{ungated}, without the gate": table_row(open_head, domains)}
    chosen = max(filter(allowed, [matched, *heads]), key=lambda key: table[key]["mean"])
    model = heads[chosen] if chosen in heads else matchings[chosen]
    calibration, presence = judge(model)
    summary = {
        "name": model_name(model),
        "made_by": "benchmarks/lite_head.py",
        "date": today(),
        "chosen": chosen,
        "validation": table[chosen],
        "validation_of_matching": table[matched],
        "similarity_trials": {key: table[key] for key in heads} | without_gate,
        "presence_auroc": presence,
    }
    made = Checkpoint(
        model=model,
        recipe_name=recipe.name,
        recipe_fingerprint=recipe.fingerprint,
        training=summary,
        calibration=calibration.to_dict(),
    )
    ship(made, arguments.head)
    # Of every seed of the chosen setting, for `photographs.py --heads`.
    for seed in SEEDS:
        key = f"{chosen.rpartition(', seed ')[0]}, seed {seed}"
        if key in heads:
            told = {**summary, "config": {"seed": seed}}
            place = arguments.out / "heads" / str(seed)
            save_checkpoint(place, replace(made, model=heads[key], training=told))
    with replacing(arguments.out / "trials.json") as place:
        place.write_text(json.dumps({**summary, "trials": table}, indent=2), encoding="utf-8")
    print(json.dumps({**summary, "calibration": calibration.to_dict()}, indent=2))


if __name__ == "__main__":
    main()
