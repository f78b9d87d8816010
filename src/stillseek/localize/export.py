"""What editors take over: cut clips and an edit decision list."""

import math
from fractions import Fraction
from pathlib import Path

from stillseek.localize.localization import Localization
from stillseek.media import cut, probe

# Editors count in some rate even where the file tells none.
_UNKNOWN_RATE = Fraction(25)


def cut_moments(localization: Localization, directory: Path) -> list[Path]:
    """Cuts every moment out of the video into its own file, best first.

    Args:
        localization: The result.
        directory: Where the files go; made where it is missing.

    Returns:
        The files, named after the video, the rank and the times in seconds.

    Raises:
        MediaError: The video can't be read or a file can't be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    for rank, moment in enumerate(localization.moments, start=1):
        times = f"{moment.start_seconds:.1f}-{moment.end_seconds:.1f}s"
        path = directory / f"{localization.video.stem}_{rank:02d}_{times}.mp4"
        cut(localization.video, moment.segment, path)
        paths.append(path)
    return paths


def write_edl(localization: Localization, path: Path) -> None:
    """Writes the moments, best first, as a CMX 3600 edit decision list.

    The source is the video file (reel ``AX``, with its name in a comment) counted from
    00:00:00:00; the record side joins the moments without gaps. Timecode is non-drop-frame: it
    counts frames exactly, so at 29.97 frames a second it runs 3.6 s an hour behind the clock.

    Raises:
        MediaError: The video can no longer be read.
        OSError: The file can't be written.
    """
    rate = probe(localization.video).frame_rate or _UNKNOWN_RATE
    lines = [f"TITLE: {localization.video.stem}", "FCM: NON-DROP FRAME", ""]
    record = 0
    for event, moment in enumerate(localization.moments, start=1):
        first = round(moment.start_seconds * rate)
        last = max(first + 1, round(moment.end_seconds * rate))
        frames = (first, last, record, record + last - first)
        record = frames[3]
        times = " ".join(timecode(frame, rate) for frame in frames)
        lines += [
            f"{event:03d}  AX       V     C        {times}",
            f"* FROM CLIP NAME: {localization.video.name}",
            f"* COMMENT: SCORE {moment.score:.3g}",
        ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def timecode(frame: int, rate: Fraction) -> str:
    """Non-drop-frame timecode ``hh:mm:ss:ff`` of a frame number."""
    # 29.97 counts 30 frames a timecode second.
    seconds, frames = divmod(frame, math.ceil(rate))
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}:{frames:02d}"
