import json
from pathlib import Path

import pytest
from localizations import make_localization

from stillseek.localize.localization import format_span, format_time, middles_seconds
from stillseek.timeline import ClipGrid, Moment, Segment


@pytest.mark.parametrize(
    ("seconds", "decimals", "text"),
    [
        (0.0, 0, "0:00"),
        (13.5, 1, "0:13.5"),
        (59.96, 1, "1:00.0"),
        (59.94, 1, "0:59.9"),
        (60.0, 0, "1:00"),
        (3599.99, 1, "1:00:00.0"),
        (3723.0, 0, "1:02:03"),
        (36000.07, 2, "10:00:00.07"),
    ],
)
def test_format_time(seconds: float, decimals: int, text: str) -> None:
    assert format_time(seconds, decimals=decimals) == text


def test_format_span() -> None:
    assert format_span(Segment(13.5, 80.04)) == "0:13.5 to 1:20.0"


@pytest.mark.parametrize(
    ("duration", "steps", "middles"),
    [
        (0.5, None, [0.25]),
        (7.0, None, [1.0, 3.0, 5.0, 6.5]),  # the video ends within the last clip
        (10.0, 2, [2.0, 7.0]),  # steps of two and of three clips
    ],
)
def test_middles_are_those_of_steps(
    duration: float, steps: int | None, middles: list[float]
) -> None:
    grid = ClipGrid(
        stride_seconds=2.0, length_seconds=3.0, duration_seconds=duration, max_steps=steps
    )

    assert middles_seconds(grid).tolist() == middles


def test_json_is_the_public_contract() -> None:
    moments = Moment(0.0, 2.0, 0.375), Moment(2.0, 3.0, 0.125)
    found = make_localization(
        images=(Path("a.jpg"), Path("b.jpg")), presence=0.25, moments=moments, similarity=None
    )

    assert json.loads(json.dumps(found.to_json_dict())) == {
        "video": "v.mp4",
        "image": ["a.jpg", "b.jpg"],
        "unlike": [],
        "recipe": "lite",
        "model": "similarity:lite",
        "duration_seconds": 9.0,
        "presence": 0.25,
        "found": False,
        "uncalibrated": None,
        "similarity": None,
        "moments": [
            {"start_seconds": 0.0, "end_seconds": 2.0, "score": 0.375},
            {"start_seconds": 2.0, "end_seconds": 3.0, "score": 0.125},
        ],
    }


def test_best_is_the_first_moment_or_none() -> None:
    moments = Moment(2.0, 3.0, 0.5), Moment(0.0, 1.0, 0.1)
    assert make_localization(moments=moments).best == Segment(2.0, 3.0)
    assert make_localization(moments=()).best is None
    assert make_localization(presence=None).found is None
