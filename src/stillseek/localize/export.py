"""What editors take over: cut clips and an edit decision list."""

from fractions import Fraction
from pathlib import Path

from stillseek.errors import UsageError
from stillseek.localize.localization import Localization
from stillseek.media import cut, probe

# Editors count in some rate even where the file tells none.
_UNKNOWN_RATE = Fraction(25)
# What editors know; the frame field of a timecode has two digits.
_BASES = (60, 50, 48, 30, 25, 24)
# Cameras miss their nominal rate by a little, and NTSC by a thousandth.
_RATE_TOLERANCE = Fraction(1, 200)


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
    counts frames exactly, so at 29.97 frames a second it runs 3.6 s an hour behind the clock. Of
    videos with more than 60 frames a second it counts every second, third, ... one.

    Raises:
        MediaError: The video can no longer be read.
        UsageError: No timecode counts the frames of this rate.
        OSError: The file can't be written.
    """
    rate = _counted_rate(localization.video)
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
