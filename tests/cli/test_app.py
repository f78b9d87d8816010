import os
import re
import signal
import subprocess
import sys
import warnings
from pathlib import Path
from unittest.mock import Mock

import pytest

from stillseek.cli import app as cli
from stillseek.cli import doctor
from stillseek.errors import MediaError, TruncatedMediaWarning, UsageError

_ALL_VERBS = (
    "locate, batch, demo, dataset, extract, store, fit-pca, train, train-encoder, evaluate, "
    "experiment, export, library, serve, doctor"
)
VERBS = _ALL_VERBS.split(", ")
_LOCATE = ("locate", "v.mp4", "--image", "q.png")
_PLACES = ("--dataset", "d", "--store", "s", "--out", "o")
_TRAIN, _EVALUATE = ("train", *_PLACES), ["evaluate", *_PLACES]


def run_without_torch(words: list[str], **options) -> subprocess.CompletedProcess:
    source = (
        "import sys\n"
        "from stillseek.cli.app import main\n"
        f"code = main({words!r})\n"
        "assert 'torch' not in sys.modules, 'torch was imported'\n"
        "sys.exit(code)\n"
    )
    command = [sys.executable, "-c", source]
    return subprocess.run(command, capture_output=True, text=True, **options)


@pytest.mark.parametrize("verb", ["", *VERBS, "dataset render", "dataset import"])
def test_help_needs_no_torch(verb: str) -> None:
    done = run_without_torch([*verb.split(), "--help"])

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: {' '.join(('stillseek', *verb.split()))}")


def test_importing_the_package_needs_no_torch() -> None:
    source = "import sys, stillseek; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", source]).returncode == 0


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["locate", "v.mp4", "--image", "q.png", "--top", "0"], 2, "top must be at least 1, got 0"),
        (
            _EVALUATE,
            2,
            "nothing to score; give --checkpoint DIR, --matching, --similarity or several",
        ),
        (["export", "no", "--out", "h.onnx"], 1, "no is no folder with a checkpoint.json; give "),
        ([*_EVALUATE, "--checkpoint", "no"], 1, "no is no folder with a checkpoint.json; give "),
    ],
)
def test_cheap_checks_need_no_torch(words: list[str], code: int, message: str, tmp_path) -> None:
    done = run_without_torch(words, cwd=tmp_path)

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
def test_help_tells_more_than_the_list_of_verbs(words, end, run) -> None:
    told = " ".join(run(*words, "--help").partition("╭")[0].split())
    assert len(told.split(". ")) > 1, told
    assert end in told


def test_root_help_names_every_verb(run) -> None:
    out = run()
    assert [verb for verb in VERBS if not re.search(rf"│ {verb} ", out)] == []


@pytest.mark.parametrize("group", ["dataset", "store"])
def test_every_verb_of_a_group_is_described(group: str, run) -> None:
    rows = re.findall(r"│ (\S+) (.*?) *│\n", run(group, "--help").split("Commands")[1])
    assert len(rows) >= 3
    assert [verb for verb, words in rows if not words.strip()] == []


def test_names_of_options_stay_whole_at_80_columns(run, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")

    assert "--no-bidirectional-aggregation " in run("train", "--help")


def test_version(run) -> None:
    from stillseek import __version__

    assert run("--version") == f"{__version__}\n"


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (["find"], "there is no command 'find'; the commands are locate, batch, demo, dataset, "),
        (["frobnicate"], f"there is no command 'frobnicate'; the commands are {_ALL_VERBS}; see "),
        (["trian"], "there is no command 'trian'; did you mean train? The commands are locate, "),
        (["locate"], "the picture is missing: stillseek locate VIDEO --image PICTURE; see "),
        (
            ["library", "search", "lib"],
            "the picture is missing: stillseek library search lib --image PICTURE; see ",
        ),
        (
            ["library", "search", "lib", "--image", "q.png", "--since", "yesterday"],
            "--since must be a date such as 2026-03-31, or one with a time such as "
            "2026-03-31T18:30, got 'yesterday'; see ",
        ),
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
        (["locate", "v.mp4", "--image", "q.png", "--decode", "best"], 'Invalid value "best" for'),
    ],
)
def test_wrong_usage_exits_with_2_and_one_line(tokens: list[str], message: str, refused) -> None:
    told = refused(*tokens)

    assert told.startswith(message)
    assert re.search(r"; see stillseek( locate| export| train| library search)? --help$", told)


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
    error: BaseException, code: int, line: str, monkeypatch: pytest.MonkeyPatch, refused
) -> None:
    monkeypatch.setattr(doctor, "examine", Mock(side_effect=error))

    assert refused("doctor", code=code) == line


def test_warnings_are_one_line(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
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


def test_completion_is_installed_where_it_is_told_to(tmp_path, run) -> None:
    target = tmp_path / "stillseek.fish"

    told = run("--install-completion", "--shell", "fish", "--output", target)
    assert f"installed to {target}" in told
    assert "stillseek" in target.read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["locate", "", "--image", "q.jpg"], "the video's name is empty; give a path"),
        (["locate", "v.mp4", "--image", ""], "--image is empty; give a path"),
        ([*_LOCATE, "--plot", ""], "--plot is empty; give a path"),
        ([*_LOCATE, "", "--top", "2"], "--image is empty; give a path"),
        ([*_LOCATE, "--cache="], "--cache is empty; give a value, or leave it out"),
        (["store", "ls", ""], "an argument is empty; give a path"),
    ],
)
def test_an_empty_argument_is_not_the_current_folder(words: list[str], message: str, refused):
    assert refused(*words) == message


def test_errors_hold_no_control_characters(tmp_path, refused) -> None:
    name = tmp_path / "a  b\x1b[31m\x07\x9b.mp4"

    assert refused("locate", name, "--image", name, code=1).startswith(
        f"no file at {tmp_path}/a  b\ufffd[31m\ufffd\ufffd.mp4; expected a video"
    )


def test_sigterm_ends_a_command_as_ctrl_c_does(monkeypatch, refused) -> None:
    def terminated(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        raise AssertionError("went on")

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(cli, "app", terminated)

    assert refused("doctor", code=143) == "ended by SIGTERM"
    assert signal.getsignal(signal.SIGTERM) is before
