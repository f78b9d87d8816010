import json
import subprocess
import sys
from pathlib import Path

import pytest

from stillseek.cli.app import main

pytestmark = pytest.mark.usefixtures("use_small_recipe")


@pytest.fixture
def command(small_head: Path, write_clip, write_picture) -> list[str]:
    return [
        "locate",
        str(write_clip()),
        "--image",
        str(write_picture()),
        "--checkpoint",
        str(small_head),
    ]


def test_json_is_one_object_and_nothing_else(command: list[str], capsys) -> None:
    assert main([*command, "--json"]) == 0

    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.count("\n") == 1
    found = json.loads(captured.out)
    assert list(found) == [
        "video",
        "image",
        "recipe",
        "model",
        "duration_seconds",
        "presence",
        "moments",
    ]
    assert found["video"] == command[1]
    assert found["image"] == [command[3]]
    assert found["duration_seconds"] == pytest.approx(9.0)
    (moment,) = found["moments"]
    assert 0 <= moment["start_seconds"] < moment["end_seconds"] <= 9.0
    assert 0 <= moment["score"] <= 1


def test_people_read_times(command: list[str], capsys) -> None:
    assert main(command) == 0

    first, second = capsys.readouterr().out.splitlines()
    assert first == f"{command[1]}  (0:09, recipe pocket, model sail:small-head)"
    assert second.startswith("  0:0")
    assert "  score 0." in second


def test_several_moments_are_listed_best_first(command: list[str], capsys) -> None:
    assert main([*command, "--top", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert main([*command, "--top", "3", "--json"]) == 0
    moments = json.loads(capsys.readouterr().out)["moments"]

    assert len(lines) == 1 + len(moments) == 4
    assert [moment["score"] for moment in moments] == sorted(
        (moment["score"] for moment in moments), reverse=True
    )


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
    plot, report, edl = (tmp_path / "out" / name for name in ("p.png", "r.html", "c.edl"))
    clips = tmp_path / "clips"

    outputs = {"--plot": plot, "--report": report, "--edl": edl, "--clips": clips}

    assert main([*command, *(str(word) for pair in outputs.items() for word in pair)]) == 0

    (clip,) = clips.iterdir()
    lines = capsys.readouterr().out.splitlines()
    assert lines[2:] == [f"wrote {path}" for path in (clip, plot, report, edl)]
    assert all(path.stat().st_size > 0 for path in (clip, plot, report, edl))


def test_json_stays_alone_with_outputs(command: list[str], tmp_path: Path, capsys) -> None:
    assert main([*command, "--json", "--edl", str(tmp_path / "c.edl")]) == 0

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
        (["--threads", "0"], "threads must be at least 1, got 0"),
        (["--device", "abacus"], "there is no device 'abacus'; use cpu, cuda or cuda:N"),
        (["--top", "0"], "top must be at least 1, got 0"),
        (["--top", "2", "--decode", "independent"], "gives one moment, not 2; use 'joint'"),
        (["--model", "matching"], "a model (matching) were given; give one of them"),
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
    assert capsys.readouterr().err.startswith(f"error: cannot read {tmp_path / 'no-head'}")


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

    assert main([*command, "--edl", str(tmp_path / "file" / "c.edl")]) == 2
    assert capsys.readouterr().err == (
        f"error: --edl {tmp_path}/file/c.edl needs a folder where the file {tmp_path}/file is; "
        "give another\n"
    )


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
