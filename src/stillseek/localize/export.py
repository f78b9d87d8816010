"""What editors take over: cut clips and an edit decision list."""

import glob
import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from stillseek.errors import UsageError
from stillseek.files import EDL_SUFFIXES, MADE_BY, Output, replacing, safe_name, shown_name
from stillseek.localize.arguments import check_localization, checked_output
from stillseek.localize.localization import Localization
from stillseek.media import cut, probe

# Editors count in some rate even where the file tells none.
_UNKNOWN_RATE = Fraction(25)
# What editors know; the frame field of a timecode has two digits.
_BASES = (60, 50, 48, 30, 25, 24)
# Cameras miss their nominal rate by a little, and NTSC by a thousandth.
_RATE_TOLERANCE = Fraction(1, 200)
# Of a clip's name, for the video; rank and times need room below the limit of 255.
_LONGEST_STEM_BYTES = 150


def clips_output(videos: Sequence[Path], directory: Path, *, name: str = "clips") -> Output:
    """What `cut_moments` writes for videos, for `check_outputs`.

    Raises:
        UsageError: Two videos have one name, and so would their clips.
    """
    stems: dict[str, Path] = {}
    for video in videos:
        if (other := stems.setdefault(_short_stem(video), video)) is not video:
            raise UsageError(
                f"{name}: the clips of {other} and {video} would have one name; search these two "
                "apart, each with a folder of its own"
            )
    patterns = tuple(f"{glob.escape(stem)}_[0-9][0-9]*_*s.mp4" for stem in stems)
    return Output(name=name, path=directory, holds=patterns)


def cut_moments(
    localization: Localization, directory: Path | str, *, overwrite: bool = False
) -> list[Path]:
    """Cuts every moment out of the video into its own file, best first.

    Args:
        localization: The result.
        directory: Where the files go; made where it is missing.
        overwrite: Whether clips that stillseek did not write may be replaced.

    Returns:
        The files, named after the video (the beginning of a very long name), the rank and the
        times in seconds.

    Raises:
        UsageError: An argument is of the wrong type;
            the folder has the video or an image in the place of a clip, or clips of this
            video that may not be replaced.
        MediaError: The video can't be read or a file can't be written.
    """
    check_localization("localization", localization)
    directory = checked_output(
        directory,
        lambda place: clips_output([localization.video], place),
        inputs=localization.files,
        overwrite=overwrite,
    )
    directory.mkdir(parents=True, exist_ok=True)
    stem, paths = _short_stem(localization.video), []
    for rank, moment in enumerate(localization.moments, start=1):
        times = f"{moment.start_seconds:.1f}-{moment.end_seconds:.1f}s"
        path = directory / f"{stem}_{rank:02d}_{times}.mp4"
        cut(localization.video, moment.segment, path)
        paths.append(path)
    return paths


def _short_stem(video: Path) -> str:
    """The name of a video without suffix, as text in one line, cut to leave room for more."""
    stem = safe_name(video.stem)
    if len(os.fsencode(stem)) <= _LONGEST_STEM_BYTES:
        return stem
    return os.fsencode(stem)[:_LONGEST_STEM_BYTES].decode(errors="ignore")


def write_edl(localization: Localization, path: Path | str, *, overwrite: bool = False) -> None:
    """Writes the moments, best first, as a CMX 3600 edit decision list.

    The source is the video file (reel ``AX``, with its name in a comment) counted from
    00:00:00:00; the record side joins the moments without gaps. Timecode is non-drop-frame: it
    counts frames exactly, so at 29.97 frames a second it runs 3.6 s an hour behind the clock. Of
    videos with more than 60 frames a second it counts every second, third, ... one.

    Args:
        localization: The result.
        path: Where to, ending in ``.edl``.
        overwrite: Whether a file that stillseek did not write may be replaced.

    Raises:
        UsageError: An argument is of the wrong type;
            the suffix is another, the file is the video or an image, or it exists and may
            not be replaced.
        MediaError: The video can no longer be read.
        UsageError: No timecode counts the frames of this rate.
        OSError: The file can't be written.
    """
    check_localization("localization", localization)
    path = checked_output(
        path,
        lambda place: Output(name="edl", path=place, suffixes=EDL_SUFFIXES),
        inputs=localization.files,
        overwrite=overwrite,
    )
    rate = _counted_rate(localization.video)
    title, clip_name = shown_name(localization.video.stem), shown_name(localization.video.name)
    lines = [f"TITLE: {title}", "FCM: NON-DROP FRAME", ""]
    record = 0
    for event, moment in enumerate(localization.moments, start=1):
        first = round(moment.start_seconds * rate)
        last = max(first + 1, round(moment.end_seconds * rate))
        frames = (first, last, record, record + last - first)
        record = frames[3]
        times = " ".join(timecode(frame, rate) for frame in frames)
        lines += [
            f"{event:03d}  AX       V     C        {times}",
            f"* FROM CLIP NAME: {clip_name}",
            *([] if moment.score is None else [f"* COMMENT: SCORE {moment.score:.2f}"]),
        ]
    lines.append(f"* COMMENT: {MADE_BY}")
    with replacing(path) as place:
        place.write_text("\n".join(lines) + "\n", encoding="utf-8")


def timecode(frame: int, rate: Fraction) -> str:
    """Non-drop-frame timecode ``hh:mm:ss:ff`` of a frame number."""
    # 29.97 counts 30 frames a timecode second.
    seconds, frames = divmod(frame, _nominal(rate))
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}:{frames:02d}"


def _counted_rate(video: Path) -> Fraction:
    """Frames a second that a timecode counts: all of the video's, or every n-th."""
    rate = probe(video).frame_rate or _UNKNOWN_RATE
    nominal = _nominal(rate)
    if nominal <= max(_BASES):
        return rate
    base = next((base for base in _BASES if nominal % base == 0), None)
    if base is None:
        raise UsageError(
            f"{video} has {float(rate):.6g} frames a second, which an edit decision list cannot "
            "count; expected at most 60, or a multiple of 24, 25, 30, 48, 50 or 60: "
            "cut clips instead, or convert the video"
        )
    return rate * base / nominal


def _nominal(rate: Fraction) -> int:
    """Whole frames a timecode second: those a camera means, or so many that all have a number."""
    nearest = round(rate)
    is_near = abs(rate - nearest) <= nearest * _RATE_TOLERANCE
    return nearest if is_near else -(-rate.numerator // rate.denominator)
