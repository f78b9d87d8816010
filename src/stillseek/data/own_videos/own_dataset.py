"""A data set of people's own videos, from their annotations."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from stillseek.data.annotations import Cleaning
from stillseek.data.manifest import (
    Manifest,
    dataset_output,
    refuse_other_source,
    settings_sha256,
    write_manifest,
)
from stillseek.data.own_videos.annotated_files import VideoFolder, images_of_labels, relative_path
from stillseek.data.own_videos.annotation_formats import read_annotations
from stillseek.data.own_videos.queries import Picture, Pictures
from stillseek.data.own_videos.splits import SplitBy, split_targets
from stillseek.data.own_videos.table import DIGITS, Rows
from stillseek.data.own_videos.targets import Found, Target, find_targets, image_error
from stillseek.data.sample import QueryKind, Sample, Split
from stillseek.data.taxonomy import SIBLINGS, Taxonomy, read_similar
from stillseek.errors import DatasetError, UsageError
from stillseek.files import counted
from stillseek.outputs import check_outputs
from stillseek.timeline import Segment

_DIFFICULT = 2
_LISTED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnVideosConfig:
    """How annotations become questions.

    Attributes:
        simple: Most queries of an activity that show its own class.
        difficult: Most queries of an activity that show a similar class; 2 where not given and
            similar classes are known.
        split_by: What goes to train, validation and test as a whole, 80/10/10; where not given,
            classes if there are at least 10, else all is test.
        seed: Decides which pictures ask, and the split.
        skip_bad: Leave broken annotations out, and count them, in place of refusing the file.
        attribute: What of the annotations holds the labels, where there are several: an attribute
            of VIA, a tier of ELAN, a control tag of Label Studio.

    Raises:
        UsageError: A number or the seed is negative, or there is nothing to ask with.
    """

    simple: int = 3
    difficult: int | None = None
    split_by: SplitBy | None = None
    seed: int = 0
    skip_bad: bool = False
    attribute: str | None = None

    def __post_init__(self) -> None:
        for name in ("simple", "difficult", "seed"):
            if (number := getattr(self, name)) is not None and number < 0:
                raise UsageError(f"{name} must be at least 0, got {number}")
        if self.simple == 0 and self.difficult == 0:
            raise UsageError("simple and difficult are both 0: nothing is asked; raise one of them")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedVideos:
    """A data set of own videos, and what became of the annotations.

    Attributes:
        manifest: The data set.
        num_activities: Activities that are asked for.
        split: How the samples were split, for people.
        empty_splits: Splits that have activities and no question, as no picture may ask there.
        skipped: One line for each broken annotation that was left out.
        left_out: Activities that no picture asks for.
        unread: Columns of the table that mean nothing here.
        num_cut: Activities cut because they ended after their video.
        num_joined: Activities that became part of one of the same label that they overlap.
        num_shared_videos: Videos that are searched in more than one split.
        cleaning: What reading ActivityNet's layout mended or dropped.
        num_unlabelled: Videos of ActivityNet's layout that have no annotations.
    """

    manifest: Manifest
    num_activities: int
    split: str
    empty_splits: tuple[Split, ...]
    skipped: tuple[str, ...]
    left_out: tuple[str, ...]
    unread: tuple[str, ...]
    num_cut: int
    num_joined: int
    num_shared_videos: int
    cleaning: Cleaning | None
    num_unlabelled: int


class BrokenAnnotationsError(DatasetError):
    """Annotations that cannot be used.

    Attributes:
        summary: How many there are, and what to do.
        problems: One line for each.
    """

    def __init__(self, summary: str, problems: Sequence[str]) -> None:
        super().__init__("\n".join((summary, *problems[:_LISTED])))
        self.summary = summary
        self.problems = tuple(problems)


def import_videos(
    annotations: Path,
    videos: Path,
    out: Path,
    config: OwnVideosConfig,
    *,
    images: Path | None = None,
    taxonomy: Path | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> ImportedVideos:
    """Makes a data set of own videos.

    The same input and seed give the same bytes, where the folders lie alike to each other.

    Args:
        annotations: What happens when, in a layout that `read_annotations` knows.
        videos: Folder of the videos, which stay where they are.
        out: Folder of the data set.
        config: Settings.
        images: Folder with a subfolder of query images a label.
        taxonomy: Which classes are similar, in a layout that `read_similar` knows.
        on_progress: Called with the videos opened and the videos in total, then with the files
            hashed and the files to hash.

    Raises:
        BrokenAnnotationsError: Annotations are broken and ``skip_bad`` is off.
        DatasetError: A file as a whole is broken, or no question is left.
        UsageError: A setting has no effect, or ``out`` holds a data set of another source.
    """
    source = f"own videos, {annotations.name}"
    check_outputs([dataset_output(out)], inputs=[annotations, videos, images, taxonomy])
    refuse_other_source(out, source)
    folder = VideoFolder(videos)
    read = read_annotations(annotations, folder, attribute=config.attribute)
    if not read.rows and not read.problems:
        raise DatasetError(f"{annotations} holds no activity; annotate one, with start and end")
    similar = _similar(read, annotations, taxonomy)
    if similar is None and config.difficult:
        raise UsageError(
            "no similar classes are known, so --difficult has no effect; give --taxonomy FILE"
        )
    found = find_targets(read, folder, images_from=annotations.parent, on_progress=on_progress)
    label_images, unreadable = _label_images(images, found, similar)
    problems = (*read.problems, *found.problems, *unreadable)
    if problems and not config.skip_bad:
        number = counted(len(problems), "problem")
        raise BrokenAnnotationsError(
            f"{annotations} cannot be used as it is: {number}, and nothing was written; mend what "
            "is broken, or leave it out with --skip-bad",
            problems,
        )
    if config.difficult == 0:
        similar = None
    pictures = Pictures(found.targets, images=label_images, similar=similar, seed=config.seed)
    questions, splits, how = _questions(found.targets, pictures, config)
    manifest = write_manifest(
        out,
        [sample for question in questions for sample in _samples(question, out)],
        source=source,
        seed=config.seed,
        settings=asdict(config) | _input_hashes(annotations, taxonomy, found.targets, label_images),
        videos=relative_path(videos, out),
        on_progress=on_progress,
    )
    names = {question.target.name for question in questions}
    meant = {*splits.values(), *(each.split for each in found.targets)} - {None}
    return ImportedVideos(
        manifest=manifest,
        num_activities=len(questions),
        split=how,
        empty_splits=tuple(sorted(meant - {each.split for each in questions})),
        skipped=problems,
        left_out=tuple(_describe(t) for t in found.targets if t.name not in names),
        unread=read.unread,
        num_cut=found.num_cut,
        num_joined=found.num_joined,
        num_shared_videos=_num_shared_videos(questions),
        cleaning=read.cleaning,
        num_unlabelled=read.num_unlabelled,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """A target with the pictures that ask for it."""

    target: Target
    split: Split
    asking: Mapping[QueryKind, Sequence[Picture]]


def _similar(read: Rows, annotations: Path, taxonomy: Path | None) -> Taxonomy | None:
    if taxonomy is None:
        return read.taxonomy
    similar = read_similar(taxonomy)
    if not any(row.label in similar for row in read.rows):
        raise DatasetError(
            f"no label of {annotations} is a class in {taxonomy}; check that they are spelled alike"
        )
    return similar


def _label_images(
    images: Path | None, found: Found, similar: Taxonomy | None
) -> tuple[dict[str, tuple[Path, ...]], list[str]]:
    """The images of every class that can be read, and what is wrong with the others."""
    if images is None:
        return {}, []
    labels = {target.label for target in found.targets}
    if similar is not None:
        labels.update(similar.labels)
    usable, problems = {}, []
    for label, files in images_of_labels(images, labels).items():
        errors = {file: image_error(file) for file in files}
        problems += [str(error) for error in errors.values() if error is not None]
        usable[label] = tuple(file for file, error in errors.items() if error is None)
    return usable, problems


def _questions(
    targets: Sequence[Target], pictures: Pictures, config: OwnVideosConfig
) -> tuple[list[_Question], Mapping[str, Split], str]:
    limits: dict[QueryKind, int] = {
        "simple": config.simple,
        "difficult": _DIFFICULT if config.difficult is None else config.difficult,
    }
    # Only what can be asked for takes part in the split, or a part of it might be empty.
    answerable = [
        target
        for target in targets
        if any(num > 0 and pictures.can_ask(target, kind) for kind, num in limits.items())
    ]
    if not answerable:
        raise DatasetError(
            "no activity can be asked for: none has an image, or another video with the same "
            "label; give images (column image, or --images), or annotate more videos"
        )
    splits, how = split_targets(answerable, config.split_by, seed=config.seed)
    division = pictures.divide(splits)
    questions = []
    for target in answerable:
        asking: dict[QueryKind, list[Picture]] = {
            kind: pictures.draw(target, kind, num, division) for kind, num in limits.items()
        }
        if any(asking.values()):
            questions.append(_Question(target=target, split=splits[target.name], asking=asking))
    return questions, splits, how


def _samples(question: _Question, out: Path) -> Iterator[Sample]:
    target = question.target
    searched = target.window or Segment(0.0, target.duration_seconds)
    start = searched.start_seconds
    numbered: list[tuple[QueryKind, int, Picture]] = [
        (kind, number, picture)
        for kind, pictures in question.asking.items()
        for number, picture in enumerate(pictures, start=1)
    ]
    for kind, number, picture in numbered:
        frame_of = picture.frame_of
        yield Sample(
            sample_id=f"{target.name}-{kind}{number}",
            video_id=target.video_id,
            duration_seconds=round(searched.duration_seconds, DIGITS),
            window=target.window,
            segment=Segment(
                round(target.segment.start_seconds - start, DIGITS),
                round(target.segment.end_seconds - start, DIGITS),
            ),
            label=target.label,
            split=question.split,
            query_kind=kind,
            query_label=picture.label,
            query_video_id=None if frame_of is None else frame_of.video_id,
            query_seconds=picture.seconds,
            query_image=None if picture.image is None else relative_path(picture.image, out),
            source_video_id=target.video_id,
            pair_id=None,
            taxonomy_distance=0 if kind == "simple" else SIBLINGS,
        )


def _describe(target: Target) -> str:
    return f"{target.label!r} at {target.segment.start_seconds} s in {target.video_id!r}"


def _num_shared_videos(questions: Iterable[_Question]) -> int:
    splits: dict[str, set[Split]] = defaultdict(set)
    for question in questions:
        splits[question.target.video_id].add(question.split)
    return sum(len(found) > 1 for found in splits.values())


def _input_hashes(
    annotations: Path,
    taxonomy: Path | None,
    targets: Sequence[Target],
    label_images: Mapping[str, Sequence[Path]],
) -> dict[str, str | None]:
    """Hashes of everything beside the settings that decides the samples.

    They do not depend on where the files lie. Of the videos, names and lengths count: their
    frames decide no sample.
    """
    of_rows = {image for target in targets for image in target.images}
    images = {
        "labels": {
            label: {file.name: _sha256(file) for file in files}
            for label, files in label_images.items()
        },
        "rows": {relative_path(image, annotations.parent): _sha256(image) for image in of_rows},
    }
    return {
        "annotations_sha256": _sha256(annotations),
        "taxonomy_sha256": None if taxonomy is None else _sha256(taxonomy),
        "images_sha256": settings_sha256(images),
        "video_lengths_sha256": settings_sha256(
            {target.video_id: target.duration_seconds for target in targets}
        ),
    }


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
