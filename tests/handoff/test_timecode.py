"""Time code is that of OpenTimelineIO, for every number of frame."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentimelineio.opentime import RationalTime, from_timecode, to_timecode

from stillseek.handoff.timecode import base_of, parse_timecode, standard_rate, timecode

RATES = ("24000/1001", "24", "25", "30000/1001", "30", "50", "60000/1001", "60")


@given(rate=st.sampled_from(RATES), seconds=st.integers(0, 86_390), frame=st.integers(0, 59))
def test_numbers_that_are_not_dropped(rate: str, seconds: int, frame: int) -> None:
    exact = Fraction(rate)
    number = seconds * base_of(exact) + frame

    text = timecode(number, exact)

    assert text == to_timecode(RationalTime(number, float(exact)), float(exact), False)
    assert parse_timecode(text, exact) == (number, False)


@given(rate=st.sampled_from(["30000/1001", "60000/1001"]), number=st.integers(0, 2_589_407))
def test_dropped_numbers(rate: str, number: int) -> None:
    exact = Fraction(rate)

    text = timecode(number, exact, is_drop=True)

    assert from_timecode(text, float(exact)).value == number
    assert text == to_timecode(RationalTime(number, float(exact)), float(exact), True)
    assert parse_timecode(text, exact) == (number, True)


@pytest.mark.parametrize("rate", ["30000/1001", "60000/1001"])
def test_no_frame_is_left_out_where_numbers_are_dropped(rate: str) -> None:
    exact = Fraction(rate)

    minutes = [base_of(exact) * 60 * minute for minute in range(1, 22)]
    numbers = [number for minute in minutes for number in range(minute - 90, minute + 10)]

    texts = [timecode(number, exact, is_drop=True) for number in numbers]

    assert [from_timecode(text, float(exact)).value for text in texts] == numbers
    assert len(set(texts)) == len(numbers)


@pytest.mark.parametrize(
    ("frame", "rate", "is_drop", "text"),
    [
        (0, "25", False, "00:00:00:00"),
        (24, "25", False, "00:00:00:24"),
        (25, "25", False, "00:00:01:00"),
        (29, "30000/1001", False, "00:00:00:29"),
        (1799, "30000/1001", True, "00:00:59;29"),
        (1800, "30000/1001", True, "00:01:00;02"),
        (17_981, "30000/1001", True, "00:09:59;29"),
        (17_982, "30000/1001", True, "00:10:00;00"),
        (3600, "60000/1001", True, "00:01:00;04"),
        # After a day it begins again.
        (25 * 86_400, "25", False, "00:00:00:00"),
        (2_589_408, "30000/1001", True, "00:00:00;00"),
        # Cameras that miss their rate, and files of a rate that has no name.
        (30, "3600000/119977", False, "00:00:01:00"),
        (13, "25/2", False, "00:00:01:00"),
    ],
)
def test_known_numbers(frame: int, rate: str, is_drop: bool, text: str) -> None:
    assert timecode(frame, Fraction(rate), is_drop=is_drop) == text


@pytest.mark.parametrize(
    ("text", "rate", "expected"),
    [
        ("01:00:00:00", "25", (90_000, False)),
        ("10:00:00;00", "30000/1001", (1_078_920, True)),
        ("10:00:00.00", "30000/1001", (1_078_920, True)),
        # At 25 nothing can be dropped.
        ("01:00:00;00", "25", (90_000, False)),
        ("01:00:00:25", "25", None),
        ("1:00:00:00", "25", None),
        ("01:00:00", "25", None),
        ("", "25", None),
        ("01:00:00:00 ", "25", None),
    ],
)
def test_what_files_say(text: str, rate: str, expected: tuple[int, bool] | None) -> None:
    assert parse_timecode(text, Fraction(rate)) == expected


@pytest.mark.parametrize(
    ("rate", "standard"),
    [
        ("2997/100", "30000/1001"),
        ("3600000/119977", "30"),
        ("23976/1000", "24000/1001"),
        ("5994/100", "60000/1001"),
        ("25001/1000", "25"),
        ("10", "10"),
        ("17", "17"),
    ],
)
def test_rates_that_cameras_mean(rate: str, standard: str) -> None:
    assert standard_rate(Fraction(rate)) == Fraction(standard)
