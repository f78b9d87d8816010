import json
from pathlib import Path

import numpy as np
import pytest

from stillseek.localize.localization import Localization, format_span, format_time
from stillseek.timeline import Moment, Segment


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


def localization(*moments: Moment) -> Localization:
    return Localization(
        video=Path("v.mp4"),
        images=(Path("a.jpg"), Path("b.jpg")),
        boxes=(None, (1, 2, 3, 4)),
        recipe="pocket",
        fingerprint="f" * 64,
        model="sail:pocket",
        duration_seconds=3.0,
        presence=None,
        moments=moments,
        steps=(Segment(0.0, 2.0), Segment(2.0, 3.0)),
        start_probabilities=np.array([0.75, 0.25]),
        end_probabilities=np.array([0.5, 0.5]),
    )


def test_json_is_the_public_contract() -> None:
    found = localization(Moment(0.0, 2.0, 0.375), Moment(2.0, 3.0, 0.125))

    assert json.loads(json.dumps(found.to_json_dict())) == {
        "video": "v.mp4",
        "image": ["a.jpg", "b.jpg"],
        "unlike": [],
        "recipe": "pocket",
        "model": "sail:pocket",
        "duration_seconds": 3.0,
        "presence": None,
        "found": None,
        "uncalibrated": None,
        "similarity": None,
        "moments": [
            {"start_seconds": 0.0, "end_seconds": 2.0, "score": 0.375},
            {"start_seconds": 2.0, "end_seconds": 3.0, "score": 0.125},
        ],
    }


def test_best_is_the_first_moment_or_none() -> None:
    assert localization(Moment(2.0, 3.0, 0.5), Moment(0.0, 1.0, 0.1)).best == Segment(2.0, 3.0)
    assert localization().best is None
