import csv
import json
from pathlib import Path

import pytest

from stillseek.handoff.formats import write_selections
from stillseek.handoff.selection import Selection
from stillseek.timeline import Segment

pytestmark = pytest.mark.usefixtures("use_small_recipe")


def test_moments_of_every_format_and_python_are_the_same(
    command: list[str], tmp_path: Path, run
) -> None:
    names = ("c.edl", "c.fcpxml", "c.otio", "c.premiere.csv", "c.resolve.csv", "c.vtt", "c.csv")
    words = [word for name in names for word in ("--export", tmp_path / name)]

    told = run(*command, "--json", *words, "--pad", "0.5", "--reel", "A001")

    (moment,) = json.loads(told)["moments"]
    start = max(0.0, moment["start_seconds"] - 0.5)
    end = min(9.0, moment["end_seconds"] + 0.5)
    with (tmp_path / "c.csv").open() as file:
        (row,) = csv.DictReader(file)
    # At 10 frames a second.
    assert (int(row["start_frame"]), int(row["end_frame"])) == (round(start * 10), round(end * 10))
    assert row["name"] == Path(command[3]).stem
    event = f"{row['start_timecode']} {row['end_timecode']} "
    assert f"001  A001     V     C        {event}" in (tmp_path / "c.edl").read_text()
    segment = Segment(moment["start_seconds"], moment["end_seconds"])
    video, name = Path(command[1]), Path(command[3]).stem
    selection = Selection(video=video, segment=segment, score=moment["score"], name=name)
    for name in names:
        reel = "A001" if name in ("c.edl", "c.otio", "c.resolve.csv") else None
        write_selections([selection], tmp_path / "python" / name, pad_seconds=0.5, reel=reel)
        assert (tmp_path / "python" / name).read_bytes() == (tmp_path / name).read_bytes()


def test_copies_say_what_was_cut(command: list[str], tmp_path: Path, run) -> None:
    line = run(*command, "--clips", tmp_path / "cut", "--copy").splitlines()[-1]

    (clip,) = (tmp_path / "cut").iterdir()
    # The one key frame is the first frame.
    assert line.startswith(f"wrote {clip}  (0:00.000 to 0:0")


def test_videos_of_one_name_have_clips_of_their_own(
    command: list[str], write_clip, tmp_path: Path, run
) -> None:
    for number in (100, 101):
        write_clip(name=f"videos/{number}/IMG_1.mp4", seconds=5.0)

    for _ in range(2):
        run(
            "locate",
            tmp_path / "videos",
            *command[2:],
            "--clips",
            tmp_path / "cut",
            may_complain=True,
        )

    one, other = sorted(path.name for path in (tmp_path / "cut").iterdir())
    assert one.startswith("100_IMG_1_01_")
    assert other.startswith("101_IMG_1_01_")


def test_a_video_that_cannot_be_copied_does_not_keep_others_from_being_handed_on(
    command: list[str], write_clip, tmp_path: Path, heard
) -> None:
    late, clips = write_clip(name="late.avi", seconds=5.0, rate=25), tmp_path / "cut"
    command = ["locate", str(late), command[1], *command[2:], "--clips", clips, "--copy"]

    # The two have different rates, which an edit decision list cannot hold.
    outputs = ["--export", tmp_path / "c.edl", "--export", tmp_path / "c.otio"]
    printed = heard(*command, *outputs, code=1)

    (clip,) = clips.iterdir()
    assert clip.name.startswith("match_01_")
    assert printed.out.count("wrote ") == 2
    assert printed.out.endswith(f"wrote {tmp_path / 'c.otio'}\n")
    first, second = printed.err.splitlines()[-2:]
    assert first.startswith(f"error: {late} does not tell when each of its frames is shown, ")
    assert second.startswith("error: an edit decision list counts in one frame rate, but ")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--copy"], "--copy says how --clips cuts; give --clips DIR, or leave it out"),
        (["--pad", "2"], "--pad adds to --clips and --export; give one, or leave it out"),
        (["--export", "c.edl", "--pad", "-1"], "handles must be 0 or more seconds, got -1.0"),
        (
            ["--export", "c.vtt", "--start-at-zero"],
            "--start-at-zero is of lists with time code, such as --export found.edl; give one, or "
            "leave it out",
        ),
        (
            ["--export", "c.fcpxml", "--reel", "A1"],
            "--reel is of lists with reels, such as --export found.edl; give one, or leave it out",
        ),
        (["--export", "c.edl", "--reel", "ninechars"], "reel 'ninechars' is no name of a reel; "),
        (
            ["--export", "c.aaf"],
            "--export c.aaf has a name of another format; it must end in .edl, .fcpxml, .otio, "
            ".premiere.csv, .resolve.csv, .vtt, .csv, .json",
        ),
        (
            ["--export", "c.edl", "--export", "./c.edl"],
            "--export c.edl is also the path of --export; give each its own",
        ),
    ],
)
def test_handoffs_that_cannot_be_are_refused_before_the_video_is_read(
    words: list[str], message: str, command: list[str], tmp_path: Path, monkeypatch, refused
) -> None:
    monkeypatch.chdir(tmp_path)

    assert refused(*command, *words).startswith(message)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("c.")]


def test_moments_of_many_videos_share_a_time_line(
    command: list[str], write_clip, tmp_path: Path, run, refused
) -> None:
    other = write_clip(name="other.mp4", seconds=5.0, seed=40)
    command = [*command[:2], str(other), *command[2:]]

    run(*command, "--export", tmp_path / "c.edl", may_complain=True)

    text = (tmp_path / "c.edl").read_text()
    assert text.count("* FROM CLIP NAME: ") == 2
    assert all(reel in text for reel in ("  MATCH  ", "  OTHER  "))
    error = refused(*command, "--export", tmp_path / "c.vtt")
    assert error.startswith(f"--export {tmp_path}/c.vtt: .vtt is of one video, not of 2; write ")
