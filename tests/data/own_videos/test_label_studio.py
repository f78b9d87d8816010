"""Label Studio's JSON export as its documentation has it."""

import json
from pathlib import Path

import pytest

from stillseek.data.own_videos.annotated_files import VideoFolder
from stillseek.data.own_videos.label_studio import is_label_studio, read_label_studio
from stillseek.data.own_videos.table import Rows
from stillseek.errors import DatasetError

from .conftest import found


def region(first: object, last: object, *labels: str, name: str = "videoLabels") -> dict:
    return {
        "id": "aBc",
        "type": "timelinelabels",
        "value": {"ranges": [{"start": first, "end": last}], "timelinelabels": [*labels]},
        "origin": "manual",
        "to_name": "video",
        "from_name": name,
    }


def task(*results: dict, video: str = "/data/upload/3/1a2b3c4d-match.mp4", **more) -> dict:
    annotations = [{"id": 1, "was_cancelled": False, "result": [*results]}]
    return {"id": 7, "data": {"video": video}, "annotations": annotations} | more


@pytest.fixture
def videos(write_clip, tmp_path: Path) -> VideoFolder:
    write_clip(name="videos/match.mp4", seconds=5, rate=10)
    write_clip(name="videos/day/1a2b3c4d-late.mp4", seconds=3, rate=7)
    return VideoFolder(tmp_path / "videos")


@pytest.fixture
def read(videos: VideoFolder):
    def read(*tasks: dict, tag: str | None = None) -> Rows:
        value = json.loads(json.dumps(tasks))
        assert is_label_studio(value)
        return read_label_studio(value, Path("export.json"), videos, tag)

    return read


def test_ranges_count_frames_from_one_with_the_last_one_included(read) -> None:
    rows = read(task(region(1, 20, "Run"), region(31, 31, "Run", "Jump"), region(0, 5, "Fall")))

    assert rows.problems == ()
    assert found(rows) == [
        ("match.mp4", 0.0, 2.0, "Run"),
        ("match.mp4", 3.0, 3.1, "Run"),
        ("match.mp4", 3.0, 3.1, "Jump"),
        ("match.mp4", 0.0, 0.5, "Fall"),
    ]
    assert rows.rows[0].where == "export.json, task 7, region aBc"


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("match.mp4", "match.mp4"),
        ("/data/local-files/?d=there/day/1a2b3c4d-late.mp4", "there/day/1a2b3c4d-late.mp4"),
        ("https://example.org/shots/match.mp4?token=3", "match.mp4"),
        ("s3://shots/2024/match.mp4", "match.mp4"),
        ("C:\\shots\\match.mp4", "match.mp4"),
    ],
)
def test_videos_are_known_by_what_the_annotator_called_them(source: str, name: str, read) -> None:
    rows = read(task(region(8, 14, "Run"), video=source))

    rate = 7 if "late" in name else 10
    assert found(rows) == [(name, 7 / rate, 14 / rate, "Run")]


def test_video_may_stand_under_another_key(read) -> None:
    data = {"title": "a match", "clip": "match.mp4", "fps": 3}

    assert found(read(task(region(1, 10, "Run")) | {"data": data})) == [
        ("match.mp4", 0.0, 1.0, "Run")
    ]


def test_regions_in_seconds_are_read_as_they_are(read) -> None:
    sound = {
        "type": "labels",
        "value": {"start": 1.25, "end": 4, "channel": 0, "labels": ["Speech"]},
        "from_name": "audioLabels",
    }
    others = (
        {"type": "choices", "value": {"choices": ["good"]}, "from_name": "quality"},
        {"type": "videorectangle", "value": {"sequence": [], "labels": ["Man"]}},
    )

    assert found(read(task(sound, *others))) == [("match.mp4", 1.25, 4.0, "Speech")]


def test_one_control_tag_is_read_where_it_is_named(read) -> None:
    both = task(region(1, 10, "Run"), region(1, 20, "Anna", name="who"))

    assert found(read(both, tag="who")) == [("match.mp4", 0.0, 2.0, "Anna")]
    with pytest.raises(DatasetError, match="no region is of a control tag 'x'; it has 'video"):
        read(both, tag="x")


def test_cancelled_annotations_and_predictions_of_annotated_tasks_do_not_count(read) -> None:
    result = [region(1, 10, "Run")]
    cancelled = task() | {"annotations": [{"was_cancelled": True, "result": result}]}
    predicted = task() | {"predictions": [{"result": result}]}
    imported = {"data": {"video": "match.mp4"}, "predictions": [{"result": result}]}

    assert found(read(cancelled, predicted)) == []
    assert found(read(imported)) == [("match.mp4", 0.0, 1.0, "Run")]


def test_what_one_region_has_wrong_is_told_by_its_task(read) -> None:
    where = "export.json, task 7, region aBc"
    for broken, problem in (
        (task(region(9, 3, "Run")), "a range from 9 to 3, expected numbers of frames"),
        (task(region(float("nan"), 3, "Run")), "a range from nan to 3, expected numbers of frames"),
        (task(region("1", 3, "Run")), "a range from '1' to 3, expected numbers of frames"),
        (task(region(1, 3)), "label is missing"),
        (task(region(1, 3, "Run"), video="gone.mp4"), "there is no video 'gone.mp4'"),
        (task(region(1, 3, "Run"), video="a.txt"), "the task's data names no video, got"),
    ):
        rows = read(broken)
        assert rows.rows == ()
        assert rows.problems[0].startswith(f"{where}: {problem}")


@pytest.mark.parametrize(
    "broken",
    [
        {"data": [], "annotations": [{"result": [region(1, 2, "Run")]}]},
        {"data": {}, "annotations": [{}]},
        {"data": {}, "annotations": {"result": []}},
        {"data": {}, "annotations": [{"result": [{"type": "timelinelabels"}]}]},
        task({"type": "timelinelabels", "value": {"ranges": [{}], "timelinelabels": ["Run"]}}),
    ],
)
def test_broken_export_is_refused(broken: dict, read) -> None:
    with pytest.raises(DatasetError, match=r"export\.json, task .*: not the layout of Label Stud"):
        read(broken)
