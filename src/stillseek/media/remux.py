"""Clips cut out of a video at key frames, without encoding anything again."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from math import inf
from pathlib import Path

import av
from av import Packet
from av.container import InputContainer
from av.error import FFmpegError

from stillseek.errors import UsageError
from stillseek.files import MADE_BY, replacing
from stillseek.media import faults
from stillseek.media.container import (
    FALLBACK_RATE,
    SNAP_SECONDS,
    format_name,
    open_container,
    packets_of,
)
from stillseek.media.source import VideoSource
from stillseek.media.unindexed import ClockedReader
from stillseek.media.write import failures_name
from stillseek.timeline import Segment

# How far behind the picture its sound may be in a file.
_LARGEST_LAG_SECONDS = 2.0


def copy_suffix(path: Path) -> str:
    """What the name of a copied clip ends in: MP4 and MOV stay so, all else becomes Matroska.

    Raises:
        MediaError: The file is not a video.
    """
    with VideoSource(path) as source:
        if format_name(source.reader.container) != "mov":
            return ".mkv"
    return ".mov" if path.suffix.lower() == ".mov" else ".mp4"


def copy_cut(path: Path, segment: Segment, out: Path) -> Segment:
    """Writes a part of a video as a file of its own, with the very bytes of its frames and sound.

    It begins with the last key frame at or before the segment, and ends with the last frame that
    begins in it, or that this one is decoded by. Rotation, shape of pixels and colours are
    the video's, HDR too; every sound track is kept, from the first packet that begins in the clip.
    The name of the clip ends in `copy_suffix` of the video.

    Returns:
        What was cut, on the time line of the video.

    Raises:
        MediaError: The video does not open, or the clip cannot be written.
        UsageError: The segment starts after the video ends, the file does not tell when its frames
            are shown, or `out` is the video itself.
    """
    with VideoSource(path) as source:
        if out.exists() and out.samefile(path):
            raise UsageError(f"the clip would overwrite its video {path}; choose another name")
        if not source.reader.can_skip:
            raise UsageError(
                f"{path} does not tell when each of its frames is shown, so that it can only be "
                "cut by encoding it again; cut it without copying"
            )
        plan = _plan(source, segment)
        if plan.begin_seconds == inf:
            raise UsageError(
                f"{path} has no key frame that a clip could begin with; cut it without copying"
            )
        if plan.end_seconds <= segment.start_seconds:
            raise faults.ends_before(path, segment)
        _write(plan, source, out)
        return Segment(max(0.0, plan.begin_seconds), plan.end_seconds)


@dataclass(frozen=True, slots=True)
class _Timed:
    """A packet, and when it is shown and decoded, in seconds on the time line of the video."""

    packet: Packet
    seconds: float
    decoded_seconds: float

    def end_seconds(self, usual_seconds: float) -> float:
        """When its display ends; a usual time after it began where it does not tell."""
        duration = self.packet.duration
        length = float(duration * self.packet.time_base) if duration else usual_seconds
        return self.seconds + length


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What of the video is copied.

    Attributes:
        begin_seconds: When its first key frame is shown; no frame before it is copied.
        last_decoded_seconds: When the last packet is decoded.
        end_seconds: When the last frame ends.
    """

    begin_seconds: float
    last_decoded_seconds: float
    end_seconds: float

    def has(self, timed: _Timed) -> bool:
        """Whether a packet of the video is copied."""
        return (
            timed.seconds >= self.begin_seconds - SNAP_SECONDS
            and timed.decoded_seconds <= self.last_decoded_seconds + SNAP_SECONDS
        )


def _plan(source: VideoSource, segment: Segment) -> _Plan:
    begin, last_decoded = inf, -inf
    # When the latest frame begins and ends of all packets so far, and of those that are copied.
    latest = copied = (-inf, -inf)
    usual_seconds = float(1 / (source.frame_rate or FALLBACK_RATE))
    for timed in _timed_packets(source, segment.start_seconds, sounds=()):
        is_early = timed.seconds <= segment.start_seconds + SNAP_SECONDS
        if timed.packet.is_keyframe and (is_early or begin == inf):
            begin, latest = timed.seconds, (-inf, -inf)
        until = max(segment.end_seconds - SNAP_SECONDS, copied[0])
        if begin < inf and timed.decoded_seconds > until:
            break
        latest = max(latest, (timed.seconds, timed.end_seconds(usual_seconds)))
        if timed.seconds <= until:
            # Frames that are decoded before it may be shown after it, and so all up to those.
            last_decoded, copied = timed.decoded_seconds, latest
    return _Plan(begin_seconds=begin, last_decoded_seconds=last_decoded, end_seconds=copied[1])


def _write(plan: _Plan, source: VideoSource, out: Path) -> None:
    container, video = source.reader.container, source.stream.index
    sounds = [s.index for s in container.streams.audio if s.codec_context is not None]
    with (
        failures_name(out, faults.cannot_copy),
        replacing(out) as place,
        av.open(str(place.absolute()), "w") as made,
    ):
        made.metadata["comment"] = MADE_BY
        streams = {
            index: made.add_stream_from_template(container.streams[index])
            for index in (video, *sounds)
        }
        for timed in _timed_packets(source, plan.begin_seconds, sounds=sounds):
            packet, is_video = timed.packet, timed.packet.stream_index == video
            if is_video and timed.decoded_seconds > plan.end_seconds + _LARGEST_LAG_SECONDS:
                break
            is_sound = not is_video and plan.begin_seconds <= timed.seconds < plan.end_seconds
            if is_sound or (is_video and plan.has(timed)):
                ticks = round((timed.seconds - plan.begin_seconds) / packet.time_base)
                assert packet.pts is not None, "_timed_packets leaves those out"
                if packet.dts is not None:
                    packet.dts += ticks - packet.pts
                packet.pts = ticks
                packet.stream = streams[packet.stream_index]
                made.mux(packet)


def _timed_packets(
    source: VideoSource, from_seconds: float, *, sounds: Sequence[int]
) -> Iterator[_Timed]:
    """Packets of the video and of sound streams, from before an instant on."""
    reader, video = source.reader, source.stream.index
    with closing(_opened(source, from_seconds)) as container:
        streams = [container.streams[index] for index in (video, *sounds)]
        numbers = dict.fromkeys((video, *sounds), 0)
        for packet in packets_of(container, *streams):
            number = numbers[packet.stream_index]
            numbers[packet.stream_index] += 1
            if packet.pts is None or packet.is_corrupt:
                continue
            if packet.stream_index == video and isinstance(reader, ClockedReader):
                seconds = float(reader.clock.seconds[number])
            else:
                own = float(packet.pts * packet.time_base)
                seconds = own + reader.shift_of(packet.stream_index, number)
            ahead = 0 if packet.dts is None else packet.pts - packet.dts
            yield _Timed(packet, seconds, seconds - float(ahead * packet.time_base))


def _opened(source: VideoSource, seconds: float) -> InputContainer:
    """The file, open at a key frame at or before an instant, or at its beginning."""
    reader, step = source.reader, 0.0
    while not isinstance(reader, ClockedReader) and seconds - step > 0:
        container = open_container(source.path)
        place = round((seconds - step + reader.start_seconds) * av.time_base)
        try:
            container.seek(place)
            first = next(packets_of(container, container.streams[source.stream.index]), None)
            # A demuxer may seek by decoding time and so land after the instant: go back further.
            if first is not None and first.pts is not None:
                own = float(first.pts * first.time_base) - reader.start_seconds
                if own <= seconds + SNAP_SECONDS:
                    container.seek(place)
                    return container
        except FFmpegError:
            # It cannot seek there; it is read from its beginning.
            container.close()
            break
        container.close()
        step = max(1.0, 4 * step)
    return open_container(source.path)
