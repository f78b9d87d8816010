from collections.abc import Callable
from pathlib import Path

import pytest

from stillseek.errors import MediaError, UsageError
from stillseek.media import decode, probe
from stillseek.media.preview import write_preview
from stillseek.timeline import Segment


def test_preview_keeps_times_and_proportions(make_video, indices, tmp_path: Path) -> None:
    video = make_video(num_frames=30, size=(302, 170))

    write_preview(video, Segment(0.5, 2.0), tmp_path / "p.mp4", side_pixels=96)

    info = probe(tmp_path / "p.mp4")
    assert (info.width, info.height) == (96, 54)
    assert info.duration_seconds == pytest.approx(1.5, abs=1e-3)
    assert not info.has_audio
    frames = list(decode(tmp_path / "p.mp4"))
    assert indices(frames) == list(range(5, 20))


def test_fast_video_shows_thirty_frames_a_second_at_their_times(make_video, tmp_path: Path) -> None:
    video = make_video(num_frames=60, rate=60, size=(64, 48))

    write_preview(video, Segment(0.0, 1.0), tmp_path / "p.mp4", side_pixels=480)

    frames = list(decode(tmp_path / "p.mp4"))
    assert len(frames) == 30
    for number, frame in enumerate(frames[::7]):
        assert frame.pixels.mean() == pytest.approx((30 + 6 * 14 * number) % 256, abs=5)
    assert probe(tmp_path / "p.mp4").duration_seconds == pytest.approx(1.0, abs=1e-3)
    assert (probe(tmp_path / "p.mp4").width, probe(tmp_path / "p.mp4").height) == (64, 48)


def test_what_is_no_part_of_a_video_is_refused(
    write_clip: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"ends before the segment starts at 7\.0 seconds"):
        write_preview(write_clip(seconds=2), Segment(7.0, 8.0), tmp_path / "p.mp4", side_pixels=96)
    with pytest.raises(MediaError):
        write_preview(tmp_path / "none.mp4", Segment(0.0, 1.0), tmp_path / "p.mp4", side_pixels=96)
    assert not (tmp_path / "p.mp4").exists()
