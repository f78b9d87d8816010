"""Clips cut out of a video."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from stillseek.errors import UsageError
from stillseek.media.container import FALLBACK_RATE, SNAP_SECONDS, TimedFrame
from stillseek.media.pixels import PixelConverter
from stillseek.media.sound import Sound
from stillseek.media.source import VideoSource
from stillseek.media.write import VideoWriter
from stillseek.timeline import Segment


def cut(path: str | Path, segment: Segment, out: str | Path) -> None:
    """Writes a segment of a video as an MP4 of its own, frame-exact, by encoding it again.

    The clip shows at every instant what the video shows ``segment.start_seconds`` later: frames
    keep their own timing (also a variable one), the first one is the frame on display at the
    start, and the last one ends with the segment or the video. Rotation is applied and HDR becomes
    SDR. The first audio track that decodes is kept, cut to the sample and encoded as AAC.

    Warns:
        TruncatedMediaWarning: The video is cut off before the segment ends.

    Raises:
        MediaError: The video does not decode, or the clip cannot be written.
        UsageError: The segment starts after the video ends, or `out` is the video itself.
    """
    path, out = Path(path), Path(out)
    with VideoSource(path) as source:
        if out.exists() and out.samefile(path):
            raise UsageError(f"the clip would overwrite its video {path}; choose another name")
        sound = source.sound and Sound(path, source.sound, segment, source.reader)
        try:
            _write_clip(source, segment, out, sound)
        finally:
            if sound is not None:
                sound.close()


def _write_clip(source: VideoSource, segment: Segment, out: Path, sound: Sound | None) -> None:
    convert = PixelConverter(None, source.pixel_aspect)
    shown = shown_in(source, segment)
    first = next(shown, None)
    if first is None:
        raise UsageError(
            f"{source.path} ends before the segment starts at {segment.start_seconds} seconds; "
            "choose an earlier one"
        )
    audio = iter(()) if sound is None else sound.frames()
    waiting = next(audio, None)
    rate = source.frame_rate or FALLBACK_RATE
    with VideoWriter(out, frame_rate=rate, audio=sound and sound.format) as writer:
        for timed, duration_seconds in chain([first], shown):
            writer.write(convert(timed.frame), duration_seconds=duration_seconds)
            # Players want picture and sound side by side in the file.
            until = timed.end_seconds - segment.start_seconds
            while waiting is not None and waiting[0] <= until:
                writer.write_audio(waiting[1])
                waiting = next(audio, None)
        while waiting is not None:
            writer.write_audio(waiting[1])
            waiting = next(audio, None)


def shown_in(source: VideoSource, segment: Segment) -> Iterator[tuple[TimedFrame, float]]:
    """Frames that are on display during a segment, and for how many seconds of it."""
    begin, end = segment.start_seconds, segment.end_seconds
    shown: TimedFrame | None = None
    for timed in source.frames(begin):
        if shown is not None and timed.seconds > begin + SNAP_SECONDS:
            yield shown, min(end, timed.seconds) - begin
            begin = timed.seconds
        if timed.seconds >= end - SNAP_SECONDS:
            if shown is None:
                # Before the first picture it counts as displayed.
                yield timed, end - begin
            return
        shown = timed
    if shown is not None and shown.end_seconds > begin + SNAP_SECONDS:
        yield shown, min(end, shown.end_seconds) - begin
