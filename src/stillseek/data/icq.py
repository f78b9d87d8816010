"""ICQ-Highlight of Zhang et al. (2025): videos of QVHighlights, asked with reference images.

A question there has several right moments, one reference image in each of four styles, and a text
that corrects the image. Here the image asks alone, and each moment is looked for in the part of
the video that holds no other moment of the question.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from stillseek.data.annotations import Activity, AnnotatedVideo, RawActivity, clean
from stillseek.data.file_hashes import text_sha256
from stillseek.data.own_videos.annotated_files import relative_path
from stillseek.data.sample import Sample
from stillseek.data.windows import split_video
from stillseek.errors import DatasetError
from stillseek.files import IMAGE_SUFFIXES
from stillseek.records import iterate_objects, parse_name, parse_number, parse_values, read_text
from stillseek.timeline import Segment

SOURCE = "ICQ-Highlight"

_LAYOUT = "a line of icq_highlight_release.jsonl, with qid, vid, duration and relevant_windows"
_IMAGE_NAME = re.compile(r"qid(\d+)(?:_\w+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class IcqQuestion:
    """One line of the file.

    Attributes:
        qid: Its number.
        text: What it describes in words, which names its class here.
        moments: The right moments, in seconds of the video.
    """

    qid: int
    text: str
    moments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Icq:
    """The file.

    Attributes:
        questions: By video.
        videos: The videos, in the order of the file, with the moments of all their questions.
        sha256: Hash of the file.
    """

    questions: Mapping[str, tuple[IcqQuestion, ...]]
    videos: tuple[AnnotatedVideo, ...]
    sha256: str


def read_icq(path: Path) -> Icq:
    """Reads a file in the layout of QVHighlights, such as ``icq_highlight_release.jsonl``.

    Raises:
        DatasetError: The file cannot be read or is broken; the message names the line.
    """
    text = read_text(path)
    questions: dict[str, list[IcqQuestion]] = {}
    lengths: dict[str, float] = {}
    seen: set[int] = set()
    for where, item in iterate_objects(text, path):
        keys = ("qid", "vid", "duration", "relevant_windows")
        qid, vid, duration, moments = parse_values(item, keys, where, layout=_LAYOUT)
        if not isinstance(qid, int) or qid in seen:
            raise DatasetError(f"{where}: qid must be a number that no other line has, got {qid!r}")
        seen.add(qid)
        vid = parse_name(vid, f"{where}: vid", what="the name of a video")
        seconds = parse_number(duration, f"{where}: duration")
        if seconds <= 0 or lengths.setdefault(vid, seconds) != seconds:
            raise DatasetError(
                f"{where}: duration of {vid!r} is {seconds} s; expected a positive one, "
                "the same on every line"
            )
        # ICQ keeps the words of QVHighlights as old_query where it changed them.
        words = item.get("old_query", item.get("query"))
        question = IcqQuestion(
            qid=qid,
            text=parse_name(words, f"{where}: query", what="the text of the question"),
            moments=_moments(moments, vid, seconds, where),
        )
        questions.setdefault(vid, []).append(question)
    if not questions:
        raise DatasetError(f"{path} holds no question; expected {_LAYOUT}")
    videos = (
        AnnotatedVideo(
            video_id=vid,
            duration_seconds=lengths[vid],
            activities=tuple(
                Activity(segment=moment, label=str(each.qid))
                for each in found
                for moment in each.moments
            ),
        )
        for vid, found in questions.items()
    )
    return Icq(
        questions={vid: tuple(found) for vid, found in questions.items()},
        videos=tuple(videos),
        sha256=text_sha256(text),
    )


def reference_images(folder: Path) -> dict[int, Path]:
    """The images of one style by the number of their question: ``qid8737_3.jpg`` asks for 8737.

    Raises:
        DatasetError: There is none, or two are of one question.
    """
    found: dict[int, Path] = {}
    for path in sorted(folder.glob("qid*")):
        name = _IMAGE_NAME.fullmatch(path.stem)
        if name is None or path.suffix.lower() not in IMAGE_SUFFIXES:
            continue
        other = found.setdefault(int(name[1]), path)
        if other != path:
            raise DatasetError(
                f"{folder}: {other.name} and {path.name} are of one question; give the folder of "
                "one style, such as val_style_realistic"
            )
    if not found:
        raise DatasetError(
            f"there is no reference image in {folder}; expected files such as qid8737_3.jpg"
        )
    return found


def ask_icq(
    icq: Icq, present: tuple[AnnotatedVideo, ...], images: Mapping[int, Path], out: Path
) -> tuple[tuple[Sample, ...], dict[str, int]]:
    """A question for each moment of each question that has an image, all in ``test``.

    Args:
        icq: The file.
        present: Its videos that may be searched.
        images: Reference images by question.
        out: Folder of the data set, to which paths of images are relative.

    Returns:
        The samples, and what was counted on the way.
    """
    counts = {"questions": 0, "questions without an image": 0, "questions of several moments": 0}
    samples: list[Sample] = []
    for video in present:
        for question in icq.questions[video.video_id]:
            if question.qid not in images:
                counts["questions without an image"] += 1
                continue
            counts["questions"] += 1
            counts["questions of several moments"] += len(question.moments) > 1
            of_question = [a for a in video.activities if a.label == str(question.qid)]
            windows = split_video(replace(video, activities=tuple(of_question)))
            samples += (
                Sample(
                    sample_id=f"qid{question.qid}_{number}",
                    video_id=video.video_id,
                    duration_seconds=window.duration_seconds,
                    window=window.span,
                    segment=window.segment,
                    label=question.text,
                    split="test",
                    query_kind="simple",
                    query_label=question.text,
                    query_video_id=None,
                    query_seconds=None,
                    query_image=relative_path(images[question.qid], out),
                    # Its id, without the part of the source that it is.
                    source_video_id=re.sub(r"(_\d+\.\d+){2}$", "", video.video_id),
                    pair_id=None,
                    taxonomy_distance=0,
                )
                for number, window in enumerate(windows)
            )
    return tuple(samples), counts


def _moments(value: object, vid: str, duration_seconds: float, where: str) -> tuple[Segment, ...]:
    if not isinstance(value, list) or not value:
        raise DatasetError(f"{where}: relevant_windows must be [[start, end], ...], got {value!r}")
    raw = []
    for span in value:
        if not isinstance(span, list) or len(span) != 2:
            raise DatasetError(f"{where}: a moment must be [start, end] in seconds, got {span!r}")
        start, end = (parse_number(time, f"{where}: relevant_windows") for time in span)
        raw.append(RawActivity(start_seconds=start, end_seconds=end, label=vid))
    (video,), cleaning = clean([(vid, duration_seconds, raw)])
    if cleaning.reversed or cleaning.outside:
        raise DatasetError(
            f"{where}: a moment of {value!r} ends before it starts, or starts after its video "
            f"ends, at {duration_seconds} s"
        )
    return tuple(activity.segment for activity in video.activities)
