"""BORIS's files as releases 7 and 8 write them: projects, aggregated and tabular events."""

import copy
import json
from pathlib import Path

import pytest

from stillseek.data.own_videos.boris import find_boris_table, read_boris_project, read_boris_table
from stillseek.data.own_videos.table import Rows
from stillseek.errors import DatasetError

from .conftest import found

EVENTS = [
    [0.5, "", "groom", "", "", 12],
    [2.25, "Kim", "groom", "", "", 56],
    [3.0, "", "jump", "", "", 75],
    [4.75, "", "groom", "", "", 118],
    [1.5, "Kim", "groom", "", "", 37],  # not in order, as after an edit
    [6.0, "", "sit", "low", "", 150],
    [6.5, "", "sit", "high", "", 162],
    [7.0, "", "sit", "low", "", 175],
    [8.0, "", "sit", "high", "", 200],
]
PROJECT = {
    "time_format": "hh:mm:ss",
    "project_date": "2024-03-05T10:11:12",
    "project_name": "two animals",
    "project_description": "",
    "project_format_version": "7.0",
    "subjects_conf": {"0": {"key": "k", "name": "Kim", "description": ""}},
    "behaviors_conf": {
        "0": {"type": "State event", "key": "g", "code": "groom", "modifiers": ""},
        "1": {"type": "Point event", "key": "j", "code": "jump", "modifiers": ""},
        "2": {"type": "State event with coding map", "key": "s", "code": "sit", "modifiers": {}},
    },
    "observations": {
        "first": {
            "file": {"1": ["/home/ann/videos/cage.mp4"], "2": []},
            "type": "MEDIA",
            "date": "2024-03-05T10:11:12",
            "description": "",
            "time offset": 0.0,
            "events": EVENTS,
            "media_info": {
                "length": {"/home/ann/videos/cage.mp4": 9.0},
                "fps": {"/home/ann/videos/cage.mp4": 25.0},
            },
        }
    },
}


def read(**changes) -> Rows:
    project = copy.deepcopy(PROJECT)
    project["observations"]["first"] |= changes
    return read_boris_project(json.loads(json.dumps(project)), Path("p.boris"))


def test_state_events_of_a_project_are_paired_by_subject_and_modifiers() -> None:
    rows = read()

    assert rows.problems == ()
    assert rows.elsewhere
    assert sorted(found(rows)) == [
        ("cage.mp4", 0.5, 4.75, "groom"),
        ("cage.mp4", 1.5, 2.25, "groom"),
        ("cage.mp4", 6.0, 7.0, "sit"),
        ("cage.mp4", 6.5, 8.0, "sit"),
    ]
    assert rows.rows[0].where == "p.boris, observation 'first', event 5"


def test_videos_that_play_one_after_the_other_have_their_own_time() -> None:
    changes = {
        "file": {"1": ["a.mp4", "b.mp4"]},
        "media_info": {"length": {"a.mp4": 5.0, "b.mp4": 9.0}},
    }

    assert sorted(found(read(**changes)))[-1] == ("b.mp4", 1.5, 3.0, "sit")
    assert sorted(found(read(**changes)))[0] == ("a.mp4", 0.5, 4.75, "groom")
    changes["media_info"] = {"length": {"a.mp4": 3.0, "b.mp4": 9.0}}
    (problem,) = read(**changes).problems
    assert problem == (
        "p.boris, observation 'first', event 1: it runs over the end of a.mp4, into the next video"
    )
    changes["media_info"] = {}
    assert len(read(**changes).problems) == 4
    assert "plays 2 videos one after the other, and their lengths" in read(**changes).problems[0]


def test_time_offset_of_an_observation_is_taken_away_again() -> None:
    rows = read(**{"time offset": 0.25, "events": EVENTS[:1] + EVENTS[3:4]})

    assert found(rows) == [("cage.mp4", 0.25, 4.5, "groom")]


def test_what_one_event_has_wrong_is_told_by_its_number() -> None:
    where = "p.boris, observation 'first', event"
    for events, problem in (
        (EVENTS[:1], "1: the state starts and does not stop; mend it in BORIS"),
        ([[1.0, "", "dig", "", ""]], "1: behavior 'dig' is not in the ethogram"),
        ([*EVENTS[:1], [float("nan"), "", "groom", "", ""]], "1: stop is nan, expected seconds"),
    ):
        rows = read(events=events)
        assert rows.rows == ()
        assert rows.problems[0].startswith(f"{where} {problem}")
    live = read(type="LIVE", file=[])
    assert live.problems[0].endswith("the observation has no video; expected one of media files")


@pytest.mark.parametrize(
    "project",
    [
        {"behaviors_conf": {}, "observations": []},
        {"behaviors_conf": {"0": {}}, "observations": {}},
        {"behaviors_conf": {}, "observations": {"x": {"type": "MEDIA", "file": {"1": []}}}},
        {"behaviors_conf": {}, "observations": {"x": {"file": {}, "events": []}}},
        {"behaviors_conf": {}, "observations": {"x": {"file": {"1": []}, "events": [[1]]}}},
    ],
)
def test_broken_project_is_refused(project: dict) -> None:
    with pytest.raises(DatasetError, match=r"p\.boris has not the layout of a BORIS project"):
        read_boris_project(project, Path("p.boris"))


AGGREGATED = (
    "Observation id\tObservation date\tDescription\tObservation type\tSource\tTime offset (s)\t"
    "Coding duration\tMedia duration (s)\tFPS (frame/s)\tSubject\t"
    "Observation duration by subject by observation\tBehavior\tBehavioral category\tModifier #1\t"
    "Behavior type\tStart (s)\tStop (s)\tDuration (s)\tMedia file name\tImage index start\t"
    "Image index stop\tImage file path start\tImage file path stop\tComment start\tComment stop"
)
SOURCE = "player #1:C:/v/a.mp4;C:/v/b.mp4|player #2:C:/v/c.mp4"


def aggregated(kind: str, start: object, stop: object, label: str = "groom") -> str:
    before = ("one", "2024-03-05", "", "Media file(s)", SOURCE, 0.5, 9, "3.000;4.000|7.000")
    after = ("25.000;25.000|25.000", "Kim", 9, label, "", "", kind, start, stop, "", "a.mp4")
    return "\t".join(map(str, (*before, *after, *[""] * 6)))


def table(*lines: str) -> Rows:
    text = "\r\n".join(lines)
    header = find_boris_table(text)
    assert header is not None
    return read_boris_table(text, *header, Path("events.tsv"))


def test_aggregated_events_are_activities_of_the_video_that_shows_them() -> None:
    rows = table(
        AGGREGATED,
        aggregated("STATE", "1.000", "2.125"),
        aggregated("POINT", "2.500", "2.500"),
        aggregated("STATE", "4.000", "6.500", "sit, low"),
    )

    assert rows.problems == ()
    assert found(rows) == [("a.mp4", 0.5, 1.625, "groom"), ("b.mp4", 0.5, 3.0, "sit, low")]
    assert rows.rows[1].where == "events.tsv, line 4"


def test_aggregated_event_without_times_is_told_by_its_line() -> None:
    rows = table(AGGREGATED, aggregated("STATE", "NA", "2"), aggregated("", "1", "2"))

    assert rows.problems[0].startswith("events.tsv, line 2: start is 'NA', expected seconds")
    assert rows.problems[1].endswith(
        "line 3: the behavior type is '', expected STATE, START, STOP or POINT"
    )


def test_tabular_events_come_after_what_older_releases_write_before_them() -> None:
    before = ("Observation id;obs", "", "Player #1;a.mp4", "Time offset (s);0.0", "")
    header = "Time;Media file path;Total length;FPS;Subject;Behavior;Modifiers;Comment;Status"
    events = (
        ("3.300", "sit", "START"),
        ("4.000", "groom", "START"),
        ("5.000", "jump", "POINT"),
        ("7.750", "sit", "STOP"),
        ("8.000", "sit", "STOP"),
    )

    rows = table(
        *before,
        header,
        *(f"{time};/v/a.mp4;9.0;25.0;Kim;{code};;;{status}" for time, code, status in events),
    )

    assert found(rows) == [("a.mp4", 3.3, 7.75, "sit")]
    assert rows.problems == (
        "events.tsv, line 11: the state stops and did not start; mend it in BORIS",
        "events.tsv, line 8: the state starts and does not stop; mend it in BORIS",
    )


def test_videos_of_older_tables_must_be_one_an_observation() -> None:
    header = "Observation id,Media file,Behavior,Behavior type,Start (s),Stop (s)"

    rows = table(header, "x,a.mp4,sit,STATE,1,2", "x,b.mp4,sit,STATE,9,12", "y,c.mp4,sit,STATE,1,2")

    assert found(rows) == [("c.mp4", 1.0, 2.0, "sit")]
    assert len(rows.problems) == 2
    assert "plays 2 videos one after the other" in rows.problems[0]


def test_other_tables_are_none_of_boris() -> None:
    assert find_boris_table("video,start,end,label\na,1,2,Behavior") is None
    assert find_boris_table("") is None
