"""Times that start again or jump: of joined files, restarted recorders, and by damage."""

from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
from jaxtyping import Float

from stillseek.media.container import FALLBACK_RATE

# No frame is shown for longer without any sound, as far as slides and recorded screens go; beyond
# it times are damaged. So a file lasts at most so long for each packet that it holds.
LONGEST_SILENCE_SECONDS = 600.0

# Times that step back by more than decoders reorder are those of another file behind this one.
_RESTART_SECONDS, _RESTART_FRAMES = 0.25, 4
# In containers whose clock may jump, FFmpeg's own programs close gaps longer than this.
_JUMP_SECONDS = 10.0
# So many packets that are that far from those around them have broken times.
_MAX_OUTLIERS = 3
# H.264 shows a frame at most this many after it was decoded.
_MAX_REORDERED = 16
_SAME_SHIFT_SECONDS = 1e-6

# Number of the packet from which on so many seconds are added to the times of a stream.
Shifts = list[tuple[int, float]]


def filled(times: Sequence[float | None], step: float) -> list[float]:
    """Times without gaps: counted on from the one before, and at the start back from the first."""
    num_missing = next((i for i, time in enumerate(times) if time is not None), len(times))
    known = [t for t in times[num_missing : num_missing + _MAX_REORDERED] if t is not None]
    latest = min(known, default=num_missing * step) - (num_missing + 1) * step
    line = []
    for time in times:
        latest = latest + step if time is None else time
        line.append(latest)
    return line


def without_outliers(
    times: Sequence[float | None], *, may_reorder: bool = False
) -> list[float | None]:
    """Times without those of a few packets that are far from all before and behind them.

    Args:
        times: Times in order of the file.
        may_reorder: Whether a frame may be decoded before others that are shown before a pause.
    """
    kept, latest = list(times), None
    for i, time in enumerate(times):
        if kept[i] is None or time is None:
            continue
        if latest is not None and abs(time - latest) > _JUMP_SECONDS:
            behind = times[i + 1 : i + 1 + _MAX_OUTLIERS]
            back = [
                j
                for j, t in enumerate(behind, 1)
                if t is not None and abs(t - latest) < abs(time - latest) / 2
            ]
            if back:
                behind = times[i + back[0] : i + back[0] + _MAX_REORDERED]
                is_near = any(t is not None and abs(t - time) <= _JUMP_SECONDS for t in behind)
                if not (may_reorder and is_near):
                    kept[i : i + back[0]] = [None] * back[0]
                continue
        latest = time
    return kept


def piece_starts(times: Sequence[float], step: float, *, may_jump: bool) -> list[int]:
    """Numbers of the packets, after the first, where times start again or jump ahead."""
    back = max(_RESTART_SECONDS, _RESTART_FRAMES * step)
    ahead = _JUMP_SECONDS if may_jump else float("inf")
    return [
        i
        for i in range(1, len(times))
        if not -back <= times[i] - times[i - 1] <= ahead + step * may_jump
    ]


def shifts_of_pieces(starts: Sequence[int], begins: list[float], ends: list[float]) -> Shifts:
    """What brings the pieces of a stream one behind the other, each where the last one ends."""
    shifts, end = [(0, 0.0)], 0.0
    for first, stop in zip([0, *starts], [*starts, len(begins)], strict=True):
        if first:
            shifts.append((first, end - min(begins[first:stop])))
        end = max(ends[first:stop], default=0.0) + shifts[-1][1]
    return shifts


def shifts_of_companion(
    starts: Sequence[int], times: Sequence[float], num_before: Sequence[int], main: Shifts
) -> Shifts:
    """What brings the pieces of a stream beside its main stream.

    Args:
        starts: Where its times start again.
        times: Its times.
        num_before: How many packets of the main stream the file has before each of its packets.
        main: Shifts of the main stream.
    """
    if not times:
        return [(0, 0.0)]
    if len(starts) == len(main) - 1:
        # The usual case: both start again at the same joints.
        return [(first, shift) for first, (_, shift) in zip([0, *starts], main, strict=True)]
    shifts: Shifts = []
    for first in [0, *starts]:
        # Otherwise the joint that lets it go on where it was, or that is near in the file.
        if shifts:
            expected = times[first - 1] + shifts[-1][1]
            shift = min((s for _, s in main), key=lambda s: abs(times[first] + s - expected))
        else:
            shift = [s for start, s in main if start <= num_before[first]][-1]
        shifts.append((first, shift))
    return shifts


def believable_rate(rate: Fraction | None) -> Fraction | None:
    """A number of frames a second, or None where it cannot be meant."""
    return rate if rate and rate * Fraction(LONGEST_SILENCE_SECONDS) >= 1 else None


def without_silences(
    events: Float[np.ndarray, " event"], pictures: Float[np.ndarray, " picture"]
) -> Callable[[Float[np.ndarray, " time"]], Float[np.ndarray, " time"]]:
    """A map of times onto a line without the long stretches that nothing in a file fills.

    Args:
        events: When the packets of all streams are shown.
        pictures: When those of the video are. The median of their distances is left of a stretch.
    """
    steps = np.diff(np.sort(pictures))
    steps = steps[(steps > 0) & (steps <= LONGEST_SILENCE_SECONDS)]
    step = float(np.median(steps) if len(steps) else 1 / FALLBACK_RATE)
    events = np.sort(events)
    gaps = np.append(np.diff(events), 0.0)
    is_closed = gaps > LONGEST_SILENCE_SECONDS
    left_out = np.cumsum(np.where(is_closed, gaps - step, 0.0))
    shifts = np.append(0.0, left_out[:-1])

    def moved(times: np.ndarray) -> np.ndarray:
        before = np.maximum(0, np.searchsorted(events, times, side="right") - 1)
        beyond = times - events[before]
        is_cut = is_closed[before] | (beyond > LONGEST_SILENCE_SECONDS)
        return events[before] - shifts[before] + np.where(is_cut, np.minimum(beyond, step), beyond)

    return moved


def shifts_between(times: Sequence[float], line: Float[np.ndarray, " packet"]) -> Shifts:
    """What brings times onto a line."""
    added = line - times
    (changes,) = np.nonzero(np.abs(np.diff(added)) > _SAME_SHIFT_SECONDS)
    return [(int(i), float(added[i])) for i in (0, *(changes + 1))] if len(added) else [(0, 0.0)]


def shifted(times: Sequence[float], shifts: Shifts) -> list[float]:
    """Times on the one line."""
    line = list(times)
    for (first, shift), stop in zip(
        shifts, [*(first for first, _ in shifts[1:]), len(line)], strict=True
    ):
        line[first:stop] = [time + shift for time in line[first:stop]]
    return line
