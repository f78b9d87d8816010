"""Questions about activities that are not in the video: what presence is judged by."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Literal

import numpy as np

from stillseek.data.activitynet import read_activitynet
from stillseek.data.manifest import Manifest, Sample

Absence = Literal["other", "sibling", "elsewhere"]
"""Why an activity is not in the video.

- "other": the picture's class is in no video of the split.
- "sibling": it is not in the video, but a similar class is.
- "elsewhere": it is in other videos of the split, and neither it nor a similar class in this one.
"""


def absent_questions(
    asked: Sequence[Sample],
    others: Sequence[Sample],
    labels: Mapping[str, AbstractSet[str]],
    *,
    seed: int,
) -> dict[Absence, tuple[Sample, ...]]:
    """For each kind of absence, every video of a split asked once about what is not in it.

    Pictures come from other samples. Which classes are similar is known from Difficult queries.
    A video has no question of a kind that no picture serves.

    Args:
        asked: The samples of the split.
        others: Samples of other splits, whose pictures may ask for classes that the split lacks.
        labels: All activities of each video, by its id.
        seed: Seed of the draws.

    Returns:
        Samples with new ids, whose segment means nothing.
    """
    similar = _similar_classes([*asked, *others])
    rng = np.random.default_rng(seed)
    in_split = set().union(*(labels[sample.video_id] for sample in asked))
    # One for each video and window, in the order of the samples.
    places = {(sample.video_id, sample.window): sample for sample in asked}
    found: dict[Absence, list[Sample]] = {"other": [], "sibling": [], "elsewhere": []}
    for place in places.values():
        inside = labels[place.video_id]
        near = set().union(*(similar[label] for label in inside)) - inside
        wanted: dict[Absence, list[Sample]] = {
            "other": [s for s in others if s.query_label not in in_split | near],
            "sibling": [s for s in [*asked, *others] if s.query_label in near],
            "elsewhere": [s for s in asked if s.query_label in in_split - inside - near],
        }
        for kind, pictures in wanted.items():
            usable = [s for s in pictures if s.query_video_id != place.video_id]
            if usable:
                picture = usable[int(rng.integers(len(usable)))]
                found[kind].append(
                    replace(
                        place,
                        sample_id=f"{place.sample_id}~{kind}",
                        query_kind="difficult",
                        query_label=picture.query_label,
                        query_video_id=picture.query_video_id,
                        query_seconds=picture.query_seconds,
                        query_image=picture.query_image,
                        pair_id=None,
                    )
                )
    return {kind: tuple(samples) for kind, samples in found.items()}


def _similar_classes(samples: Sequence[Sample]) -> Mapping[str, set[str]]:
    similar: dict[str, set[str]] = defaultdict(set)
    for sample in samples:
        if sample.query_kind == "difficult":
            similar[sample.label].add(sample.query_label)
            similar[sample.query_label].add(sample.label)
    return similar


def activities_of(manifest: Manifest) -> dict[str, set[str]]:
    """All activities of each video: those asked for, and those that ``annotations.json`` knows.

    Raises:
        DatasetError: The file is there and broken.
    """
    labels: dict[str, set[str]] = defaultdict(set)
    for sample in manifest.samples:
        labels[sample.video_id].add(sample.label)
    annotations = manifest.folder / "annotations.json"
    if annotations.exists():
        for video in read_activitynet(annotations).videos:
            labels[video.video_id] |= video.labels
    return labels
