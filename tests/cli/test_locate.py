import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stillseek.cli.app import main
from stillseek.files import safe_name

pytestmark = pytest.mark.usefixtures("use_small_recipe")


def test_json_is_one_object_and_nothing_else(command: list[str], capsys) -> None:
    assert main([*command, "--json"]) == 0

    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.count("\n") == 1
    found = json.loads(captured.out)
    assert list(found) == [
        "video",
        "image",
        "unlike",
        "recipe",
        "model",
        "duration_seconds",
        "presence",
        "found",
        "uncalibrated",
        "moments",
        "similarity",
    ]
    assert found["video"] == command[1]
    assert found["image"] == [command[3]]
    assert found["duration_seconds"] == pytest.approx(9.0)
    (moment,) = found["moments"]
    assert 0 <= moment["start_seconds"] < moment["end_seconds"] <= 9.0
    # The small head is not calibrated, and says so.
    assert moment["score"] is found["presence"] is found["found"] is None
    assert found["uncalibrated"] == "recipe pocket has no calibration; recipe lite has one"


def test_people_read_times(command: list[str], capsys) -> None:
    assert main(command) == 0

    first, second, why = capsys.readouterr().out.splitlines()
    assert first == f"{command[1]}  (0:09, recipe pocket, model sail:small-head)"
    assert second.startswith("  0:0")
    assert "score" not in second
    assert why == "  no probabilities: recipe pocket has no calibration; recipe lite has one"


def test_a_line_break_in_a_name_breaks_no_line(command: list[str], tmp_path: Path, capsys) -> None:
    odd = Path(command[1]).rename(tmp_path / "a\nb.mp4")

    assert main([command[0], str(odd), *command[2:]]) == 0

    assert (
        capsys.readouterr()
        .out.splitlines()[0]
        .endswith("a\ufffdb.mp4  (0:09, recipe pocket, model sail:small-head)")
    )


def test_several_moments_are_listed_best_first(command: list[str], capsys) -> None:
    assert main([*command, "--top", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert main([*command, "--top", "3", "--json"]) == 0
    moments = json.loads(capsys.readouterr().out)["moments"]

    assert len(lines) == 2 + len(moments) >= 3
    for line, moment in zip(lines[1:-1], moments, strict=True):
        assert f"  0:0{moment['start_seconds']:.1f} to 0:0{moment['end_seconds']:.1f}" == line


def test_matching_needs_no_head(command: list[str], capsys) -> None:
    assert main([*command[:4], "--model", "matching"]) == 0

    assert "model matching:pocket)" in capsys.readouterr().out
    assert main([*command[:4], "--model", "matching", "--decode", "independent"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        "error: this model has no 'independent' decoding: it scores whole clips or segments, not "
        "a start and an end apart; use 'joint'\n"
    )


def test_every_output_is_written_and_named(command: list[str], tmp_path: Path, capsys) -> None:
    names = ("p.png", "r.html", "e.png", "c.edl", "c.vtt")
    plot, report, explain, edl, chapters = (tmp_path / "out" / name for name in names)
    clips = tmp_path / "clips"

    outputs = {
        **{"--plot": plot, "--report": report, "--explain": explain},
        **{"--export": edl, "--clips": clips},
    }
    words = [str(word) for pair in outputs.items() for word in pair]

    assert main([*command, *words, "--export", str(chapters)]) == 0

    (clip,) = clips.iterdir()
    lines = capsys.readouterr().out.splitlines()
    written = [clip, edl, chapters, plot, report, explain]
    assert lines[-6:] == [f"wrote {path}" for path in written]
    assert all(path.stat().st_size > 0 for path in written)


@pytest.mark.parametrize(
    ("name", "words"),
    [("a.eaf", []), ("a.json", ["--annotation-format", "label-studio"]), ("a.csv", [])],
)
def test_annotations_are_of_the_moments_that_are_printed(
    command: list[str], name: str, words: list[str], tmp_path: Path, capsys
) -> None:
    path = tmp_path / name

    assert main([*command, "--top", "2", "--annotations", str(path), *words]) == 0

    assert capsys.readouterr().out.endswith(f"\nwrote {path}\n")
    assert path.read_text("utf-8").count("query") >= 1  # the picture's name is the label
    assert main([*command, "--annotations", str(path), *words]) == 0


def test_annotations_of_one_video_refuse_two_before_the_search(
    command: list[str], write_clip, capsys
) -> None:
    words = [str(write_clip(name="other.mp4")), *command[1:], "--annotations", "a.eaf"]

    assert main(["locate", *words]) == 2

    assert "a file of elan is of one video, got 2; write one for each" in capsys.readouterr().err


def test_explain_of_two_spaces_is_refused_before_the_video_is_read(
    command: list[str], small_recipe, tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.setattr(type(small_recipe), "one_space", False)
    monkeypatch.setattr(type(small_recipe), "open_video", lambda *_: pytest.fail("it was read"))

    assert main([*command, "--explain", str(tmp_path / "e.png")]) == 2
    assert capsys.readouterr().err == (
        "error: recipe 'pocket' encodes regions of pictures and clips with different networks, so "
        "nobody can say what was seen where; use recipe lite (--recipe lite), or leave the "
        "explanation (--explain) out\n"
    )
    assert not (tmp_path / "e.png").exists()


def test_json_stays_alone_with_outputs(command: list[str], tmp_path: Path, capsys) -> None:
    assert main([*command, "--json", "--export", str(tmp_path / "c.edl")]) == 0

    json.loads(capsys.readouterr().out)
    assert (tmp_path / "c.edl").exists()


def test_box_goes_with_its_image(command: list[str], write_picture, capsys) -> None:
    second = str(write_picture("second.png", seed=3))
    boxes = {}

    for name, words in {
        "neither": ["--image", second],
        "second": ["--image", second, "--box", "3,5,11,13"],
    }.items():
        assert main([*command, *words, "--json"]) == 0
        boxes[name] = json.loads(capsys.readouterr().out)

    assert boxes["neither"]["image"] == boxes["second"]["image"] == [command[3], second]
    assert boxes["neither"]["moments"] != boxes["second"]["moments"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--box", "1,2,3"], "--box 1,2,3 is not x,y,w,h; give four whole numbers of pixels"),
        (["--box", "-1,2,3,4"], "--box -1,2,3,4 needs x and y of at least 0"),
        (["--box", "50,0,20,10"], "box 50,0,20,10 (x,y,width,height) does not lie inside"),
        (
            ["--plot", "p.doc"],
            "--plot p.doc has a name of another format; it must end in .png, .jpg",
        ),
        (["--threads", "0"], "threads must be at least 1, at most 4096, got 0"),
        (["--device", "abacus"], "there is no device 'abacus'; use cpu, cuda or cuda:N"),
        (["--top", "0"], "top must be at least 1, got 0"),
        (["--top", "2", "--decode", "independent"], "gives one moment, not 2; use 'joint'"),
        (["--model", "matching"], "a model (matching) were given; give one of them"),
        (["--annotations", "a.json"], "a.json does not say what annotations to write; choose with"),
        (["--annotations", "a.eaf", "--annotation-format", "cvat"], "it must end in .xml"),
        (["--annotation-format", "via"], "has no effect without --annotations FILE"),
    ],
)
def test_wrong_values_exit_with_2(
    command: list[str], words: list[str], message: str, capsys
) -> None:
    assert main([*command, *words]) == 2

    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1


def test_files_that_cannot_be_read_exit_with_1(command: list[str], tmp_path: Path, capsys) -> None:
    (tmp_path / "empty.mp4").touch()

    assert main(["locate", str(tmp_path / "empty.mp4"), *command[2:]]) == 1
    assert capsys.readouterr().err.startswith(f"error: {tmp_path / 'empty.mp4'} is empty")
    assert main([*command[:3], str(tmp_path / "no.png"), *command[4:]]) == 1
    assert capsys.readouterr().err.startswith(f"error: no file at {tmp_path / 'no.png'}")
    assert main([*command[:5], str(tmp_path / "no-head")]) == 1
    assert capsys.readouterr().err.startswith(f"error: {tmp_path / 'no-head'} is no folder with a")


def test_truncated_video_warns_and_is_searched(command: list[str], write_clip, capsys) -> None:
    whole = write_clip(seconds=9.0, name="whole.mkv")
    content = whole.read_bytes()
    whole.write_bytes(content[: len(content) * 2 // 3])

    assert main(["locate", str(whole), *command[2:], "--json"]) == 0

    captured = capsys.readouterr()
    assert captured.err.startswith(f"warning: {whole} ends early: ")
    assert json.loads(captured.out)["duration_seconds"] < 9.0


def test_output_that_cannot_be_written_exits_with_2(
    command: list[str], tmp_path: Path, capsys
) -> None:
    (tmp_path / "file").touch()

    assert main([*command, "--export", str(tmp_path / "file" / "c.edl")]) == 2
    assert capsys.readouterr().err == (
        f"error: --export {tmp_path}/file/c.edl needs a folder where the file {tmp_path}/file is; "
        "give another\n"
    )


def test_pictures_may_stand_behind_one_image_option(
    command: list[str], write_picture, capsys
) -> None:
    second, third = (str(write_picture(f"{seed}.png", seed=seed)) for seed in (3, 4))
    head, found = command[4:], []

    for words in (
        [command[1], "--image", command[3], second, "--image", third],
        [command[1], "--image", command[3], second, third],
        ["--image", command[3], second, third, command[1]],
        ["--image", command[3], second, third, "--top", "1", command[1]],
        ["--image", command[3], second, "--top", "1", "--image", third, command[1]],
    ):
        assert main(["locate", *words, *head, "--json"]) == 0
        found.append(json.loads(capsys.readouterr().out))

    assert found[0]["image"] == [command[3], second, third]
    assert all(each == found[0] for each in found)


def test_a_box_behind_several_pictures_is_of_the_last(
    command: list[str], write_picture, capsys
) -> None:
    second, box = str(write_picture("second.png", seed=3)), ["--box", "3,5,11,13"]
    found = []

    for words in ([second, *box], ["--image", second, *box]):
        assert main([*command[:4], *words, *command[4:], "--json"]) == 0
        found.append(json.loads(capsys.readouterr().out)["moments"])

    assert found[0] == found[1]


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
        (
            ["-x.mp4.txt", "--image", "q.jpg"],
            "Unknown option: -x.mp4.txt",
        ),
    ],
)
def test_what_is_missing_is_said(
    words: list[str], message: str, tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("-x.mp4").touch()

    assert main(["locate", *words]) == 2

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"error: {message}")
    assert captured.err.count("\n") == 1


def test_no_table_replaces_the_last_good_one(command: list[str], tmp_path: Path, capsys) -> None:
    table, empty, zeros = tmp_path / "old.csv", tmp_path / "empty.mp4", tmp_path / "zero.mp4"
    empty.touch()
    zeros.write_bytes(bytes(997))
    assert main([*command, "--csv", str(table)]) == 0
    old = table.read_bytes()
    capsys.readouterr()

    assert main(["locate", str(empty), str(zeros), *command[2:], "--csv", str(table)]) == 1

    assert "wrote" not in capsys.readouterr().out
    assert table.read_bytes() == old
    assert old.count(b"\n") == 2


def test_what_was_written_is_named_without_control_characters(
    command: list[str], tmp_path: Path, capsys
) -> None:
    assert main([*command, "--export", str(tmp_path / "a\x1b[2J.edl")]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"wrote {tmp_path}/a\ufffd[2J.edl"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--cache", "s3://x/y"], "--cache s3://x/y is a URL; give a path on this machine (upload"),
        (
            ["--cache", "simplecache::s3://x/y"],
            "--cache simplecache::s3://x/y is a URL; give a path on this machine (upload what was",
        ),
        (["--plot", "file:///tmp/x.png"], "--plot file:///tmp/x.png is a URL; give a path on this"),
    ],
)
def test_urls_as_outputs_are_shown_as_given(
    command: list[str], words: list[str], message: str, capsys
) -> None:
    assert main([*command, *words]) == 2
    assert capsys.readouterr().err.startswith(f"error: {message}")


def test_not_is_neither_the_picture_nor_a_wrong_time(
    command: list[str], write_picture, tmp_path: Path, capsys
) -> None:
    picture, video = write_picture(), command[1]
    copy, animation = tmp_path / "copy.png", tmp_path / "note@home.png"
    copy.write_bytes(picture.read_bytes())

    for words, code, message in (
        (["--not", str(picture)], 2, "--not is the same picture as --image; give with --not "),
        (["--not", str(copy)], 2, "--not is the same picture as --image; give with --not "),
        (
            ["--frame", f"{video}@2", "--not", f"{video}@2.0"],
            2,
            "--not is the same picture as --frame; give with --not ",
        ),
        (["--not", f"{video}@abc"], 2, f"--not {video}@abc is not VIDEO@SECONDS, e.g. match.mp4"),
        (["--not", f"{video}@"], 2, f"--not {video}@ is not VIDEO@SECONDS, e.g. match.mp4@12.5"),
        (["--not", str(animation)], 1, f"no file at {animation}; expected an image"),
    ):
        assert main([*command, *words]) == code
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.startswith(f"error: {message}")


def test_all_is_checked_before_a_frame_is_read(
    command: list[str], tmp_path: Path, small_recipe, monkeypatch, capsys
) -> None:
    monkeypatch.setattr(small_recipe, "open_video", lambda *_: pytest.fail("it read the video"))
    (tmp_path / "text.jpg").write_text("notes")
    (tmp_path / "mine.html").write_text("<p>mine</p>")
    missing, text = str(tmp_path / "no.jpg"), str(tmp_path / "text.jpg")

    for words, code, message in (
        (["--image", missing], 1, f"no file at {missing}"),
        (["--image", text], 1, f"{text} is not an image"),
        (["--image", "https://host/q.jpg"], 2, "--image https://host/q.jpg is a URL"),
        (["--box", "59,39,9,9"], 2, "box 59,39,9,9 (x,y,width,height) does not lie inside"),
        (["--top", "0"], 2, "top must be at least 1, got 0"),
        (["--top", "-3"], 2, "top must be at least 1, got -3"),
        (["--threads", "-1"], 2, "threads must be at least 1, at most 4096, got -1"),
        (["--device", "-1"], 2, "there is no device '-1'"),
        (["--report", str(tmp_path / "mine.html")], 2, f"--report: {tmp_path}/mine.html exists, "),
        (["--plot", str(tmp_path / "p.gif")], 2, f"--plot {tmp_path}/p.gif has a name of another"),
        (
            ["--export", str(tmp_path / "e.html")],
            2,
            f"--export {tmp_path}/e.html has a name of another",
        ),
        (["--clips", command[1]], 2, f"--clips {command[1]} needs a folder where the file "),
        (["--cache", text], 2, f"--cache {text} needs a folder where the file "),
    ):
        assert main([*command, *words]) == code
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.startswith(f"error: {message}")
        assert captured.err.count("\n") == 1


def test_own_outputs_are_replaced_and_others_are_not(
    command: list[str], tmp_path: Path, capsys
) -> None:
    outputs = [
        *("--plot", str(tmp_path / "out" / "p.svg"), "--report", str(tmp_path / "out" / "r.html")),
        *("--export", str(tmp_path / "out" / "c.edl"), "--clips", str(tmp_path / "out")),
        *("--explain", str(tmp_path / "out" / "e.webp")),
    ]

    assert main([*command, *outputs]) == 0
    made = sorted((tmp_path / "out").iterdir())
    assert len(made) == 5
    assert main([*command, *outputs]) == 0
    assert sorted((tmp_path / "out").iterdir()) == made
    for path in made:
        mine = path.read_bytes()
        path.write_bytes(b"mine")
        capsys.readouterr()
        assert main([*command, *outputs]) == 2
        assert f"{path} exists, and stillseek did not write it" in capsys.readouterr().err
        assert path.read_bytes() == b"mine"
        path.write_bytes(mine)
    made[0].write_bytes(b"mine")
    assert main([*command, *outputs, "--overwrite"]) == 0
    assert made[0].read_bytes() != b"mine"


def test_independent_decoding_can_find_nothing(command: list[str], monkeypatch, capsys) -> None:
    import stillseek.localize.localizer as localizer

    find = localizer.find_moments
    monkeypatch.setattr(
        localizer, "find_moments", lambda *args, **options: (find(*args, **options)[0], ())
    )

    assert main([*command, "--decode", "independent"]) == 0
    assert "no moment: the end came out before the start" in capsys.readouterr().out
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["moments"] == []
    assert main([*command, "--annotations", "a.csv"]) == 0
    assert capsys.readouterr().err == "warning: there is no moment, so a.csv is not written\n"


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
    command: list[str], name: str, tmp_path: Path, monkeypatch, capsys
) -> None:
    Path(command[1]).rename(tmp_path / name)
    image, checkpoint = (Path(place) for place in (command[3], command[5]))
    image.rename(tmp_path / f"{name[:50]}.png")
    checkpoint.rename(tmp_path / f"{name[:50]}.head")
    monkeypatch.chdir(tmp_path)
    words = [f"./{name}", "--image", f"./{name[:50]}.png", "--checkpoint", f"./{name[:50]}.head"]
    outputs = ["--plot", "p.png", "--report", "r.html", "--export", "c.edl", "--clips", "clips"]

    assert main(["locate", *words, *outputs, "--json"]) == 0

    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.encode()
    found = json.loads(captured.out)
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
    command: list[str], tmp_path: Path, name: str, tail: str, capsys
) -> None:
    video = str(Path(command[1]).rename(tmp_path / name))

    assert main(["locate", video, "--image", f"{video}{tail}"]) == 2

    assert capsys.readouterr().err == (
        f"error: {video}{tail} is a video, not a picture; give a frame of it: "
        f"--frame {video}@{tail[1:] or 'SECONDS'}\n"
    )


def test_a_video_that_is_missing_among_several_is_told_before_the_search(
    command: list[str], tmp_path: Path, capsys
) -> None:
    missing = tmp_path / "typo.mp4"

    assert main(["locate", command[1], str(missing), *command[2:]]) == 1

    captured = capsys.readouterr()
    assert (captured.out, captured.err) == (
        "",
        f"error: no file at {missing}; expected a video: check the path\n",
    )


def test_what_a_killed_writer_left_is_no_video(command: list[str], capsys) -> None:
    folder = Path(command[1]).parent
    (folder / f".{'0a' * 8}.tmp.mp4").write_bytes(b"half a video")

    assert main(["locate", str(folder), *command[2:]]) == 0

    assert capsys.readouterr().out.startswith("1 video, ")


def test_a_table_is_utf_8_whatever_the_names(command: list[str], tmp_path: Path) -> None:
    odd = Path(command[1]).rename(tmp_path / os.fsdecode(b"latin\xe9.mp4"))

    assert main(["locate", str(odd), *command[2:], "--csv", str(tmp_path / "a.csv")]) == 0

    assert "latin\ufffd.mp4," in (tmp_path / "a.csv").read_text(encoding="utf-8")
