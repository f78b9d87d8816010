"""Clips cut out of videos, each a file of its own."""

import glob
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stillseek.errors import UsageError
from stillseek.files import safe_name
from stillseek.handoff.formats import check_pad
from stillseek.handoff.selection import Selection, check_selections, padded, selections_of
from stillseek.localize.arguments import check_localization, check_type, checked_output
from stillseek.localize.localization import Localization
from stillseek.media import copy_cut, copy_suffix, cut, probe
from stillseek.outputs import Output
from stillseek.timeline import Segment

# Of a clip's name, for the video; rank and times need room below the limit of 255.
_LONGEST_STEM_BYTES = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class CutClip:
    """A clip that was cut out of a video.

    Attributes:
        path: The file.
        segment: What of the video it shows; cut without encoding, it is often more than was asked.
    """

    path: Path
    segment: Segment


def clips_output(videos: Sequence[Path], directory: Path, *, name: str = "clips") -> Output:
    """What `cut_selections` writes for videos, for `check_outputs`.

    Raises:
        UsageError: Two videos have one name, and so would their clips.
    """
    stems: dict[str, Path] = {}
    for video in videos:
        if (other := stems.setdefault(short_stem(video), video)) is not video:
            raise UsageError(
                f"{name}: the clips of {other} and {video} would have one name; search these two "
                "apart, each with a folder of its own"
            )
    patterns = tuple(f"{glob.escape(stem)}_[0-9][0-9]*_*s.m??" for stem in stems)
    return Output(name=name, path=directory, holds=patterns)


def cut_selections(
    selections: Sequence[Selection],
    directory: Path | str,
    *,
    copy: bool = False,
    pad_seconds: float = 0.0,
    overwrite: bool = False,
    on_progress: Callable[[float, float], None] | None = None,
) -> list[CutClip]:
    """Cuts every part out of its video into its own file, with its sound.

    Clips are frame-exact, encoded as H.264 in MP4 as `stillseek.media.cut` says. With ``copy``
    nothing is encoded again: a clip begins at a key frame, at or before its part, and keeps codec
    and quality, in MP4 or MOV where the video is that, or else in Matroska.

    Args:
        selections: The parts; they may be of several videos.
        directory: Where the files go; made where it is missing.
        copy: Whether to cut at key frames, without encoding.
        pad_seconds: Handles: so much more before and after every part, as far as the video goes.
        overwrite: Whether clips that stillseek did not write may be replaced.
        on_progress: Called with the seconds that are cut and the seconds in total.

    Returns:
        The clips in the order of the parts. Files are named after the video (the beginning of a
        very long name), the rank among the parts of this video and the times in seconds.

    Raises:
        UsageError: An argument is of the wrong type; two videos have one name;
            the folder has a video in the place of a clip, or clips of these videos that may not be
            replaced; a part starts after its video; a video cannot be cut without encoding.
        MediaError: A video can't be read or a file can't be written.
    """
    check_selections(selections)
    videos = list(dict.fromkeys(selection.video for selection in selections))
    return _cut(
        selections, directory, copy, pad_seconds, overwrite, inputs=videos, on_progress=on_progress
    )


def cut_moments(
    localization: Localization,
    directory: Path | str,
    *,
    copy: bool = False,
    pad_seconds: float = 0.0,
    overwrite: bool = False,
) -> list[CutClip]:
    """Cuts every moment out of the video into its own file, best first, as `cut_selections` does.

    All else is said, and all errors are raised, as there.
    """
    check_localization("localization", localization)
    selections = selections_of([localization])
    return _cut(selections, directory, copy, pad_seconds, overwrite, inputs=localization.files)


def _cut(
    selections: Sequence[Selection],
    directory: Path | str,
    copy: bool,
    pad_seconds: float,
    overwrite: bool,
    *,
    inputs: Sequence[Path],
    on_progress: Callable[[float, float], None] | None = None,
) -> list[CutClip]:
    check_type("copy", copy, bool, "True or False")
    check_pad(pad_seconds)
    videos = list(dict.fromkeys(selection.video for selection in selections))
    directory = checked_output(
        directory, lambda place: clips_output(videos, place), inputs=inputs, overwrite=overwrite
    )
    directory.mkdir(parents=True, exist_ok=True)
    lengths = {video: probe(video).duration_seconds for video in videos} if pad_seconds else {}
    suffixes = {video: copy_suffix(video) if copy else ".mp4" for video in videos}
    segments = [
        padded(selection.segment, pad_seconds, lengths.get(selection.video, 0.0))
        for selection in selections
    ]
    total, done = sum(segment.duration_seconds for segment in segments), 0.0
    advance = on_progress or (lambda done, total: None)
    clips, ranks = [], dict.fromkeys(videos, 0)
    for video, segment in zip((each.video for each in selections), segments, strict=True):
        ranks[video] += 1
        wanted = segment.duration_seconds
        times = f"{segment.start_seconds:.1f}-{segment.end_seconds:.1f}s"
        path = directory / f"{short_stem(video)}_{ranks[video]:02d}_{times}{suffixes[video]}"
        if copy:
            segment = copy_cut(video, segment, path)
        else:
            cut(
                video,
                segment,
                path,
                on_progress=lambda seconds, done=done: advance(done + seconds, total),
            )
        done += wanted
        advance(done, total)
        clips.append(CutClip(path=path, segment=segment))
    return clips


def short_stem(video: Path) -> str:
    """The name of a video without suffix, as text in one line, cut to leave room for more."""
    stem = safe_name(video.stem)
    if len(os.fsencode(stem)) <= _LONGEST_STEM_BYTES:
        return stem
    return os.fsencode(stem)[:_LONGEST_STEM_BYTES].decode(errors="ignore")
