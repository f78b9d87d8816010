from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from stillseek.errors import UsageError
from stillseek.handoff.clips import clip_stems, cut_moments, cut_selections
from stillseek.handoff.formats import write_handoff
from stillseek.handoff.selection import Selection
from stillseek.localize.localization import Localization
from stillseek.localize.plot import plot_localization
from stillseek.localize.ranking import Ranking, write_ranking
from stillseek.localize.report import write_report
from stillseek.media import probe
from stillseek.timeline import Moment, Segment

FoundIn = Callable[..., Localization]


@pytest.fixture
def found(write_clip: Callable[..., Path], found_in: FoundIn) -> Localization:
    """A video in which one moment was found."""
    return found_in(write_clip(), Moment(2.0, 5.5, 0.75))


def ranking_of(found: Localization) -> Ranking:
    return Ranking(results=(found,), failures=(), ranked_by=None)


def test_cut_moments_writes_one_file_each(
    write_clip: Callable[..., Path], tmp_path: Path, found_in: FoundIn
) -> None:
    found = found_in(write_clip(), Moment(2.0, 5.5, 0.75), Moment(7.0, 9.0, 0.125))

    clips = cut_moments(found, tmp_path / "clips")

    names = [clip.path.name for clip in clips]
    assert names == ["match_01_2.0-5.5s.mp4", "match_02_7.0-9.0s.mp4"]
    assert [clip.segment for clip in clips] == [Segment(2.0, 5.5), Segment(7.0, 9.0)]
    lengths = [probe(clip.path).duration_seconds for clip in clips]
    # One frame of 10 a second more or less: where a frame's display begins is rounded.
    assert lengths == pytest.approx([3.5, 2.0], abs=0.11)


def test_places_may_be_given_as_text(found: Localization, tmp_path: Path) -> None:
    write_handoff([found], f"{tmp_path}/cut.edl")
    write_ranking(ranking_of(found), f"{tmp_path}/all.csv")
    (clip,) = cut_moments(found, f"{tmp_path}/clips")

    assert clip.path == tmp_path / "clips" / "match_01_2.0-5.5s.mp4"
    assert probe(clip.path).duration_seconds == pytest.approx(3.5, abs=0.11)
    assert "00:00:02:00 00:00:05:05" in (tmp_path / "cut.edl").read_text()
    assert (tmp_path / "all.csv").read_text().count(",2.0,5.5,0.75,") == 1


def test_nothing_is_written_over_the_video(found: Localization, tmp_path: Path) -> None:
    video = found.video
    content = video.read_bytes()
    for suffix in ("edl", "csv", "html", "png"):
        (tmp_path / f"link.{suffix}").symlink_to(video)
    clip = tmp_path / "clips" / "match_01_2.0-5.5s.mp4"
    clip.parent.mkdir()
    clip.hardlink_to(video)

    for write in (
        lambda: write_handoff([found], f"{tmp_path}/link.edl", overwrite=True),
        lambda: write_ranking(ranking_of(found), f"{tmp_path}/link.csv", overwrite=True),
        lambda: write_report(found, f"{tmp_path}/link.html", overwrite=True),
        lambda: plot_localization(found, f"{tmp_path}/link.png", overwrite=True),
        lambda: cut_moments(found, str(clip.parent), overwrite=True),
    ):
        with pytest.raises(UsageError, match=r" would overwrite the input |has the place of what "):
            write()
    assert video.read_bytes() == content


def test_clips_and_tables_hold_no_control_characters(
    write_clip: Callable[..., Path], tmp_path: Path, found_in: FoundIn
) -> None:
    video = write_clip().rename(tmp_path / "a\nb\x1b[31m.mp4")
    found = found_in(video, Moment(2.0, 5.5, 0.75))

    (clip,) = cut_moments(found, tmp_path / "clips")
    write_ranking(ranking_of(found), tmp_path / "all.csv")

    assert clip.path.name == "a\ufffdb\ufffd[31m_01_2.0-5.5s.mp4"
    assert clip.path.is_file()
    row = (tmp_path / "all.csv").read_text().splitlines()[1]
    assert row.startswith(f"{tmp_path}/a\ufffdb\ufffd[31m.mp4,1,1,2.0,5.5,0.75,")


def test_parts_of_several_videos_are_cut_with_handles(
    write_clip: Callable[..., Path], tmp_path: Path
) -> None:
    one, other = write_clip(name="one.mp4", seconds=4.0), write_clip(name="two.mp4", seconds=4.0)
    parts = [(one, 0.2, 1.0), (other, 1.0, 2.0), (one, 3.0, 3.8)]
    selections = [Selection(video=video, segment=Segment(a, b)) for video, a, b in parts]

    clips = cut_selections(selections, tmp_path / "clips", pad_seconds=0.5)

    assert [clip.path.name for clip in clips] == [
        "one_01_0.0-1.5s.mp4",
        "two_01_0.5-2.5s.mp4",
        "one_02_2.5-4.0s.mp4",
    ]
    lengths = [probe(clip.path).duration_seconds for clip in clips]
    assert lengths == pytest.approx([1.5, 2.0, 1.5], abs=0.01)


@pytest.mark.parametrize(
    ("videos", "stems"),
    [
        ([], []),
        (["a/match.mp4", "a/other.mp4"], ["match", "other"]),
        (["mix/locked/000.mp4", "mix/000.mp4"], ["locked_000", "000"]),
        (["100/IMG_1.MOV", "101/IMG_1.MOV"], ["100_IMG_1", "101_IMG_1"]),
        (["a/x/1.mp4", "b/x/1.mp4"], ["a_x_1", "b_x_1"]),
        (["../a/1.mp4", "b/1.mp4"], ["a_1", "b_1"]),
        # Folders do not differ, or another video is called like that.
        (["a/1.mp4", "a/1.mkv"], ["1-2", "1"]),
        (["a/b/1.mp4", "a_b/1.mp4"], ["a_b_1", "a_b_1-2"]),
        (["a/1.mp4", "b/1.mp4", "a_1.mp4"], ["a_1-2", "b_1", "a_1"]),
    ],
)
def test_no_two_videos_have_clips_of_one_name(videos: list[str], stems: list[str]) -> None:
    paths = [Path(video) for video in videos]

    assert [clip_stems(paths)[path] for path in paths] == stems
    assert clip_stems(reversed(paths)) == clip_stems(paths)


def test_parts_of_videos_of_one_name_are_cut_into_files_of_their_own(
    write_clip: Callable[..., Path], tmp_path: Path
) -> None:
    videos = [write_clip(name=f"{number}/IMG_1.mp4", seconds=2.0) for number in (100, 101)]
    selections = [Selection(video=video, segment=Segment(0.5, 1.0)) for video in videos]

    clips = cut_selections(selections, tmp_path / "clips")

    names = [clip.path.name for clip in clips]
    assert names == ["100_IMG_1_01_0.5-1.0s.mp4", "101_IMG_1_01_0.5-1.0s.mp4"]


def test_copies_say_what_was_cut(long_video: Callable[..., Path], tmp_path: Path) -> None:
    video = long_video(tmp_path / "match.mov", rate=Fraction(25))
    selection = Selection(video=video, segment=Segment(1.01, 2.01))

    (clip,) = cut_selections([selection], tmp_path / "clips", copy=True)
    again = cut_selections([selection], tmp_path / "clips", copy=True)

    # Every frame is a key frame here: only the frames on display at both ends are whole.
    assert clip.segment == Segment(1.0, 2.04)
    assert clip.path == tmp_path / "clips" / "match_01_1.0-2.0s.mov"
    assert probe(clip.path).codec == "mjpeg"
    assert probe(clip.path).duration_seconds == pytest.approx(1.04)
    assert again == [clip]
    clip.path.write_text("mine")
    with pytest.raises(UsageError, match="exists"):
        cut_selections([selection], tmp_path / "clips", copy=True)
