"""A clip has the sound of its segment, whatever the file makes of it."""

import struct

import av
import numpy as np
import pytest

from stillseek.media import cut, decode, probe
from stillseek.timeline import Segment


def sound_in(path, begin, end):
    """Rate, layout and samples of a clip: channels by time from its start."""
    cut(path, Segment(begin, end), path.with_name("clip.mp4"))
    with av.open(str(path.with_name("clip.mp4"))) as container:
        stream = container.streams.audio[0]
        frames = list(container.decode(stream))
        start = round(frames[0].time * stream.rate)
        samples = np.concatenate([frame.to_ndarray() for frame in frames], axis=1)
        return stream.rate, stream.layout.name, np.pad(samples, ((0, 0), (start, 0)))


def level(samples):
    """Of a tone: its amplitude."""
    return float(np.sqrt(2 * np.mean(samples**2)))


@pytest.mark.parametrize(
    ("name", "sound", "rate", "layout"),
    [
        ("v.mp4", ("aac", "fltp", 48000, "7.1"), 48000, "5.1"),
        ("v.mp4", ("aac", "fltp", 48000, "6.1"), 48000, "5.1"),
        ("v.mkv", ("flac", "s16", 44100, "7.1"), 44100, "5.1"),
        ("v.mov", ("pcm_s16le", "s16", 48000, "hexadecagonal"), 48000, "5.1"),
        ("v.mkv", ("pcm_s16le", "s16", 48000, "16 channels"), 48000, "5.1"),
        ("v.mkv", ("pcm_s16le", "s16", 48000, "quad"), 48000, "4.0"),
        ("v.avi", ("pcm_s16le", "s16", 16000, "mono"), 16000, "mono"),
        ("v.avi", ("pcm_u8", "u8", 11025, "stereo"), 11025, "stereo"),
        ("v.mov", ("pcm_s16le", "s16", 6000, "mono"), 8000, "mono"),
        ("v.mkv", ("pcm_s16le", "s16", 37000, "stereo"), 44100, "stereo"),
        ("v.mkv", ("pcm_f32le", "flt", 192000, "stereo"), 48000, "stereo"),
        ("v.ts", ("mp2", "s16", 32000, "stereo"), 32000, "stereo"),
        ("v.flv", ("aac", "fltp", 44100, "mono"), 44100, "mono"),
    ],
)
def test_every_layout_and_rate_becomes_one_that_aac_has(name, sound, rate, layout, make_bars):
    path = make_bars(name, num_frames=75, sound=sound)
    found_rate, found_layout, samples = sound_in(path, 0.9, 2.1)
    assert (found_rate, found_layout) == (rate, layout)
    # AAC fills its last frame of 1024 samples; resampling keeps a few back.
    assert -64 <= samples.shape[1] - 1.2 * rate < 1024 + 64
    middle = samples[0, round(0.3 * rate) : round(0.9 * rate)]
    # The tone is at half level; mixing down adds channels up or scales them.
    assert level(middle) > 0.1


def test_sound_that_changes_midway_has_one_rate(make_bars, read_bars, tmp_path):
    first = make_bars("a.ts", num_frames=75, sound=("mp2", "s16", 48000, "mono"))
    second = make_bars(
        "b.ts", num_frames=75, first_number=75, sound=("mp2", "s16", 32000, "stereo")
    )
    path = tmp_path / "changes.ts"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    rate, layout, samples = sound_in(path, 2.0, 4.0)
    assert (rate, layout) == (48000, "mono")
    assert samples.shape[1] == pytest.approx(2 * 48000, abs=2048)
    for begin in (0.2, 1.4):
        assert level(samples[0, round(begin * rate) :][: rate // 4]) > 0.3
    numbers = read_bars(decode(tmp_path / "clip.mp4"))
    assert numbers[0] < 75 < numbers[-1]


def test_sound_that_begins_late_has_silence_before(make_bars):
    path = make_bars(
        "v.ts", num_frames=600, sound=("mp2", "s16", 48000, "mono"), sound_from=22, sound_seconds=24
    )
    assert probe(path).has_audio
    rate, layout, samples = sound_in(path, 21.0, 23.5)
    assert (rate, layout) == (48000, "mono")
    assert samples.shape[1] == pytest.approx(2.5 * rate, abs=2048)
    assert level(samples[0, : round(0.8 * rate)]) < 0.01
    assert level(samples[0, round(1.4 * rate) : round(2.2 * rate)]) == pytest.approx(0.5, abs=0.05)


def test_a_segment_before_all_sound_is_silent(make_bars, read_bars, tmp_path):
    path = make_bars("v.mkv", sound=("aac", "fltp", 16000, "mono"), sound_from=4, sound_seconds=6)
    cut(path, Segment(0.4, 0.6), tmp_path / "clip.mp4")
    assert not probe(tmp_path / "clip.mp4").has_audio
    assert read_bars(decode(tmp_path / "clip.mp4")) == list(range(10, 15))


def test_sound_of_joined_files_stays_with_its_picture(make_bars, tmp_path):
    # Two files of 3 s, and sound only in the last second of each.
    tone = ("mp2", "s16", 48000, "mono")
    part = make_bars("a.ts", num_frames=75, sound=tone, sound_from=2, sound_seconds=3)
    path = tmp_path / "joined.ts"
    path.write_bytes(part.read_bytes() * 2)
    rate, _, samples = sound_in(path, 4.5, 5.9)
    assert level(samples[0, : round(0.4 * rate)]) < 0.01
    assert level(samples[0, round(0.6 * rate) : round(1.2 * rate)]) > 0.4


def test_a_stream_that_appears_midway_is_ignored(make_bars, read_bars, tmp_path):
    path = make_bars("v.flv", num_frames=75, sound=("aac", "fltp", 44100, "mono"))
    data = path.read_bytes()
    with av.open(str(path)) as container:
        late = [packet.pos for packet in container.demux(video=0) if packet.size][60]
    # A caption: a script tag with the string onTextData and an array of one text.
    body = b"\x02\x00\x0aonTextData\x08\0\0\0\1\x00\x04text\x02\x00\x05hello\0\0\x09"
    stamp = 60 * 40
    head = b"\x12" + struct.pack(">I", len(body))[1:] + struct.pack(">I", stamp)[1:] + b"\0" * 4
    tag = head + body + struct.pack(">I", len(head) + len(body))
    # `pos` is behind the header of the packet's own tag of 11 bytes or in front of it.
    at = late if data[late] in (8, 9) else late - 11
    path.write_bytes(data[:at] + tag + data[at:])
    with av.open(str(path)) as container, pytest.raises(IndexError):
        list(container.demux())
    assert read_bars(decode(path)) == list(range(75))
    cut(path, Segment(1.9, 2.9), tmp_path / "clip.mp4")
    # The video begins a little after the sound.
    assert read_bars(decode(tmp_path / "clip.mp4"))[-1] in (71, 72)
