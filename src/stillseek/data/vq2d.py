"""The temporal part of VQ2D (Ego4D, Grauman et al. 2022): when was this object last seen?

A question there is a crop of one frame of a clip, and the answer the last stretch before the
moment of asking in which the object is seen, with a box a frame. Here the boxes of the answer are
left out. The crop is cut from the clip into an image file, since a frame of the searched video
asks nowhere else.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from stillseek.data.annotations import AnnotatedVideo
from stillseek.data.file_hashes import text_sha256
from stillseek.data.sample import Sample, Split
from stillseek.errors import DatasetError
from stillseek.media import frames_at
from stillseek.media.folder import find_video
from stillseek.media.picture_files import save_image
from stillseek.records import parse_name, parse_number, parse_object, parse_values, read_text
from stillseek.timeline import Segment

SOURCE = "VQ2D"
QUERIES = "queries"

_LAYOUT = "the layout of vq_train.json and vq_val.json"
_DIGITS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class VisualQuery:
    """One valid query set.

    Attributes:
        name: Clip, number of its annotation, and name of the query set.
        clip: The clip.
        source: The video that it is cut from.
        title: What the object is called.
        asked_seconds: When it is asked for; what comes later is not searched.
        answer: The last stretch before, in seconds of the clip.
        crop_seconds: When the frame of the crop is shown; the middle of it.
        crop: Left, top, right and bottom of the object, as shares of the frame's sides.
    """

    name: str
    clip: str
    source: str
    title: str
    asked_seconds: float
    answer: Segment
    crop_seconds: float
    crop: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class VisualQueries:
    """An annotation file.

    Attributes:
        queries: In the order of the file.
        clips: The clips that have one, without activities.
        num_invalid: Query sets that the file marks as not valid, or whose clip has no file.
        sha256: Hash of the file.
    """

    queries: tuple[VisualQuery, ...]
    clips: tuple[AnnotatedVideo, ...]
    num_invalid: int
    sha256: str


def read_vq2d(path: Path) -> VisualQueries:
    """Reads ``vq_train.json`` or ``vq_val.json``.

    Frame k of a clip is shown from k to k + 1 of its ``clip_fps``.

    Raises:
        DatasetError: The file cannot be read or is broken, or has no answers (the test file).
    """
    text = read_text(path)
    (videos,) = parse_values(parse_object(text, str(path)), ("videos",), str(path), layout=_LAYOUT)
    queries: list[VisualQuery] = []
    clips: dict[str, AnnotatedVideo] = {}
    num_invalid = 0
    for where, source, clip, rate in _clips(videos, str(path)):
        keys = ("video_start_sec", "video_end_sec", "annotations")
        start, end, annotations = parse_values(clip, keys, where, layout=_LAYOUT)
        seconds = parse_number(end, where) - parse_number(start, where)
        name = clip["clip_uid"]
        for number, annotation in enumerate(_list(annotations, f"{where}: annotations")):
            (sets,) = parse_values(annotation, ("query_sets",), where, layout=_LAYOUT)
            if not isinstance(sets, dict):
                raise DatasetError(f"{where}: query_sets must be an object, got {sets!r:.60}")
            for key, query_set in sets.items():
                place = f"{where}, annotation {number}, query set {key!r}"
                if not _is_name(key):
                    raise DatasetError(f"{place}: expected a name of letters and digits")
                (valid,) = parse_values(query_set, ("is_valid",), place, layout=_LAYOUT)
                if not valid or name is None:
                    num_invalid += 1
                    continue
                clips[name] = AnnotatedVideo(
                    video_id=name, duration_seconds=round(seconds, _DIGITS), activities=()
                )
                made = _query(query_set, rate, place)
                queries.append(
                    VisualQuery(name=f"{name}_{number}_{key}", clip=name, source=source, **made)
                )
    return VisualQueries(
        queries=tuple(queries),
        clips=tuple(clips.values()),
        num_invalid=num_invalid,
        sha256=text_sha256(text),
    )


def split_sources(
    sources: Sequence[str], *, validation_share: float, seed: int
) -> dict[str, Split]:
    """The split of each source video of the training file: a share of them validates."""
    names = sorted(set(sources))
    held_out = round(validation_share * len(names))
    order = np.random.default_rng(seed).permutation(len(names))
    return {
        names[place]: "validation" if rank < held_out else "train"
        for rank, place in enumerate(order)
    }


def ask_vq2d(queries: Sequence[VisualQuery], splits: Mapping[str, Split]) -> tuple[Sample, ...]:
    """Questions that search each clip from its start to the moment of asking.

    Args:
        queries: What is asked.
        splits: The split of each source video.
    """
    return tuple(
        Sample(
            sample_id=query.name,
            video_id=query.clip,
            duration_seconds=query.asked_seconds,
            window=Segment(0.0, query.asked_seconds),
            segment=query.answer,
            label=query.title,
            split=splits[query.source],
            query_kind="simple",
            query_label=query.title,
            query_video_id=None,
            query_seconds=None,
            query_image=_crop_path(query, Path()).as_posix(),
            source_video_id=query.source,
            pair_id=None,
            taxonomy_distance=0,
        )
        for query in queries
    )


def cut_crops(
    queries: Sequence[VisualQuery],
    videos: Path,
    out: Path,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> None:
    """Cuts the crops from their clips into ``queries/``; those that are there are kept.

    Args:
        queries: What is asked; the clips are there.
        videos: Folder of the clips.
        out: Folder of the data set.
        on_progress: Called with the clips done and the clips in total.

    Raises:
        MediaError: A clip cannot be read.
    """
    by_clip: dict[str, list[VisualQuery]] = {}
    for query in queries:
        missing = by_clip.setdefault(query.clip, [])
        if not _crop_path(query, out).exists():
            missing.append(query)
    for done, (clip, missing) in enumerate(by_clip.items(), start=1):
        if missing:
            frames = frames_at(find_video(videos, clip), [query.crop_seconds for query in missing])
            for query, frame in zip(missing, frames, strict=True):
                save_image(Image.fromarray(_cropped(frame, query.crop)), _crop_path(query, out))
        if on_progress is not None:
            on_progress(done, len(by_clip))


def _cropped(frame: np.ndarray, crop: tuple[float, float, float, float]) -> np.ndarray:
    height, width = frame.shape[:2]
    left, right = (min(round(share * width), width - 1) for share in crop[::2])
    top, bottom = (min(round(share * height), height - 1) for share in crop[1::2])
    return np.ascontiguousarray(frame[top : bottom + 1, left : right + 1])


def _crop_path(query: VisualQuery, out: Path) -> Path:
    return out / QUERIES / f"{query.name}.png"


def _clips(videos: object, path: str) -> Iterator[tuple[str, str, dict[str, Any], float]]:
    for video in _list(videos, f"{path}: videos"):
        uid, clips = parse_values(video, ("video_uid", "clips"), f"{path}: video", layout=_LAYOUT)
        source = parse_name(uid, f"{path}: video_uid", what="the name of a video")
        for clip in _list(clips, f"{path}: video {source!r}: clips"):
            where = f"{path}: video {source!r}"
            name, fps = parse_values(clip, ("clip_uid", "clip_fps"), where, layout=_LAYOUT)
            if name is not None and not _is_name(name):
                raise DatasetError(f"{where}: clip_uid must be the name of a clip, got {name!r}")
            where = f"{where}, clip {name!r}"
            rate = parse_number(fps, f"{where}: clip_fps", what="frames a second")
            if rate <= 0:
                raise DatasetError(f"{where}: clip_fps must be positive, got {rate}")
            yield where, source, clip, rate


def _query(item: Mapping[str, Any], rate: float, where: str) -> dict[str, Any]:
    keys = ("object_title", "query_frame", "visual_crop", "response_track")
    title, asked, crop, track = parse_values(item, keys, where, layout=_LAYOUT)
    asked_frame = _frame(asked, f"{where}: query_frame")
    shown = [
        _frame(parse_values(box, ("frame_number",), where, layout=_LAYOUT)[0], where)
        for box in _list(track, f"{where}: response_track")
    ]
    if not shown or min(shown) >= asked_frame:
        raise DatasetError(
            f"{where}: response_track must have a frame before query_frame {asked_frame}, got "
            f"{shown[:3]!r}"
        )
    keys = ("frame_number", "x", "y", "width", "height", "original_width", "original_height")
    number, *box = parse_values(crop, keys, f"{where}: visual_crop", layout=_LAYOUT)
    left, top, wide, high, width, height = (
        parse_number(value, f"{where}: visual_crop", what="pixels") for value in box
    )
    if min(width, height) <= 0:
        raise DatasetError(f"{where}: visual_crop: the frame is {width} x {height} pixels")
    # Some boxes stick out of their frame.
    sides = (
        max(0.0, left / width),
        max(0.0, top / height),
        min(1.0, (left + wide) / width),
        min(1.0, (top + high) / height),
    )
    if sides[0] >= sides[2] or sides[1] >= sides[3]:
        raise DatasetError(
            f"{where}: visual_crop {wide} x {high} at {left}, {top} is not in its frame of "
            f"{width} x {height}"
        )
    return {
        "title": parse_name(title, f"{where}: object_title", what="the name of an object"),
        "asked_seconds": round(asked_frame / rate, _DIGITS),
        "answer": Segment(
            round(min(shown) / rate, _DIGITS),
            round(min(max(shown) + 1, asked_frame) / rate, _DIGITS),
        ),
        "crop_seconds": (_frame(number, f"{where}: visual_crop") + 0.5) / rate,
        "crop": sides,
    }


def _frame(value: object, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise DatasetError(f"{where}: expected the number of a frame, got {value!r:.60}")
    return value


def _is_name(value: object) -> bool:
    """Whether a name can be part of a file's; both kinds are letters, digits and hyphens."""
    return isinstance(value, str) and re.fullmatch(r"[\w-]+", value) is not None


def _list(value: object, where: str) -> list:
    if not isinstance(value, list):
        raise DatasetError(f"{where} must be a list, got {value!r:.60}")
    return value
