"""The sound of a clip: one rate, one layout, without holes, whatever the file has."""

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.error import FFmpegError

from stillseek.media.container import open_container, packets_of
from stillseek.media.indexed import IndexedReader
from stillseek.media.unindexed import ClockedReader
from stillseek.media.write import AudioFormat
from stillseek.timeline import Segment

# By the number of channels; more are mixed down to the last one.
_LAYOUTS = ("mono", "stereo", "3.0", "4.0", "5.0", "5.1")
# What AAC has, up to what players take.
_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
# Containers that count milliseconds let packets overlap or part by less than this.
_JITTER_SECONDS = 0.05
# A decoder needs some sound before the segment to settle.
_RUN_UP_SECONDS = 1.0


class Sound:
    """A sound of a file, cut to a segment on the time line that the reader of its video knows.

    Attributes:
        format: Rate and layout of what :meth:`frames` gives; None if the segment is silent.
    """

    def __init__(
        self,
        path: Path,
        stream: AudioStream,
        segment: Segment,
        reader: IndexedReader | ClockedReader,
    ) -> None:
        # A container of its own: picture and sound are read at their own pace.
        self._container = open_container(path)
        self._segment = segment
        self._reader = reader
        self.format: AudioFormat | None = None
        streams = self._container.streams.audio
        blocks = self._blocks(next(s for s in streams if s.index == stream.index))
        first = next(blocks, None)
        self._waiting = blocks if first is None else chain([first], blocks)

    def close(self) -> None:
        """Closes the file."""
        self._container.close()

    def frames(self) -> Iterator[tuple[float, AudioFrame]]:
        """Sound of the segment with its time from the start of it, and silence where it has none.

        It begins with the segment, and ends with it or before.
        """
        if self.format is None:
            return
        rate = self.format.sample_rate
        num_wanted = round(self._segment.duration_seconds * rate)
        position, expected = 0, None
        for seconds, samples in self._waiting:
            first = round((seconds - self._segment.start_seconds) * rate)
            if expected is not None and abs(first - expected) <= _JITTER_SECONDS * rate:
                first = expected
            expected = first + samples.shape[1]
            inside = samples[:, max(0, position - first) : max(0, num_wanted - first)]
            if not inside.shape[1]:
                continue
            first = max(first, position)
            for begin in range(position, first, rate):
                silence = np.zeros((len(samples), min(rate, first - begin)), np.float32)
                yield begin / rate, self._frame(silence, begin)
            yield first / rate, self._frame(inside, first)
            position = first + inside.shape[1]

    def _frame(self, samples: np.ndarray, first_sample: int) -> AudioFrame:
        assert self.format is not None, "the first block sets it"
        contiguous = np.ascontiguousarray(samples, dtype=np.float32)
        frame = AudioFrame.from_ndarray(contiguous, "fltp", self.format.layout)
        frame.sample_rate = self.format.sample_rate
        frame.time_base = Fraction(1, self.format.sample_rate)
        frame.pts = first_sample
        return frame

    def _blocks(self, stream: AudioStream) -> Iterator[tuple[float, np.ndarray]]:
        """Blocks of samples in the one format, with their times on the line of the video."""
        resampler, kind = None, None
        for frame in chain(self._decoded(stream), [None]):
            parts: list[AudioFrame] = []
            new = None if frame is None else (frame.sample_rate, frame.layout.name)
            if new != kind:
                if resampler is not None:
                    parts += _resampled(resampler, None)
                kind, resampler = new, None
            if frame is not None:
                self.format = self.format or _format_for(frame)
                if resampler is None:
                    resampler = AudioResampler("fltp", self.format.layout, self.format.sample_rate)
                parts += _resampled(resampler, frame)
            for part in parts:
                if part.time is not None:
                    yield part.time, part.to_ndarray()

    def _decoded(self, stream: AudioStream) -> Iterator[AudioFrame]:
        begin, end = self._segment.start_seconds - _RUN_UP_SECONDS, self._segment.end_seconds
        if self._reader.can_seek:
            offset = begin - self._reader.shift_of(stream.index, 0)
            # Where that fails it is read from its beginning.
            with suppress(FFmpegError):
                self._container.seek(max(0, round(offset * av.time_base)))
        for number, packet in enumerate(packets_of(self._container, stream)):
            if packet.pts is not None:
                shift = round(self._reader.shift_of(stream.index, number) / packet.time_base)
                ticks = packet.pts + shift
                if ticks * packet.time_base >= end:
                    return
                if ticks * packet.time_base < begin:
                    continue
                packet.pts = packet.dts = ticks
            if packet.is_corrupt:
                continue
            try:
                yield from stream.decode(packet)
            except FFmpegError:
                continue


def _format_for(frame: AudioFrame) -> AudioFormat:
    """What AAC and players take that is nearest to the sound of a frame."""
    return AudioFormat(
        sample_rate=next((r for r in _RATES if r >= frame.sample_rate), _RATES[-1]),
        layout=_LAYOUTS[min(frame.layout.nb_channels, len(_LAYOUTS)) - 1],
    )


def _resampled(resampler: AudioResampler, frame: AudioFrame | None) -> list[AudioFrame]:
    try:
        return resampler.resample(frame)
    except (FFmpegError, ValueError):
        # A damaged frame, whose place is filled with silence.
        return []
