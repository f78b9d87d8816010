"""Probing, decoding, seeking and cutting agree, whatever the container."""

import random
import re
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from stillseek.errors import TruncatedMediaWarning
from stillseek.media import cut, decode, frame_at, frames_at, probe, sample
from stillseek.timeline import Segment

# Every muxer with every codec of ours that it takes and that can be read back.
FILES = {
    "mp4": "libx264 libx265 libsvtav1 libvpx-vp9 mpeg4 mpeg2video mjpeg png",
    "mov": "libx264 libx265 mpeg4 mpeg1video mjpeg prores_ks qtrle dnxhd cinepak",
    "matroska": "libx264 libx265 libsvtav1 libvpx libvpx-vp9 mpeg4 mpeg1video mjpeg ffv1",
    "webm": "libsvtav1 libvpx libvpx-vp9",
    "mpegts": "libx264 libx265 mpeg4 mpeg2video mpeg1video",
    "mpeg": "libx264 mpeg4 mpeg2video mpeg1video",
    "vob": "libx264 mpeg2video",
    "avi": "libx264 libvpx mpeg4 mpeg2video wmv1 mjpeg ffv1 huffyuv zmbv",
    "flv": "libx264 libx265 flv flashsv",
    "ogg": "libvpx",
    "gif": "gif",
    "mxf": "libx264 mpeg2video prores_ks dnxhd",
    "asf": "libx264 mpeg2video mpeg4 wmv2 mjpeg",
    "nut": "libx264 mpeg4",
    "3gp": "libx264",
    "f4v": "libx264",
    "h264": "libx264",
    "hevc": "libx265",
    "ivf": "libvpx-vp9",
    "rm": "rv20",
    "wtv": "libx264",
}
CASES = [(container, codec) for container, codecs in FILES.items() for codec in codecs.split()]
SIZES = {"dnxhd": (256, 128), "rv20": (128, 32)}
TONE = ("mp2", "s16", 16000, "mono")


def assert_agreement(path: Path, read_bars, numbers: list[int]) -> None:
    """All ways of reading show the same frames at the same times."""
    frames = list(decode(path))
    assert read_bars(frames) == numbers
    assert {(frame.pixels.dtype.name, frame.pixels.ndim) for frame in frames} == {("uint8", 3)}
    starts, end = [frame.seconds for frame in frames], probe(path).duration_seconds
    ends = [*starts[1:], end]
    assert starts == sorted(set(starts))
    assert starts[-1] < end < starts[-1] + 0.2
    some = random.Random(0).sample(range(len(frames)), 12)
    instants = [(starts[i] + ends[i]) / 2 for i in some]
    assert read_bars(frames_at(path, instants)) == [numbers[i] for i in some]
    for i, instant in list(zip(some, instants, strict=True))[:4]:
        assert read_bars([frame_at(path, instant)]) == [numbers[i]]
    for begin, stop in ((0.0, 0.3), (0.6 * end + 0.01, 0.6 * end + 0.4), (end - 0.3, end)):
        clip = path.with_name("clip.mp4")
        cut(path, Segment(begin, stop), clip, preset="ultrafast")
        assert probe(clip).duration_seconds == pytest.approx(min(stop, end) - begin, abs=2e-3)
        shown = [
            number
            for number, seconds, until in zip(numbers, starts, ends, strict=True)
            if until > begin + 1e-6 and seconds < stop - 1e-6
        ]
        assert read_bars(decode(clip)) == shown


@pytest.mark.parametrize(("container", "codec"), CASES)
def test_every_container_and_codec(container, codec, make_bars, read_bars):
    size = SIZES.get(codec, (96, 32))
    path = make_bars("bars.bin", container=container, codec=codec, size=size, num_frames=110)
    assert_agreement(path, read_bars, list(range(110)))
    # A container in milliseconds rounds by half of one; programme streams of H.264 state few times.
    off = np.array([frame.seconds for frame in decode(path)]) - np.arange(110) / 25
    assert sum(abs(off) > 5e-4) <= (2 if (container, codec) == ("mpeg", "libx264") else 0)
    assert probe(path).duration_seconds == pytest.approx(4.4, abs=0.001)
    assert probe(path).frame_rate == 25


OPEN_GOP = {"x264-params": "open-gop=1:keyint=20:bframes=3:b-adapt=0"}
SHAPES = {
    "fragmented": {"muxer": {"movflags": "frag_keyframe+empty_moov"}},
    "fragmented with long groups": {
        "muxer": {"movflags": "frag_keyframe+empty_moov"},
        "options": {"g": "75"},
    },
    "B-frames and one key frame": {"options": {"g": "500", "bf": "3"}},
    "open groups in MP4": {"options": OPEN_GOP},
    "open groups in Matroska": {"name": "v.mkv", "options": OPEN_GOP},
    "open groups in TS": {"name": "v.ts", "options": OPEN_GOP},
    "open groups in AVI": {"name": "v.avi", "options": OPEN_GOP},
    "open groups of MPEG-2": {"name": "v.mpg", "codec": "mpeg2video", "options": {"g": "12"}},
    "Matroska without an index": {"name": "v.mkv", "muxer": {"live": "1"}},
    "late in TS": {"name": "v.ts", "first_frame": 2500},
    "late in Matroska": {"name": "v.mkv", "first_frame": 2500},
    "frames of many lengths": {"name": "v.ts", "tick": lambda i: i + i // 7 * 3},
    "frames of many lengths in MP4": {"tick": lambda i: i + i // 7 * 3},
}


def joined(name: str, codec: str, lengths: tuple[int, ...], make_bars) -> Path:
    """A file of several, byte after byte, whose frames are numbered through."""
    data, number = b"", 0
    for length in lengths:
        part = make_bars(name, codec=codec, num_frames=length, first_number=number)
        data, number = data + part.read_bytes(), number + length
    path = part.with_name(f"joined_{name}")
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_every_shape_of_a_file(shape, make_bars, read_bars):
    path = make_bars(**shape)
    assert_agreement(path, read_bars, list(range(150)))
    assert next(decode(path)).seconds == 0
    if "tick" not in shape:
        assert probe(path).duration_seconds == pytest.approx(6.0, abs=1e-3)


@pytest.mark.parametrize(
    ("name", "codec", "lengths"),
    [
        ("v.ts", "libx264", (100, 60)),
        ("v.ts", "libx264", (40, 110)),
        ("v.ts", "libx264", (30, 60, 50)),
        ("v.ts", "mpeg2video", (40, 110)),
        ("v.ts", "libx265", (30, 60, 50)),
        ("v.mpg", "mpeg2video", (30, 60, 50)),
        ("v.vob", "mpeg1video", (40, 110)),
        ("v.mkv", "libx264", (40, 110)),
        ("v.webm", "libvpx-vp9", (40, 110)),
    ],
)
def test_joined_files_have_one_time_line(name, codec, lengths, make_bars, read_bars):
    path, number = joined(name, codec, lengths, make_bars), sum(lengths)
    assert_agreement(path, read_bars, list(range(number)))
    assert probe(path).duration_seconds == pytest.approx(number / 25, abs=0.1)


@pytest.mark.parametrize(
    ("name", "lengths", "rest"), [("v.mkv", (30, 60, 50), "35%"), ("v.flv", (40, 110), "69%")]
)
def test_joined_files_that_are_not_read_to_the_end_warn(name, lengths, rest, make_bars):
    path = joined(name, "libx264", lengths, make_bars)
    with pytest.warns(TruncatedMediaWarning) as caught:
        info = probe(path)
    seconds = info.duration_seconds
    assert 1 < seconds < 4
    message = str(caught[0].message)
    share = re.fullmatch(
        re.escape(f"{path} is read up to {seconds:.1f} seconds, which leaves ")
        + r"(\d\d)% of the file; it is damaged there or was joined of several files: join them "
        "with a program for videos, or convert it to MP4",
        message,
    )
    # As many bytes a frame everywhere, about.
    assert abs(int(share[1]) - int(rest.rstrip("%"))) < 10


def _moved(path: Path, out: Path, frames: int, *, from_key: int = 0, **muxer: str) -> Path:
    """A copy with its times moved by some frames of 25 a second, from a key frame on."""
    with av.open(str(path)) as source, av.open(str(out), "w", container_options=muxer) as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        ticks, num_keys = round(Fraction(frames, 25) / stream.time_base), 0
        for packet in source.demux(stream):
            num_keys += packet.is_keyframe and packet.size > 0
            if not packet.size:
                continue
            if num_keys > from_key:
                packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
            packet.stream = copy
            target.mux(packet)
    return out


def test_an_edit_list_that_trims_is_no_damage(make_bars, read_bars, tmp_path):
    path = _moved(
        make_bars(), tmp_path / "trimmed.mp4", -53, avoid_negative_ts="disabled", use_editlist="1"
    )
    # pytest makes an error of the warning that the file ends early.
    assert_agreement(path, read_bars, list(range(53, 150)))
    assert probe(path).num_frames is None


def test_times_before_zero_in_matroska(make_bars, read_bars, tmp_path):
    path = _moved(make_bars(), tmp_path / "early.mkv", -31, avoid_negative_ts="disabled")
    assert_agreement(path, read_bars, list(range(150)))
    assert probe(path).duration_seconds == pytest.approx(6.0, abs=0.05)


def test_a_clock_that_jumps_is_not_a_frozen_frame(make_bars, read_bars, tmp_path):
    path = _moved(make_bars(), tmp_path / "jump.ts", 25 * 300, from_key=3)
    assert_agreement(path, read_bars, list(range(150)))
    assert probe(path).duration_seconds == pytest.approx(6.0, abs=0.1)
    assert probe(path).frame_rate == 25


def test_a_pause_of_the_picture_alone_is_kept(make_bars, read_bars):
    path = make_bars(
        "v.ts", tick=lambda i: i + 500 * (i >= 70), num_frames=80, sound=TONE, sound_seconds=24
    )
    frames = list(decode(path))
    assert read_bars(frames) == list(range(80))
    assert frames[70].seconds - frames[69].seconds == pytest.approx(500 / 25 + 0.04, abs=0.001)
    assert probe(path).duration_seconds == pytest.approx(23.2, abs=0.2)


@pytest.mark.parametrize(("byte", "value"), [(0, 0xE0), (1, 0)], ids=["hours on", "a minute back"])
def test_one_broken_time_moves_nothing_else(byte, value, make_bars, read_bars):
    path = make_bars("v.flv", first_frame=25 * 60)
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as source:
        at = [packet.pos for packet in source.demux(video=0) if packet.size][70]
    # The tag's header has the time at its fifth byte: 65.5 s, 0.256 s and 1 ms.
    data[at + 4 + byte] = value
    path.write_bytes(data)
    with av.open(str(path)) as source:
        times = [packet.pts / 1000 for packet in source.demux(video=0) if packet.size]
    assert sum(not 55 < time < 70 for time in times) == 1
    assert_agreement(path, read_bars, list(range(150)))
    assert probe(path).duration_seconds == pytest.approx(6.0, abs=0.1)


def test_before_the_first_picture_it_is_held(make_bars, read_bars, tmp_path):
    whole = make_bars("v.ts", sound=TONE, options={"g": "50"})
    # Nothing decodes before the second key frame.
    with av.open(str(whole)) as source:
        first, second = [p.pos for p in source.demux(video=0) if p.is_keyframe][:2]
    path = tmp_path / "inside.ts"
    data = whole.read_bytes()
    path.write_bytes(data[:first] + data[first + (second - first) // 3 // 188 * 188 :])
    begin = next(decode(path)).seconds
    assert begin > 0.5
    held = read_bars([next(decode(path))])
    assert read_bars([frame_at(path, 0.0)]) == held
    cut(path, Segment(0.0, 0.4), tmp_path / "clip.mp4")
    assert read_bars(decode(tmp_path / "clip.mp4")) == held
    assert probe(tmp_path / "clip.mp4").duration_seconds == pytest.approx(0.4, abs=0.01)


def test_a_hidden_rate_is_read_from_the_frames(make_bars, read_bars):
    path = make_bars("v.ogv", codec="libvpx", rate=30, num_frames=91)
    assert probe(path).frame_rate == 30
    assert len(list(sample(path, interval_seconds=1 / 30))) == 91
