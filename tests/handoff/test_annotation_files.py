"""What is written for other tools: read again by our readers, and looked at as the tool would."""

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pympi.Elan import Eaf

from stillseek.data.own_videos.annotated_files import VideoFolder
from stillseek.data.own_videos.annotation_formats import read_annotations
from stillseek.errors import MediaError, UsageError
from stillseek.files import spreadsheet_cell
from stillseek.handoff.annotation_files import (
    AnnotationFormat,
    annotation_format,
    annotations_output,
    check_num_videos,
    write_annotations,
)
from stillseek.handoff.layers import label_of
from stillseek.handoff.selection import Selection
from stillseek.timeline import Segment

FILES: dict[AnnotationFormat, str] = {
    "elan": "found.eaf",
    "boris": "found.boris",
    "label-studio": "found.json",
    "cvat": "found.xml",
    "via": "found.json",
    "activitynet": "found.json",
    "csv": "found.csv",
}


@pytest.fixture
def videos(write_clip: Callable[..., Path]) -> list[Path]:
    """Two videos of nine seconds, with 10 and 7 frames a second."""
    return [
        write_clip(name=f"videos/{name}", seconds=9, rate=rate, seed=rate)
        for name, rate in (("monday/fête & co.mp4", 10), ("tuesday/cam.mp4", 7))
    ]


@pytest.fixture
def video(videos: list[Path]) -> Path:
    return videos[1]


def moment(
    video: Path,
    start: float | int,
    end: float | int,
    name: str | None = "Jump",
    score: float | None = 0.75,
) -> Selection:
    return Selection(video=video, segment=Segment(float(start), float(end)), score=score, name=name)


def written(items: list[Selection], folder: Path, format: AnnotationFormat) -> Path:
    path = folder / "made" / FILES[format]
    write_annotations(items, path, format)
    return path


def read(path: Path, folder: Path) -> list[tuple[str, float, float, str]]:
    """As `dataset import` finds them: the id of the video, and times."""
    videos = VideoFolder(folder / "videos")
    rows = read_annotations(path, videos)
    assert rows.problems == ()
    return sorted(
        (
            videos.find(row.video, prefix=rows.prefix, elsewhere=rows.elsewhere),
            row.start_seconds,
            row.end_seconds,
            row.label,
        )
        for row in rows.rows
    )


@pytest.mark.parametrize("format", ["boris", "label-studio", "via", "activitynet", "csv"])
def test_moments_of_several_videos_come_back(
    format: AnnotationFormat, videos: list[Path], tmp_path: Path
) -> None:
    one, other = videos
    items = [moment(other, 2, 5, "Run & <jump>"), moment(one, 0, 1.5), moment(other, 6, 7, None)]

    path = written(items, tmp_path, format)

    assert read(path, tmp_path) == [
        ("monday/fête & co", 0.0, 1.5, "Jump"),
        ("tuesday/cam", 2.0, 5.0, "Run & <jump>"),
        ("tuesday/cam", 6.0, 7.0, "moment"),
    ]
    assert str(tmp_path) not in path.read_text("utf-8")


@pytest.mark.parametrize("format", FILES)
@given(
    found=st.lists(
        st.tuples(st.integers(0, 89), st.integers(1, 90), st.text(max_size=9)),
        min_size=1,
        max_size=4,
        unique_by=lambda each: each[0],
    )
)
@example(found=[(65, 25, "end"), (10, 25, "Jump"), (25, 20, "Jump"), (35, 15, "Jump")])
@settings(max_examples=10, suppress_health_check=list(HealthCheck))
def test_any_moments_with_any_names_come_back(
    format: AnnotationFormat, found: list[tuple[int, int, str]], videos, tmp_path: Path
) -> None:
    video = videos[0]  # of 10 frames a second
    items = [
        moment(
            video, start / 10, min(start + length, 90) / 10, name, score=None if start % 2 else 0.5
        )
        for start, length, name in found
    ]

    path = written(items, tmp_path, format)  # in the place of the last one

    assert str(tmp_path) not in path.read_text("utf-8")
    labels = [label_of(item) for item in items]
    if format == "csv":
        labels = [spreadsheet_cell(label) for label in labels]
    expected = [
        ("monday/fête & co", item.segment.start_seconds, item.segment.end_seconds, label)
        for item, label in zip(items, labels, strict=True)
    ]
    assert read(path, tmp_path) == sorted(expected)


@pytest.mark.parametrize(
    ("format", "most"),
    [
        *((format, 1e-6) for format in ("via", "activitynet", "csv")),
        *((format, 5e-4) for format in ("elan", "boris")),
        *((format, 0.5 / 7) for format in ("cvat", "label-studio")),  # half a frame
    ],
)
def test_times_come_back_as_well_as_the_format_can(
    format: AnnotationFormat, most: float, video: Path, tmp_path: Path
) -> None:
    times = (1.2345678, 4.7654321)

    path = written([moment(video, *times)], tmp_path, format)

    ((_, start, end, _),) = read(path, tmp_path)
    assert (start, end) == pytest.approx(times, abs=most * 1.001)


@pytest.mark.parametrize("format", FILES)
def test_moment_shorter_than_the_format_can_say_does_not_vanish(
    format: AnnotationFormat, video: Path, tmp_path: Path
) -> None:
    path = written([moment(video, 3.0, 3.00001), moment(video, 8.99, 8.9901)], tmp_path, format)

    assert len(read(path, tmp_path)) == 2


def test_elan_has_a_tier_without_overlaps_and_slots_in_order(video: Path, tmp_path: Path) -> None:
    times = ((4.0, 6.0), (1.0, 3.0), (2.0, 3.5))

    path = written([moment(video, *each) for each in times], tmp_path, "elan")

    root = ET.parse(path).getroot()
    assert [child.tag for child in root] == [
        *("HEADER", "TIME_ORDER", "TIER", "TIER", "LINGUISTIC_TYPE")
    ]
    slots = [int(slot.attrib["TIME_VALUE"]) for slot in root.iter("TIME_SLOT")]
    assert slots == [1000, 2000, 3000, 3500, 4000, 6000]
    assert [len(tier) for tier in root.iter("TIER")] == [2, 1]
    ids = [each.attrib["ANNOTATION_ID"] for each in root.iter("ALIGNABLE_ANNOTATION")]
    assert ids == ["a1", "a2", "a3"]
    media = root.find("HEADER/MEDIA_DESCRIPTOR")
    assert media is not None
    assert media.attrib["MIME_TYPE"] == "video/mp4"
    assert (path.parent / media.attrib["RELATIVE_MEDIA_URL"]).samefile(video)


def test_another_reader_of_elan_finds_the_same(video: Path, tmp_path: Path) -> None:
    times = ((4.0, 6.25), (1.0, 3.001), (2.0, 3.5))
    path = written([moment(video, *each, "Run & jump") for each in times], tmp_path, "elan")

    document = Eaf(str(path))
    found = [sorted(document.get_annotation_data_for_tier(tier)) for tier in document.tiers]
    assert found == [
        [(1000, 3001, "Run & jump"), (4000, 6250, "Run & jump")],
        [(2000, 3500, "Run & jump")],
    ]


def test_what_another_writer_of_elan_wrote_is_read(video: Path, tmp_path: Path) -> None:
    document = Eaf(author="somebody")
    document.add_linked_file(str(video), relpath="../videos/tuesday/cam.mp4")
    document.add_tier("hands")
    document.add_annotation("hands", 100, 2500, "wave")
    document.add_annotation("hands", 2500, 3999, "")
    document.to_file(str(tmp_path / "theirs.eaf"))

    assert read(tmp_path / "theirs.eaf", tmp_path) == [
        ("tuesday/cam", 0.1, 2.5, "wave"),
        ("tuesday/cam", 2.5, 3.999, "hands"),
    ]


def test_cvat_has_a_box_that_begins_and_one_that_hides_it(video: Path, tmp_path: Path) -> None:
    path = written([moment(video, 1, 3)], tmp_path, "cvat")

    root = ET.parse(path).getroot()
    boxes = [(box.attrib["frame"], box.attrib["outside"]) for box in root.iter("box")]
    assert boxes == [("7", "0"), ("21", "1")]
    assert {box.attrib["ybr"] for box in root.iter("box")} == {"48.00"}
    assert root.findtext("meta/task/labels/label/name") == "Jump"
    assert root.findtext("meta/task/size") == "63"


def test_label_studio_has_predictions_with_their_scores(videos: list[Path], tmp_path: Path) -> None:
    items = [moment(video, 1, 3) for video in videos]

    tasks = json.loads(written(items, tmp_path, "label-studio").read_text("utf-8"))

    assert [task["data"]["video"] for task in tasks] == [
        "/data/local-files/?d=monday/f%C3%AAte%20%26%20co.mp4",
        "/data/local-files/?d=tuesday/cam.mp4",
    ]
    (prediction,) = tasks[1]["predictions"]
    (result,) = prediction["result"]
    assert result["value"] == {"ranges": [{"start": 8, "end": 21}], "timelinelabels": ["Jump"]}
    assert result["score"] == 0.75


def test_boris_has_a_state_a_label_and_the_way_to_every_video(
    videos: list[Path], tmp_path: Path
) -> None:
    items = [moment(video, 1, 3) for video in videos]

    path = written(items, tmp_path, "boris")

    project = json.loads(path.read_text("utf-8"))
    (behavior,) = project["behaviors_conf"].values()
    assert (behavior["code"], behavior["type"]) == ("Jump", "State event")
    for observation, video in zip(project["observations"].values(), videos, strict=True):
        (name,) = observation["file"]["1"]
        assert (path.parent / name).samefile(video)
        assert observation["media_info"]["length"] == {name: 9.0}
        assert [event[:3] for event in observation["events"]] == [
            [1.0, "", "Jump"],
            [3.0, "", "Jump"],
        ]


def test_csv_computes_nothing_in_a_spreadsheet(write_clip, tmp_path: Path) -> None:
    video = write_clip(name="videos/=1+1.mp4", seconds=2)

    path = written([moment(video, 0, 1, "@SUM(A1)", score=None)], tmp_path, "csv")

    assert path.read_text() == "video,start,end,label,score\n./=1+1.mp4,0.0,1.0,'@SUM(A1),\n"
    assert read(path, tmp_path)[0][0] == "=1+1"


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("a.eaf", "elan"),
        ("A.EAF", "elan"),
        ("a.boris", "boris"),
        ("a.xml", "cvat"),
        ("a.csv", "csv"),
    ],
)
def test_suffix_tells_the_format(name: str, format: str) -> None:
    assert annotation_format(Path(name)) == format


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("a.json", "label-studio, via, activitynet"),
        ("a.txt", "elan, boris, label-studio, cvat, via, activitynet, csv"),
    ],
)
def test_suffix_of_several_formats_or_none_needs_one(name: str, choices: str) -> None:
    message = rf"{name} does not say what annotations to write; choose with --annotation-format "
    with pytest.raises(UsageError, match=message) as caught:
        annotations_output(Path(name))
    assert str(caught.value).endswith(f"(format): {choices}")


@pytest.mark.parametrize("format", ["elan", "cvat"])
def test_formats_of_one_video_refuse_two(
    format: AnnotationFormat, videos: list[Path], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=f"a file of {format} is of one video, got 2"):
        written([moment(video, 1, 3) for video in videos], tmp_path, format)
    assert not (tmp_path / "made").exists()
    check_num_videos(tmp_path / FILES[format], None, 1)


def test_what_cannot_be_written_is_refused(video: Path, tmp_path: Path) -> None:
    items = [moment(video, 1, 3)]
    with pytest.raises(UsageError, match="there is no moment to write"):
        write_annotations([], tmp_path / "a.csv")
    with pytest.raises(UsageError, match="has a name of another format; it must end in"):
        write_annotations(items, tmp_path / "a.xml", "elan")
    (tmp_path / "mine.csv").write_text("my own notes")
    with pytest.raises(UsageError, match="exists, and stillseek did not write it"):
        write_annotations(items, tmp_path / "mine.csv")
    with pytest.raises(MediaError):
        write_annotations([moment(tmp_path / "gone.mp4", 1, 3)], tmp_path / "a.xml")
