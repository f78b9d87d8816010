from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from stillseek.errors import MediaError, UsageError
from stillseek.media import VideoWriter, decode, probe
from stillseek.media.preview import write_preview
from stillseek.timeline import Segment


def write(path: Path, *, rate: int, seconds: float, width: int, height: int) -> Path:
    """A video that gets brighter by one step a frame."""
    with VideoWriter(path, frame_rate=Fraction(rate), crf=0) as writer:
        for number in range(round(rate * seconds)):
            writer.write(np.full((height, width, 3), 20 + 3 * (number % 70), dtype=np.uint8))
    return path


def test_preview_keeps_times_and_proportions(tmp_path: Path) -> None:
    video = write(tmp_path / "v.mp4", rate=10, seconds=3, width=302, height=170)

    write_preview(video, Segment(0.5, 2.0), tmp_path / "p.mp4", side_pixels=96)

    info = probe(tmp_path / "p.mp4")
    assert (info.width, info.height) == (96, 54)
    assert info.duration_seconds == pytest.approx(1.5, abs=1e-3)
    assert not info.has_audio
    frames = list(decode(tmp_path / "p.mp4"))
    assert len(frames) == 15
    assert frames[0].pixels.mean() == pytest.approx(20 + 3 * 5, abs=4)


def test_fast_video_shows_thirty_frames_a_second_at_their_times(tmp_path: Path) -> None:
    video = write(tmp_path / "v.mp4", rate=60, seconds=1, width=64, height=48)

    write_preview(video, Segment(0.0, 1.0), tmp_path / "p.mp4", side_pixels=480)

    frames = list(decode(tmp_path / "p.mp4"))
    assert len(frames) == 30
    for number, frame in enumerate(frames[::7]):
        assert frame.pixels.mean() == pytest.approx(20 + 3 * 14 * number, abs=5)
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
