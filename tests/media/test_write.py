"""What is written can be read back, and appears whole or not at all."""

from fractions import Fraction

import numpy as np
import pytest

from stillseek.errors import MediaError, UsageError
from stillseek.media import VideoWriter, decode, probe
from stillseek.media.write import AudioFormat


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.mp4"


def write(path, frames, *, rate=Fraction(10), **options):
    with VideoWriter(path, frame_rate=rate, preset="veryfast", **options) as writer:
        for frame in frames:
            writer.write(frame)


def _grey(level, height=34, width=62):
    return np.full((height, width, 3), level, np.uint8)


@pytest.mark.parametrize("rate", [Fraction(30), Fraction(30000, 1001), Fraction(24000, 1001)])
def test_frames_and_rate_come_back(rate, path, indices):
    write(str(path), [_grey(30 + 6 * i) for i in range(31)], rate=rate)
    info = probe(path)
    assert (info.frame_rate, info.num_frames, info.codec) == (rate, 31, "h264")
    assert info.duration_seconds == pytest.approx(31 / rate, abs=1e-9)
    frames = list(decode(path))
    assert indices(frames) == list(range(31))
    assert [f.seconds for f in frames] == pytest.approx([float(i / rate) for i in range(31)])


def test_colours_come_back(path):
    colours = [(220, 30, 30), (30, 200, 40), (40, 50, 210), (255, 255, 255), (0, 0, 0)]
    write(path, [_grey(0) + np.uint8(colour) for colour in colours], crf=1)
    for frame, colour in zip(decode(path), colours, strict=True):
        # Limited range and integer matrices cost a level or two each way.
        np.testing.assert_allclose(frame.pixels[9, 9].astype(int), colour, atol=4)


def test_odd_sides_repeat_the_last_pixel_and_the_index_comes_first(path):
    write(path, [_grey(90, height=33, width=61)], crf=1)
    (frame,) = decode(path)
    assert frame.pixels.shape == (34, 62, 3)
    np.testing.assert_allclose(frame.pixels, 90, atol=2)
    data = path.read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


def test_frames_may_have_their_own_duration(path):
    with VideoWriter(path, frame_rate=Fraction(10)) as writer:
        for seconds in (0.05, 1.2, None, 0.3):
            writer.write(_grey(90), duration_seconds=seconds)
    assert [f.seconds for f in decode(path)] == pytest.approx([0, 0.05, 1.25, 1.35], abs=1e-5)
    assert probe(path).duration_seconds == pytest.approx(1.65, abs=1e-3)


def test_nothing_appears_before_the_end_or_after_an_error(path, tmp_path):
    path.write_bytes(b"the old file")

    def fail():
        with VideoWriter(path, frame_rate=Fraction(10)) as writer:
            for _ in range(61):
                writer.write(_grey(90))
            assert path.read_bytes() == b"the old file"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_bytes() == b"the old file"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("stem", ["a", "x" * 250])
def test_a_finished_file_replaces_the_old_one_alone(stem, tmp_path):
    path = tmp_path / f"{stem}.mp4"
    path.write_bytes(b"the old file")
    write(path, [_grey(90)])
    assert probe(path).num_frames == 1
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("error", "frames", "message"),
    [
        (UsageError, [], "no frame was written to {}; a video needs at least one"),
        (
            UsageError,
            [_grey(90), _grey(90, height=36)],
            "every frame of {} must have the shape (34, 62, 3) of the first, got (36, 62, 3)",
        ),
        (
            MediaError,
            [_grey(90, width=17_000)],
            "{} would have frames of 17000 x 34 pixels; H.264 holds at most 16384 a side: "
            "scale the video down first",
        ),
    ],
)
def test_frames_that_are_no_video_are_refused(error, frames, message, path, tmp_path):
    with pytest.raises(error) as failure:
        write(path, frames)
    assert str(failure.value) == message.format(path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frame_rate": Fraction(0)}, "the frame rate must be positive, got 0"),
        (
            {"frame_rate": Fraction(10), "crf": 52},
            "crf goes from 0 (lossless) to 51 (worst), got 52",
        ),
    ],
)
def test_impossible_settings_are_refused(options, message, tmp_path):
    with pytest.raises(UsageError) as failure:
        VideoWriter(tmp_path / "a.mp4", **options)
    assert str(failure.value) == message


@pytest.mark.parametrize(
    ("name", "reason"), [("gone/a.mp4", "its folder does not exist"), ("", "it is a directory")]
)
def test_unwritable_places_are_named(name, reason, tmp_path):
    path = tmp_path / name
    with pytest.raises(MediaError) as failure:
        VideoWriter(path, frame_rate=Fraction(10))
    assert str(failure.value) == (
        f"{path} cannot be written ({reason}); expected a writable folder with free space: "
        "check the folder or choose another"
    )


def test_what_the_encoder_refuses_does_not_blame_the_folder(path, tmp_path):
    with pytest.raises(MediaError) as failure:
        write(path, [_grey(90)], audio=AudioFormat(sample_rate=6001, layout="mono"))
    assert str(failure.value).startswith(f"{path} cannot be encoded (")
    assert str(failure.value).endswith(
        "); expected frames and sound that H.264 and AAC hold: convert the video first"
    )
    assert list(tmp_path.iterdir()) == []
