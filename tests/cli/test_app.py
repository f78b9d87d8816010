import os
import re
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from stillseek.cli import app as cli
from stillseek.errors import MediaError, TruncatedMediaWarning, UsageError

VERBS = (
    "locate",
    "batch",
    "demo",
    "dataset",
    "extract",
    "train",
    "train-encoder",
    "evaluate",
    "export",
    "doctor",
)
_ALL_VERBS = (
    "locate, batch, demo, dataset, extract, store, fit-pca, train, train-encoder, evaluate, "
    "experiment, export, library, serve, doctor"
)
_LOCATE = ("locate", "v.mp4", "--image", "q.png")
_TRAIN = ("train", "--dataset", "d", "--store", "s", "--out", "o")
DATASET_VERBS = (("dataset", "render"), ("dataset", "import"))


@pytest.mark.parametrize("verb", [(), *((verb,) for verb in VERBS), *DATASET_VERBS])
def test_help_needs_no_torch(verb: tuple[str, ...]) -> None:
    source = (
        "import sys\n"
        "from stillseek.cli.app import main\n"
        f"code = main({[*verb, '--help']!r})\n"
        "assert 'torch' not in sys.modules, 'torch was imported'\n"
        "sys.exit(code)\n"
    )

    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: {' '.join(('stillseek', *verb))}")


def test_importing_the_package_needs_no_torch() -> None:
    source = "import sys, stillseek; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", source]).returncode == 0


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["locate", "v.mp4", "--image", "q.png", "--top", "0"], 2, "top must be at least 1, got 0"),
        (
            ["evaluate", "--dataset", "d", "--store", "s", "--out", "o"],
            2,
            "nothing to score; give --checkpoint DIR, --matching, --similarity or several of these",
        ),
        (["export", "no", "--out", "h.onnx"], 1, "no is no folder with a checkpoint.json; give "),
        (
            ["evaluate", "--dataset", "d", "--store", "s", "--out", "o", "--checkpoint", "no"],
            1,
            "no is no folder with a checkpoint.json; give ",
        ),
    ],
)
def test_cheap_checks_need_no_torch(
    words: list[str], code: int, message: str, tmp_path: Path
) -> None:
    source = (
        "import sys\n"
        "from stillseek.cli.app import main\n"
        f"code = main({words!r})\n"
        "assert 'torch' not in sys.modules, 'torch was imported'\n"
        "sys.exit(code)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, cwd=tmp_path
    )

    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(f"error: {message}")


@pytest.mark.parametrize(
    ("words", "end"),
    [
        (["locate"], "exits with 1"),
        (["dataset", "import"], "ActivityNet"),
        (["library", "verify"], "Exits with 1"),
    ],
)
def test_help_tells_more_than_the_list_of_verbs(words, end, capsys) -> None:
    assert cli.main([*words, "--help"]) == 0

    told = " ".join(capsys.readouterr().out.partition("╭")[0].split())
    assert len(told.split(". ")) > 1, told
    assert end in told


def test_root_help_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 0

    out = capsys.readouterr().out
    assert [verb for verb in VERBS if not re.search(rf"│ {verb} ", out)] == []


@pytest.mark.parametrize("group", ["dataset", "store"])
def test_every_verb_of_a_group_is_described(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([group, "--help"]) == 0

    out = capsys.readouterr().out
    rows = re.findall(r"│ (\S+) (.*?) *│\n", out.split("Commands")[1])
    assert len(rows) >= 3
    assert [verb for verb, words in rows if not words.strip()] == []


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    from stillseek import __version__

    assert cli.main(["--version"]) == 0
    assert capsys.readouterr() == (f"{__version__}\n", "")


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (
            ["find"],
            "there is no command 'find'; the commands are locate, batch, demo, dataset, extract, ",
        ),
        (["frobnicate"], f"there is no command 'frobnicate'; the commands are {_ALL_VERBS}; see "),
        (["trian"], "there is no command 'trian'; did you mean train? The commands are locate, "),
        (["locate"], "the picture is missing: stillseek locate VIDEO --image PICTURE; see "),
        (["locate", "v.mp4"], "the picture is missing: stillseek locate v.mp4 --image PICTURE; "),
        (["export"], 'Command "export" parameter --out requires an argument; see '),
        (["locate", "v.mp4", "--image", "q.png", "--plto", "p.png"], "Unknown option: --plto. "),
        ([*_LOCATE, "--threads", "two"], "--threads must be a whole number, got 'two'; see "),
        ([*_LOCATE, "--threads", "nan"], "--threads must be a whole number, got 'nan'; see "),
        ([*_LOCATE, "--top", "1.5"], "--top must be a whole number, got '1.5'; see "),
        ([*_LOCATE, "--top", "2e0"], "--top must be a whole number, got '2e0'; see "),
        ([*_TRAIN, "--seed", "0.4"], "--seed must be a whole number, got '0.4'; see "),
        ([*_TRAIN, "--num-layers", "2.5"], "--num-layers must be a whole number, got '2.5'; see"),
        ([*_TRAIN, "--anchor-scales", "1", "3.5"], "--anchor-scales must be a whole number, got "),
        ([*_TRAIN, "--dropout", "much"], "--dropout must be a number, got 'much'; see "),
        ([*_LOCATE, "--frame", "s.mp4@"], "--frame s.mp4@ is not VIDEO@SECONDS, e.g. match.mp4@1"),
        ([*_LOCATE, "--box", "1,2,3"], "--box 1,2,3 is not x,y,w,h; give four whole numbers of"),
        (["locate", "v.mp4", "--image", "q.png", "--decode", "best"], 'Invalid value "best" for'),
    ],
)
def test_wrong_usage_exits_with_2_and_one_line(
    tokens: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(tokens) == 2

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"error: {message}")
    assert captured.err.count("\n") == 1
    assert re.search(r"; see stillseek( locate| export| train)? --help\n$", captured.err)


class _Fails:
    def __init__(self, error: BaseException) -> None:
        self._error = error

    def __call__(self) -> None:
        raise self._error


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (UsageError("threads must be at least 1,\n got 0"), 2, "threads must be at least 1, got 0"),
        (UsageError("say --overwrite (overwrite=True) too"), 2, "say --overwrite too"),
        (MediaError("v.mp4 is empty"), 1, "v.mp4 is empty"),
        (
            PermissionError(13, "Permission denied", "p.png"),
            1,
            "cannot use p.png (Permission denied); check the rights, or give a path elsewhere",
        ),
        (
            OSError(28, "No space left on device", Path("p.png")),
            1,
            "cannot use p.png (No space left on device); make room on its disk",
        ),
        (
            OSError("no luck"),
            1,
            "cannot use a file (no luck); check the path, its rights and its disk",
        ),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_failures_are_one_line_and_an_exit_code(
    error: BaseException,
    code: int,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from stillseek.cli import doctor

    monkeypatch.setattr(doctor, "examine", _Fails(error))

    assert cli.main(["doctor"]) == code
    assert capsys.readouterr() == ("", f"error: {line}\n")


def test_warnings_are_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from stillseek.cli import doctor

    def warn_twice() -> None:
        for _ in range(2):
            warnings.warn("v.mp4 ends early:\n use it", TruncatedMediaWarning, stacklevel=1)
        raise MediaError("stop")

    monkeypatch.setattr(doctor, "examine", warn_twice)

    assert cli.main(["doctor"]) == 1
    assert capsys.readouterr().err == "warning: v.mp4 ends early: use it\nerror: stop\n"


def test_python_m_and_a_closed_pipe() -> None:
    command = (
        f"{sys.executable} -m stillseek --help | head -c 1 > /dev/null; echo ${{PIPESTATUS[0]}}"
    )

    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)

    assert done.stderr == ""
    assert done.stdout in ("0\n", "1\n")  # a small help text may fit into the pipe


def test_completion_is_installed_where_it_is_told_to(tmp_path, capsys) -> None:
    target = tmp_path / "stillseek.fish"

    assert cli.main(["--install-completion", "--shell", "fish", "--output", str(target)]) == 0
    assert f"installed to {target}" in capsys.readouterr().out
    assert "stillseek" in target.read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["locate", "", "--image", "q.jpg"], "the video's name is empty; give a path"),
        (["locate", "v.mp4", "--image", ""], "--image is empty; give a path"),
        (["locate", "v.mp4", "--image", "q.jpg", "--plot", ""], "--plot is empty; give a path"),
        (
            ["locate", "v.mp4", "--image", "q.jpg", "", "--top", "2"],
            "--image is empty; give a path",
        ),
        (
            ["locate", "v.mp4", "--image", "q.jpg", "--cache="],
            "--cache is empty; give a value, or leave it out",
        ),
        (["store", "ls", ""], "an argument is empty; give a path"),
    ],
)
def test_an_empty_argument_is_not_the_current_folder(
    words: list[str], message: str, capsys
) -> None:
    assert cli.main(words) == 2
    assert capsys.readouterr() == ("", f"error: {message}\n")


def test_errors_hold_no_control_characters(tmp_path, capsys) -> None:
    name = str(tmp_path / "a  b\x1b[31m\x07\x9b.mp4")

    assert cli.main(["locate", name, "--image", name]) == 1
    assert capsys.readouterr().err.startswith(
        f"error: no file at {tmp_path}/a  b\ufffd[31m\ufffd\ufffd.mp4; expected a video"
    )


def test_sigterm_ends_a_command_as_ctrl_c_does(monkeypatch, capsys) -> None:
    def terminated(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        raise AssertionError("went on")

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(cli, "app", terminated)

    assert cli.main(["doctor"]) == 130

    assert capsys.readouterr().err == "error: ended by SIGTERM\n"
    assert signal.getsignal(signal.SIGTERM) is before
