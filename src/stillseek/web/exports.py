"""Moments that people chose, as files for other programs: lists and clips."""

import re
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stillseek.errors import StillseekError
from stillseek.files import replacing, safe_name
from stillseek.handoff.clips import cut_selections, short_stem, unused_stem
from stillseek.handoff.formats import HandoffFormat, write_selections
from stillseek.handoff.selection import Selection
from stillseek.timeline import Segment
from stillseek.web.refusals import RefusedError, refusal_of
from stillseek.web.sources import Sources

_FORMATS: dict[str, HandoffFormat] = {"premiere.csv": "premiere", "resolve.csv": "resolve"}
# Of what Windows refuses in names.
_NO_NAME = str.maketrans(dict.fromkeys('<>:"/\\|?*', "_"))


def exported(sources: Sources, request: dict[str, Any]) -> tuple[str, bytes]:
    """A list of moments in a format of other programs, as ``POST /exports`` asks for it.

    Returns:
        The name of the file, and what is in it; videos have their names, without folders.

    Raises:
        UsageError: The format cannot hold these moments.
        RefusedError: A source is not there.
        MediaError: A video cannot be read.
    """
    with tempfile.TemporaryDirectory() as place, _told_without(place):
        links, out = Path(place) / "videos", Path(place) / f"moments.{request['format']}"
        selections = _selections(sources, request["moments"], links)
        write_selections(
            selections,
            out,
            format=_FORMATS.get(request["format"]),
            pad_seconds=request["pad_seconds"],
            start_at_zero=request["start_at_zero"],
        )
        content = out.read_bytes()
        # Whoever opens it has the videos somewhere else.
        for prefix in (f"{links.as_uri()}/", f"{links}/"):
            content = content.replace(prefix.encode(), b"")
        videos = {selection.video for selection in selections}
        stem = videos.pop().stem if len(videos) == 1 else "moments"
        return f"{stem}.{request['format']}", content


def cut_to_zip(
    sources: Sources,
    request: dict[str, Any],
    out: Path,
    on_progress: Callable[[float, float], None],
) -> list[dict[str, object]]:
    """Cuts moments into files, as the job ``cut`` asks for it, and puts these into one ZIP.

    `on_progress` is called with the seconds that are cut, and the seconds in total.

    Returns:
        For each clip its name in the ZIP, and what of its source it shows.

    Raises:
        UsageError: A moment starts after its video, or a video cannot be cut without encoding.
        RefusedError: A source is not there.
        MediaError: A video cannot be read.
    """
    with tempfile.TemporaryDirectory(dir=out.parent) as place, _told_without(place):
        selections = _selections(sources, request["moments"], Path(place) / "videos")
        clips = cut_selections(
            selections,
            Path(place) / "clips",
            copy=request["copy"],
            pad_seconds=request["pad_seconds"],
            on_progress=on_progress,
        )
        with replacing(out) as temporary, zipfile.ZipFile(temporary, "w") as archive:
            for clip in clips:
                # Video does not get smaller.
                archive.write(clip.path, clip.path.name, zipfile.ZIP_STORED)
    return [
        {
            "name": clip.path.name,
            "source": moment["source"],
            "start_seconds": clip.segment.start_seconds,
            "end_seconds": clip.segment.end_seconds,
        }
        for clip, moment in zip(clips, request["moments"], strict=True)
    ]


@contextmanager
def _told_without(place: str) -> Iterator[None]:
    """Leaves a folder that nobody knows out of what is said of files in it."""
    try:
        yield
    except StillseekError as error:
        refusal = refusal_of(error)
        message = re.sub(rf"{re.escape(place)}/(\w+/)?", "", refusal.message)
        raise RefusedError(refusal.kind, message, status=refusal.status) from error


def _selections(
    sources: Sources, moments: Sequence[dict[str, Any]], folder: Path
) -> list[Selection]:
    """The moments, of links that are called as people call the videos: uploads are not."""
    folder.mkdir()
    links: dict[str, Path] = {}
    for source in dict.fromkeys(moment["source"] for moment in moments):
        path = sources.path(source)
        links[source] = _free(folder, sources.name(source))
        links[source].symlink_to(path)
    return [
        Selection(
            video=links[moment["source"]],
            segment=Segment(moment["start_seconds"], moment["end_seconds"]),
            score=moment.get("score"),
            name=moment["name"],
        )
        for moment in moments
    ]


def _free(folder: Path, name: str) -> Path:
    """A name in a folder that no other video has, not even but for its suffix."""
    named = Path(safe_name(name).translate(_NO_NAME))
    stem = short_stem(named) or "video"
    free = unused_stem(stem, {path.stem for path in folder.iterdir()})
    return folder / f"{free}{named.suffix[:16] or '.mp4'}"
