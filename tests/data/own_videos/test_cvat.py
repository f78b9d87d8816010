"""CVAT's files as its documentation and its own exports have them ("CVAT for video 1.1")."""

from pathlib import Path

import pytest

from stillseek.data.own_videos.annotated_files import VideoFolder
from stillseek.data.own_videos.cvat import read_cvat
from stillseek.errors import DatasetError

from .conftest import found

TASK = """<task>
  <id>5</id><name>interpolation</name><size>70</size><mode>interpolation</mode>
  <start_frame>0</start_frame><stop_frame>69</stop_frame><frame_filter></frame_filter>
  <labels>
    <label><name>juggle</name><attributes></attributes></label>
    <label><name>rest</name><attributes></attributes></label>
  </labels>
  <original_size><width>80</width><height>48</height></original_size>
  <source>match.mp4</source>
</task>"""
TRACKS = """
<track id="0" label="juggle" source="manual">
  <box frame="7" keyframe="1" outside="0" occluded="0" xtl="1" ytl="2" xbr="30" ybr="40">
    <attribute name="hand">left</attribute>
  </box>
  <box frame="8" keyframe="0" outside="0" occluded="1" xtl="1" ytl="2" xbr="30" ybr="40"/>
  <box frame="21" keyframe="1" outside="1" occluded="0" xtl="1" ytl="2" xbr="3" ybr="4"/>
  <box frame="35" keyframe="1" outside="0" occluded="0" xtl="1" ytl="2" xbr="3" ybr="4"/>
  <box frame="42" keyframe="1" outside="1" occluded="0" xtl="1" ytl="2" xbr="3" ybr="4"/>
</track>
<track id="1" label="rest" source="manual">
  <skeleton frame="49" keyframe="1" z_order="0">
    <points label="1" outside="1" occluded="0" points="1,2"/>
    <points label="2" outside="0" occluded="0" points="3,4"/>
  </skeleton>
</track>
"""


@pytest.fixture
def videos(write_clip, tmp_path: Path) -> VideoFolder:
    write_clip(name="videos/match.mp4", seconds=10, rate=7)
    write_clip(name="videos/day 2/late.mp4", seconds=3, rate=10)
    return VideoFolder(tmp_path / "videos")


def write(folder: Path, body: str = TRACKS, meta: str = TASK) -> Path:
    path = folder / "annotations.xml"
    path.write_text(
        f'<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version>'
        f"<meta>{meta}<dumped>2024-03-05</dumped></meta>{body}</annotations>",
        encoding="utf-8",
    )
    return path


def test_visible_parts_of_tracks_are_activities(videos: VideoFolder, tmp_path: Path) -> None:
    read = read_cvat(write(tmp_path), videos)

    assert read.problems == ()
    assert found(read) == [
        ("match.mp4", 1.0, 3.0, "juggle"),
        ("match.mp4", 5.0, 6.0, "juggle"),
        ("match.mp4", 7.0, 10.0, "rest"),  # nothing hides it until the task ends
    ]
    assert read.rows[0].where == f"{tmp_path}/annotations.xml, track 0"


def test_tags_of_frames_that_follow_each_other_are_an_activity(
    videos: VideoFolder, tmp_path: Path
) -> None:
    images = "".join(
        f'<image id="{frame}" name="frame_{frame:06d}" width="80" height="48">'
        '<tag label="juggle" source="manual"/></image>'
        for frame in (7, 14, 21, 42, 49)
    )
    meta = TASK.replace("<frame_filter>", "<frame_filter>step=7")

    read = read_cvat(write(tmp_path, images, meta), videos)

    assert found(read) == [("match.mp4", 1.0, 4.0, "juggle"), ("match.mp4", 6.0, 8.0, "juggle")]


def test_tracks_of_a_project_are_of_the_video_of_their_task(
    videos: VideoFolder, tmp_path: Path
) -> None:
    late = TASK.replace("<id>5", "<id>6").replace("match.mp4", "D:\\shots\\day 2\\late.mp4")
    tracks = "".join(
        f'<track id="{number}" label="rest" task_id="{task}"><box frame="0" outside="0"/>'
        '<box frame="14" outside="1"/></track>'
        for number, task in enumerate((6, 5))
    )
    meta = f"<project><tasks>{TASK}{late}</tasks></project>"

    read = read_cvat(write(tmp_path, tracks, meta), videos)

    assert found(read) == [("late.mp4", 0.0, 1.4, "rest"), ("match.mp4", 0.0, 2.0, "rest")]
    with pytest.raises(DatasetError, match="track 1: there is no task '7' in <meta>"):
        read_cvat(write(tmp_path, tracks.replace('task_id="5"', 'task_id="7"'), meta), videos)


def test_what_one_track_has_wrong_is_told_by_its_number(
    videos: VideoFolder, tmp_path: Path
) -> None:
    read = read_cvat(write(tmp_path, TRACKS.replace('label="rest"', 'label="sleep"')), videos)

    problem = "label 'sleep' is none of the task's: 'juggle', 'rest'"
    assert read.problems == (f"{tmp_path}/annotations.xml, track 1: {problem}",)
    assert len(read.rows) == 2
    gone = read_cvat(write(tmp_path, meta=TASK.replace("match.mp4", "gone.mp4")), videos)
    assert len(gone.problems) == 3
    assert "track 0: there is no video 'gone.mp4' in" in gone.problems[0]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("annotations>", "boxes>", "its root is <boxes>, not <annotations>"),
        (TASK, "", "has no <meta> with a task"),
        ('frame="21"', 'frame="NaN"', "track 0, frame: 'NaN' is no whole number"),
        ('frame="21"', "", "track 0: <box> has no frame"),
        ('label="rest"', "", "track 1: <track> has no label"),
        ("<stop_frame>69", "<stop_frame>last", "stop_frame: 'last' is no whole number"),
        ("</track>", "", "not valid XML at line"),
    ],
)
def test_broken_file_is_refused(
    old: str, new: str, message: str, videos: VideoFolder, tmp_path: Path
) -> None:
    path = write(tmp_path)
    path.write_text(path.read_text("utf-8").replace(old, new), encoding="utf-8")

    with pytest.raises(DatasetError, match=message):
        read_cvat(path, videos)
