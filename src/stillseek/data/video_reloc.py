"""Video re-localization of Feng et al. (2018), asked with images.

Their files list parts of ActivityNet's videos that hold one activity each, in units of 16 frames.
There a segment of another video of the class asks, drawn anew for every epoch; here the middle
frame of such a segment does.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stillseek.data.annotations import Activity, AnnotatedVideo
from stillseek.data.file_hashes import text_sha256
from stillseek.data.label_split import LabelRole, LabelSplit
from stillseek.data.taxonomy import Taxonomy
from stillseek.data.windows import Window
from stillseek.errors import DatasetError
from stillseek.records import parse_json, parse_number, parse_object, parse_values, read_text
from stillseek.timeline import Segment

SOURCE = "video re-localization"

_FILES: dict[LabelRole, str] = {
    "train": "train.json",
    "validation": "val.json",
    "test": "test.json",
}
_LENGTHS = "length.json"
_LAYOUT = "the files of video_reloc, with id, label, location and groundtruth"
_UNIT_FRAMES = 16
_DIGITS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoReloc:
    """What the files list.

    Attributes:
        windows: Parts of videos with one activity each, in the order of the files.
        split: The classes of each file.
        num_missing: Parts of videos that were not given, left out.
        sha256: Hash of each file.
    """

    windows: tuple[Window, ...]
    split: LabelSplit
    num_missing: int
    sha256: dict[str, str]


def read_video_reloc(
    folder: Path, annotated: Sequence[AnnotatedVideo], taxonomy: Taxonomy, *, present: Sequence[str]
) -> VideoReloc:
    """Reads ``train.json``, ``val.json``, ``test.json`` and ``length.json``.

    Unit k of a video begins at 16 k of its ``n_frames`` frames, which are spread evenly over its
    annotated length; what ends after the video ends with it.

    Args:
        folder: Where the files are.
        annotated: ActivityNet's videos, which say how long each is and what happens in it.
        taxonomy: ActivityNet's class tree, whose nodes the labels are.
        present: Names of the videos that may be searched and ask, with or without ``v_``.

    Raises:
        DatasetError: A file is missing or broken, or does not belong to the annotations.
    """
    texts = {name: read_text(folder / name) for name in (*_FILES.values(), _LENGTHS)}
    lengths = parse_object(texts[_LENGTHS], str(folder / _LENGTHS))
    known = {video.video_id.removeprefix("v_"): video for video in annotated}
    names = {name.removeprefix("v_"): name for name in present}
    windows: list[Window] = []
    roles: dict[LabelRole, set[str]] = {}
    num_missing = 0
    for role, file in _FILES.items():
        roles[role] = set()
        for where, values in _items(texts[file], str(folder / file)):
            video, window = _window(values, known, lengths, taxonomy, where)
            roles[role].add(window.activity.label)
            if video in names:
                windows.append(
                    Window(video_id=names[video], span=window.span, activity=window.activity)
                )
            else:
                num_missing += 1
    _refuse_shared(roles, folder)
    return VideoReloc(
        windows=tuple(windows),
        split=LabelSplit(**{role: tuple(sorted(labels)) for role, labels in roles.items()}),
        num_missing=num_missing,
        sha256={name: text_sha256(text) for name, text in texts.items()},
    )


def _items(text: str, path: str) -> Iterator[tuple[str, list]]:
    value = parse_json(text, path)
    if not isinstance(value, list) or not value:
        raise DatasetError(f"{path}: expected a list of segments, got {value!r:.60}")
    for number, item in enumerate(value, start=1):
        where = f"{path}, segment {number}"
        keys = ("id", "label", "location", "groundtruth")
        yield where, parse_values(item, keys, where, layout=_LAYOUT)


def _window(
    values: Sequence,
    known: Mapping[str, AnnotatedVideo],
    lengths: Mapping[str, object],
    taxonomy: Taxonomy,
    where: str,
) -> tuple[str, Window]:
    name, node, *spans = values
    if not isinstance(name, str) or name not in known:
        raise DatasetError(
            f"{where}: video {name!r} is not annotated; give the ActivityNet v1.3 annotations"
        )
    video = known[name]
    label = taxonomy.class_of(node) if isinstance(node, int) else None
    # A video may have lost its annotations to their cleaning.
    if label is None or (video.labels and label not in video.labels):
        raise DatasetError(
            f"{where}: label {node!r} is {label!r} in the class tree, but {name!r} shows "
            f"{', '.join(map(repr, sorted(video.labels)))}; give the class tree of ActivityNet v1.3"
        )
    place = f"{_LENGTHS}: video {name!r}"
    (frames,) = parse_values(lengths.get(name), ("n_frames",), place, layout=_LAYOUT)
    num_frames = parse_number(frames, place, what="a number of frames")
    if num_frames < 1:
        raise DatasetError(f"{place}: n_frames must be positive, got {frames!r}")
    (first, last), (start, end) = (_units(span, where) for span in spans)
    if last - first < end:
        raise DatasetError(
            f"{where}: groundtruth [{start}, {end}] does not lie in the {last - first} units of "
            "its location"
        )
    seconds = [
        min(
            round(_UNIT_FRAMES * unit / num_frames * video.duration_seconds, _DIGITS),
            video.duration_seconds,
        )
        for unit in (first, last, first + start, first + end)
    ]
    if seconds[2] >= seconds[3]:
        raise DatasetError(
            f"{where}: groundtruth lies after {name!r} ends, at {video.duration_seconds} s; give "
            f"the {_LENGTHS} that belongs to the file"
        )
    return name, Window(
        video_id=name,
        span=Segment(seconds[0], seconds[1]),
        activity=Activity(segment=Segment(seconds[2], seconds[3]), label=label),
    )


def _units(span: object, where: str) -> tuple[int, int]:
    match span:
        case [int(first), int(last)] if 0 <= first < last:
            return first, last
    raise DatasetError(f"{where}: expected [first, last) in units of 16 frames, got {span!r:.60}")


def _refuse_shared(roles: Mapping[LabelRole, set[str]], folder: Path) -> None:
    for role, labels in roles.items():
        for other, others in roles.items():
            if role < other and (shared := sorted(labels & others)):
                raise DatasetError(
                    f"{folder}: class {shared[0]!r} is in {_FILES[role]} and in {_FILES[other]}; "
                    "a class has one split"
                )
