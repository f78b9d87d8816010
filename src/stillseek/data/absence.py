"""Questions about activities that are not in the video: what presence is learned and judged by."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from stillseek.data.activitynet import read_activitynet
from stillseek.data.file_hashes import text_sha256
from stillseek.data.manifest import Manifest
from stillseek.data.sample import Sample, Split
from stillseek.errors import DatasetError
from stillseek.records import (
    dump_record,
    iterate_objects,
    parse_record,
    read_text,
    write_text_atomic,
)

Absence = Literal["other", "sibling", "elsewhere"]
"""Why an activity is not in the video.

- "other": the picture's class is in no video of the split.
- "sibling": it is not in the video, but a similar class is.
- "elsewhere": it is in other videos of the split, and neither it nor a similar class in this one.
"""

ABSENT_NAME = "absent.jsonl"
_SETTING = "absent_sha256"
_SEED = 0
_SPLITS: tuple[Split, ...] = get_args(Split)
# Whose pictures may ask in a split: training sees none of the others', and only tests see those of
# tests.
_PICTURES_OF = {split: _SPLITS[: place + 1] for place, split in enumerate(_SPLITS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsentQuestion:
    """One question whose activity is not in the video, made of two samples.

    Attributes:
        kind: Why it is not there.
        searched: Id of the sample whose video or window is searched.
        picture: Id of the sample whose picture asks.
    """

    kind: Absence
    searched: str
    picture: str


def draw_absent(
    asked: Sequence[Sample],
    others: Sequence[Sample],
    labels: Mapping[str, AbstractSet[str]],
    similar: Mapping[str, AbstractSet[str]],
    *,
    seed: int,
    number: int = 1,
) -> tuple[AbsentQuestion, ...]:
    """Asks every video of a split about what is not in it, for each kind of absence.

    Pictures come from other samples. A video has no question of a kind that no picture serves.

    Args:
        asked: The samples of the split.
        others: Samples of other splits, whose pictures may ask for classes that the split lacks.
        labels: All activities of each video, by its id.
        similar: The similar classes of each class that has some.
        seed: Seed of the draws.
        number: Most questions of a kind for each video, all with different pictures.
    """
    rng = np.random.default_rng(seed)
    in_split = set().union(*(labels[sample.video_id] for sample in asked))
    # One for each video and window, in the order of the samples.
    places = {(sample.video_id, sample.window): sample for sample in asked}
    found: list[AbsentQuestion] = []
    for place in places.values():
        inside = labels[place.video_id]
        near = set().union(*(similar.get(label, ()) for label in inside)) - inside
        wanted: dict[Absence, list[Sample]] = {
            "other": [s for s in others if s.query_label not in in_split | near],
            "sibling": [s for s in [*asked, *others] if s.query_label in near],
            "elsewhere": [s for s in asked if s.query_label in in_split - inside - near],
        }
        for kind, pictures in wanted.items():
            usable = [s for s in pictures if s.query_video_id != place.video_id]
            for _ in range(number):
                if not usable:
                    break
                picture = usable[int(rng.integers(len(usable)))]
                usable = [s for s in usable if _picture_of(s) != _picture_of(picture)]
                found.append(
                    AbsentQuestion(kind=kind, searched=place.sample_id, picture=picture.sample_id)
                )
    return tuple(found)


def absent_of(manifest: Manifest, split: Split) -> dict[Absence, tuple[Sample, ...]]:
    """The absent questions of a split: those that the data set froze, or else drawn ones.

    They ask with pictures that samples of the manifest ask with, too, so whatever has the features
    of those has theirs. Training's ask with its own pictures only, and validation's with none of a
    test.

    Returns:
        By kind, samples with new ids, whose segment means nothing.

    Raises:
        DatasetError: The frozen questions are missing, broken, or of another manifest.
    """
    frozen, asked = read_absent(manifest), manifest.of_split(split)
    if frozen is not None:
        ids = {sample.sample_id for sample in asked}
        return as_samples([q for q in frozen if q.searched in ids], manifest.samples)
    others = [s for s in manifest.samples if s.split in _PICTURES_OF[split]]
    similar = similar_classes([*asked, *others])
    drawn = draw_absent(asked, others, activities_of(manifest), similar, seed=_SEED)
    return as_samples(drawn, manifest.samples)


def freeze_absent(
    folder: Path,
    samples: Sequence[Sample],
    labels: Mapping[str, AbstractSet[str]],
    similar: Mapping[str, AbstractSet[str]],
    *,
    seed: int,
    number: int,
) -> dict[str, str]:
    """Draws the absent questions of every split and writes them beside the manifest.

    Args:
        folder: Folder of the data set.
        samples: All its samples.
        labels: All activities of each video, by its id.
        similar: The similar classes of each class that has some.
        seed: Seed of the draws.
        number: Most questions of a kind for each video; none are written where it is 0.

    Returns:
        What belongs into the settings of the manifest, so that the two files stay together.
    """
    if not number:
        return {}
    drawn: list[AbsentQuestion] = []
    for place, (split, sources) in enumerate(_PICTURES_OF.items()):
        asked = [sample for sample in samples if sample.split == split]
        others = [sample for sample in samples if sample.split in sources]
        own = int(np.random.default_rng((seed, 6, place)).integers(2**32))
        drawn += draw_absent(asked, others, labels, similar, seed=own, number=number)
    text = "".join(json.dumps(dump_record(each), ensure_ascii=False) + "\n" for each in drawn)
    write_text_atomic(folder / ABSENT_NAME, text)
    return {_SETTING: text_sha256(text)}


def read_absent(manifest: Manifest) -> tuple[AbsentQuestion, ...] | None:
    """The absent questions that a data set froze; None if it has none.

    Raises:
        DatasetError: The file is missing, broken, or of another manifest.
    """
    if _SETTING not in manifest.header.settings:
        return None
    path = manifest.folder / ABSENT_NAME
    text = read_text(path)
    if text_sha256(text) != manifest.header.settings[_SETTING]:
        raise DatasetError(f"{path} does not belong to its manifest; build the dataset again")
    return tuple(
        parse_record(AbsentQuestion, line, where) for where, line in iterate_objects(text, path)
    )


def as_samples(
    questions: Iterable[AbsentQuestion], samples: Iterable[Sample]
) -> dict[Absence, tuple[Sample, ...]]:
    """Absent questions as samples, with new ids and a segment that means nothing.

    Args:
        questions: The questions.
        samples: Those that they name, at least.
    """
    by_id = {sample.sample_id: sample for sample in samples}
    found: dict[Absence, list[Sample]] = {kind: [] for kind in get_args(Absence)}
    numbers: Counter[tuple[str, Absence]] = Counter()
    for question in questions:
        place, picture = by_id[question.searched], by_id[question.picture]
        numbers[question.searched, question.kind] += 1
        number = numbers[question.searched, question.kind]
        found[question.kind].append(
            replace(
                place,
                sample_id=f"{place.sample_id}~{question.kind}{number if number > 1 else ''}",
                query_kind="difficult",
                query_label=picture.query_label,
                query_video_id=picture.query_video_id,
                query_seconds=picture.query_seconds,
                query_image=picture.query_image,
                pair_id=None,
            )
        )
    return {kind: tuple(samples) for kind, samples in found.items()}


def _picture_of(sample: Sample) -> tuple[str | None, str | None, float | None]:
    return sample.query_image, sample.query_video_id, sample.query_seconds


def similar_classes(samples: Sequence[Sample]) -> dict[str, set[str]]:
    """The classes that a Difficult query joins with each class, both ways."""
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
