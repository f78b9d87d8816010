from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from stillseek.localize.export import cut_moments, timecode, write_edl
from stillseek.localize.localization import Localization
from stillseek.media import probe
from stillseek.timeline import Moment, Segment


@pytest.mark.parametrize(
    ("frame", "rate", "text"),
    [
        (0, Fraction(25), "00:00:00:00"),
        (24, Fraction(25), "00:00:00:24"),
        (25, Fraction(25), "00:00:01:00"),
        (29, Fraction(30000, 1001), "00:00:00:29"),
        (30, Fraction(30000, 1001), "00:00:01:00"),
        (25 * 3661 + 7, Fraction(25), "01:01:01:07"),
        (13, Fraction(25, 2), "00:00:01:00"),
    ],
)
def test_timecode_counts_frames(frame: int, rate: Fraction, text: str) -> None:
    assert timecode(frame, rate) == text


def found_in(video: Path, *moments: Moment) -> Localization:
    return Localization(
        video=video,
        images=(Path("q.png"),),
        boxes=(None,),
        recipe="pocket",
        fingerprint="f" * 64,
        model="sail:pocket",
        duration_seconds=9.0,
        presence=None,
        moments=moments,
        steps=(Segment(0.0, 9.0),),
        start_probabilities=np.ones(1),
        end_probabilities=np.ones(1),
    )


def test_edl_joins_the_moments(write_clip: Callable[..., Path], tmp_path: Path) -> None:
    found = found_in(write_clip(), Moment(2.0, 5.5, 0.75), Moment(7.0, 9.0, 0.125))

    write_edl(found, tmp_path / "made" / "cut.edl")

    assert (tmp_path / "made" / "cut.edl").read_text() == (
        "TITLE: match\n"
        "FCM: NON-DROP FRAME\n"
        "\n"
        "001  AX       V     C        00:00:02:00 00:00:05:05 00:00:00:00 00:00:03:05\n"
        "* FROM CLIP NAME: match.mp4\n"
        "* COMMENT: SCORE 0.75\n"
        "002  AX       V     C        00:00:07:00 00:00:09:00 00:00:03:05 00:00:05:05\n"
        "* FROM CLIP NAME: match.mp4\n"
        "* COMMENT: SCORE 0.125\n"
        "* COMMENT: made by stillseek\n"
    )


def test_edl_without_a_moment_has_no_event(write_clip: Callable[..., Path], tmp_path: Path) -> None:
    write_edl(found_in(write_clip()), tmp_path / "cut.edl")

    assert (tmp_path / "cut.edl").read_text() == (
        "TITLE: match\nFCM: NON-DROP FRAME\n\n* COMMENT: made by stillseek\n"
    )


def test_cut_moments_writes_one_file_each(write_clip: Callable[..., Path], tmp_path: Path) -> None:
    found = found_in(write_clip(), Moment(2.0, 5.5, 0.75), Moment(7.0, 9.0, 0.125))

    paths = cut_moments(found, tmp_path / "clips")

    assert [path.name for path in paths] == ["match_01_2.0-5.5s.mp4", "match_02_7.0-9.0s.mp4"]
    # One frame of 10 a second more or less: where a frame's display begins is rounded.
    assert [probe(path).duration_seconds for path in paths] == pytest.approx([3.5, 2.0], abs=0.11)
