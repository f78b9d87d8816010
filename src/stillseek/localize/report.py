"""A result as one HTML page that needs no other file and no network, and tells of no machine."""

import os
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined

from stillseek.errors import MediaError, UsageError
from stillseek.files import MADE_BY, REPORT_SUFFIXES, counted, names_below, replacing, shown_name
from stillseek.localize.arguments import check_localization, check_type, checked_output
from stillseek.localize.localization import (
    Localization,
    format_score,
    format_span,
    format_time,
    presence_in_words,
)
from stillseek.localize.page_chart import chart_of
from stillseek.localize.page_pictures import Room, clip_uri, frames_of, picture_uri
from stillseek.localize.pair_answers import Batch
from stillseek.localize.query_image import VideoFrame, pixels_of
from stillseek.localize.ranking import Ranking, rank
from stillseek.outputs import Output
from stillseek.timeline import Segment

PAGE_BYTES = 20_000_000
"""What the pictures and clips of a page may take: what mail and browsers still carry."""

_QUERY_PIXELS = 480


def write_report(
    localization: Localization,
    path: Path | str,
    *,
    true_segment: Segment | None = None,
    overwrite: bool = False,
) -> None:
    """Writes the page: query, similarity over time, every moment with its frames and a clip.

    The page has no path and no fingerprint in it: it may be given away. Its pictures and clips take
    at most `PAGE_BYTES`; moments without room for a clip have a link to their time in the video,
    for a page that lies beside it.

    Args:
        localization: The result; its video and images are read again for the pictures.
        path: Where to.
        true_segment: The annotated segment, where it is known.
        overwrite: Whether a file that stillseek did not write may be replaced.

    Raises:
        UsageError: An argument is of the wrong type;
            the suffix is not one of `REPORT_SUFFIXES`, the file is the video or an image,
            or it exists and may not be replaced.
        MediaError: The video or an image can no longer be read.
        OSError: The file can't be written.
    """
    check_localization("localization", localization)
    check_type("true_segment", true_segment, Segment | None, "a Segment, or None")
    path = checked_output(path, _output, inputs=localization.files, overwrite=overwrite)
    names = {localization.video: localization.video.name}
    room = Room(PAGE_BYTES)
    moments = _with_clips(localization, _moments(localization, room), room)
    page = _render(
        "report.html",
        title=shown_name(localization.video.name),
        video_name=shown_name(localization.video.name),
        duration=format_time(localization.duration_seconds),
        presence=_told(presence_in_words(localization), [localization], names),
        is_absent=localization.found is False,
        moments=moments,
        truth=_truth(true_segment, localization.best),
        queries=_queries(localization),
        chart=chart_of(localization, true_segment),
        # Where presence is None, its words say why already.
        no_scores=None
        if localization.presence is None or localization.uncalibrated is None
        else _told(localization.uncalibrated, [localization], names),
        facts={"duration": f"{localization.duration_seconds:.1f} s", **_facts(localization)},
    )
    with replacing(path) as place:
        place.write_text(page, encoding="utf-8")


def write_ranking_report(ranking: Ranking, path: Path | str, *, overwrite: bool = False) -> None:
    """Writes a page of many videos, best first, with frames of every moment.

    A video that can no longer be read is there without frames.

    Args:
        ranking: The videos, at least one.
        path: Where to.
        overwrite: Whether a file that stillseek did not write may be replaced.

    Raises:
        UsageError: As for `write_report`, or there is no video.
        MediaError: An image can no longer be read.
        OSError: The file can't be written.
    """
    check_type("ranking", ranking, Ranking, "a Ranking, such as locate_many returns")
    if not ranking.results:
        raise UsageError("there is no video to show; search videos that can be read")
    inputs = [file for found in ranking.results for file in found.files]
    path = checked_output(path, _output, inputs=inputs, overwrite=overwrite)
    room = Room(PAGE_BYTES)
    page = _render(
        "ranking.html",
        title=f"{counted(len(ranking.results), 'video')}, best first",
        groups=_groups([("", ranking)], room),
        failures=[],
        facts=_facts(ranking.results[0]),
    )
    with replacing(path) as place:
        place.write_text(page, encoding="utf-8")


def write_batch_report(batch: Batch, path: Path | str, *, overwrite: bool = False) -> None:
    """Writes a page of many pictures, each with its videos, best first.

    Args:
        batch: The answers; where none could be searched, the page says why.
        path: Where to.
        overwrite: Whether a file that stillseek did not write may be replaced.

    Raises:
        UsageError: As for `write_report`.
        OSError: The file can't be written.
    """
    pairs = [answer.pair for answer in batch.answers]
    files = {file: file.name for pair in pairs for file in (pair.video, pair.image)}
    path = checked_output(path, _output, inputs=files, overwrite=overwrite)
    of_query: dict[tuple[object, ...], list[Localization]] = {}
    for answer in batch.answers:
        if answer.found is not None:
            key = answer.pair.image, answer.pair.box, answer.pair.label
            of_query.setdefault(key, []).append(answer.found)
    groups = [(str(label or ""), rank(found)) for (_, _, label), found in of_query.items()]
    found = [each for _, ranking in groups for each in ranking.results]
    num_videos = len({pair.video for pair in pairs})
    page = _render(
        "ranking.html",
        title=f"{counted(len(of_query), 'picture')}, {counted(num_videos, 'video')}",
        groups=_groups(groups, Room(PAGE_BYTES)),
        failures=[_told(error, found, files) for error in batch.errors],
        facts=_facts(found[0]) if found else {"stillseek": version("stillseek")},
    )
    with replacing(path) as place:
        place.write_text(page, encoding="utf-8")


def _output(path: Path) -> Output:
    return Output(name="report", path=path, suffixes=REPORT_SUFFIXES)


def _render(template: str, **values: object) -> str:
    environment = Environment(
        loader=PackageLoader("stillseek.localize"), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template(template).render(made_by=MADE_BY, **values)


def _groups(groups: Sequence[tuple[str, Ranking]], room: Room) -> list[dict[str, object]]:
    """What is said and shown of every query; frames of all moments have room before any clip."""
    results = [found for _, ranking in groups for found in ranking.results]
    names = names_below([found.video for found in results])
    frames = Room(room.num_bytes // 2)
    videos = [_video(found, names, frames) for found in results]
    clips = Room(room.num_bytes // 2 + frames.num_bytes)
    for found, video in zip(results, videos, strict=True):
        video["moments"] = _with_clips(found, video["moments"], clips)
    left = iter(videos)
    return [
        {
            "label": shown_name(label),
            "queries": _queries(ranking.results[0]),
            "videos": [next(left) for _ in ranking.results],
        }
        for label, ranking in groups
    ]


def _video(found: Localization, names: dict[Path, str], room: Room) -> dict[str, Any]:
    error = None
    try:
        moments = _moments(found, room)
    except MediaError as failure:
        error = _told(str(failure), [found], names)
        moments = _moments(found, Room(0))  # their times need no video
    return {
        "name": shown_name(names[found.video]),
        "presence": _told(presence_in_words(found), [found], names),
        "is_absent": found.found is False,
        "moments": moments,
        "error": error,
    }


def _moments(localization: Localization, room: Room) -> list[dict[str, object]]:
    """What is said and shown of every moment, best first."""
    return [
        {
            "span": format_span(moment.segment),
            "length": f"{moment.segment.duration_seconds:.1f} s",
            "score": None if moment.score is None else format_score(moment.score),
            "frames": frames_of(localization.video, moment.segment, room),
            "clip": None,
            # Works where the page lies beside the video.
            "link": f"{quote(os.fsencode(localization.video.name))}#t={moment.start_seconds:.2f}"
            f",{moment.end_seconds:.2f}",
        }
        for moment in localization.moments
    ]


def _with_clips(
    localization: Localization, moments: list[dict[str, object]], room: Room
) -> list[dict[str, object]]:
    return [
        shown | {"clip": clip_uri(localization.video, moment.segment, room)}
        for shown, moment in zip(moments, localization.moments, strict=False)
    ]


def _told(text: str, results: Sequence[Localization], names: dict[Path, str]) -> str:
    """A message without the places of this machine that it names."""
    places = {str(file): name for file, name in names.items()}
    for found in results:
        head = _head_of(found)
        places[head] = Path(head).name
    # The longest first, as one may be the beginning of another.
    for place in sorted(places, key=len, reverse=True):
        text = text.replace(place, places[place])
    return shown_name(text)


def _head_of(localization: Localization) -> str:
    """What a head is called in a result, which is its path where one was given."""
    return localization.model.partition(":")[2].partition(", places by")[0]


def _truth(true: Segment | None, found: Segment | None) -> dict[str, str] | None:
    if true is None:
        return None
    overlap = 0.0 if found is None else true.iou(found)
    return {"span": format_span(true), "iou": f"{overlap:.2f}"}


def _queries(localization: Localization) -> list[dict[str, str | None]]:
    return [
        {
            "name": shown_name(image.name) if isinstance(image, Path | VideoFrame) else "picture",
            "uri": picture_uri(pixels_of(image), _QUERY_PIXELS, box),
            "box": None if box is None else ",".join(map(str, box)),
        }
        for image, box in zip(localization.images, localization.boxes, strict=True)
    ]


def _facts(localization: Localization) -> dict[str, str]:
    head = _head_of(localization)
    return {
        "model": shown_name(localization.model.replace(head, Path(head).name)),
        "recipe": localization.recipe,
        "stillseek": version("stillseek"),
    }
