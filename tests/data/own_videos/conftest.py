"""Tiny videos and pictures in folders, and annotations of them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from stillseek.data.own_videos import annotation_formats as reading
from stillseek.data.own_videos.annotated_files import VideoFolder
from stillseek.data.own_videos.table import Rows
from stillseek.data.own_videos.targets import Target
from stillseek.timeline import Segment

SECONDS = {"a.mp4": 7, "day one/b é.mkv": 7, "c.mov": 7, "short.mp4": 3}


@pytest.fixture
def videos(write_clip, tmp_path: Path) -> Path:
    """Three videos of 7 s with different suffixes, one in a subfolder, and one of 3 s."""
    for number, (name, seconds) in enumerate(SECONDS.items()):
        write_clip(name=f"videos/{name}", seconds=seconds, rate=2, seed=number)
    return tmp_path / "videos"


@pytest.fixture
def write_table(tmp_path: Path) -> Callable[..., Path]:
    """Writes lines under the header of a table."""

    def write(*lines: str, more: str = "") -> Path:
        path = tmp_path / "activities.csv"
        path.write_text("\n".join((f"video,start,end,label{more}", *lines)), encoding="utf-8")
        return path

    return write


def read_annotations(path: Path, **options) -> Rows:
    """Reads a file whose videos nobody looks at."""
    (path.parent / "any.mp4").touch()
    return reading.read_annotations(path, VideoFolder(path.parent), **options)


def found(rows: Rows) -> list[tuple[str, float, float, str]]:
    """Video, start, end and label of every row."""
    return [(row.video, row.start_seconds, row.end_seconds, row.label) for row in rows.rows]


def target(video: int, label: str, images: tuple[Path, ...] = (), split=None) -> Target:
    return Target(
        name=f"v{video}#{label}",
        video_id=f"v{video}",
        duration_seconds=7.0,
        segment=Segment(1.0, 2.0),
        window=None,
        label=label,
        images=images,
        split=split,
    )
