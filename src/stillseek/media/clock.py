"""The one time line of a file whose container cannot be trusted with times or seeking.

Programme streams, AVI, FLV, OGG and their like are read from their beginning, always: a seek in
them restamps frames, and where files were joined their times start again. One pass over the
packets, without decoding, says when each of them is shown; probing, decoding and cutting all read
that. MP4 and Matroska have an index and a time for every frame, and need none of this.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from math import inf
from pathlib import Path

import numpy as np
from av import Packet
from av.container import InputContainer
from av.format import Flags
from av.video.stream import VideoStream
from jaxtyping import Bool, Float

from stillseek.media.container import FALLBACK_RATE, SNAP_SECONDS, open_container, packets_of
from stillseek.media.joined import (
    Shifts,
    believable_rate,
    filled,
    piece_starts,
    shifted,
    shifts_between,
    shifts_of_companion,
    shifts_of_pieces,
    without_outliers,
    without_silences,
)

# Share of packets without a time of display up to which the others are taken at their word.
_MAX_MISSING = 0.05
_RATE_TOLERANCE = 0.1
_FLAGGED_AT_JOINTS = 2


@dataclass(frozen=True, slots=True, eq=False)
class Clock:
    """When the packets of a file are shown, in seconds from its start.

    Attributes:
        seconds: Start of the display of each video packet, in order of the file.
        end_seconds: End of the display of each; minus infinity for what is not shown.
        is_exact: Whether `seconds` is the packet's own. Otherwise only the set of all times is
            known, and the frames take them in order of display.
        is_key: Whether decoding can begin at the packet.
        is_broken: Whether a part of the packet is missing.
        shifts: For every sound stream, the number of each packet from which on so many seconds are
            added to its own times.
        frame_rate: Frames per second, None for a single one.
        any_seconds: End of the last whole packet of any stream.
        ends_inside_packet: Whether the last packet is cut off.
        unread_share: How much of the file is behind the last packet that was found.
        left_out_seconds: How much longer the video would last by its own times, damaged where no
            picture or sound comes for so long. Zero where clocks may jump.
    """

    seconds: Float[np.ndarray, " packet"]
    end_seconds: Float[np.ndarray, " packet"]
    is_exact: Bool[np.ndarray, " packet"]
    is_key: Bool[np.ndarray, " packet"]
    is_broken: Bool[np.ndarray, " packet"]
    shifts: dict[int, Shifts]
    frame_rate: Fraction | None
    any_seconds: float
    ends_inside_packet: bool
    unread_share: float
    left_out_seconds: float

    def shift_of(self, stream_index: int, packet_number: int) -> float:
        """Seconds to add to the own time of a packet of a sound stream."""
        shifts = self.shifts[stream_index]
        return shifts[bisect_right(shifts, (packet_number, inf)) - 1][1]

    @property
    def video_seconds(self) -> float:
        """End of the last video packet."""
        return float(self.end_seconds.max(initial=0.0))

    def packet_before(self, seconds: float) -> int:
        """The last packet at which decoding may begin to show what is displayed at an instant."""
        if not self.is_exact.all():
            return 0
        (usable,) = np.nonzero(self.is_key & (self.seconds <= seconds + SNAP_SECONDS))
        return int(usable[-1]) if len(usable) else 0


def clock_of(path: Path, stream_index: int, *, has_display_times: bool) -> Clock:
    """The time line of a file by one of its video streams; kept until the file changes.

    Args:
        path: The file.
        stream_index: The video stream.
        has_display_times: Whether the container stores when frames are shown, not only when they
            are to be decoded.

    Raises:
        FFmpegError: The file does not open.
    """
    state = path.stat()
    identity = (state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns)
    return _clock_of(path.absolute(), identity, stream_index, has_display_times)


@lru_cache(maxsize=16)
def _clock_of(
    path: Path, identity: tuple[int, ...], stream_index: int, has_display_times: bool
) -> Clock:
    del identity  # a changed file is another one
    with open_container(path) as container:
        return _measure(container, stream_index, has_display_times)


@dataclass(slots=True)
class _Track:
    """Packets of one stream as the file has them; `step` is how long one is shown by default."""

    step: float
    decoded: list[float | None] = field(default_factory=list)
    shown: list[float | None] = field(default_factory=list)
    durations: list[float] = field(default_factory=list)
    is_key: list[bool] = field(default_factory=list)
    is_hidden: list[bool] = field(default_factory=list)
    is_broken: list[bool] = field(default_factory=list)
    num_video_before: list[int] = field(default_factory=list)

    def add(self, packet: Packet, num_video_before: int) -> None:
        base = packet.time_base
        self.decoded.append(None if packet.dts is None else float(packet.dts * base))
        self.shown.append(None if packet.pts is None else float(packet.pts * base))
        self.durations.append(float(packet.duration * base) if packet.duration else self.step)
        self.is_key.append(packet.is_keyframe)
        self.is_hidden.append(packet.is_discard)
        self.is_broken.append(packet.is_corrupt)
        self.num_video_before.append(num_video_before)

    def starts(self, may_jump: bool) -> list[int]:
        """Packets where the times of the stream start again or jump."""
        return piece_starts(filled(self.decoded, self.step), self.step, may_jump=may_jump)

    def ends(self, line: np.ndarray) -> np.ndarray:
        """Ends of the packets that start at some times; minus infinity where none is shown."""
        is_shown = ~np.array([self.is_hidden, self.is_broken], dtype=bool).any(axis=0)
        return np.where(is_shown, np.add(line, self.durations), -inf)

    def trust_joints(self, starts: Iterable[int]) -> None:
        """Takes packets before a joint for whole.

        The count of transport packets jumps there, for which FFmpeg flags the last frame of the
        piece, or, with the codecs that it splits into frames itself, the one before it.
        """
        for start in starts:
            first = max(0, start - _FLAGGED_AT_JOINTS)
            self.is_broken[first:start] = [False] * (start - first)


def _measure(container: InputContainer, stream_index: int, has_display_times: bool) -> Clock:
    stream = next(s for s in container.streams.video if s.index == stream_index)
    # Without times the average is that of a default, and only the codec may know the rate.
    average = None if stream.start_time is None else stream.average_rate
    stated_rate = believable_rate(average or stream.guessed_rate)
    video = _Track(float(1 / (stated_rate or FALLBACK_RATE)))
    sounds = {s.index: _Track(0.0) for s in container.streams.audio}
    tracks = {**sounds, stream_index: video}
    is_cut, num_bytes = False, 0
    for packet in packets_of(container, *container.streams):
        is_cut = packet.is_corrupt
        num_bytes = max(num_bytes, (packet.pos or 0) + packet.size)
        if packet.stream_index in tracks:
            tracks[packet.stream_index].add(packet, len(video.shown))
    for track in tracks.values():
        track.decoded = without_outliers(track.decoded)
    for sound in sounds.values():
        sound.shown = without_outliers(sound.shown)
    may_jump = bool(container.format.flags & Flags.ts_discont.value)
    decoded = filled(video.decoded, video.step)
    starts = [
        start
        for start in video.starts(may_jump)
        if not _is_bridged_by_sound(start, decoded, sounds.values())
    ]
    video.trust_joints(starts)
    video.shown = without_outliers(video.shown, may_reorder=not starts)
    times, is_exact = _own_times(stream, video, has_display_times)
    shifts = shifts_of_pieces(starts, times, list(np.add(times, video.durations)))
    lines = {stream_index: np.array(shifted(times, shifts))}
    sound_times = {index: filled(track.shown, track.step) for index, track in sounds.items()}
    for index, own in sound_times.items():
        starts, num_before = sounds[index].starts(may_jump), sounds[index].num_video_before
        lines[index] = np.array(shifted(own, shifts_of_companion(starts, own, num_before, shifts)))
    events = np.concatenate([*lines.values()])
    moved = without_silences(events, lines[stream_index])
    ends = {index: moved(tracks[index].ends(line)) for index, line in lines.items()}
    left_out = lines[stream_index] - moved(lines[stream_index])
    lines = {index: moved(line) for index, line in lines.items()}
    seconds, origin = lines[stream_index], float(events.min()) if len(events) else 0.0
    # GIF flags every packet, though each of them only changes the picture before.
    flags_mean_something = stream.codec_context.codec.intra_only or not all(video.is_key)
    return Clock(
        seconds=seconds - origin,
        end_seconds=ends[stream_index] - origin,
        is_exact=np.array(is_exact, dtype=bool),
        is_key=np.array(video.is_key, dtype=bool) & flags_mean_something,
        is_broken=np.array(video.is_broken, dtype=bool),
        shifts={i: shifts_between(own, lines[i] - origin) for i, own in sound_times.items()},
        frame_rate=_checked_rate(stated_rate, np.sort(seconds)),
        any_seconds=max(float(line.max(initial=origin)) for line in ends.values()) - origin,
        ends_inside_packet=is_cut,
        unread_share=1 - num_bytes / container.size if container.size > 0 else 0.0,
        left_out_seconds=0.0 if may_jump else float(left_out.max(initial=0.0)),
    )


def _own_times(
    stream: VideoStream, video: _Track, has_display_times: bool
) -> tuple[list[float], list[bool]]:
    """Times of display that packets state, as far as they do, and for which of them."""
    reorders = stream.codec_context.has_b_frames
    shown = filled(video.shown, video.step)
    first = next((i for i, time in enumerate(video.shown) if time is not None), 0)
    if has_display_times and video.shown[first:].count(None) > _MAX_MISSING * len(shown):
        # Programme streams may state times for the first frame of a block of them only. Decoding
        # goes on at the pace of the display, and ahead of it by what the first frame says.
        delay = shown[first] - filled(video.decoded, video.step)[first]
    elif has_display_times and not (reorders and all(a <= b for a, b in pairwise(shown))):
        return shown, [time is not None for time in video.shown]
    else:
        # Times that follow the order of decoding, though frames do not, are guesses.
        delay = 0.0
    times = [time + delay for time in filled(video.decoded, video.step)]
    return times, [not reorders] * len(times)


def _is_bridged_by_sound(start: int, times: list[float], sounds: Iterable[_Track]) -> bool:
    """Whether a jump ahead is a long frame: sound goes on during it."""
    begin, end = times[start - 1] + 1.0, times[start] - 1.0
    return any(
        time is not None and begin < time < end
        for track in sounds
        for time, num_video in zip(track.shown, track.num_video_before, strict=True)
        if num_video == start
    )


def _checked_rate(
    stated: Fraction | None, seconds: Float[np.ndarray, " packet"]
) -> Fraction | None:
    """Frames per second as stated, if ascending times bear it out, or else as they have it."""
    steps = np.diff(seconds)
    steps = steps[steps > SNAP_SECONDS]
    if not len(steps):
        return stated
    # The mean of the usual steps: containers that count milliseconds round each of them.
    usual = float(steps[steps < 1.5 * np.median(steps)].mean())
    if stated and any(
        abs(step * stated - 1) < _RATE_TOLERANCE for step in (usual, float(steps.mean()))
    ):
        return stated
    rate = Fraction(1 / usual).limit_denominator(1001)
    whole = Fraction(round(rate))
    return whole if abs(rate - whole) < whole / 500 else rate
