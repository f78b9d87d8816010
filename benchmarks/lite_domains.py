"""The validation domains of the ``lite`` head: questions made in four different ways.

- rendered: drawn figures (``stillseek dataset render``).
- composed: photographs of validation classes as videos (``stillseek dataset compose``).
- drawn: streams drawn from features of photographs of validation classes, with look-alikes.
- real: two people in one place, spliced from recordings (``annotations.json`` and files beside it).
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from lite_projection import photographs_of, views

from stillseek.data.absence import as_samples, draw_absent, similar_classes
from stillseek.data.example import ExampleSet
from stillseek.data.manifest import Manifest, read_manifest
from stillseek.data.sample import Sample, Split
from stillseek.data.several_pictures import SeveralPictures
from stillseek.data.stored import StoredFeatures, extract_queries
from stillseek.features import FeatureStore, Recipe, extract
from stillseek.features.recipes.picture_content import is_blank
from stillseek.media import read_image
from stillseek.tensors import LocalizerInput

INTERVAL_SECONDS = 0.5
# More than any video here has, so that every step is a clip.
_MOST_STEPS = 10_000
_DRAWN_STREAMS = 150
_PHOTOGRAPHS_OF_CLASS = 120


@dataclass(frozen=True, kw_only=True, eq=False)
class Question:
    """One picture asked of one video.

    Attributes:
        video: Name of the video.
        kind: ``simple`` or ``difficult``; ``other``, ``sibling`` or ``elsewhere`` where absent.
        label: Class of the picture.
        inputs: A batch of one.
        segment: The truth in seconds; None where the activity is absent.
        partner: Segment of the video's other activity that is asked for, if there is one.
        num_pictures: How many pictures are asked with as one.
    """

    video: str
    kind: str
    label: str
    inputs: LocalizerInput
    segment: tuple[float, float] | None
    partner: tuple[float, float] | None
    num_pictures: int = 1


def asked_of(manifest: Manifest, split: Split) -> dict[str | None, Sequence[Sample]]:
    """The samples of a split, and by kind of absence those about what is not there."""
    samples = manifest.of_split(split)
    labels = activities_of(manifest.folder, manifest.samples)
    similar = similar_classes(manifest.samples)
    drawn = draw_absent(samples, manifest.samples, labels, similar, seed=0)
    return {None: samples, **as_samples(drawn, manifest.samples)}


def of_manifest(
    manifest: Manifest, store: Path, recipe: Recipe, split: Split, num_pictures: int = 1
) -> list[Question]:
    """The questions of a split, and some about what is absent, all of the manifest's pictures."""
    stored = StoredFeatures(manifest, FeatureStore(store), recipe.fingerprint)
    source = SeveralPictures(stored, manifest.samples, num_pictures)
    every = asked_of(manifest, split)
    pairs: dict[str | None, dict[str, tuple[float, float]]] = defaultdict(dict)
    for sample in every[None]:
        pairs[sample.pair_id][sample.label] = _bounds(sample)
    found = []
    for kind, asked in every.items():
        for sample, example in zip(
            asked, ExampleSet(asked, source, max_steps=_MOST_STEPS), strict=True
        ):
            others = {} if sample.pair_id is None else pairs[sample.pair_id]
            partner = [bounds for label, bounds in others.items() if label != sample.label]
            found.append(
                Question(
                    video=sample.video_id,
                    kind=kind or sample.query_kind,
                    label=sample.query_label,
                    inputs=_inputs(
                        example.steps, example.regions, example.boxes, example.global_feature
                    ),
                    segment=_bounds(sample) if kind is None else None,
                    partner=partner[0] if partner else None,
                    num_pictures=num_pictures,
                )
            )
    return found


def without_test(folder: Path, videos: int | None = None) -> Manifest:
    """The data set with its train and (first) validation videos: no picture is of a test class."""
    manifest = read_manifest(folder)
    names = list(dict.fromkeys(s.video_id for s in manifest.of_split("validation")))[:videos]
    asked = [s for s in manifest.of_split("validation") if s.video_id in names]
    return replace(manifest, samples=(*manifest.of_split("train"), *asked))


def made_questions(
    manifest: Manifest,
    store: Path,
    recipe: Recipe,
    *,
    split: Split = "validation",
    num_pictures: Sequence[int] = (1,),
) -> list[Question]:
    """The questions of the videos of a split; features that the store lacks are made."""
    asked = [s for each in asked_of(manifest, split).values() for s in each]
    paths = dict.fromkeys(manifest.video_path(sample.video_id) for sample in asked)
    features = FeatureStore(store)
    extract(list(paths), recipe, features, strict=True)
    extract_queries(replace(manifest, samples=tuple(asked)), recipe, features, strict=True)
    return [q for n in num_pictures for q in of_manifest(manifest, store, recipe, split, n)]


def activities_of(folder: Path, samples: Sequence[Sample]) -> dict[str, set[str]]:
    """All activities of each video: those asked for, and those that annotations.json knows."""
    labels: dict[str, set[str]] = defaultdict(set)
    for sample in samples:
        labels[sample.video_id].add(sample.label)
    database = json.loads((folder / "annotations.json").read_text(encoding="utf-8"))["database"]
    for video, entry in database.items():
        labels[video] |= {each["label"] for each in entry["annotations"]}
    return labels


def of_recordings(folder: Path, store: Path, recipe: Recipe) -> list[Question]:
    """Recordings with ``annotations.json``: video, image, segment (null where absent), other."""
    features = FeatureStore(store)
    found = []
    for item in json.loads((folder / "annotations.json").read_text(encoding="utf-8")):
        video = features.get_or_encode(recipe, folder / item["video"])
        query = features.get_or_encode_query(recipe, folder / item["image"])
        found.append(
            Question(
                video=item["video"],
                kind="simple" if item["segment"] else "elsewhere",
                label=item["class"],
                inputs=_inputs(video.clips, query.regions, query.boxes, query.global_feature),
                segment=item["segment"] and tuple(item["segment"]),
                partner=item["other"] and tuple(item["other"]),
            )
        )
    return found


def of_photographs(folder: Path, split: dict[str, list[str]], recipe: Recipe) -> list[Question]:
    """Streams drawn from the features of photographs; half of them ask, half are shown."""
    rng = np.random.default_rng(0)
    similar: dict[str, set[str]] = defaultdict(set)
    for group in split["similar"].values():
        for name in group:
            similar[name] |= set(group) - {name}
    targets = split["val"]
    classes = [*targets, *(c for c in split["train"] if similar[c] & set(targets))]
    queries, shown = {}, {}
    for name in classes:
        paths = photographs_of(folder, [name], _PHOTOGRAPHS_OF_CLASS, rng)
        pictures = [views(read_image(path), rng) for path in paths]
        pictures = [both for both in pictures if not any(map(is_blank, both))]
        half = len(pictures) // 2
        queries[name] = [recipe.encode_image(whole) for whole, _ in pictures[:half]]
        shown[name] = [
            np.stack([recipe.encode_image(view).global_feature for view in both])
            for both in pictures[half:]
        ]
    found = []
    for number in range(_DRAWN_STREAMS):
        found += _draw(f"stream {number}", targets, classes, similar, queries, shown, rng)
    return found


def _draw(video, targets, classes, similar, queries, shown, rng) -> list[Question]:
    target = targets[int(rng.integers(len(targets)))]
    strangers = [c for c in classes if c != target and c not in similar[target]]
    names = list(rng.permutation(strangers)[: int(rng.integers(2, 6))])
    alike = sorted(c for c in similar[target] if c in classes)
    if alike and rng.random() < 0.6:
        names[0] = alike[int(rng.integers(len(alike)))]
    partner = names[-1]
    names.append(target)
    rng.shuffle(names)
    rows, bounds = [], {}
    for name in names:
        start, length = len(rows), int(rng.integers(8, 50))
        while len(rows) - start < length:
            whole, part = shown[name][int(rng.integers(len(shown[name])))]
            steps = min(int(rng.integers(3, 16)), length - (len(rows) - start))
            pan = np.linspace(0, 1, steps)[:, None]
            noise = rng.normal(
                0, 0.1 * np.linalg.norm(whole) / len(whole) ** 0.5, (steps, len(whole))
            )
            rows += list((1 - pan) * part + pan * whole + noise)
        bounds[name] = (start * INTERVAL_SECONDS, len(rows) * INTERVAL_SECONDS)
    clips = np.array(rows, np.float32)

    def ask(label: str, kind: str, about: str | None, other: str | None) -> Question:
        query = queries[label][int(rng.integers(len(queries[label])))]
        return Question(
            video=video,
            kind=kind,
            label=label,
            inputs=_inputs(clips, query.regions, query.boxes, query.global_feature),
            segment=about and bounds[about],
            partner=other and bounds[other],
        )

    asked = [
        ask(target, "simple", target, partner),
        ask(partner, "simple", partner, target),
    ]
    near = set().union(*(similar[name] for name in names))
    if free := [c for c in alike if c not in names]:
        asked.append(ask(free[int(rng.integers(len(free)))], "difficult", target, None))
    absent = [c for c in targets if c not in names]
    for kind, usable in (
        ("elsewhere", [c for c in absent if c not in near]),
        ("sibling", [c for c in absent if c in near]),
    ):
        if usable:
            asked.append(ask(usable[int(rng.integers(len(usable)))], kind, None, None))
    return asked


def _inputs(clips, regions, boxes, global_feature) -> LocalizerInput:
    def batch(array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array, np.float32))[None]

    return LocalizerInput(
        clips=batch(clips),
        clip_mask=torch.ones(1, len(clips), dtype=torch.bool),
        regions=batch(regions),
        boxes=batch(boxes),
        region_mask=torch.ones(1, len(regions), dtype=torch.bool),
        global_feature=batch(global_feature),
    )


def _bounds(sample: Sample) -> tuple[float, float]:
    return sample.segment.start_seconds, sample.segment.end_seconds
