"""VIA's files as VIA 3 writes them (data format 3.1.1): `project_save` and the two CSV exports."""

import csv
import io
import json
from pathlib import Path

import pytest

from stillseek.errors import DatasetError

from .conftest import found, read_annotations

SEGMENT = "FILE1_Z2_XY0"


def attribute(name: str, anchor: str, kind: int, options: dict[str, str]) -> dict[str, object]:
    about = {"aname": name, "anchor_id": anchor, "type": kind, "desc": name}
    return about | {"options": options, "default_option_id": ""}


ATTRIBUTES = {
    "1": attribute("Activity", SEGMENT, 4, {"1": "Break Egg", "2": "Pour, slowly"}),
    "2": attribute("Object", "FILE1_Z1_XY1", 1, {}),
}
COMMENT = attribute("Comment", SEGMENT, 1, {"default": "Default"})
METADATA = {
    "1_a": {"vid": "1", "flg": 0, "z": [2, 5.25], "xy": [], "av": {"1": "1"}},
    "1_b": {"vid": "1", "flg": 0, "z": [3.5], "xy": [2, 10, 20, 30, 40], "av": {"2": "egg"}},
    "1_c": {"vid": "1", "flg": 0, "z": [], "xy": [], "av": {}},
    "2_d": {"vid": "2", "flg": 0, "z": [6.13, 8], "xy": [], "av": {"1": "2"}},
}
FILES = {
    "1": {"fid": "1", "fname": "fête de Noël.mp4", "type": 4, "loc": 1, "src": ""},
    "2": {
        "fid": "2",
        "fname": "Alioli",
        "type": 4,
        "loc": 2,
        "src": "https://example.org/4/47/Alioli%20two.ogv?x=1",
    },
}


def project(metadata=METADATA, attributes=ATTRIBUTES, files=FILES) -> dict:
    return {
        "project": {
            "pid": "__VIA_PROJECT_ID__",
            "rev": "__VIA_PROJECT_REV_ID__",
            "rev_timestamp": "__VIA_PROJECT_REV_TIMESTAMP__",
            "pname": "Default Project",
            "data_format_version": "3.1.1",
            "creator": "VGG Image Annotator (http://www.robots.ox.ac.uk/~vgg/software/via)",
            "created": 1730137889755,
            "vid_list": ["1", "2"],
        },
        "config": {
            "file": {"loc_prefix": {"1": "", "2": "", "3": "", "4": ""}},
            "ui": {"file_content_align": "center"},
        },
        "attribute": attributes,
        "file": files,
        "metadata": metadata,
        "view": {"1": {"fid_list": ["1"]}, "2": {"fid_list": ["2"]}},
    }


def write_project(folder: Path, **parts) -> Path:
    path = folder / "via_project_28Oct2024_14h04m03s.json"
    path.write_text(json.dumps(project(**parts), ensure_ascii=False), encoding="utf-8")
    return path


def quoted(value: object) -> str:
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return '"' + text.replace('"', '""') + '"'


def write_export(folder: Path, header: list[str], metadata, line) -> Path:
    """A comment, the header, and a line for each metadata: id, files, and what ``line`` has."""
    about = "Exported using VGG Image Annotator (http://www.robots.ox.ac.uk/~vgg/software/via)"
    lines = [f"# {about}", *header]
    for key, each in metadata.items():
        file = FILES[each["vid"]]
        source = file["fname"] if file["loc"] in (1, 4) else file["src"]
        lines.append(",".join((f'"{key}"', quoted([source]), *line(each))))
    path = folder / "Default-Project28Oct2024_14h04m03s_export.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def write_via3_csv(folder: Path, metadata=METADATA, attributes=ATTRIBUTES) -> Path:
    header = [
        "# Notes:",
        "# - spatial_coordinates of [2,10,20,50,80] denotes a rectangle (shape_id=2) of size 50x80 "
        "placed at (10,20)",
        "# - temporal coordinate of [1.349,2.741] denotes a temporal segment from time 1.346 sec. "
        "to 2.741 sec.",
        "# - temporal coordinate of [4.633] denotes a still video frame at 4.633 sec.",
        '# - metadata of {""1"":""3""} indicates attribute with id "1" set to an attribute option '
        'with id "3"',
        '# SHAPE_ID = {"POINT":1,"RECTANGLE":2,"CIRCLE":3,"ELLIPSE":4,"LINE":5,"POLYLINE":6}',
        '# FLAG_ID = {"RESERVED_FOR_FUTURE":1}',
        "# ATTRIBUTE = " + json.dumps(attributes, separators=(",", ":")),
        "# CSV_HEADER = metadata_id,file_list,flags,temporal_coordinates,spatial_coordinates,"
        "metadata",
    ]
    return write_export(
        folder,
        header,
        metadata,
        lambda each: (str(each["flg"]), *map(quoted, (each["z"], each["xy"], each["av"]))),
    )


def write_segments_csv(folder: Path, metadata=METADATA, attributes=ATTRIBUTES) -> Path:
    columns = "metadata_id,file_list,temporal_segment_start,temporal_segment_end,metadata"

    def line(each) -> tuple[str, str, str]:
        # JavaScript joins what is undefined as nothing.
        start, end = (*each["z"], "", "")[:2]
        named = {attributes[name]["aname"]: value for name, value in each["av"].items()}
        return str(start), str(end), quoted(named)

    return write_export(folder, [f"# CSV_HEADER = {columns}"], metadata, line)


SEGMENTS = [
    ("fête de Noël.mp4", 2.0, 5.25, "Break Egg"),
    ("Alioli two.ogv", 6.13, 8.0, "Pour, slowly"),
]


def test_the_written_csv_is_what_other_readers_expect(tmp_path: Path) -> None:
    # A line that a user of VIA published, with their file name and texts.
    line = '"1_j5sJvB9h","[""chimie-verte.mp4""]",0,"[1.124,5.31493]","[]","{""3"":""main title""}"'
    cells = next(csv.reader(io.StringIO(line)))
    mine = write_via3_csv(tmp_path).read_text(encoding="utf-8").splitlines()[10]

    assert len(next(csv.reader([mine]))) == len(cells) == 6
    assert mine == '"1_a","[""fête de Noël.mp4""]",0,"[2,5.25]","[]","{""1"":""1""}"'


@pytest.mark.parametrize("write", [write_project, write_via3_csv])
def test_segments_of_a_project_and_of_its_export(write, tmp_path: Path) -> None:
    read = read_annotations(write(tmp_path))

    assert found(read) == SEGMENTS
    assert read.problems == ()


def test_segments_csv_has_texts_in_place_of_options(tmp_path: Path) -> None:
    texts = {key: dict(each) for key, each in METADATA.items()}
    texts["1_a"]["av"] = {"1": "Break Egg"}
    texts["2_d"]["av"] = {"1": "Pour, slowly"}
    texts.pop("1_b")

    read = read_annotations(write_segments_csv(tmp_path, texts))

    assert found(read) == SEGMENTS
    assert read.problems == ()


def test_rows_name_their_place(tmp_path: Path) -> None:
    project_path, csv_path = write_project(tmp_path), write_via3_csv(tmp_path)

    assert read_annotations(project_path).rows[0].where == f"{project_path}, metadata '1_a'"
    assert read_annotations(csv_path).rows[0].where == f"{csv_path}, line 11"


@pytest.mark.parametrize("write", [write_project, write_via3_csv, write_segments_csv])
def test_labels_of_several_attributes_need_a_choice(write, tmp_path: Path) -> None:
    attributes = {**ATTRIBUTES, "3": COMMENT}
    metadata = {
        "1_a": {"vid": "1", "flg": 0, "z": [2, 5], "xy": [], "av": {"1": "1", "3": "good"}},
        "1_b": {"vid": "1", "flg": 0, "z": [6, 7], "xy": [], "av": {"1": "2", "3": "_DEFAULT"}},
    }
    path = write(tmp_path, metadata=metadata, attributes=attributes)

    with pytest.raises(DatasetError, match="it has 'Activity', 'Comment'; choose one with"):
        read_annotations(path)
    with pytest.raises(DatasetError, match="no attribute of segments is called 'Object'"):
        read_annotations(path, attribute="Object")
    assert found(read_annotations(path, attribute="Comment")) == [
        ("fête de Noël.mp4", 2.0, 5.0, "good")
    ]


def test_checkbox_gives_a_row_for_each_answer(tmp_path: Path) -> None:
    attributes = {"1": {**ATTRIBUTES["1"], "type": 2}}
    metadata = {"1_a": {"vid": "1", "flg": 0, "z": [2, 5], "xy": [], "av": {"1": "1,2"}}}

    read = read_annotations(write_project(tmp_path, metadata=metadata, attributes=attributes))

    assert [row.label for row in read.rows] == ["Break Egg", "Pour, slowly"]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ({"loc": 3, "src": "/data/videos/match one.mp4"}, "match one.mp4"),
        ({"loc": 3, "src": "file:///data/match%20one.mp4"}, "match one.mp4"),
        ({"loc": 3, "src": "C:\\videos\\match.mp4"}, "match.mp4"),
        ({"loc": 2, "src": "day1/match.mp4"}, "day1/match.mp4"),
        ({"loc": 4, "fname": "match.mp4", "src": "data:video/mp4;base64,AAAA"}, "match.mp4"),
    ],
)
def test_absolute_places_of_files_are_left_behind(source, name: str, tmp_path: Path) -> None:
    files = {**FILES, "1": {**FILES["1"], **source}}

    read = read_annotations(write_project(tmp_path, files=files))

    assert read.rows[0].video == name


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"av": {}}, "label is missing"),
        ({"av": {"1": ""}}, "label is missing"),
        ({"z": [5, 2]}, "the end, 2.0 s, is not after the start, 5.0 s"),
        ({"z": [-1, -1]}, "start is -1, expected seconds"),
        ({"z": [None, 2]}, "start is missing"),
        ({"vid": "7"}, "its view or file '7' is not in the project"),
    ],
)
def test_broken_segment_is_told(change, problem: str, tmp_path: Path) -> None:
    metadata = {"1_a": METADATA["1_a"] | change, "2_d": METADATA["2_d"]}
    path = write_project(tmp_path, metadata=metadata)

    read = read_annotations(path)

    assert found(read) == SEGMENTS[1:]
    assert len(read.problems) == 1
    assert read.problems[0].startswith(f"{path}, metadata '1_a': {problem}")


def test_segment_of_two_files_is_told(tmp_path: Path) -> None:
    value = project()
    value["view"]["1"]["fid_list"] = ["1", "2"]
    path = tmp_path / "pairs.json"
    path.write_text(json.dumps(value), encoding="utf-8")

    problems = read_annotations(path).problems

    assert problems == (f"{path}, metadata '1_a': a segment of 2 files, expected one video",)


def test_broken_line_of_an_export_is_told(tmp_path: Path) -> None:
    path = write_via3_csv(tmp_path)
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[10] = lines[10].replace("[2,5.25]", "[2,5.25")
    path.write_text("\n".join([*lines, '"x",1']), encoding="utf-8")

    read = read_annotations(path)

    assert found(read) == SEGMENTS[1:]
    assert [problem.partition(" (")[0] for problem in read.problems] == [
        f"{path}, line 11: not a line of a VIA 3 export",
        f"{path}, line 15: not a line of a VIA 3 export",
    ]


def test_broken_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("# my notes\nvideo,start,end,label\n", encoding="utf-8")
    with pytest.raises(DatasetError, match="has no line '# CSV_HEADER = '"):
        read_annotations(path)
    with pytest.raises(DatasetError, match="it has none; choose one with --attribute"):
        read_annotations(write_project(tmp_path, attributes={"2": ATTRIBUTES["2"]}))
    with pytest.raises(DatasetError, match="has not the layout of a VIA 3 project"):
        read_annotations(write_project(tmp_path, metadata={"1_a": {"vid": "1"}}))
    with pytest.raises(DatasetError, match="has not the layout of a VIA 3 project"):
        read_annotations(write_project(tmp_path, metadata=[]))
