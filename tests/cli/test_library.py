import json
from pathlib import Path

import pytest

from stillseek.cli.app import main


@pytest.fixture(autouse=True)
def use_recipe(small_recipe, monkeypatch) -> None:
    monkeypatch.setattr(
        "stillseek.library.searching.load_recipe", lambda name, options=None: small_recipe
    )
    small_recipe.name = "small"


@pytest.fixture
def made(write_clip, tmp_path: Path, capsys) -> tuple[str, Path]:
    """A library of two videos, and the folder that they are in."""
    folder = write_clip(name="videos/one.mp4", seconds=5.0, seed=3).parent
    write_clip(name="videos/two.mp4", seconds=7.0, seed=90)
    library = str(tmp_path / "library")
    assert main(["library", "add", library, str(folder), "--workers", "1"]) == 0
    out, err = capsys.readouterr()
    line, speed = out.splitlines()
    assert line == (
        "videos: 2 encoded, 0 known by their bytes, 0 unchanged, 0 moved, 0 gone, 0 failed"
    )
    assert speed.startswith("encoded 0:00:12 at ")
    assert err == ""
    return library, folder


def test_a_bad_file_is_told_and_the_exit_code_is_1_once(made, capsys) -> None:
    library, folder = made
    (folder / "bad.mp4").write_bytes(b"x" * 300)

    assert main(["library", "add", library, str(folder)]) == 1
    out, err = capsys.readouterr()
    assert (
        out == "videos: 0 encoded, 0 known by their bytes, 2 unchanged, 0 moved, 0 gone, 1 failed\n"
    )
    assert err.startswith(f"error: {folder / 'bad.mp4'} is not a video that can be read")
    assert main(["library", "add", library, str(folder)]) == 0
    capsys.readouterr()
    assert main(["library", "list", library, "--failed"]) == 0
    assert capsys.readouterr().out.startswith("    failed  videos/bad.mp4  ")


def test_a_published_library_is_searched_at_its_url(
    made, write_picture, tmp_path, capsys, monkeypatch
) -> None:
    monkeypatch.setenv("STILLSEEK_CACHE", str(tmp_path / "cache"))
    library, _ = made
    url = (tmp_path / "share").as_uri()

    assert main(["library", "publish", library, url]) == 0
    assert f"published {url}: 2 videos, 2 copied, " in capsys.readouterr().out
    command = ["--image", str(write_picture()), "--fast", "--json"]
    answers = []
    for place in (library, url):
        assert main(["library", "search", place, *command]) == 0
        answers.append(json.loads(capsys.readouterr().out))
    assert answers[0] == answers[1]
    assert main(["library", "remove", url, "*"]) == 1
    assert "is a published library, which is searched only" in capsys.readouterr().err


def test_search_prints_as_locate_does(made, write_picture, capsys) -> None:
    library, folder = made

    assert main(["library", "search", library, "--image", str(write_picture()), "--fast"]) == 0

    first, *lines, why = capsys.readouterr().out.splitlines()
    assert first == (
        "2 videos, by similarity, which compares badly between videos (recipe small, model "
        "shortlist)"
    )
    assert {line.split()[1] for line in lines[::2]} == {
        str(folder / "one.mp4"),
        str(folder / "two.mp4"),
    }
    assert why.startswith("  no probabilities: ")


def test_every_output_is_written(made, write_picture, tmp_path, capsys) -> None:
    library, folder = made
    csv, page, clips = (tmp_path / name for name in ("m.csv", "r.html", "clips"))
    command = ["library", "search", library, "--image", str(write_picture()), "--json"]

    outputs = ["--csv", str(csv), "--report", str(page), "--clips", str(clips)]
    outputs += ["--export", str(tmp_path / "m.edl"), "--pad", "0.2"]

    assert main([*command, *outputs]) == 0

    found = json.loads(capsys.readouterr().out)
    assert {Path(each["video"]).parent for each in found["results"]} == {folder}
    assert len(csv.read_text().splitlines()) == 3
    text = page.read_text()
    assert all(name in text for name in ("one.mp4", "two.mp4"))
    assert str(folder) not in text
    assert text.count("data:image/jpeg") > 4
    assert len(list(clips.iterdir())) == 2
    assert (tmp_path / "m.edl").read_text().count("* FROM CLIP NAME: ") == 2
    assert main([*command, "--export", str(tmp_path / "m.vtt"), "--top", "2"]) == 2
    assert "m.vtt: .vtt is of one video, not of 2; " in capsys.readouterr().err
    assert main([*command, "--csv", f"{library}/library.json"]) == 2
    assert "must end in .csv" in capsys.readouterr().err


def test_filters_may_leave_nothing(made, write_picture, capsys) -> None:
    library, _ = made
    command = ["library", "search", library, "--image", str(write_picture()), "--fast"]

    assert main([*command, "--min-duration", "6"]) == 0
    assert capsys.readouterr().out.startswith("1 video, ")
    assert main([*command, "--in", "videos/none*"]) == 0
    assert capsys.readouterr().out == "no video of the library can be searched so\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("search", "LIBRARY"), "--image"),
        (
            ("similar", "LIBRARY", "match.mp4"),
            "match.mp4 is not VIDEO@SECONDS, e.g.",
        ),
        (("remove", "LIBRARY"), "nothing to remove; give paths, names or patterns"),
        (("remove", "LIBRARY", "none"), "stillseek library list shows the names"),
        (("add", "LIBRARY"), "nothing to add; give video files or folders"),
        (("add", "LIBRARY", "/no/such"), "there is no file or folder /no/such; check the path"),
        (("migrate", "LIBRARY", "--weights", "w.bin"), "options of a recipe need --recipe NAME"),
        (("watch", "LIBRARY"), "watch follows folders; give folders that are there"),
    ],
)
def test_wrong_usage_says_what_is_right(made, words, message, capsys) -> None:
    library, _ = made

    assert main(["library", *(library if word == "LIBRARY" else word for word in words)]) == 2
    assert message in capsys.readouterr().err


def test_stats_verify_similar_and_remove(made, capsys) -> None:
    library, folder = made

    assert main(["library", "stats", library]) == 0
    out = capsys.readouterr().out
    assert "videos   2 (0:00:12)\n" in out
    assert "index    exact: every row is compared, agreement 1\n" in out
    assert main(["library", "verify", library]) == 0
    assert (
        capsys.readouterr().out == "videos: 2 intact, 0 problems, 0 files gone or changed since\n"
    )
    assert main(["library", "similar", library, f"{folder / 'one.mp4'}@2.5", "--fast"]) == 0
    assert capsys.readouterr().out.startswith("2 videos, ")
    assert main(["library", "remove", library, "*/one.mp4"]) == 0
    assert capsys.readouterr().out == "removed: 1 video\n"
    assert main(["library", "list", library]) == 0
    assert capsys.readouterr().out == "   0:00:07  videos/two.mp4\n"


def test_no_library_is_no_usage_error(tmp_path: Path, capsys) -> None:
    assert main(["library", "stats", str(tmp_path / "none")]) == 1
    assert "make one with stillseek library add" in capsys.readouterr().err
