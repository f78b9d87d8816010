import json
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image
from samples import make_sample

from stillseek.data.manifest import write_manifest
from stillseek.data.sheet import write_sheet
from stillseek.errors import DatasetError, UsageError
from stillseek.media import VideoWriter, read_image
from stillseek.timeline import Segment

_RED, _BLUE = (200, 10, 10), (10, 10, 200)
_CELL_WIDTH, _CELL_HEIGHT, _QUERY_CELLS, _FRAME_CELLS = 148, 146, 5, 10


@pytest.fixture
def make_dataset(tmp_path):
    """Videos that are red for half of their time, then blue; all are asked by a red picture."""

    def make(*, videos=1, window=None, with_annotations=False):
        folder = tmp_path / "data"
        (folder / "videos").mkdir(parents=True)
        Image.new("RGB", (144, 108), _RED).save(folder / "query.png")
        for number in range(videos):
            path = folder / f"videos/v{number}.mp4"
            with VideoWriter(path, frame_rate=Fraction(2)) as writer:
                for colour in [_RED] * 10 + [_BLUE] * 10:
                    writer.write(np.full((54, 72, 3), colour, dtype=np.uint8))
        if with_annotations:
            parts = (([0, 5], "red"), ([5, 10], "blue"))
            activities = [{"segment": segment, "label": label} for segment, label in parts]
            database = {f"v{number}": {"annotations": activities} for number in range(videos)}
            (folder / "annotations.json").write_text(json.dumps({"database": database}))
        samples = [
            make_sample(
                sample_id=f"{number}",
                video_id=f"v{number}",
                duration_seconds=10.0 if window is None else window.duration_seconds,
                window=window,
                segment=Segment(0.0, 5.0) if window is None else Segment(0.0, 1.0),
                label="red",
                split="test",
                query_video_id=None,
                query_seconds=None,
                query_image="query.png",
            )
            for number in range(videos)
        ]
        return write_manifest(folder, samples, source="test", seed=0, settings={})

    return make


def _middles(path, row=0):
    """The colour in the middle of each frame's cell."""
    pixels = read_image(path).astype(int)
    top = row * _CELL_HEIGHT + 70
    columns = [(_QUERY_CELLS + k) * _CELL_WIDTH + 84 for k in range(_FRAME_CELLS)]
    return ["red" if pixels[top, column, 0] > 100 else "blue" for column in columns]


def test_a_row_shows_the_query_and_the_frames_over_time(make_dataset, tmp_path):
    path = tmp_path / "sheet.png"

    assert write_sheet(make_dataset(), path) == 1

    assert read_image(path).shape == (_CELL_HEIGHT, 15 * _CELL_WIDTH + 12, 3)
    assert _middles(path) == ["red"] * 5 + ["blue"] * 5
    pixels = read_image(path)
    assert pixels[70, 76] == pytest.approx(_RED, abs=3)
    assert pixels[70, 76 + _CELL_WIDTH].tolist() == [255, 255, 255]


def test_a_window_shows_its_own_time(make_dataset, tmp_path):
    path = tmp_path / "sheet.png"

    write_sheet(make_dataset(window=Segment(4.0, 8.0)), path)

    assert _middles(path) == ["red"] * 2 + ["blue"] * 8


def test_annotations_name_what_else_happens(make_dataset, tmp_path):
    path = tmp_path / "sheet.png"
    manifest = make_dataset(with_annotations=True)
    write_sheet(manifest, path)
    named = read_image(path)[..., 0]

    (manifest.folder / "annotations.json").unlink()
    write_sheet(manifest, path)

    below = named[-20:] != read_image(path)[-20:, :, 0]
    changed = sorted({column // _CELL_WIDTH for column in np.nonzero(below.any(axis=0))[0]})
    assert changed == [10, 11, 12, 13, 14]


def test_rows_are_taken_evenly_from_the_videos_that_are_there(make_dataset, tmp_path):
    manifest = make_dataset(videos=7)
    manifest.video_path("v3").unlink()

    assert write_sheet(manifest, tmp_path / "few.png", videos=3) == 3
    assert write_sheet(manifest, tmp_path / "all.jpg", videos=29) == 6
    assert len(read_image(tmp_path / "all.jpg")) == 6 * _CELL_HEIGHT


def test_what_cannot_be_drawn_is_refused(make_dataset, tmp_path):
    manifest = make_dataset()
    with pytest.raises(UsageError, match="a sheet needs at least 1 video, got 0"):
        write_sheet(manifest, tmp_path / "sheet.png", videos=0)
    # The last one is a format of pictures, in black and white.
    for name in ("sheet.txt", "sheet", "sheet.xbm"):
        with pytest.raises(
            UsageError, match=rf"{name} has a name of another format; it must end in \.png"
        ):
            write_sheet(manifest, tmp_path / name)
    (manifest.folder / "annotations.json").write_text('{"database": {"v0": {}}}')
    with pytest.raises(DatasetError, match=r"annotations.json: expected ActivityNet's layout"):
        write_sheet(manifest, tmp_path / "sheet.png")
    manifest.video_path("v0").unlink()
    with pytest.raises(DatasetError, match=r"none of the 1 videos of .* is there; expected files"):
        write_sheet(manifest, tmp_path / "sheet.png")


@pytest.mark.parametrize("suffix", [".bmp", ".jpeg", ".JPG", ".png", ".tif", ".tiff"])
def test_every_format_is_written_in_colour(suffix, make_dataset, tmp_path):
    path = tmp_path / f"sheet{suffix}"

    write_sheet(make_dataset(), path)

    assert _middles(path) == ["red"] * 5 + ["blue"] * 5
