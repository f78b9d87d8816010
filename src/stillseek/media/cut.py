"""Clips cut out of a video."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.error import FFmpegError

from stillseek.errors import UsageError
from stillseek.media.pixels import PixelConverter
from stillseek.media.source import SNAP_SECONDS, TimedFrame, VideoSource, open_container
from stillseek.media.write import AudioFormat, VideoWriter
from stillseek.timeline import Segment

_FALLBACK_RATE = Fraction(25)


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
        sound = _Sound(path, segment) if source.has_audio else None
        try:
            _write_clip(source, segment, out, sound)
        finally:
            if sound is not None:
                sound.close()


def _write_clip(source: VideoSource, segment: Segment, out: Path, sound: "_Sound | None") -> None:
    convert = PixelConverter(None)
    shown = _shown_in(source, segment)
    first = next(shown, None)
    if first is None:
        raise UsageError(
            f"{source.path} ends before the segment starts at {segment.start_seconds} seconds; "
            "choose an earlier one"
        )
    audio = iter(()) if sound is None else sound.frames()
    waiting = next(audio, None)
    rate = source.frame_rate or _FALLBACK_RATE
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


def _shown_in(source: VideoSource, segment: Segment) -> Iterator[tuple[TimedFrame, float]]:
    """Frames that are on display during a segment, and for how many seconds of it."""
    begin, end = segment.start_seconds, segment.end_seconds
    shown: TimedFrame | None = None
    for timed in source.frames(begin):
        if shown is not None and timed.seconds > begin + SNAP_SECONDS:
            yield shown, min(end, timed.seconds) - begin
            begin = timed.seconds
        if timed.seconds >= end - SNAP_SECONDS:
            return
        shown = timed
    if shown is not None and shown.end_seconds > begin + SNAP_SECONDS:
        yield shown, min(end, shown.end_seconds) - begin


class _Sound:
    """The first audio track of a file, cut to a segment."""

    def __init__(self, path: Path, segment: Segment) -> None:
        self._container = open_container(path)
        streams = self._container.streams.audio
        self._stream = next(s for s in streams if s.codec_context is not None)
        self._segment = segment
        self.format = AudioFormat(
            sample_rate=self._stream.codec_context.sample_rate,
            layout=self._stream.codec_context.layout.name,
        )

    def close(self) -> None:
        self._container.close()

    def frames(self) -> Iterator[tuple[float, AudioFrame]]:
        """Sound of the segment, with its time from the start of the segment."""
        rate = self.format.sample_rate
        resampler = AudioResampler("fltp", self.format.layout, rate)
        origin = (self._container.start_time or 0) / av.time_base + self._segment.start_seconds
        num_wanted = round(self._segment.duration_seconds * rate)
        # A second of run-up lets the decoder settle.
        self._container.seek(max(0, round((origin - 1) * av.time_base)))
        for packet in self._container.demux(self._stream):
            try:
                decoded = self._stream.decode(packet)
            except FFmpegError:
                continue
            for frame in (part for whole in decoded for part in resampler.resample(whole)):
                if frame.time is None:
                    continue
                first = round((frame.time - origin) * rate)
                if first >= num_wanted:
                    return
                samples = frame.to_ndarray()[:, max(0, -first) : num_wanted - first]
                if samples.shape[1]:
                    yield max(0, first) / rate, self._frame(samples, max(0, first))

    def _frame(self, samples: np.ndarray, first_sample: int) -> AudioFrame:
        contiguous = np.ascontiguousarray(samples, dtype=np.float32)
        frame = AudioFrame.from_ndarray(contiguous, "fltp", self.format.layout)
        frame.sample_rate = self.format.sample_rate
        frame.time_base = Fraction(1, self.format.sample_rate)
        frame.pts = first_sample
        return frame
