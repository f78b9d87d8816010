"""Whatever an annotation file holds, reading it ends in rows or in an error that says why."""

import csv
import io
import json
from contextlib import suppress
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillseek.data.activitynet import read_activitynet
from stillseek.data.own_videos.annotated_files import VideoFolder
from stillseek.data.own_videos.annotation_formats import read_annotations
from stillseek.data.own_videos.table import Rows
from stillseek.errors import StillseekError

# The words of all layouts, so that a layout is taken for one.
KEYS = """
annotations annotation annotation_class aid attribute attributes behaviors_conf config data
database duration duration_second end end_seconds events ethogram file file_info file_url fid flg
fname from_name independent_variables kept label labels loc media_info metadata observations
options original_length parentId parentName nodeId nodeName project project_format_version ranges
result segment src start start_seconds subset taxonomy tasks timelinelabels timeline type
value version video videolabels video_url view vid view_order xy z av
"""
TAGS = """
ANNOTATION_DOCUMENT TIME_ORDER TIME_SLOT TIER ANNOTATION ALIGNABLE_ANNOTATION REF_ANNOTATION
ANNOTATION_VALUE HEADER MEDIA_DESCRIPTOR annotations meta task track box tag image name source
"""
ATTRIBUTES = """
TIME_SLOT_ID TIME_VALUE TIER_ID ANNOTATION_ID TIME_SLOT_REF1 TIME_SLOT_REF2 MEDIA_URL id name label
frame outside task_id source size width height
"""
WORDS = ("a", "a.mp4", "jump", "ts1", "0", "1", "1.5", "3", "-1", "1e999", "nan", "1:02", "", "é")
words = st.sampled_from(WORDS) | st.text(max_size=3)
scalars = st.none() | st.booleans() | st.integers(-2, 9) | st.floats(width=16) | words
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS.split()) | words, inner, max_size=5)
    ),
    max_leaves=25,
)


@st.composite
def elements(draw: st.DrawFn, depth: int = 2) -> ET.Element:
    """An element of a known name with known attributes, and such in it."""
    plain = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=3)
    word = st.sampled_from([word for word in WORDS if word]) | plain
    attributes = draw(st.dictionaries(st.sampled_from(ATTRIBUTES.split()), word, max_size=4))
    element = ET.Element(draw(st.sampled_from(TAGS.split())), attributes)
    element.text = draw(st.none() | word)
    if depth:
        element.extend(draw(st.lists(elements(depth - 1), max_size=3)))
    return element


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> VideoFolder:
    """A folder with a video that cannot be read, as it may be."""
    folder = tmp_path_factory.mktemp("videos")
    (folder / "a.mp4").touch()
    return VideoFolder(folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


def read_or_refuse(path: Path, text: str, videos: VideoFolder) -> Rows | str:
    """The rows, or why there are none."""
    path.write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
    try:
        rows = read_annotations(path, videos)
    except StillseekError as error:
        return str(error)
    for row in rows.rows:
        assert 0 <= row.start_seconds < row.end_seconds < float("inf")
    return rows


@given(value=values, suffix=st.sampled_from([".json", ".boris"]))
def test_json_of_any_shape(folder: Path, videos: VideoFolder, value: object, suffix: str) -> None:
    path = folder / f"some{suffix}"

    read_or_refuse(path, json.dumps(value), videos)

    with suppress(StillseekError):
        read_activitynet(path)


@given(
    media=st.dictionaries(words, values, max_size=2),
    events=st.lists(st.lists(scalars, max_size=6) | values, max_size=3),
    more=st.dictionaries(st.sampled_from(KEYS.split()), values, max_size=3),
)
def test_projects_that_are_broken_inside(
    folder: Path, videos: VideoFolder, media, events, more
) -> None:
    boris = {"observations": {"one": {"file": {"1": ["a.mp4"]}, "media_info": media} | more}}
    boris["observations"]["one"]["events"] = events
    via = {"project": more, "config": {}, "attribute": media, "file": media, "view": more}
    via |= {"metadata": {str(number): event for number, event in enumerate(events)}}
    tasks = [{"data": {"video": "a.mp4"} | media, "annotations": [{"result": events}]}, more]
    for project in (boris, via, tasks, {"database": {"a": {"duration": 9, "annotations": events}}}):
        read_or_refuse(folder / "project.json", json.dumps(project), videos)


@given(element=elements(), suffix=st.sampled_from([".eaf", ".xml"]))
def test_xml_of_any_shape(folder: Path, videos: VideoFolder, element, suffix: str) -> None:
    root = ET.Element("ANNOTATION_DOCUMENT" if suffix == ".eaf" else "annotations")
    root.extend([element, *element])

    read_or_refuse(folder / f"some{suffix}", ET.tostring(root, encoding="unicode"), videos)


@given(
    lines=st.lists(st.lists(words, min_size=3, max_size=6), max_size=4),
    header=st.sampled_from(
        [
            "video,start,end,label",
            "label;end;start;video;image",
            "# CSV_HEADER = metadata_id,file_list,temporal_coordinates,metadata",
            "Observation id,Media file,Behavior,Behavior type,Time",
            "Observation id,Media file name,Behavior,Start (s),Stop (s)",
            "",
        ]
    ),
)
def test_tables_of_any_cells(folder: Path, videos: VideoFolder, lines, header: str) -> None:
    body = io.StringIO()
    csv.writer(body, delimiter=";" if ";" in header else ",").writerows(lines)

    read_or_refuse(folder / "some.csv", f"{header}\n{body.getvalue()}", videos)


plain = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=5)


@given(
    activities=st.lists(
        st.tuples(plain, st.integers(0, 10**9), st.integers(1, 10**9), plain, st.booleans()),
        max_size=5,
        unique_by=lambda activity: activity[:4],
    )
)
def test_decisions_that_are_written_are_read_back(folder: Path, videos, activities) -> None:
    rows = [
        {
            "video": video,
            "start_seconds": start / 1000,
            "end_seconds": (start + length) / 1000,
            "label": label,
            "kept": kept,
        }
        for video, start, length, label, kept in activities
    ]
    text = "\n".join(json.dumps(row) for row in rows)

    read = read_or_refuse(folder / "labels.jsonl", text, videos)

    assert isinstance(read, Rows)
    assert [(r.video, r.start_seconds, r.end_seconds, r.label) for r in read.rows] == [
        (row["video"], row["start_seconds"], row["end_seconds"], row["label"])
        for row in rows
        if row["kept"]
    ]
