import json
from pathlib import Path

from stillseek.data.own_videos.decisions import read_decisions
from stillseek.data.own_videos.table import Rows


def decision(**changes) -> str:
    values = {
        "video": "match.mp4",
        "start_seconds": 1.5,
        "end_seconds": 4,
        "label": "handball",
        "kept": True,
        "presence": 0.75,
        "score": None,
        "query": "handball.jpg",
        "time": "2026-03-05T10:11:12+00:00",
    }
    return json.dumps(values | changes)


def read(*lines: str) -> Rows:
    return read_decisions("".join(f"{line}\n" for line in lines), Path("labels.jsonl"))


def test_no_decision_is_no_activity() -> None:
    assert read() == Rows(rows=(), problems=(), elsewhere=True)


def test_kept_moments_are_activities_and_skipped_ones_are_not() -> None:
    rows = read(decision(), decision(start_seconds=6, end_seconds=7, kept=False))

    (row,) = rows.rows
    assert (row.video, row.start_seconds, row.end_seconds) == ("match.mp4", 1.5, 4.0)
    assert (row.label, row.where) == ("handball", "labels.jsonl, line 1")
    assert rows.problems == ()


def test_last_decision_on_a_moment_counts() -> None:
    rows = read(decision(), decision(label="b"), decision(kept=False), decision(label="b"))

    assert [(row.label, row.where) for row in rows.rows] == [("b", "labels.jsonl, line 4")]


def test_broken_decision_is_told_by_its_line() -> None:
    rows = read(
        decision(kept="yes"),
        decision(start_seconds=float("nan")),
        decision(label=None),
        decision(end_seconds=1),
        "[1]",
        decision()[:40],  # as after a loss of power
    )

    assert rows.rows == ()
    for number, problem in enumerate(
        (
            "kept is 'yes', expected true or false",
            "start is nan, expected seconds",
            "label is missing",
            "the end, 1.0 s, is not after the start, 1.5 s",
            "expected a JSON object, got list",
            "not valid JSON at line 1, column",
        ),
        start=1,
    ):
        assert any(
            line.startswith(f"labels.jsonl, line {number}: {problem}") for line in rows.problems
        ), rows.problems
