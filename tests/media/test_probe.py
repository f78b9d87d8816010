"""Facts are measured, and every file that is no video is refused in one line."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from stillseek.errors import MediaError, TruncatedMediaWarning
from stillseek.media import VideoInfo, container, cut, decode, frame_at, probe
from stillseek.timeline import Segment


def test_facts_of_an_ordinary_video(make_video):
    path = make_video()
    assert probe(str(path)) == VideoInfo(
        path=path,
        width=62,
        height=34,
        rotation_degrees=0,
        frame_rate=Fraction(10),
        is_variable=False,
        usual_rate=Fraction(10),
        start_seconds=0.0,
        start_timecode=None,
        duration_seconds=3.1,
        num_frames=31,
        codec="h264",
        is_hdr=False,
        has_audio=False,
    )


def test_duration_is_that_of_the_pictures(make_video):
    info = probe(make_video("v.mkv", tone_seconds=7.0))
    assert info.duration_seconds == pytest.approx(3.1, abs=0.05)
    assert info.has_audio


@pytest.mark.parametrize(
    ("name", "codec", "rate", "timecode"),
    [
        ("tmcd.mov", "libx264", Fraction(30000, 1001), "10:00:00;02"),
        ("tmcd.mp4", "libx264", Fraction(25), "01:00:00:00"),
        ("material.mxf", "mpeg2video", Fraction(25), "01:02:03:04"),
        ("tag.mkv", "libx264", Fraction(24), "23:59:59:23"),
        ("none.mp4", "libx264", Fraction(25), None),
        ("none.mkv", "libx264", Fraction(25), None),
    ],
)
def test_source_time_code_is_read_wherever_it_is(name, codec, rate, timecode, tmp_path):
    path = tmp_path / name
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        if timecode is not None:
            # MXF has it in the package, the others in a track or tag of the stream.
            (out if name.endswith(".mxf") else stream).metadata["timecode"] = timecode
        for _ in range(5):
            picture = np.zeros((48, 64, 3), np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode())

    assert probe(path).start_timecode == timecode


@pytest.mark.parametrize("name", ["v.mp4", "v.mkv", "v.ts"])
@pytest.mark.parametrize(
    ("pts", "is_variable"),
    [
        (range(0, 2000, 40), False),
        # Off by milliseconds, as of containers that round.
        ([i * 40 + i % 3 for i in range(50)], False),
        ([i * 40 for i in range(50) if i % 7 != 5], True),
        ([i * 40 + 30 * (i % 2) for i in range(50)], True),
        ([0], False),
    ],
)
def test_uneven_frames_are_seen(name, pts, is_variable, make_video):
    path = make_video(name, pts=list(pts), rate=25, options={"bf": "0"})

    assert probe(path).is_variable == is_variable


def test_the_first_frame_may_come_late(tmp_path, make_video):
    path = make_video("v.mkv", pts=[120, 160, 200, 240], tone_seconds=0.5)

    assert probe(path).start_seconds == pytest.approx(0.12, abs=2e-3)
    assert probe(make_video("w.mkv")).start_seconds == 0


@pytest.mark.parametrize(
    ("matrix", "degrees", "size"),
    [
        ([0, 1, -1, 0], 90, (34, 62)),
        ([-1, 0, 0, -1], 180, (62, 34)),
        ([0, -1, 1, 0], 270, (34, 62)),
        # Damaged: this matrix has no inverse, and turns nothing.
        ([0, 0, 0, 1], 0, (62, 34)),
        ([0, 1, 0, 0], 0, (62, 34)),
    ],
)
def test_size_is_the_displayed_one(matrix, degrees, size, make_video):
    a, b, c, d = (v << 16 for v in matrix)
    info = probe(make_video(matrix=[a, b, 0, c, d, 0, 0, 0, 1 << 30]))
    assert (info.rotation_degrees, (info.width, info.height)) == (degrees, size)


def test_a_truncated_file_is_as_long_as_what_it_holds(make_video, truncated):
    path = truncated(make_video("v.mkv", noise=255), 0.55)
    with pytest.warns(TruncatedMediaWarning) as caught:
        info = probe(path)
    assert str(caught[0].message) == (
        f"{path} ends early: {info.duration_seconds:.1f} of 3.1 seconds can be decoded and are "
        "used; copy or download it again for the rest"
    )
    assert 1.3 < info.duration_seconds < 1.8
    assert info.num_frames is None
    with pytest.warns(TruncatedMediaWarning):
        assert len(list(decode(path))) == round(10 * info.duration_seconds)


def _audio(folder, make_video):
    path = folder / "song.m4a"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("aac", rate=16000, layout="mono")
        out.mux(stream.encode(_silence()))
        out.mux(stream.encode())
    return path


def _silence():
    chunk = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), "fltp", "mono")
    chunk.sample_rate = 16000
    return chunk


def _picture(folder, make_video):
    Image.new("RGB", (7, 5)).save(folder / "photo.png")
    return folder / "photo.png"


def _changed(change, **options):
    """A video whose bytes are changed."""

    def make(folder, make_video):
        path = make_video(**options)
        path.write_bytes(change(path.read_bytes()))
        return path

    return make


def _file(name, content):
    def make(folder, make_video):
        (folder / name).write_bytes(content)
        return folder / name

    return make


def _all_broken(data):
    start = data.index(b"mdat") + 4
    return data[:start] + b"\xff" * (len(data) - start)


PLAYLIST = b"#EXTM3U\n#EXTINF:5,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n"
KINDS = "expected MP4, MKV, WebM, MOV, AVI, GIF or the like"
NOT_A_VIDEO = f"{{}} is not a video that can be read; {KINDS}: check the file or convert it to MP4"
A_URL = "{} is a URL; expected a video stored as a file: download it and pass the file"
CASES = {
    "missing": (
        lambda folder, _: folder / "gone.mp4",
        "no file at {}; expected a video: check the path",
    ),
    "url": (
        lambda *_: Path("https://example.org/a.mp4"),
        A_URL.format("https://example.org/a.mp4"),
    ),
    "bucket": (lambda *_: Path("s3://videos/a.mp4"), A_URL.format("s3://videos/a.mp4")),
    "long_name": (
        lambda folder, _: folder / ("x" * 300 + ".mp4"),
        "{} cannot be opened (File name too long); expected a readable video: "
        "check its name and permissions",
    ),
    "directory": (lambda folder, _: folder, "{} is a directory, not a video; pass one file of it"),
    "empty": (
        _file("empty.mp4", b""),
        "{} is empty (0 bytes); expected a video: copy or download it again",
    ),
    "device": (
        lambda *_: Path("/dev/null"),
        "{} is a device or pipe; expected a video stored as a file",
    ),
    "noise": (_file("noise.mp4", np.random.default_rng(0).bytes(5000)), NOT_A_VIDEO),
    "text": (_file("notes.txt", b"not a video\n" * 99), NOT_A_VIDEO),
    "playlist": (_file("list.m3u8", PLAYLIST), NOT_A_VIDEO),
    "picture": (
        _picture,
        f"{{}} is a picture, not a video; {KINDS}: "
        "pass videos or folders of them here, and pictures as query images of a search",
    ),
    "audio": (
        _audio,
        "{} has no video stream (it holds audio); expected moving pictures: "
        "pass the file that has them",
    ),
    "no_index": (
        _changed(lambda data: data[:-3000], noise=255),
        "{} is an MP4 or MOV file without a readable index (moov), so nothing in it can be "
        "decoded; it was cut off while it was recorded or copied: copy it again or repair it",
    ),
    "strange_codec": (
        _changed(lambda data: data.replace(b"avc1", b"zzzz")),
        "{} holds video in a codec that this FFmpeg build cannot decode; "
        "expected H.264, HEVC, VP9, AV1 or the like: convert it to H.264",
    ),
    "all_broken": (
        _changed(_all_broken, muxer={"movflags": "faststart"}, noise=255),
        "not one frame of {} can be decoded; expected intact video data: copy or download it again",
    ),
}


@pytest.mark.parametrize(("make", "message"), CASES.values(), ids=CASES)
def test_what_is_no_video_is_refused_in_one_line(make, message, tmp_path, make_video, capfd):
    path = make(tmp_path, make_video)
    for read in (probe, lambda p: next(decode(p)), lambda p: frame_at(p, 0.0)):
        with pytest.raises(MediaError) as failure:
            read(path)
        assert str(failure.value) == message.format(path)
    # FFmpeg says nothing on its own.
    assert capfd.readouterr() == ("", "")


def test_cover_art_is_no_video(tmp_path):
    path = tmp_path / "song.mp3"
    Image.new("RGB", (62, 34)).save(tmp_path / "cover.jpg")
    with av.open(str(path), "w") as out:
        sound = out.add_stream("mp3", rate=16000, layout="mono")
        with av.open(str(tmp_path / "cover.jpg")) as cover:
            art = out.add_stream_from_template(cover.streams.video[0])
            art.disposition = av.stream.Disposition.attached_pic
            packet = next(cover.demux(video=0))
            packet.stream = art
            out.mux(sound.encode(_silence()))
            out.mux(packet)
            out.mux(sound.encode())
    with pytest.raises(MediaError, match=r"has no video stream \(it holds audio\)"):
        probe(path)


def test_a_name_may_begin_with_a_dash_or_look_like_a_protocol(make_video, monkeypatch):
    for name in ("-x.mp4", "--image.mp4", "concat:a.mp4", "a?b#c%20.mp4"):
        path = make_video(name)
        monkeypatch.chdir(path.parent)
        assert probe(name).num_frames == 31
        assert frame_at(name, 1.05).shape == (34, 62, 3)


@pytest.mark.parametrize(
    ("aspect", "size"),
    [
        (Fraction(64, 45), (137, 32)),
        (Fraction(1, 2), (96, 64)),
        (Fraction(1), (96, 32)),
        # No lens squeezes by a hundred: the header is broken.
        (Fraction(100), (96, 32)),
    ],
)
def test_pixels_become_square(aspect, size, make_bars, read_bars, tmp_path):
    path = make_bars(num_frames=11, aspect=aspect)
    info = probe(path)
    assert (info.width, info.height) == size
    frames = list(decode(path))
    assert {frame.pixels.shape[:2] for frame in frames} == {size[::-1]}
    assert read_bars(frames) == list(range(11))
    assert frame_at(path, 0.1, size=(61, 23)).shape == (23, 61, 3)
    cut(path, Segment(0.0, 0.4), tmp_path / "clip.mp4")
    clip = probe(tmp_path / "clip.mp4")
    assert (clip.width, clip.height) == size


def test_videos_have_a_pixel_limit_as_pictures_do(make_video, monkeypatch):
    path = make_video(num_frames=3)
    monkeypatch.setattr(container, "MAX_PIXELS", 62 * 34)
    assert len(list(decode(path))) == 3
    monkeypatch.setattr(container, "MAX_PIXELS", 62 * 34 - 1)
    for read in (probe, lambda p: next(decode(p)), lambda p: frame_at(p, 0.0)):
        with pytest.raises(MediaError) as failure:
            read(path)
        assert str(failure.value) == (
            f"{path} announces more than 2107 pixels; expected fewer, so that a hostile file "
            "cannot fill the memory: scale it down first"
        )
