from pathlib import Path

import pytest

from stillseek.data.own_videos.table import Row, parse_seconds
from stillseek.errors import DatasetError, UsageError

from .conftest import read_annotations

HEADER = "video,start,end,label\n"


def write(folder: Path, text: str, name: str = "activities.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_header_alone_has_no_rows(tmp_path: Path) -> None:
    read = read_annotations(write(tmp_path, HEADER))

    assert (read.rows, read.problems, read.unread) == ((), (), ())


def test_rows_without_any_text_are_no_rows(tmp_path: Path) -> None:
    read = read_annotations(write(tmp_path, f"{HEADER}a,1,2,jump\n,,,\n , ,,\n,,\n"))

    assert [row.video for row in read.rows] == ["a"]
    assert read.problems == ()


def test_table_is_read_in_any_order_of_columns(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "\ufeffLabel,END, start,video,notes,image,split\r\n"
        'handstand,10.5,7,a/fête match.mov,"first, best",q.png,train\r\n'
        "\r\n"
        'a "wheel",1:02:03.5,1:30, b ,,,test\r\n',
    )

    read = read_annotations(path)

    assert read.problems == ()
    assert read.unread == ("notes",)
    assert read.rows == (
        Row(
            where=f"{path}, line 2",
            video="a/fête match.mov",
            start_seconds=7.0,
            end_seconds=10.5,
            label="handstand",
            image="q.png",
            split="train",
        ),
        Row(
            where=f"{path}, line 4",
            video="b",
            start_seconds=90.0,
            end_seconds=3723.5,
            label='a "wheel"',
            split="test",
        ),
    )


@pytest.mark.parametrize(("delimiter", "suffix"), [(";", "csv"), ("\t", "csv"), ("\t", "tsv")])
def test_table_of_a_spreadsheet_has_semicolons_and_decimal_commas(
    delimiter: str, suffix: str, tmp_path: Path
) -> None:
    lines = (
        "Label;Start;End;Video",
        "run, jump;7,25;00:00:10,5;a.mp4",
        '"a;b";0;3;b',
        "x;1,2,3;4;c",
    )
    path = write(tmp_path, "\n".join(lines).replace(";", delimiter), f"activities.{suffix}")

    read = read_annotations(path)

    assert [(row.label, row.start_seconds, row.end_seconds, row.video) for row in read.rows] == [
        ("run, jump", 7.25, 10.5, "a.mp4"),
        (f"a{delimiter}b", 0.0, 3.0, "b"),
    ]
    assert read.problems == (
        f"{path}, line 4: start is '1,2,3', expected seconds (12.5) or [h:]mm:ss (1:02:03.5) of at "
        "least 0",
    )


def test_comma_in_a_table_of_commas_is_no_decimal_point(tmp_path: Path) -> None:
    # A spreadsheet in English writes a thousand seconds so.
    read = read_annotations(write(tmp_path, f'{HEADER}a,"1,234","1,240",jump\n'))

    assert "start is '1,234', expected seconds" in read.problems[0]


def test_json_entries_say_the_same_as_a_table(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        '[{"video": "b", "start": 7, "end": "0:10.5", "label": "handstand", "who": null},'
        ' {"video": "b", "start": NaN, "end": 3, "label": "handstand"}, 5]',
        "activities.json",
    )

    read = read_annotations(path)

    where = f"{path}, entry 1"
    assert read.rows == (
        Row(where=where, video="b", start_seconds=7.0, end_seconds=10.5, label="handstand"),
    )
    assert read.unread == ("who",)
    assert [problem.removeprefix(str(path)) for problem in read.problems] == [
        ", entry 2: start is nan, expected seconds (12.5) or [h:]mm:ss (1:02:03.5) of at least 0",
        ", entry 3: expected an object, got 5",
    ]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (0, 0.0),
        (12.5, 12.5),
        ("12.5", 12.5),
        (" 7 ", 7.0),
        ("0:07", 7.0),
        ("75:30", 4530.0),
        ("1:02:03.25", 3723.25),
        ("01:02:03,04", 3723.04),
        ("02:03,250", 123.25),
        (0.1 + 0.2, 0.3),
    ],
)
def test_times(text: object, seconds: float) -> None:
    assert parse_seconds(text, "start") == seconds


@pytest.mark.parametrize(
    "text",
    [
        *("", "soon", "12,5", "nan", "inf", "-1", "1:60", "1:60:00", "1:2:3:4", ":5"),
        *(True, None, [1], -0.5, 10**400, float("nan")),
    ],
)
def test_what_is_no_time_is_refused(text: object) -> None:
    with pytest.raises(UsageError, match=r"start is .*, expected seconds \(12.5\)"):
        parse_seconds(text, "start")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("a,2,5", "3 columns where the header has 4; put text that holds a comma in double quotes"),
        ("a,2,5,jump, run", "5 columns where the header has 4"),
        (",2,5,jump", "video is missing"),
        ("a,,5,jump", "start is missing"),
        ("a,2,,jump", "end is missing"),
        ("a,2,5, ", "label is missing"),
        ("a,5,5,jump", "the end, 5.0 s, is not after the start, 5.0 s"),
        ("a,5.0000001,5.0000002,jump", "the end, 5.0 s, is not after the start, 5.0 s"),
        ("a,-2,5,jump", "start is '-2', expected seconds"),
    ],
)
def test_broken_row_is_told_with_its_line(line: str, problem: str, tmp_path: Path) -> None:
    path = write(tmp_path, f"{HEADER}a,1,2,jump\n{line}\na,3,4,jump\n")

    read = read_annotations(path)

    assert [row.where for row in read.rows] == [f"{path}, line 2", f"{path}, line 4"]
    assert len(read.problems) == 1
    assert read.problems[0].startswith(f"{path}, line 3: {problem}")


def test_split_must_be_one_that_exists(tmp_path: Path) -> None:
    read = read_annotations(write(tmp_path, "video,start,end,label,split\na,1,2,jump,dev\n"))

    assert read.problems[0].endswith(
        "line 2: split is 'dev', expected train, seen, validation, test"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: the header has no column 'video', got ''; expected video,start,end,label"),
        ("video:start:end:label\n", "no column 'video', got 'video:start:end:label'"),
        ("video,start,label\n", "the header has no column 'end'"),
        ("video,start,end,label,End\n", "the header has column 'end' twice"),
        (f'{HEADER}a,1,2,"jump\n', "line 2: not valid CSV"),
        ("\x00", "line 1: "),
    ],
)
def test_broken_table_is_refused(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"activities\.csv, ") as caught:
        read_annotations(write(tmp_path, text))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "text", ["{}", '{"a": 1}', "7", '{"_via_settings": {}}', '{"database": {"a": {"duration": 7}}}']
)
def test_unknown_json_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="has no layout that is known; expected a list"):
        read_annotations(write(tmp_path, text, "a.json"))


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"ends in '.xlsx'; expected annotations in .csv, .tsv"):
        read_annotations(write(tmp_path, HEADER, "a.xlsx"))
    with pytest.raises(UsageError, match="is no file of VIA, ELAN or Label Studio, so --attr"):
        read_annotations(write(tmp_path, HEADER), attribute="Activity")
    with pytest.raises(DatasetError, match=r"a\.json: not valid JSON"):
        read_annotations(write(tmp_path, '[{"video": ', "a.json"))
    with pytest.raises(DatasetError, match=r"cannot read .*none.csv: No such file"):
        read_annotations(tmp_path / "none.csv")
