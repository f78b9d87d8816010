"""A copied clip has the bytes of its video, from a key frame on, and says from which."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from stillseek.errors import MediaError, UsageError
from stillseek.media import copy_cut, copy_suffix, cut, decode, frame_at, probe, sample
from stillseek.timeline import Segment

QUARTER = [0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30]
MPEG2 = {"codec": "mpeg2video"}


def copied(path: Path, segment: Segment) -> tuple[Path, Segment]:
    out = path.with_name(f"clip{copy_suffix(path)}")
    return out, copy_cut(path, segment, out)


def encoded(path: Path, segment: Segment) -> tuple[Path, Segment]:
    out = path.with_name("clip.mp4")
    cut(path, segment, out)
    return out, segment


@pytest.mark.parametrize(
    ("name", "suffix", "options"),
    [
        ("v.mp4", ".mp4", {}),
        ("v.mov", ".mov", {}),
        ("v.m4v", ".mp4", {}),
        ("v.mkv", ".mkv", {}),
        ("v.ts", ".mkv", {}),
        ("closed.mp4", ".mp4", {"options": {"bf": "0"}}),
        ("open.mp4", ".mp4", {"options": {"x264-params": "open-gop=1"}}),
        ("v.mxf", ".mkv", MPEG2),
        ("v.mpg", ".mkv", MPEG2),
        ("ffv1.avi", ".mkv", {"codec": "ffv1"}),
    ],
)
def test_clips_begin_at_the_key_frame_before(name, suffix, options, make_bars, read_bars):
    path = make_bars(name, **options)
    # Frames 53 to 70: the one on display at the start, and the last that begins before the end.
    segment = Segment(2.13, 2.83)

    out, got = copied(path, segment)

    assert out.suffix == suffix
    source = list(decode(path))
    times = [frame.seconds for frame in source]
    first = round(got.start_seconds * 25)
    last = round(got.end_seconds * 25) - 1
    assert got.start_seconds == pytest.approx(times[first], abs=2e-3)
    # A group has 20 frames at most, and two more may be shown late.
    assert 33 <= first <= 53
    assert 70 <= last <= 73
    clip = list(decode(out))
    assert read_bars(clip) == list(range(first, last + 1))
    with av.open(str(out)) as container:
        # Times of decoding come before those of display by two frames.
        assert 0 <= (container.start_time or 0) / av.time_base <= 2 / 25
    for frame, original in zip(clip, source[first : last + 1], strict=True):
        np.testing.assert_array_equal(frame.pixels, original.pixels)
        assert frame.seconds == pytest.approx(original.seconds - got.start_seconds, abs=2e-3)


@pytest.mark.parametrize("make_clip", [copied, encoded])
@pytest.mark.parametrize("name", ["v.mp4", "v.mkv", "v.ts"])
def test_ends_of_a_clip_are_those_of_the_video(make_clip, name, make_bars, read_bars):
    path = make_bars(name, num_frames=45)

    (out, whole), segment = make_clip(path, Segment(0.0, 1.8)), Segment(0.0, 1.8)

    clip, source = list(decode(out)), list(decode(path))
    assert read_bars(clip) == list(range(45))
    assert (whole.start_seconds, whole.end_seconds) == pytest.approx(
        (segment.start_seconds, segment.end_seconds), abs=0.03
    )
    for place in (0, -1):
        off = clip[place].pixels.astype(int) - source[place].pixels
        # What encoding once more costs; another frame is off by more than 20 on average.
        assert abs(off).mean() < (1e-9 if make_clip is copied else 2)


@pytest.mark.parametrize("make_clip", [copied, encoded])
@pytest.mark.parametrize("name", ["v.mp4", "v.mov", "v.mkv"])
@pytest.mark.parametrize("full", [False, True])
def test_looks_are_kept(make_clip, name, full, make_video):
    color = (6, 6, 5, 2 if full else 1)  # SMPTE 170M, BT.601
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[:24], pixels[:, :16] = (250, 4, 30), (5, 250, 250)
    path = make_video(
        name,
        size=(64, 48),
        pixels=pixels,
        aspect=Fraction(4, 3),
        matrix=QUARTER,
        color=color,
        pix_fmt="yuvj420p" if full else "yuv420p",
    )

    out, _ = make_clip(path, Segment(1.0, 2.0))

    before, after = probe(path), probe(out)
    assert (after.width, after.height, after.rotation_degrees) == (48, 85, 90)
    assert (before.width, before.height, before.rotation_degrees) == (48, 85, 90)
    with av.open(str(out)) as container:
        stream = container.streams.video[0]
        frame = next(container.decode(stream))
        assert stream.sample_aspect_ratio == Fraction(4, 3)
        kept = (frame.color_primaries, frame.color_trc, frame.colorspace, frame.color_range)
        assert kept == color
        assert (frame.width, frame.height) == (64, 48)
    first, original = next(iter(decode(out))), next(iter(decode(path)))
    assert first.pixels.shape == original.pixels.shape == (85, 48, 3)
    assert frame_at(path, 0.0).shape == (85, 48, 3)
    assert abs(first.pixels.astype(int) - original.pixels).mean() < 2


@pytest.mark.parametrize("make_clip", [copied, encoded])
@pytest.mark.parametrize(
    ("name", "codec"), [("v.mp4", "aac"), ("v.mkv", "aac"), ("v.mov", "pcm_s16le"), ("v.ts", "aac")]
)
def test_sound_stays_where_it_is(make_clip, name, codec, tmp_path):
    path = tmp_path / name
    write_burst(path, codec)

    out, got = make_clip(path, Segment(0.7, 2.0))

    # A header may round to a thousandth.
    assert burst_seconds(out) == pytest.approx(burst_seconds(path) - got.start_seconds, abs=2e-3)
    assert probe(out).has_audio


def write_burst(path: Path, codec: str) -> None:
    """A video of three seconds with a burst of sound at 1.1 s."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"g": "12", "bf": "2"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        sound = out.add_stream(codec, rate=48000, layout="mono")
        packets = []
        for i in range(75):
            frame = av.VideoFrame.from_ndarray(
                np.full((48, 64, 3), 3 * i, np.uint8), format="rgb24"
            )
            frame.pts = i
            packets += stream.encode(frame)
        packets += stream.encode()
        wave = np.zeros(3 * 48000, np.float32)
        wave[52800:55200] = np.sin(np.arange(2400) * 0.2)
        for second in range(3):
            part = wave[None, second * 48000 :][:, :48000]
            chunk = av.AudioFrame.from_ndarray(part, format="fltp", layout="mono")
            chunk.sample_rate, chunk.pts = 48000, second * 48000
            packets += sound.encode(chunk)
        packets += sound.encode()
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            out.mux(packet)


def burst_seconds(path: Path) -> float:
    """When the sound begins to be heard, from the start of the file."""
    with av.open(str(path)) as container:
        start = (container.start_time or 0) / av.time_base
        to_float = av.AudioResampler("fltp", "mono", 48000)
        for decoded in container.decode(audio=0):
            for frame in to_float.resample(decoded):
                (heard,) = np.nonzero(abs(frame.to_ndarray()[0]) > 0.2)
                if len(heard):
                    return frame.time - start + heard[0] / 48000
    raise AssertionError


@pytest.mark.parametrize(("make_clip", "start"), [(copied, 0.12), (encoded, 0.1)])
def test_variable_timing_is_kept(make_clip, start, make_video: Callable[..., Path], indices):
    path = make_video("vfr.mkv", pts=[0, 50, 100, 150, 200, 2000, 2100], options={"g": "2"})

    out, got = make_clip(path, Segment(start, 2.05))

    frames = list(decode(out))
    assert got.start_seconds == pytest.approx(0.1)
    assert indices(frames) == [2, 3, 4, 5]
    assert [f.seconds for f in frames] == pytest.approx([0, 0.05, 0.1, 1.9], abs=1e-3)
    assert indices(sample(out, interval_seconds=0.5))[:4] == [2, 4, 4, 4]


@pytest.mark.parametrize("make_clip", [copy_cut, cut])
def test_refusals_name_the_next_step(make_clip, make_bars, tmp_path):
    path = make_bars(num_frames=25)
    with pytest.raises(UsageError) as failure:
        make_clip(path, Segment(7.0, 9.0), tmp_path / "clip.mp4")
    assert str(failure.value) == (
        f"{path} ends before the segment starts at 7.0 seconds; choose an earlier one"
    )
    with pytest.raises(UsageError) as failure:
        make_clip(path, Segment(0.1, 0.2), path)
    assert str(failure.value) == (f"the clip would overwrite its video {path}; choose another name")
    assert len(list(decode(path))) == 25
    with pytest.raises(MediaError, match="cannot be written"):
        cut(path, Segment(0.1, 0.2), tmp_path / "gone" / "clip.mp4")
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_copied_is_encoded(make_bars, tmp_path):
    path = make_bars(num_frames=25)
    with pytest.raises(
        MediaError, match=r"clip\.webm cannot hold the frames and sound as they are \("
    ):
        copy_cut(path, Segment(0.1, 0.2), tmp_path / "clip.webm")
    late = make_bars("v.avi", codec="mpeg4", num_frames=25)
    with pytest.raises(UsageError) as failure:
        copy_cut(late, Segment(0.1, 0.2), tmp_path / "clip.mkv")
    assert str(failure.value) == (
        f"{late} does not tell when each of its frames is shown, so that it can only be cut by "
        "encoding it again; cut it without copying"
    )
    assert sorted(tmp_path.iterdir()) == sorted([path, late])
