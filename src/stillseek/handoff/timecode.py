"""Time code: numbers of frames as editing programs write them, drop-frame and non-drop."""

import re
from fractions import Fraction

STANDARD_RATES = tuple(
    Fraction(rate)
    for rate in ("24000/1001", "24", "25", "30000/1001", "30", "48", "50", "60000/1001", "60")
)
"""Frames a second that editing programs have, in order."""

# Cameras miss the rate that they mean by a little.
_RATE_TOLERANCE = Fraction(1, 200)
_TEXT = re.compile(r"(\d\d):(\d\d):(\d\d)([:;.,])(\d\d+)")


def standard_rate(rate: Fraction) -> Fraction:
    """The rate of editing programs that a camera means by a rate, or itself where it means none."""
    nearest = min(STANDARD_RATES, key=lambda standard: abs(standard - rate))
    return nearest if abs(rate - nearest) <= nearest * _RATE_TOLERANCE else rate


def base_of(rate: Fraction) -> int:
    """Frames that time code counts a second: 30 at 29.97, and so many that all have a number."""
    nearest = round(rate)
    is_near = abs(rate - nearest) <= nearest * _RATE_TOLERANCE
    return nearest if is_near else -(-rate.numerator // rate.denominator)


def can_drop(rate: Fraction) -> bool:
    """Whether drop-frame counting keeps step with the clock: at multiples of 29.97."""
    return (rate / Fraction(30000, 1001)).denominator == 1


def timecode(frame: int, rate: Fraction, *, is_drop: bool = False) -> str:
    """The time code of a frame number; after 24 hours it begins again.

    Drop-frame (SMPTE ST 12-1) leaves out the first 2 numbers of every minute but each tenth, 4 at
    59.94; no frame is left out.

    Args:
        frame: Number of the frame, 0 at ``00:00:00:00``.
        rate: Frames a second.
        is_drop: Whether numbers are dropped; then a ``;`` is before the frames.
    """
    base = base_of(rate)
    frame %= _day(base, is_drop)
    if is_drop:
        dropped, minute, ten_minutes = _dropping(base)
        tens, rest = divmod(frame, ten_minutes)
        frame += 9 * dropped * tens + dropped * max(0, (rest - dropped) // minute)
    seconds, frames = divmod(frame, base)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    mark = ";" if is_drop else ":"
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{mark}{frames:02d}"


def parse_timecode(text: str, rate: Fraction) -> tuple[int, bool] | None:
    """Frame number of a time code, and whether it drops numbers; None where it is none.

    Args:
        text: As `timecode` writes it; a ``.`` or ``,`` before the frames is a ``;`` too.
        rate: Frames a second. Where it is no multiple of 29.97 nothing is dropped.
    """
    match = _TEXT.fullmatch(text)
    base = base_of(rate)
    if match is None or int(match[5]) >= base:
        return None
    minutes = 60 * int(match[1]) + int(match[2])
    frame = base * (60 * minutes + int(match[3])) + int(match[5])
    is_drop = match[4] != ":" and can_drop(rate)
    if is_drop:
        frame -= _dropping(base)[0] * (minutes - minutes // 10)
    return frame, is_drop


def _dropping(base: int) -> tuple[int, int, int]:
    """Numbers dropped a minute, frames of such a minute, and of ten minutes."""
    dropped = base // 15
    return dropped, 60 * base - dropped, 600 * base - 9 * dropped


def _day(base: int, is_drop: bool) -> int:
    return 144 * _dropping(base)[2] if is_drop else 86400 * base
