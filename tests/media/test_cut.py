"""A clip shows what its video shows, shifted by the start of the segment."""

import av
import numpy as np
import pytest

from stillseek.errors import TruncatedMediaWarning
from stillseek.media import cut, decode, probe
from stillseek.timeline import Segment


def test_boundaries_between_frames_split_their_display(make_video, tmp_path, indices):
    # Frame 2 is on display from 0.2 s; the clip starts at 0.27 s and ends inside frame 4.
    cut(make_video(), Segment(0.27, 0.44), tmp_path / "clip.mp4")
    frames = list(decode(tmp_path / "clip.mp4"))
    assert indices(frames) == [2, 3, 4]
    assert [f.seconds for f in frames] == pytest.approx([0, 0.03, 0.13], abs=1e-4)
    assert probe(tmp_path / "clip.mp4").duration_seconds == pytest.approx(0.17, abs=2e-3)


def test_a_segment_inside_one_frame(make_video, tmp_path, indices):
    cut(make_video(pts=[0, 5000, 5100]), Segment(1.0, 2.0), tmp_path / "clip.mp4")
    assert indices(decode(tmp_path / "clip.mp4")) == [0]
    assert probe(tmp_path / "clip.mp4").duration_seconds == pytest.approx(1.0, abs=2e-3)


def test_a_segment_past_the_end_ends_with_the_video(make_video, tmp_path, indices):
    cut(make_video(), Segment(2.8, 99.0), tmp_path / "clip.mp4")
    assert indices(decode(tmp_path / "clip.mp4")) == [28, 29, 30]
    assert probe(tmp_path / "clip.mp4").duration_seconds == pytest.approx(0.3, abs=2e-3)


def test_sound_is_cut_to_the_sample(make_video, tmp_path):
    path = make_video(tone_seconds=3.1)
    cut(path, Segment(1.0, 2.0), tmp_path / "clip.mp4")
    assert probe(tmp_path / "clip.mp4").has_audio

    def sound(file):
        with av.open(str(file)) as container:
            frames = list(container.decode(audio=0))
            start = round(frames[0].time * 16000)
            return start, np.concatenate([f.to_ndarray()[0] for f in frames])

    start, clip = sound(tmp_path / "clip.mp4")
    _, whole = sound(path)
    # AAC fills its last frame of 1024 samples.
    assert start == 0
    assert 16000 <= len(clip) < 16000 + 1024
    # The middle, away from the fade of the coder; a shift of one sample would cost 0.2 of 1.
    np.testing.assert_allclose(clip[4000:12000], whole[20000:28000], atol=0.05)


def test_key_frames_are_chosen_anew(make_bars, read_bars, tmp_path):
    path = make_bars("v.mov", codec="mjpeg", num_frames=50)
    cut(path, Segment(0.4, 1.6), tmp_path / "clip.mp4")
    assert read_bars(decode(tmp_path / "clip.mp4")) == list(range(10, 40))
    with av.open(str(tmp_path / "clip.mp4")) as container:
        keys = [packet.is_keyframe for packet in container.demux(video=0) if packet.size]
    # Every frame of the video is one, and every picture a cut to the coder's eye.
    assert keys[0]
    assert sum(keys) < len(keys)


def test_a_truncated_video_gives_what_it_has(make_video, tmp_path, truncated):
    path = truncated(make_video("v.mkv", noise=255), 0.55)
    with pytest.warns(TruncatedMediaWarning):
        cut(path, Segment(1.0, 3.0), tmp_path / "clip.mp4")
    assert 0.3 < probe(tmp_path / "clip.mp4").duration_seconds < 0.8
