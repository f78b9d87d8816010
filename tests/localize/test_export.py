from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from stillseek.errors import UsageError
from stillseek.localize.export import cut_moments, timecode, write_edl
from stillseek.localize.localization import Localization
from stillseek.localize.plot import plot_localization
from stillseek.localize.ranking import Ranking, write_ranking
from stillseek.localize.report import write_report
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
        (30, Fraction(3600000, 119977), "00:00:01:00"),
        (24 * 60 + 23, Fraction(24000, 1001), "00:01:00:23"),
        (60, Fraction(60000, 1001), "00:00:01:00"),
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
        "* COMMENT: SCORE 0.12\n"
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


@pytest.mark.parametrize(
    ("rate", "first"),
    [
        # Two seconds and five sixths, and four seconds, of rates that count 60, 50, 30, 25 and 24.
        (60, "00:00:02:50 00:00:04:00"),
        (240, "00:00:02:50 00:00:04:00"),
        (120, "00:00:02:50 00:00:04:00"),
        (100, "00:00:02:42 00:00:04:00"),
        (90, "00:00:02:25 00:00:04:00"),
        (75, "00:00:02:21 00:00:04:00"),
        (72, "00:00:02:20 00:00:04:00"),
    ],
)
def test_edl_counts_fast_videos_in_a_base_that_editors_have(
    rate: int, first: str, write_clip: Callable[..., Path], tmp_path: Path
) -> None:
    video = write_clip(rate=rate, seconds=5.0)

    write_edl(found_in(video, Moment(2 + 5 / 6, 4.0, 0.5)), tmp_path / "cut.edl")

    assert f"  C        {first} " in (tmp_path / "cut.edl").read_text()


def test_edl_of_a_rate_that_no_timecode_counts_is_refused(
    write_clip: Callable[..., Path], tmp_path: Path
) -> None:
    video = write_clip(rate=77, seconds=2.0)

    with pytest.raises(UsageError) as failure:
        write_edl(found_in(video, Moment(0.5, 1.0, 0.5)), tmp_path / "cut.edl")

    assert str(failure.value) == (
        f"{video} has 77 frames a second, which an edit decision list cannot count; expected at "
        "most 60, or a multiple of 24, 25, 30, 48, 50 or 60: cut clips instead, or convert the "
        "video"
    )
    assert not (tmp_path / "cut.edl").exists()


def test_places_may_be_given_as_text(write_clip: Callable[..., Path], tmp_path: Path) -> None:
    found = found_in(write_clip(), Moment(2.0, 5.5, 0.75))

    write_edl(found, f"{tmp_path}/cut.edl")
    write_ranking(Ranking(results=(found,), failures=(), ranked_by=None), f"{tmp_path}/all.csv")
    paths = cut_moments(found, f"{tmp_path}/clips")

    assert paths == [tmp_path / "clips" / "match_01_2.0-5.5s.mp4"]
    assert probe(paths[0]).duration_seconds == pytest.approx(3.5, abs=0.11)
    assert "00:00:02:00 00:00:05:05" in (tmp_path / "cut.edl").read_text()
    assert (tmp_path / "all.csv").read_text().count(",2.0,5.5,0.75,") == 1


def test_nothing_is_written_over_the_video(write_clip: Callable[..., Path], tmp_path: Path) -> None:
    video = write_clip()
    content, found = video.read_bytes(), found_in(video, Moment(2.0, 5.5, 0.75))
    for suffix in ("edl", "csv", "html", "png"):
        (tmp_path / f"link.{suffix}").symlink_to(video)
    clip = tmp_path / "clips" / "match_01_2.0-5.5s.mp4"
    clip.parent.mkdir()
    clip.hardlink_to(video)
    ranking = Ranking(results=(found,), failures=(), ranked_by=None)

    for write in (
        lambda: write_edl(found, f"{tmp_path}/link.edl", overwrite=True),
        lambda: write_ranking(ranking, f"{tmp_path}/link.csv", overwrite=True),
        lambda: write_report(found, f"{tmp_path}/link.html", overwrite=True),
        lambda: plot_localization(found, f"{tmp_path}/link.png", overwrite=True),
        lambda: cut_moments(found, str(clip.parent), overwrite=True),
    ):
        with pytest.raises(UsageError, match=r" would overwrite the input |has the place of what "):
            write()
    assert video.read_bytes() == content


def test_clips_and_tables_hold_no_control_characters(
    write_clip: Callable[..., Path], tmp_path: Path
) -> None:
    video = write_clip().rename(tmp_path / "a\nb\x1b[31m.mp4")
    found = found_in(video, Moment(2.0, 5.5, 0.75))

    (clip,) = cut_moments(found, tmp_path / "clips")
    write_ranking(Ranking(results=(found,), failures=(), ranked_by=None), tmp_path / "all.csv")

    assert clip.name == "a\ufffdb\ufffd[31m_01_2.0-5.5s.mp4"
    assert clip.is_file()
    row = (tmp_path / "all.csv").read_text().splitlines()[1]
    assert row.startswith(f"{tmp_path}/a\ufffdb\ufffd[31m.mp4,1,2.0,5.5,0.75,")


@pytest.mark.parametrize("name", ["=1+1.mp4", "+1.mp4", "-1.mp4", "@a.mp4", "a=1.mp4"])
def test_spreadsheets_compute_no_name(name: str, tmp_path: Path) -> None:
    found = found_in(Path(name), Moment(2.0, 5.5, 0.75))

    write_ranking(Ranking(results=(found,), failures=(), ranked_by=None), tmp_path / "all.csv")

    cell = (tmp_path / "all.csv").read_text().splitlines()[1].split(",")[0]
    assert cell == (name if name.startswith("a") else f"'{name}")
