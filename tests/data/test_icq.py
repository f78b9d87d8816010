import json
import re
from pathlib import Path

import pytest

from stillseek.data.icq import ask_icq, read_icq, reference_images
from stillseek.errors import DatasetError
from stillseek.timeline import Segment

VID = "bP5KfdFJzC4_660.0_810.0"


def line(qid: object = 8737, **fields) -> dict:
    values = {
        "qid": qid,
        "query": "a family plays basketball",
        "duration": 126,
        "vid": VID,
        "relevant_windows": [[0, 16]],
        "relevant_clip_ids": [0, 1],
    }
    return values | fields


def write(path: Path, *lines: dict) -> Path:
    file = path / "icq_highlight_release.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in lines))
    return file


def test_each_moment_is_asked_for_in_the_part_that_has_no_other(tmp_path, write_picture) -> None:
    several = line(11, old_query="a dog", query="a cat", relevant_windows=[[90, 130], [20, 40]])
    read = read_icq(write(tmp_path, line(), several, line(5)))
    (tmp_path / "style").mkdir()
    for name in ("qid8737_3.png", "qid11_3.png", "notes.png"):
        write_picture(f"style/{name}")

    images = reference_images(tmp_path / "style")
    samples, counts = ask_icq(read, read.videos, images, tmp_path / "out")

    assert sorted(images) == [11, 8737]
    assert counts == {
        "questions": 2, "questions without an image": 1, "questions of several moments": 1
    }  # fmt: skip
    assert [(s.sample_id, s.window, s.segment, s.label) for s in samples] == [
        ("qid8737_0", Segment(0.0, 126.0), Segment(0.0, 16.0), "a family plays basketball"),
        ("qid11_0", Segment(0.0, 90.0), Segment(20.0, 40.0), "a dog"),
        # It ends with the video.
        ("qid11_1", Segment(40.0, 126.0), Segment(50.0, 86.0), "a dog"),
    ]
    assert {(s.video_id, s.source_video_id, s.split) for s in samples} == {
        (VID, "bP5KfdFJzC4", "test")
    }
    assert samples[1].query_image == "../style/qid11_3.png"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "holds no question; expected a line of icq_highlight_release.jsonl"),
        ([{"qid": 1}], "line 1: key 'vid' is missing; expected a line of icq_highlight_release"),
        ([line(), line()], "line 2: qid must be a number that no other line has, got 8737"),
        ([line("x")], "line 1: qid must be a number"),
        ([line(), line(2, duration=99)], "line 2: duration of 'bP5KfdFJzC4_660.0_810.0' is 99.0"),
        ([line(duration=0)], "is 0.0 s; expected a positive one"),
        ([line(query="")], "line 1: query must be the text of the question, got ''"),
        ([line(relevant_windows=[])], "line 1: relevant_windows must be [[start, end], ...], got"),
        ([line(relevant_windows=[[3]])], "line 1: a moment must be [start, end] in seconds, got"),
        ([line(relevant_windows=[[9, 4]])], "a moment of [[9, 4]] ends before it starts, or start"),
        ([line(relevant_windows=[["a", 4]])], "relevant_windows: expected a time in seconds, got"),
    ],
)
def test_broken_files_say_what_is_wrong(tmp_path: Path, lines: list, message: str) -> None:
    with pytest.raises(DatasetError, match=re.escape(message)):
        read_icq(write(tmp_path, *lines))


def test_images_are_of_one_style(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no reference image in .*such as qid8737_3.jpg"):
        reference_images(tmp_path)
    for style in (2, 3):
        (tmp_path / f"qid7_{style}.jpg").touch()
    with pytest.raises(DatasetError, match=r"qid7_2.jpg and qid7_3.jpg are of one question; give"):
        reference_images(tmp_path)
