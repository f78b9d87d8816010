import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("use_small_recipe")


WORDS = ("batch", "--out", "out", "--checkpoint", "small-head")
GRID = ("--videos", "videos", "--images", "pictures")


@pytest.fixture
def folder(write_clip, write_picture, small_head: Path, tmp_path: Path, monkeypatch) -> Path:
    (tmp_path / "pictures").mkdir()
    for number, name in enumerate(("a", "b")):
        write_clip(name=f"videos/{name}.mp4", seconds=4, seed=number)
        write_picture(f"pictures/{name}.png", seed=number)
    (tmp_path / "pairs.csv").write_text(
        "video;image;label\nvideos/a.mp4;pictures/b.png;jump\nvideos/none.mp4;pictures/b.png;jump\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_table_gives_one_table_one_record_and_one_report(folder: Path, run, heard) -> None:
    captured = heard(*WORDS, "pairs.csv")

    assert captured.out == (
        "2 pairs, 0 show the activity, 1 failed\n"
        "wrote out/results.csv\nwrote out/results.json\nwrote out/report.html\n"
    )
    assert captured.err.startswith("error: ")
    assert "videos/none.mp4" in captured.err
    assert captured.err.count("\n") == 1
    records = json.loads((folder / "out/results.json").read_text())["results"]
    assert [record["error"] is None for record in records] == [True, False]

    told = run(*WORDS, "pairs.csv", may_complain=True)
    assert told.startswith("2 pairs, 0 show the activity, 1 searched before, 1")


def test_every_picture_is_searched_in_every_video(folder: Path, run) -> None:
    assert run(*WORDS, *GRID, "--top", "2").startswith("4 pairs, 0 show the activity\n")

    page = (folder / "out/report.html").read_text("utf-8")
    assert "2 pictures, 2 videos" in page
    assert str(folder) not in page


def test_where_no_pair_could_be_searched_it_exits_with_1(folder: Path, heard) -> None:
    (folder / "pairs.csv").write_text("video,image\ngone.mp4,pictures/a.png\n")

    printed = heard(*WORDS, "pairs.csv", code=1)

    assert printed.out.startswith("1 pair, 0 show the activity, 1 failed\n")
    assert "gone.mp4" in printed.err
    assert (folder / "out/results.csv").exists()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ((), 2, "stillseek batch needs PAIRS.csv, or --videos PLACES with --images FOLDER"),
        (("--videos", "videos"), 2, "stillseek batch needs PAIRS.csv"),
        (("pairs.csv", "--images", "pictures"), 2, "give one of the two"),
        (("--videos", "videos", "--images", "pairs.csv"), 2, "--images pairs.csv is no folder"),
        (("--videos", "nowhere", "--images", "pictures"), 1, "nowhere"),
        (("none.csv",), 1, "cannot read none.csv: No such file or directory; check the path"),
        (("pairs.csv", "--top", "0"), 2, "top must be at least 1, got 0"),
    ],
)
def test_wrong_requests_are_told_before_any_work(
    folder: Path, words: tuple[str, ...], code: int, message: str, refused
) -> None:
    assert message in refused(*WORDS, *words, code=code)
    assert not (folder / "out").exists()


def test_results_do_not_go_among_the_videos(folder: Path, refused) -> None:
    message = "--out videos/out lies in the input folder videos"
    assert message in refused("batch", *GRID, "--out", "videos/out")
