"""Clips cut out of videos, each a file of its own."""

import glob
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stillseek.files import names_below, safe_name
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


def clip_stems(videos: Iterable[Path]) -> dict[Path, str]:
    """What the names of clips begin with: that of their video, which no two videos share.

    Videos of one name are told apart by the folders that lead to them, such as ``100_IMG_0001``,
    and by a number where these do not differ. The order of the videos does not matter.
    """
    alike: dict[str, list[Path]] = {}
    for video in sorted(set(videos)):
        alike.setdefault(short_stem(video), []).append(video)
    stems = {group[0]: stem for stem, group in alike.items() if len(group) == 1}
    for group in (group for group in alike.values() if len(group) > 1):
        for video, name in names_below(group).items():
            stem = short_stem(Path(name.replace("../", "").replace("/", "_")))
            stems[video] = unused_stem(stem, stems.values())
    return stems


def unused_stem(stem: str, taken: Collection[str]) -> str:
    """A name, or where it is taken the name and a number."""
    free, count = stem, 1
    while free in taken:
        count += 1
        free = f"{stem}-{count}"
    return free


def clips_output(stems: Iterable[str], directory: Path, *, name: str = "clips") -> Output:
    """The clips with names that begin so (`clip_stems`), for `check_outputs`."""
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
        very long name; with its folders, or a number, where several have the name), the rank among
        the parts of this video and the times in seconds.

    Raises:
        UsageError: An argument is of the wrong type;
            the folder has a video in the place of a clip, or clips of these videos that may not be
            replaced; a part starts after its video; a video cannot be cut without encoding.
        MediaError: A video can't be read or a file can't be written.
    """
    check_selections(selections)
    videos = list(dict.fromkeys(selection.video for selection in selections))
    return _cut(
        selections,
        directory,
        copy,
        pad_seconds,
        overwrite,
        inputs=videos,
        stems=clip_stems(videos),
        on_progress=on_progress,
    )


def cut_moments(
    localization: Localization,
    directory: Path | str,
    *,
    copy: bool = False,
    pad_seconds: float = 0.0,
    overwrite: bool = False,
    stem: str | None = None,
) -> list[CutClip]:
    """Cuts every moment out of the video into its own file, best first, as `cut_selections` does.

    ``stem`` is what the names begin with in place of the video's own. All else is said, and all
    errors are raised, as there.
    """
    check_localization("localization", localization)
    selections = selections_of([localization])
    stems = {localization.video: stem or short_stem(localization.video)}
    return _cut(
        selections, directory, copy, pad_seconds, overwrite, inputs=localization.files, stems=stems
    )


def _cut(
    selections: Sequence[Selection],
    directory: Path | str,
    copy: bool,
    pad_seconds: float,
    overwrite: bool,
    *,
    inputs: Sequence[Path],
    stems: Mapping[Path, str],
    on_progress: Callable[[float, float], None] | None = None,
) -> list[CutClip]:
    check_type("copy", copy, bool, "True or False")
    check_pad(pad_seconds)
    videos = list(dict.fromkeys(selection.video for selection in selections))
    directory = checked_output(
        directory,
        lambda place: clips_output(stems.values(), place),
        inputs=inputs,
        overwrite=overwrite,
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
        path = directory / f"{stems[video]}_{ranks[video]:02d}_{times}{suffixes[video]}"
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
