"""Frames come in order, at their own times, upright and in the right colours."""

import gc
import weakref

import av
import numpy as np
import pytest

from stillseek.errors import TruncatedMediaWarning, UsageError
from stillseek.media import decode, frame_at, frames_at, probe, sample
from stillseek.media import pixels as pixels_module
from stillseek.media.container import packets_of
from stillseek.media.source import VideoSource


def test_sample_follows_timestamps_not_frame_counts(make_video, indices):
    # Five frames in the first 0.2 s, one shown for 1.8 s, then two more.
    path = make_video("vfr.mkv", pts=[0, 50, 100, 150, 200, 2000, 2100])
    frames = list(sample(path, interval_seconds=0.5))
    assert indices(frames) == [0, 4, 4, 4, 5]
    assert [f.seconds for f in frames] == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert [f.seconds for f in decode(path)] == [0, 0.05, 0.1, 0.15, 0.2, 2.0, 2.1]


def test_a_long_frame_behind_b_frames_does_not_lengthen_an_mp4(make_video, indices):
    path = make_video(pts=[0, 50, 1250, 1350], options={"bf": "3", "b-adapt": "0"})
    assert indices(sample(path, interval_seconds=0.25)) == [0, 1, 1, 1, 1, 2, 3]
    assert 1.35 < probe(path).duration_seconds < 1.75


def test_repeated_samples_do_not_share_memory(make_video):
    first, second = sample(make_video(pts=[0, 1000], rate=1), interval_seconds=0.5, end_seconds=1.0)
    first.pixels[:] = 0
    assert second.pixels.min() > 0


def test_sample_takes_a_window_and_reports_progress(make_video, indices):
    path, seen = make_video(num_frames=31), []
    frames = sample(
        path,
        interval_seconds=0.25,
        start_seconds=1.1,
        end_seconds=2.1,
        size=(23, 19),
        on_progress=seen.append,
    )
    frames = list(frames)
    assert [f.seconds for f in frames] == seen == pytest.approx([1.1, 1.35, 1.6, 1.85])
    assert indices(frames) == [11, 13, 16, 18]
    assert {f.pixels.shape for f in frames} == {(19, 23, 3)}


def test_sample_converts_only_kept_frames(make_video, monkeypatch):
    converted = []
    call = pixels_module.PixelConverter.__call__
    monkeypatch.setattr(
        pixels_module.PixelConverter,
        "__call__",
        lambda self, frame: converted.append(frame.pts) or call(self, frame),
    )
    assert len(list(sample(make_video(), interval_seconds=1.0))) == len(converted) == 4


def test_one_frame_is_a_video(make_video, indices):
    path = make_video(num_frames=1)
    assert frames_at(path, []) == []
    assert indices(decode(path)) == [0]
    assert indices(sample(path, interval_seconds=0.5)) == [0]
    assert indices([frame_at(path, 0.09)]) == [0]


def test_video_that_starts_after_its_sound_keeps_its_delay(make_video, indices):
    path = make_video("delayed.mkv", pts=[700, 800, 900], tone_seconds=1.0)
    assert [f.seconds for f in decode(path)] == pytest.approx([0.7, 0.8, 0.9], abs=0.03)
    assert indices(sample(path, interval_seconds=0.4)) == [0, 0, 1]


# Rows of the 3 x 3 display matrix in 16.16 fixed point, and what each does to an array.
ONE, W = 1 << 16, 1 << 30
MATRICES = [
    pytest.param([0, ONE, 0, -ONE, 0, 0, 0, 0, W], lambda p: np.rot90(p, -1), id="90 clockwise"),
    pytest.param([-ONE, 0, 0, 0, -ONE, 0, 0, 0, W], lambda p: np.rot90(p, 2), id="180"),
    pytest.param([0, -ONE, 0, ONE, 0, 0, 0, 0, W], lambda p: np.rot90(p, 1), id="270 clockwise"),
    pytest.param([-ONE, 0, 0, 0, ONE, 0, 0, 0, W], lambda p: p[:, ::-1], id="mirrored"),
]


@pytest.mark.parametrize(("matrix", "turn"), MATRICES)
def test_rotation_is_applied(matrix, turn, make_video):
    quarters = np.zeros((34, 62, 3), np.uint8)
    quarters[:17, :31], quarters[:17, 31:] = (200, 40, 40), (40, 200, 40)
    quarters[17:, :31], quarters[17:, 31:] = (40, 40, 200), (220, 220, 220)
    plain = frame_at(make_video("plain.mp4", pixels=quarters, num_frames=3), 0.0)
    path = make_video("turned.mp4", pixels=quarters, num_frames=3, matrix=matrix)
    np.testing.assert_array_equal(frame_at(path, 0.0), turn(plain))
    height, width = turn(plain).shape[:2]
    half = frame_at(path, 0.0, size=(width // 2, height // 2))
    # Small and large agree away from the seams between the quarters.
    np.testing.assert_allclose(half[4, 4].astype(int), turn(plain)[8, 8], atol=8)
    np.testing.assert_allclose(half[-5, -5].astype(int), turn(plain)[-9, -9], atol=8)


@pytest.mark.parametrize("size", [(61, 34), (62, 33), (61, 33), (1, 1)])
def test_odd_sizes_survive(size, make_video, indices):
    path = make_video("odd.mkv", size=size, codec="ffv1", pix_fmt="yuv444p", num_frames=5)
    frames = list(decode(path))
    assert indices(frames) == list(range(5))
    assert frames[0].pixels.shape == (size[1], size[0], 3)


@pytest.mark.parametrize("curve", [16, 18], ids=["PQ", "HLG"])
def test_hdr_reference_white_is_white_and_grey_is_neutral(curve, make_video):
    # ITU-R BT.2408: reference white is 58% of the PQ signal, 75% of HLG. Grey passes the colour
    # matrix of the encoder unchanged, so its level is the signal.
    white = {16: 0.58, 18: 0.75}[curve]
    steps = [(0.0, 0, 1), (0.5 * white, 60, 110), (white, 222, 230), (1.0, 240, 255)]
    for signal, low, high in steps:
        grey = np.full((34, 62, 3), round(255 * signal), np.uint8)
        path = make_video(
            "hdr.mp4", pixels=grey, num_frames=1, pix_fmt="yuv420p10le", color=(9, curve, 9, 1)
        )
        assert probe(path).is_hdr
        found = frame_at(path, 0.0, size=(7, 5))
        assert found.shape == (5, 7, 3)
        assert low <= found.min() <= found.max() <= high
        # Neutral up to the rounding of the matrices.
        assert np.ptp(found.astype(int), axis=-1).max() <= 2


@pytest.mark.parametrize(("size", "matrix"), [((62, 34), "601"), ((1280, 34), "709")])
def test_untagged_colours_follow_the_size(size, matrix, make_video):
    orange = np.zeros((size[1], size[0], 3), np.uint8)
    orange[:] = (220, 120, 30)
    path = make_video(size=size, pixels=orange, num_frames=1)  # stored with the BT.601 matrix
    found = frame_at(path, 0.0)[5, 5].astype(int)
    # Reading BT.601 as BT.709 moves green by more than ten levels; compression by at most three.
    assert (abs(found - orange[5, 5]).max() <= 3) == (matrix == "601")


def test_broken_packets_are_skipped(make_video, indices):
    path = make_video("v.mkv", codec="mpeg4", options={"b": "4M", "g": "5"}, noise=255)
    with VideoSource(path) as source:
        packets = list(packets_of(source.reader.container, source.stream))
        broken = [(p.pos, p.size) for p in packets[12:14]]
    data = bytearray(path.read_bytes())
    for position, length in broken:
        data[position + 16 : position + length] = bytes(length - 16)
    path.write_bytes(data)
    frames = list(decode(path))
    assert 27 <= len(frames) <= 31
    assert frames[0].seconds == 0
    assert frames[-1].seconds == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("name", "muxer", "message"),
    [
        ("v.mkv", {}, r"short_v.mkv ends early: (1\.\d) of 3\.1 seconds"),
        ("v.mp4", {"movflags": "faststart"}, r"short_v.mp4 ends early: (1\.\d) of 3\.1 seconds"),
        (
            "v.mp4",
            {"movflags": "frag_keyframe+empty_moov"},
            r"short_v.mp4 ends early: (1\.\d) seconds",
        ),
    ],
    ids=["mkv", "faststart", "fragmented"],
)
def test_truncated_files_give_what_they_have(name, muxer, message, make_video, truncated):
    path = truncated(make_video(name, muxer=muxer, noise=255), 0.55)
    rest = r" can be decoded and are used; copy or download it again for the rest$"
    for read in (decode, lambda p: sample(p, interval_seconds=0.1)):
        with pytest.warns(TruncatedMediaWarning, match=message + rest):
            frames = list(read(path))
        assert 13 <= len(frames) <= 18
        assert frames[-1].seconds == pytest.approx((len(frames) - 1) / 10)


def test_a_prefix_of_a_truncated_file_does_not_warn(make_video, truncated):
    path = truncated(make_video("v.mkv", noise=255), 0.55)
    assert len(list(sample(path, interval_seconds=0.1, end_seconds=1.0))) == 10


def test_streaming_holds_few_frames(make_video):
    path = make_video(num_frames=307, rate=30)
    arrays, num_frames = [], 0
    for frame in decode(path):
        num_frames += 1
        arrays = [ref for ref in arrays if ref() is not None] + [weakref.ref(frame.pixels)]
        assert len(arrays) <= 2
        if num_frames % 61 == 0:
            # Frame threads hand out one for each processor at once; all 307 would be far more.
            assert 1 <= sum(type(o) is av.VideoFrame for o in gc.get_objects()) <= 80
    assert num_frames == 307


def test_decoding_is_lazy(make_video, monkeypatch):
    opened = []
    init = VideoSource.__init__
    monkeypatch.setattr(
        VideoSource, "__init__", lambda self, path: (opened.append(path), init(self, path))[1]
    )
    frames = decode(make_video())
    assert opened == []
    next(frames)
    assert len(opened) == 1
    frames.close()
    gc.collect()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda p: sample(p, interval_seconds=0.0),
            "the sampling interval must be positive seconds, got 0.0",
        ),
        (
            lambda p: sample(p, interval_seconds=1.0, start_seconds=-1.0),
            "sampling starts at 0 seconds or later, got -1.0",
        ),
        (
            lambda p: sample(p, interval_seconds=1.0, start_seconds=2.0, end_seconds=2.0),
            "sampling must end after it starts, got [2.0, 2.0) seconds",
        ),
        (
            lambda p: decode(p, size=(0, 5)),
            "a frame size is a width and a height of at least 1 pixel, got (0, 5)",
        ),
        (lambda p: frame_at(p, -0.5), "a frame's time must be 0 or more seconds, got -0.5"),
        (
            lambda p: frames_at(p, [0.0, 3.1]),
            "{} has no frame at 3.1 seconds; choose a time before it ends, at 3.1 seconds",
        ),
        (
            lambda p: list(sample(p, interval_seconds=1.0, start_seconds=7.0)),
            "{} has no frame at 7.0 seconds; choose a time before it ends, at 3.1 seconds",
        ),
    ],
)
def test_impossible_requests_are_refused(call, message, make_video):
    path = make_video()
    with pytest.raises(UsageError) as failure:
        call(path)
    assert str(failure.value) == message.format(path)


def test_no_time_after_the_end_is_said_to_be_before_it(make_video):
    path = make_video(rate=15, num_frames=10)  # it ends at 2/3 of a second
    with pytest.raises(
        UsageError, match=r"no frame at 0\.6669 seconds; .* ends, at 0\.666 seconds"
    ):
        frame_at(path, 0.6669)
