"""Clips cut out of a video."""

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

from av import VideoFrame

from stillseek.errors import UsageError
from stillseek.media import faults
from stillseek.media.container import FALLBACK_RATE, SNAP_SECONDS, TimedFrame
from stillseek.media.pixels import PixelConverter, is_hdr, is_yuv, stored_matrix
from stillseek.media.sound import Sound
from stillseek.media.source import VideoSource
from stillseek.media.write import OF_RGB, Look, VideoWriter
from stillseek.timeline import Segment


def cut(
    path: str | Path,
    segment: Segment,
    out: str | Path,
    *,
    preset: str = "medium",
    on_progress: Callable[[float], None] | None = None,
) -> None:
    """Writes a segment of a video as an MP4 of its own, frame-exact, by encoding it again.

    The clip shows at every instant what the video shows ``segment.start_seconds`` later: frames
    keep their own timing (also a variable one), the first one is the frame on display at the
    start, and the last one ends with the segment or the video. Rotation, shape of pixels, matrix,
    range and primaries stay as the video has them, in 8 bits and 4:2:0. What H.264 cannot store so
    is shown the same: HDR becomes SDR, and RGB and frames of odd sides upright BT.709 pictures of
    square pixels. The first audio track that decodes is kept, cut to the sample and encoded as AAC.

    Args:
        path: The video.
        segment: What of it is wanted.
        out: Where to.
        preset: As for `VideoWriter`.
        on_progress: Called with the seconds of the segment that are written.

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
            _write_clip(source, segment, out, sound, preset, on_progress)
        finally:
            if sound is not None:
                sound.close()


def _write_clip(
    source: VideoSource,
    segment: Segment,
    out: Path,
    sound: Sound | None,
    preset: str,
    on_progress: Callable[[float], None] | None,
) -> None:
    shown = shown_in(source, segment)
    first = next(shown)
    audio = iter(()) if sound is None else sound.frames()
    waiting = next(audio, None)
    with VideoWriter(
        out,
        frame_rate=source.frame_rate or FALLBACK_RATE,
        preset=preset,
        audio=sound and sound.format,
        look=_look_of(first[0].frame, source) or OF_RGB,
    ) as writer:
        write = _writing(writer, first[0].frame, source)
        for timed, duration_seconds in chain([first], shown):
            write(timed.frame, duration_seconds)
            # Players want picture and sound side by side in the file.
            until = timed.end_seconds - segment.start_seconds
            while waiting is not None and waiting[0] <= until:
                writer.write_audio(waiting[1])
                waiting = next(audio, None)
            if on_progress is not None:
                on_progress(min(max(0.0, until), segment.duration_seconds))
        while waiting is not None:
            writer.write_audio(waiting[1])
            waiting = next(audio, None)


def _writing(
    writer: VideoWriter, first: VideoFrame, source: VideoSource
) -> Callable[[VideoFrame, float], None]:
    """How the frames of a video are written: as they are stored, or as they are seen."""
    if _look_of(first, source) is not None:
        return lambda frame, seconds: writer.write_stored(frame, duration_seconds=seconds)
    convert = PixelConverter(None, source.pixel_aspect)
    return lambda frame, seconds: writer.write(convert(frame), duration_seconds=seconds)


def _look_of(frame: VideoFrame, source: VideoSource) -> Look | None:
    """How stored frames are shown; None where H.264 cannot store them so."""
    if is_hdr(frame) or not is_yuv(frame) or frame.width % 2 or frame.height % 2:
        return None
    return Look(
        pixel_aspect=source.pixel_aspect,
        display_matrix=stored_matrix(frame),
        colorspace=frame.colorspace,
        color_range=frame.color_range,
        color_primaries=frame.color_primaries,
        color_trc=frame.color_trc,
    )


def shown_in(source: VideoSource, segment: Segment) -> Iterator[tuple[TimedFrame, float]]:
    """Frames that are on display during a segment, and for how many seconds of it.

    Raises:
        UsageError: The segment starts after the video ends.
    """
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
    elif begin == segment.start_seconds:
        raise faults.ends_before(source.path, segment)
