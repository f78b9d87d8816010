import json
from pathlib import Path

import pytest
from localizations import make_localization

from stillseek.cli.app import main
from stillseek.cli.ranking_table import print_ranking
from stillseek.localize.ranking import Ranking
from stillseek.timeline import Moment


@pytest.fixture(autouse=True)
def use_recipe(small_recipe, monkeypatch) -> None:
    monkeypatch.setattr(
        "stillseek.library.searching.load_recipe", lambda name, options=None: small_recipe
    )
    small_recipe.name = "small"


@pytest.fixture
def folder(write_clip) -> Path:
    """A folder with two videos."""
    write_clip(name="videos/one.mp4", seconds=5.0, seed=3)
    return write_clip(name="videos/two.mp4", seconds=7.0, seed=90).parent


@pytest.fixture
def library(folder, tmp_path: Path, run) -> str:
    """A library of these videos."""
    library = str(tmp_path / "library")
    line, speed = run("library", "add", library, folder, "--workers", "1").splitlines()
    assert line == (
        "videos: 2 encoded, 0 known by their bytes, 0 unchanged, 0 moved, 0 gone, 0 failed"
    )
    assert speed.startswith("encoded 0:00:12 at ")
    return library


@pytest.fixture
def search(library, write_picture) -> list[str]:
    """A search without a head."""
    return ["library", "search", library, "--image", str(write_picture()), "--fast"]


def test_a_bad_file_is_told_and_the_exit_code_is_1_once(library, folder, run, capsys) -> None:
    (folder / "bad.mp4").write_bytes(b"x" * 300)

    assert main(["library", "add", library, str(folder)]) == 1
    out, err = capsys.readouterr()
    numbers = "0 encoded, 0 known by their bytes, 2 unchanged, 0 moved, 0 gone, 1 failed"
    assert out == f"videos: {numbers}\n"
    assert err.startswith(f"error: {folder / 'bad.mp4'} is not a video that can be read")
    run("library", "add", library, folder)
    listed = run("library", "list", library, "--failed")
    assert listed.startswith("    failed  videos/bad.mp4  ")


def test_a_published_library_is_searched_at_its_url(
    library, write_picture, tmp_path, run, capsys, monkeypatch
) -> None:
    monkeypatch.setenv("STILLSEEK_CACHE", str(tmp_path / "cache"))
    url = (tmp_path / "share").as_uri()
    command = ["--image", write_picture(), "--fast", "--json"]

    told = run("library", "publish", library, url)

    assert told.startswith(f"published {url}: 2 videos, 2 copied, ")
    own, there = (run("library", "search", place, *command) for place in (library, url))
    assert own == there
    assert main(["library", "remove", url, "*"]) == 1
    assert "is a published library, which is searched only" in capsys.readouterr().err


def test_search_prints_as_locate_does(search, folder, run) -> None:
    first, *lines, why = run(*search).splitlines()
    assert first == (
        "2 videos, by similarity, which compares badly between videos (recipe small, model "
        "shortlist)"
    )
    assert {line.split()[1] for line in lines[::2]} == set(map(str, folder.iterdir()))
    assert why.startswith("  no probabilities: ")


def test_what_is_said_of_scores_does_not_deny_presence(capsys) -> None:
    found = make_localization(
        presence=0.98, threshold=0.5, moments=(Moment(1.0, 2.0, None),), uncalibrated="no scores"
    )

    print_ranking(Ranking(results=(found,), failures=(), ranked_by="presence"))

    _, video, _, last = capsys.readouterr().out.splitlines()
    assert video.endswith("  presence 98%")
    assert last == "  no scores"


def test_every_output_is_written(library, folder, write_picture, tmp_path, run, refused) -> None:
    csv, page, clips = (tmp_path / name for name in ("m.csv", "r.html", "clips"))
    command = ["library", "search", library, "--image", write_picture(), "--json"]

    outputs = ["--csv", csv, "--report", page, "--clips", clips]
    outputs += ["--export", tmp_path / "m.edl", "--pad", "0.2"]

    found = json.loads(run(*command, *outputs))
    assert {Path(each["video"]).parent for each in found["results"]} == {folder}
    assert len(csv.read_text().splitlines()) == 3
    text = page.read_text()
    assert all(name in text for name in ("one.mp4", "two.mp4"))
    assert str(folder) not in text
    assert text.count("data:image/jpeg") > 4
    assert len(list(clips.iterdir())) == 2
    assert (tmp_path / "m.edl").read_text().count("* FROM CLIP NAME: ") == 2
    told = refused(*command, "--export", tmp_path / "m.vtt", "--top", "2")
    assert "m.vtt: .vtt is of one video, not of 2; " in told
    assert "must end in .csv" in refused(*command, "--csv", f"{library}/library.json")


def test_a_video_that_is_missing_does_not_keep_others_from_being_handed_on(
    search, folder, tmp_path, capsys
) -> None:
    clips, csv, edl = tmp_path / "clips", tmp_path / "m.csv", tmp_path / "m.edl"
    (folder / "one.mp4").rename(folder / "away.mp4")

    outputs = ["--clips", str(clips), "--csv", str(csv), "--export", str(edl)]
    assert main([*search, *outputs]) == 1

    out, err = capsys.readouterr()
    (clip,) = clips.iterdir()
    assert clip.name.startswith("two_01_")
    assert out.endswith(f"wrote {csv}\nwrote {clip}\nwrote {edl}\n")
    assert edl.read_text().count("* FROM CLIP NAME: two.mp4") == 1
    missing = f"error: no file at {folder / 'one.mp4'}; expected a video: check the path\n"
    assert err == missing
    page = tmp_path / "r.html"
    assert main([*search, "--report", str(page), "--csv", str(csv)]) == 1
    out, err = capsys.readouterr()
    assert out.endswith(f"wrote {csv}\nwrote {page}\n")
    assert err == missing
    assert page.read_text().count('<section class="moment best">') == 2


def test_a_clip_of_somebody_else_stays_and_all_else_is_written(
    search, tmp_path, run, heard
) -> None:
    clips, edl = tmp_path / "clips", tmp_path / "m.edl"
    run(*search, "--clips", clips)
    mine = next(iter(sorted(clips.iterdir())))
    mine.write_text("mine")

    printed = heard(*search, "--clips", clips, "--export", edl, code=1)

    assert mine.read_text() == "mine"
    assert printed.out.count("wrote ") == 2
    assert printed.out.endswith(f"wrote {edl}\n")
    assert printed.err == (
        f"error: clips: {mine} exists, and stillseek did not write it; give another path, or "
        "--overwrite to replace it\n"
    )


def test_found_leaves_out_what_is_probably_not_there(
    search, folder, tmp_path, monkeypatch, run, heard, refused
) -> None:
    from stillseek.library.saved_library import Library

    one, two = (
        make_localization(video=folder / name, presence=presence)
        for name, presence in (("one.mp4", 0.75), ("two.mp4", 0.25))
    )
    rankings = [
        Ranking(results=results, failures=(), ranked_by="presence")
        for results in ((one, two), (two,))
    ]
    clips = tmp_path / "clips"

    told = refused(*search, "--found")
    assert told.startswith("--found goes by presence, and recipe small has no calibration; ")
    monkeypatch.setattr(Library, "is_calibrated", True)
    monkeypatch.setattr(Library, "search", lambda *_, **__: rankings[0])
    told = run(*search, "--found", "--clips", clips)
    assert told.startswith("1 video, by presence ")
    assert [clip.name for clip in clips.iterdir()] == ["one_01_2.0-5.0s.mp4"]
    monkeypatch.setattr(Library, "search", lambda *_, **__: rankings[1])
    assert run(*search, "--found") == "probably nowhere in this library\n"
    assert run(*search).startswith(
        "probably nowhere in this library; the moment that looks most like it:\n1 video, "
    )
    assert json.loads(run(*search, "--found", "--json"))["results"] == []


def test_filters_may_leave_nothing(search, tmp_path, heard) -> None:
    csv = tmp_path / "m.csv"

    assert heard(*search, "--min-duration", "6").out.startswith("1 video, ")
    told = heard(*search, "--min-duration", "60", "--in", "videos", "--csv", csv)
    assert told == (
        "no video of the library that shows anything fits --in, --min-duration\n",
        f"warning: nothing was found, so {csv} is not written\n",
    )
    assert not csv.exists()


def test_a_search_says_why_nothing_could_be_found(
    search, library, folder, write_clip, small_recipe, run, heard, monkeypatch
) -> None:
    run("library", "remove", library, "*")
    assert run(*search) == "the library has no video; add some with stillseek library add\n"
    (folder / "bad.mp4").write_bytes(b"x" * 300)
    heard("library", "add", library, folder / "bad.mp4", code=1)
    assert run(*search).startswith("no video of the library could be read; ")
    encode = small_recipe.encode_units
    monkeypatch.setattr(small_recipe, "encode_units", lambda units: 0 * encode(units))
    run("library", "add", library, write_clip(name="blank.mp4", seconds=2.0, seed=4))
    assert run(*search) == "the videos of the library show nothing but frames of one colour\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("search", "LIBRARY"), "--image"),
        (("similar", "LIBRARY", "match.mp4"), "match.mp4 is not VIDEO@SECONDS, e.g."),
        (("remove", "LIBRARY"), "nothing to remove; give paths, names or patterns"),
        (("remove", "LIBRARY", "none"), "stillseek library list shows the names"),
        (
            ("search", "LIBRARY", "--image", "PICTURE", "--fast", "--in", "none"),
            "is called 'none'; stillseek library list shows the names",
        ),
        (("add", "LIBRARY"), "nothing to add; give video files or folders"),
        (("add", "LIBRARY", "/no/such"), "there is no file or folder /no/such; check the path"),
        (("add", "PICTURE", "PICTURE"), "query.png needs a folder where the file "),
        (("list", "PICTURE"), "query.png needs a folder where the file "),
        (("migrate", "LIBRARY", "--weights", "w.bin"), "options of a recipe need --recipe NAME"),
        (("watch", "LIBRARY"), "watch follows folders; give folders that are there"),
        (("watch", "LIBRARY", "/", "--settle", "-1"), "files settle in 0 or more seconds, got -1"),
        (
            ("search", "LIBRARY", "--image", "PICTURE", "--fast", "--min-duration", "-5"),
            "videos last 0 or more seconds, got -5.0 as the least",
        ),
    ],
)
def test_wrong_usage_says_what_is_right(library, write_picture, words, message, refused) -> None:
    places = {"LIBRARY": library, "PICTURE": write_picture()}
    words = [places.get(word, word) for word in words]

    assert message in refused("library", *words)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--alert", "none.jpg"), 1, "no file at none.jpg; expected an image: check the path"),
        (("--alert", "PICTURE", "--run", "./none.sh x"), 2, "no program to run in './none.sh x'; "),
        (("--alert", "PICTURE", "--run", "a '"), 2, "cannot be read (No closing quotation)"),
    ],
)
def test_watch_refuses_what_no_alert_can_be_given_by(
    write_picture, tmp_path, words, code, message, refused
) -> None:
    words = [str(write_picture()) if word == "PICTURE" else word for word in words]

    told = refused("library", "watch", tmp_path / "new", tmp_path, *words, code=code)

    assert message in told
    assert not (tmp_path / "new").exists()


def test_watch_says_what_it_follows_and_ends_when_it_is_stopped(
    library, folder, write_clip, capsys, monkeypatch
) -> None:
    write_clip(name="videos/three.mp4", seconds=5.0, seed=8)

    def interrupted(*_, **__):
        yield set()
        raise KeyboardInterrupt

    monkeypatch.setattr("watchfiles.watch", interrupted)

    assert main(["library", "watch", library, str(folder)]) == 0

    assert capsys.readouterr() == (
        "",
        f"watching {folder}: 3 videos, 2 in the library already (Ctrl-C stops it; what was added "
        "stays)\n"
        "stopped; what was added is in the library\n",
    )


def test_stats_verify_similar_and_remove(library, folder, run) -> None:
    out = run("library", "stats", library)
    assert "videos   2 (0:00:12)\n" in out
    assert "index    exact: every row is compared, agreement 1\n" in out
    sizes = json.loads(run("library", "stats", library, "--json"))
    fixed = sizes["space_bytes"] / 1e6
    growing = (sizes["index_bytes"] + sizes["feature_bytes"]) / 1e6 - fixed
    assert 0 < fixed < growing
    assert (
        f"size     {fixed:.1f} MB fixed and {growing:.1f} MB that grow, "
        f"{growing / 12 * 3600:.2f} MB an hour\n"
    ) in out
    told = run("library", "verify", library)
    assert told == "videos: 2 intact, 0 problems, 0 files gone or changed since\n"
    moment = f"{folder / 'one.mp4'}@2.5"
    assert run("library", "similar", library, moment, "--fast").startswith("2 videos, ")
    assert run("library", "remove", library, "*/one.mp4") == "removed: 1 video\n"
    assert run("library", "list", library) == "   0:00:07  videos/two.mp4\n"


def test_no_library_is_no_usage_error(tmp_path: Path, refused) -> None:
    told = refused("library", "stats", tmp_path / "none", code=1)
    assert "make one with stillseek library add" in told
