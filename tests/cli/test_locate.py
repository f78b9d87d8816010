import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from localizations import make_localization

from stillseek.files import safe_name
from stillseek.localize.explanation import Explanation
from stillseek.localize.localization import Localization
from stillseek.localize.localizer import Localizer
from stillseek.timeline import Moment

pytestmark = pytest.mark.usefixtures("use_small_recipe")


def test_json_is_one_object_and_nothing_else(command: list[str], run) -> None:
    told = run(*command, "--json")

    assert told.count("\n") == 1
    found = json.loads(told)
    assert " ".join(found) == (
        "video image unlike recipe model duration_seconds presence found uncalibrated moments "
        "similarity"
    )
    assert found["video"] == command[1]
    assert found["image"] == [command[3]]
    assert found["duration_seconds"] == pytest.approx(9.0)
    (moment,) = found["moments"]
    assert 0 <= moment["start_seconds"] < moment["end_seconds"] <= 9.0
    # The small head is not calibrated, and says so.
    assert moment["score"] is found["presence"] is found["found"] is None
    assert found["uncalibrated"] == "recipe pocket has no calibration; recipe lite has one"


def test_people_read_times(command: list[str], run) -> None:
    first, second, why = run(*command).splitlines()
    assert first == f"{command[1]}  (0:09, recipe pocket, model sail:small-head)"
    assert second.startswith("  0:0")
    assert "score" not in second
    assert why == "  no probabilities: recipe pocket has no calibration; recipe lite has one"


def test_a_line_break_in_a_name_breaks_no_line(command: list[str], tmp_path: Path, run) -> None:
    odd = Path(command[1]).rename(tmp_path / "a\nb.mp4")

    first = run("locate", odd, *command[2:]).splitlines()[0]

    assert first.endswith("a\ufffdb.mp4  (0:09, recipe pocket, model sail:small-head)")


def test_several_moments_are_listed_best_first(command: list[str], run) -> None:
    lines = run(*command, "--top", "3").splitlines()
    moments = json.loads(run(*command, "--top", "3", "--json"))["moments"]

    assert len(lines) == 2 + len(moments) >= 3
    for line, moment in zip(lines[1:-1], moments, strict=True):
        assert f"  0:0{moment['start_seconds']:.1f} to 0:0{moment['end_seconds']:.1f}" == line


def test_matching_needs_no_head(search: list[str], run, refused) -> None:
    assert "model matching:pocket)" in run(*search, "--model", "matching")
    assert refused(*search, "--model", "matching", "--decode", "independent") == (
        "this model has no 'independent' decoding: it scores whole clips or segments, not a start "
        "and an end apart; use 'joint'"
    )


def test_every_output_is_written_and_named(command: list[str], tmp_path: Path, run) -> None:
    names = ("p.png", "r.html", "e.png", "c.edl", "c.vtt")
    plot, report, explain, edl, chapters = (tmp_path / "out" / name for name in names)
    clips = tmp_path / "clips"

    words = ["--plot", plot, "--report", report, "--explain", explain, "--clips", clips]
    lines = run(*command, *words, "--export", edl, "--export", chapters).splitlines()

    (clip,) = clips.iterdir()
    written = [plot, report, explain, clip, edl, chapters]
    assert lines[-6:] == [f"wrote {path}" for path in written]
    assert all(path.stat().st_size > 0 for path in written)


@pytest.mark.parametrize(
    ("name", "words"),
    [("a.eaf", []), ("a.json", ["--annotation-format", "label-studio"]), ("a.csv", [])],
)
def test_annotations_are_of_the_moments_that_are_printed(
    command: list[str], name: str, words: list[str], tmp_path: Path, run
) -> None:
    path = tmp_path / name

    told = run(*command, "--top", "2", "--annotations", path, *words)

    assert told.endswith(f"\nwrote {path}\n")
    assert path.read_text("utf-8").count("query") >= 1  # the picture's name is the label
    run(*command, "--annotations", path, *words)


def test_annotations_of_one_video_refuse_two_before_the_search(
    command: list[str], write_clip, refused
) -> None:
    words = [write_clip(name="other.mp4"), *command[1:], "--annotations", "a.eaf"]

    message = "a file of elan is of one video, got 2; write one for each"
    assert message in refused("locate", *words)


def test_explain_of_two_spaces_is_refused_before_the_video_is_read(
    command: list[str], small_recipe, tmp_path: Path, monkeypatch, refused
) -> None:
    monkeypatch.setattr(type(small_recipe), "one_space", False)
    monkeypatch.setattr(type(small_recipe), "open_video", lambda *_: pytest.fail("it was read"))

    assert refused(*command, "--explain", tmp_path / "e.png") == (
        "recipe 'pocket' encodes regions of pictures and clips with different networks, so nobody "
        "can say what was seen where; use recipe lite (--recipe lite), or leave the explanation "
        "(--explain) out"
    )
    assert not (tmp_path / "e.png").exists()


def test_nothing_is_said_to_be_explained_of_a_video_that_shows_nothing(
    command: list[str], tmp_path: Path, monkeypatch, heard
) -> None:
    monkeypatch.setattr(
        Localizer, "explain", lambda _, found: Explanation(localization=found, frames=())
    )
    told = heard(*command, "--explain", tmp_path / "e.png", "--clips", tmp_path / "clips")

    assert told.err == (
        f"warning: {command[1]} shows nothing to explain, so {tmp_path}/e.png is not written\n"
    )
    assert not (tmp_path / "e.png").exists()
    assert f"wrote {tmp_path}/clips/match_01_" in told.out


def test_box_goes_with_its_image(command: list[str], write_picture, run) -> None:
    second, box = str(write_picture("second.png", seed=3)), ["--box", "3,5,11,13"]
    whole, part, behind = (
        json.loads(run(*words, "--json"))
        for words in (
            [*command, "--image", second],
            [*command, "--image", second, *box],
            # Behind several pictures it is of the last.
            [*command[:4], second, *box, *command[4:]],
        )
    )

    assert whole["image"] == part["image"] == [command[3], second]
    assert whole["moments"] != part["moments"]
    assert behind == part


def test_files_that_cannot_be_read_exit_with_1(command: list[str], tmp_path, refused) -> None:
    (tmp_path / "empty.mp4").touch()

    for place, name, message in (
        (1, "empty.mp4", f"{tmp_path / 'empty.mp4'} is empty"),
        (3, "no.png", f"no file at {tmp_path / 'no.png'}"),
        (5, "no-head", f"{tmp_path / 'no-head'} is no folder with a"),
        (1, "typo.mp4", f"no file at {tmp_path / 'typo.mp4'}; expected a video: check the path"),
    ):
        words = [*command[:place], tmp_path / name, *command[place + 1 :]]
        assert refused(*words, code=1).startswith(message)
    # One that is missing among several is told before the search.
    assert refused(*command[:2], tmp_path / "typo.mp4", *command[2:], code=1) == message


def test_truncated_video_warns_and_is_searched(command: list[str], write_clip, heard) -> None:
    whole = write_clip(seconds=9.0, name="whole.mkv")
    content = whole.read_bytes()
    whole.write_bytes(content[: len(content) * 2 // 3])

    captured = heard("locate", whole, *command[2:], "--json")

    assert captured.err.startswith(f"warning: {whole} ends early: ")
    assert json.loads(captured.out)["duration_seconds"] < 9.0


def test_pictures_may_stand_behind_one_image_option(command: list[str], write_picture, run) -> None:
    second, third = (str(write_picture(f"{seed}.png", seed=seed)) for seed in (3, 4))
    head, found = command[4:], []

    for words in (
        [command[1], "--image", command[3], second, "--image", third],
        [command[1], "--image", command[3], second, third],
        ["--image", command[3], second, third, command[1]],
        ["--image", command[3], second, third, "--top", "1", command[1]],
        ["--image", command[3], second, "--top", "1", "--image", third, command[1]],
    ):
        found.append(json.loads(run("locate", *words, *head, "--json")))

    assert found[0]["image"] == [command[3], second, third]
    assert all(each == found[0] for each in found)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "the picture is missing: stillseek locate VIDEO --image PICTURE"),
        (["v.mp4"], "the picture is missing: stillseek locate v.mp4 --image PICTURE"),
        (
            ["my v.mp4", "q.jpg", "--top", "3"],
            "the picture is missing: stillseek locate 'my v.mp4' --image q.jpg",
        ),
        (["--image", "q.jpg"], "the video is missing: stillseek locate VIDEO --image q.jpg"),
        (
            ["--image", "q.jpg", "--image", "r.jpg"],
            "the video is missing: stillseek locate VIDEO --image q.jpg",
        ),
        (["v.mp4", "--image"], "--image needs a picture: stillseek locate VIDEO --image PICTURE"),
        (["v.mp4", "--image", "q.jpg", "--box"], "--box needs x,y,w,h behind it, four whole"),
        (["v.mp4", "--image", "q.jpg", "--box", "1,2,9,9", "r.jpg"], "--box takes one x,y,w,h; "),
        (["-x.mp4", "--image", "q.jpg"], "-x.mp4 is no option; write ./-x.mp4 for the file of "),
        (
            ["http://host/v.mp4", "--image", "q.jpg"],
            "video http://host/v.mp4 is a URL; give a path on this machine (download what is",
        ),
        (["-x.mp4.txt", "--image", "q.jpg"], "Unknown option: -x.mp4.txt"),
    ],
)
def test_what_is_missing_is_said(words, message: str, tmp_path, monkeypatch, refused) -> None:
    monkeypatch.chdir(tmp_path)
    Path("-x.mp4").touch()

    assert refused("locate", *words).startswith(message)


def test_no_table_replaces_the_last_good_one(command: list[str], tmp_path, run, heard) -> None:
    table, empty, zeros = tmp_path / "old.csv", tmp_path / "empty.mp4", tmp_path / "zero.mp4"
    empty.touch()
    zeros.write_bytes(bytes(997))
    run(*command, "--csv", table)
    old = table.read_bytes()

    printed = heard("locate", empty, zeros, *command[2:], "--csv", table, code=1)

    assert "wrote" not in printed.out
    assert f"warning: nothing was found, so {table} is not written\n" in printed.err
    assert table.read_bytes() == old
    assert old.count(b"\n") == 2


def test_what_was_written_is_named_without_control_characters(command, tmp_path, run) -> None:
    told = run(*command, "--export", tmp_path / "a\x1b[2J.edl")
    assert told.splitlines()[-1] == f"wrote {tmp_path}/a\ufffd[2J.edl"


def test_not_is_neither_the_picture_nor_a_wrong_time(
    command: list[str], write_picture, tmp_path: Path, refused
) -> None:
    picture, video = write_picture(), command[1]
    copy, animation = tmp_path / "copy.png", tmp_path / "note@home.png"
    copy.write_bytes(picture.read_bytes())

    command, same = [*command, "--frame", f"{video}@2"], "--not is the same picture as"
    for unlike, code, message in (
        (picture, 2, f"{same} --image; give with --not "),
        (copy, 2, f"{same} --image; give with --not "),
        (f"{video}@2.0", 2, f"{same} --frame; give with --not "),
        (f"{video}@abc", 2, f"--not {video}@abc is not VIDEO@SECONDS, e.g. match.mp4"),
        (f"{video}@", 2, f"--not {video}@ is not VIDEO@SECONDS, e.g. match.mp4@12.5"),
        (animation, 1, f"no file at {animation}; expected an image"),
    ):
        assert refused(*command, "--not", unlike, code=code).startswith(message)


def test_all_is_checked_before_a_frame_is_read(
    command: list[str], tmp_path: Path, small_recipe, monkeypatch, refused
) -> None:
    monkeypatch.setattr(small_recipe, "open_video", lambda *_: pytest.fail("it read the video"))
    (tmp_path / "text.jpg").write_text("notes")
    (tmp_path / "mine.html").write_text("<p>mine</p>")
    missing, text = str(tmp_path / "no.jpg"), str(tmp_path / "text.jpg")
    url = "is a URL; give a path on this machine (upload what was"

    for words, code, message in (
        (["--image", missing], 1, f"no file at {missing}"),
        (["--image", text], 1, f"{text} is not an image"),
        (["--image", tmp_path], 2, f"--image {tmp_path} is a folder; give a picture of it"),
        (["--not", tmp_path], 2, f"--not {tmp_path} is a folder; give a picture of it"),
        (["--image", "https://host/q.jpg"], 2, "--image https://host/q.jpg is a URL"),
        (["--cache", "s3://x/y"], 2, f"--cache s3://x/y {url}"),
        (["--cache", "simplecache::s3://x/y"], 2, f"--cache simplecache::s3://x/y {url}"),
        (["--plot", "file:///tmp/x.png"], 2, f"--plot file:///tmp/x.png {url}"),
        (["--box", "1,2,3"], 2, "--box 1,2,3 is not x,y,w,h; give four whole numbers of pixels"),
        (["--box", "59,39,9,9"], 2, "box 59,39,9,9 (x,y,width,height) does not lie inside"),
        (["--top", "0"], 2, "top must be at least 1, got 0"),
        (["--top", "-3"], 2, "top must be at least 1, got -3"),
        (["--top", "2", "--decode", "independent"], 2, "'independent' decoding gives one moment, "),
        (["--model", "matching"], 2, f"a checkpoint ({command[-1]}) and a model (matching) were g"),
        (["--threads", "-1"], 2, "threads must be at least 1, at most 4096, got -1"),
        (["--device", "-1"], 2, "there is no device '-1'; use cpu, cuda or cuda:N"),
        (["--report", tmp_path / "mine.html"], 2, f"--report: {tmp_path}/mine.html exists, "),
        (["--plot", "p.gif"], 2, "--plot p.gif has a name of another format; it must end in .png,"),
        (["--export", tmp_path / "e.html"], 2, f"--export {tmp_path}/e.html has a name of another"),
        (["--annotations", "a.json"], 2, "a.json does not say what annotations to write; choose"),
        (
            ["--annotations", "a.eaf", "--annotation-format", "cvat"],
            2,
            "--annotations a.eaf has a name of another format; it must end in .xml",
        ),
        (["--annotation-format", "via"], 2, "--annotation-format has no effect without"),
        (["--clips", command[1]], 2, f"--clips {command[1]} needs a folder where the file "),
        (["--cache", text], 2, f"--cache {text} needs a folder where the file "),
        (
            ["--export", f"{text}/c.edl"],
            2,
            f"--export {text}/c.edl needs a folder where the file {text} is; give another",
        ),
    ):
        assert refused(*command, *words, code=code).startswith(message)


def test_own_outputs_are_replaced_and_others_are_not(
    command: list[str], tmp_path: Path, run, refused
) -> None:
    out = tmp_path / "out"
    command += ["--plot", out / "p.svg", "--report", out / "r.html", "--export", out / "c.edl"]
    command += ["--clips", out, "--explain", out / "e.webp"]

    run(*command)
    made = sorted(out.iterdir())
    assert len(made) == 5
    for path in made:
        mine = path.read_bytes()
        path.write_bytes(b"mine")
        assert f"{path} exists, and stillseek did not write it" in refused(*command)
        assert path.read_bytes() == b"mine"
        path.write_bytes(mine)
    # Those of its own are replaced, and with --overwrite this one, too.
    made[0].write_bytes(b"mine")
    run(*command, "--overwrite")
    run(*command)
    assert sorted(out.iterdir()) == made
    assert made[0].read_bytes() != b"mine"


def test_independent_decoding_can_find_nothing(command, monkeypatch, run, heard) -> None:
    import stillseek.localize.localizer as localizer

    find = localizer.find_moments
    monkeypatch.setattr(
        localizer, "find_moments", lambda *args, **options: (find(*args, **options)[0], ())
    )

    told = run(*command, "--decode", "independent")
    assert "no moment: the end came out before the start" in told
    assert json.loads(run(*command, "--json"))["moments"] == []
    told = heard(*command, "--annotations", "a.csv").err
    assert told == "warning: there is no moment, so a.csv is not written\n"


def test_a_pipe_gets_no_progress_bar(tmp_path: Path) -> None:
    source = (
        "from stillseek.cli.console import progress_bar\n"
        "with progress_bar('reading') as advance:\n"
        "    advance(1, 3)\n"
    )

    done = subprocess.run([sys.executable, "-c", source], capture_output=True, check=True)

    assert (done.stdout, done.stderr) == (b"", b"")


def test_a_terminal_gets_a_progress_bar(monkeypatch, capsys) -> None:
    from stillseek.cli.console import progress_bar

    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress_bar("reading match.mp4") as advance:
        advance(1, 4)

    captured = capsys.readouterr()
    assert captured.out == ""
    assert "reading match.mp4" in captured.err
    assert "25%" in captured.err


NAMES = {
    "formula": "tex$\\frac{1}$.mp4",
    "broken formula": "a$\\frac{$ _^.mp4",
    "not UTF-8": os.fsdecode(b"latin\xe9.mp4"),
    "line breaks": "two\nlines\r\n.mp4",
    "long": "\u00e9" * 124 + ".mp4",
    "dash": "-x.mp4",
    "CJK": "\u30c6\u30cb\u30b9\u3000\uc815\uad6c.mp4",
    "emoji": "\U0001f3be\U0001f468\u200d\U0001f469\u200d\U0001f467.mp4",
    "right to left": "\u0643\u0631\u0629.mp4",
    "markup": "[bold]<b>&amp;{{ 7 }}[.mp4",
    "percent": "%s%d%%.mp4",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_every_output_is_made_of_every_name(
    command: list[str], name: str, tmp_path: Path, monkeypatch, run
) -> None:
    Path(command[1]).rename(tmp_path / name)
    image, checkpoint = (Path(place) for place in (command[3], command[5]))
    image.rename(tmp_path / f"{name[:50]}.png")
    checkpoint.rename(tmp_path / f"{name[:50]}.head")
    monkeypatch.chdir(tmp_path)
    words = [f"./{name}", "--image", f"./{name[:50]}.png", "--checkpoint", f"./{name[:50]}.head"]
    outputs = ["--plot", "p.png", "--report", "r.html", "--export", "c.edl", "--clips", "clips"]

    told = run("locate", *words, *outputs, "--json")

    assert told.encode()
    found = json.loads(told)
    assert (found["video"], found["image"]) == (name, [f"{name[:50]}.png"])
    (clip,) = Path("clips").iterdir()
    assert clip.name.startswith(safe_name(name.removesuffix(".mp4")[:50]))
    lines = Path("c.edl").read_text(encoding="utf-8").split("\n")
    assert len(lines) == 8
    assert "<img" in Path("r.html").read_text(encoding="utf-8")
    assert Path("p.png").stat().st_size > 0


@pytest.mark.parametrize("name", ["plain.mp4", "a@2.mp4"])
@pytest.mark.parametrize("tail", ["", "@3"])
def test_a_video_as_picture_is_told_of_frame(
    command: list[str], tmp_path: Path, name: str, tail: str, refused
) -> None:
    video = Path(command[1]).rename(tmp_path / name)

    assert refused("locate", video, "--image", f"{video}{tail}") == (
        f"{video}{tail} is a video, not a picture; give a frame of it: "
        f"--frame {video}@{tail[1:] or 'SECONDS'}"
    )


def test_what_a_killed_writer_left_is_no_video(command: list[str], run) -> None:
    folder = Path(command[1]).parent
    (folder / f".{'0a' * 8}.tmp.mp4").write_bytes(b"half a video")

    assert run("locate", folder, *command[2:], may_complain=True).startswith("1 video, ")


def test_a_locked_folder_is_told_of_and_the_others_are_searched(
    command: list[str], lock, heard, tmp_path: Path
) -> None:
    folder = Path(command[1]).parent
    (folder / "b").mkdir()
    lock(folder / "b")

    told = heard("locate", folder, *command[2:])
    again = heard("locate", folder, *command[2:], "--cache", tmp_path.parent / "kept")

    assert told.out.startswith("1 video, ")
    assert f"error: the folder {folder / 'b'} cannot be read (Permission denied); " in told.err
    assert told.err.endswith(again.err)
    assert again.out == told.out


def test_only_videos_that_show_it_are_printed_and_written(
    command: list[str], write_clip, tmp_path: Path, monkeypatch, run, heard, refused
) -> None:
    presences = {"match.mp4": 0.25, "other.mp4": 0.75}

    def locate(_, video: Path, *__, **___) -> Localization:
        return make_localization(video=video, presence=presences[video.name])

    assert refused(*command, "--found") == (
        "--found goes by presence, and recipe pocket has no calibration; use recipe lite, or leave "
        "--found out"
    )
    monkeypatch.setattr(Localizer, "locate", locate)
    monkeypatch.setattr("stillseek.cli.locate.check_calibrated", lambda *_: None)
    other, table, clips = write_clip(name="other.mp4"), tmp_path / "m.csv", tmp_path / "clips"
    outputs = ["--csv", table, "--clips", clips, "--export", tmp_path / "m.csv.json"]
    many = ["locate", command[1], other, *command[2:], "--cache", tmp_path / "cache", "--found"]

    first, *lines = run(*many, *outputs).splitlines()
    assert first.startswith("1 video, by presence")
    assert lines[0] == f"   1  {other}  presence 75%"
    assert "probably" not in "".join(lines)
    assert table.read_text().count("\n") == 2
    (clip,) = clips.iterdir()
    assert clip.name.startswith("other_01_")
    assert "match.mp4" not in (tmp_path / "m.csv.json").read_text()
    (result,) = json.loads(run(*many, "--json"))["results"]
    assert result["video"] == str(other)
    presences["other.mp4"] = 0.25
    assert run(*many) == "probably not in these videos\n"
    assert json.loads(run(*many, "--json"))["results"] == []
    table.unlink()
    assert heard(*command, "--found", "--csv", table) == (
        "probably not in this video\n",
        f"warning: nothing was found, so {table} is not written\n",
    )
    one = json.loads(run(*command, "--found", "--json"))
    assert (one["found"], one["moments"]) == (False, [])


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, ""),
        (1, "; the moment that looks most like it:"),
        (2, "; the moments that look most like it:"),
    ],
)
def test_one_moment_is_not_several(
    command: list[str], number: int, words: str, monkeypatch, run
) -> None:
    moments = (Moment(2.0, 5.0, 0.1), Moment(6.0, 7.0, 0.1))[:number]
    found = make_localization(presence=0.25, moments=moments)
    monkeypatch.setattr(Localizer, "locate", lambda *_, **__: found)

    assert run(*command).startswith(f"probably not in this video{words}\n")


def test_clips_are_called_by_all_that_was_searched(
    command: list[str], write_clip, tmp_path: Path, monkeypatch, run
) -> None:
    def locate(_, video: Path, *__, **___) -> Localization:
        return make_localization(video=video, presence=0.25 if "west" in str(video) else 0.75)

    monkeypatch.setattr(Localizer, "locate", locate)
    monkeypatch.setattr("stillseek.cli.locate.check_calibrated", lambda *_: None)
    folder = write_clip(name="all/east/one.mp4").parents[1]
    write_clip(name="all/west/one.mp4")
    words = ["locate", folder, *command[2:], "--cache", tmp_path / "cache", "--found"]

    run(*words, "--clips", tmp_path / "clips")

    (clip,) = (tmp_path / "clips").iterdir()
    assert clip.name.startswith("east_one_01_")


def test_a_table_is_utf_8_whatever_the_names(command: list[str], tmp_path: Path, run) -> None:
    odd = Path(command[1]).rename(tmp_path / os.fsdecode(b"latin\xe9.mp4"))

    run("locate", odd, *command[2:], "--csv", tmp_path / "a.csv")

    assert "latin\ufffd.mp4," in (tmp_path / "a.csv").read_text(encoding="utf-8")
