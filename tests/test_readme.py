"""Every command and Python example of the pages that people copy from works as printed."""

import itertools
import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from stillseek.cli.app import app, main

ROOT = Path(__file__).resolve().parent.parent
WAYS_IN = ("README.md", "docs/index.md", "docs/find.md", "docs/many-videos.md", "docs/handoff.md")
PAGES = (*WAYS_IN, "docs/train.md")
# Their commands take long, or need what is not at hand; those of the design, what it adds.
OTHER_PAGES = tuple(
    page
    for path in sorted((ROOT / "docs").rglob("*.md"))
    if (page := path.relative_to(ROOT).as_posix()) not in (*PAGES, "docs/design.md")
)
FENCE = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
VIDEO = re.compile(r"[\w./-]+\.(?:mp4|mkv|mov|webm|avi)\b")
IMAGE = re.compile(r"[\w./-]+\.(?:jpe?g|png|webp)\b")
OUTPUT_OPTIONS = (
    *("--plot", "--report", "--explain", "--clips", "--export", "--csv", "--annotations"),
)
# A folder of videos, by its name on the pages.
FOLDER = "my-videos"
# These get a machine ready; the tests run on one that is.
SETTING_UP = ("git", "cd", "pip", "python3", "source")
# These answer in seconds and are run; the others (renderings, trainings) are only parsed.
QUICK_VERBS = ("locate", "doctor", "--help", "--version")


def blocks(page: str, *languages: str) -> list[str]:
    text = (ROOT / page).read_text()
    return [body for language, body in FENCE.findall(text) if language in languages]


def commands(page: str) -> list[str]:
    lines = "".join(blocks(page, "bash", "sh")).replace("\\\n", " ").splitlines()
    console = "".join(blocks(page, "console")).replace("\\\n", " ").splitlines()
    prompts = ("$ ", "stillseek ")
    lines += [line.removeprefix("$ ") for line in console if line.startswith(prompts)]
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


@pytest.fixture
def make_inputs(
    tmp_path: Path, write_clip: Callable[..., Path], write_picture: Callable[..., Path]
) -> Callable[..., None]:
    """Writes every media file that a text mentions, but not those it will make itself."""

    def make(text: str, *, outputs: Sequence[str] = ()) -> None:
        for name in set(VIDEO.findall(text)) - set(outputs):
            write_clip(seconds=4, name=name)
        if FOLDER in text:
            write_clip(seconds=4, name=f"{FOLDER}/monday.mp4")
        for number, name in enumerate(sorted(set(IMAGE.findall(text)) - set(outputs))):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            write_picture(name, seed=number)

    return make


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_navigation_has_at_most_seven_entries_and_two_levels() -> None:
    settings = (ROOT / "mkdocs.yml").read_text()
    entries = settings.partition("\nnav:\n")[2].partition("\nplugins:")[0].splitlines()
    levels = [len(entry) - len(entry.lstrip()) for entry in entries]

    assert set(levels) == {2, 6}
    assert levels.count(2) <= 7


@pytest.mark.parametrize("page", WAYS_IN)
def test_page_shows_both_ways_in(page: str) -> None:
    assert any("locate" in command for command in commands(page))
    assert any("Localizer" in block for block in blocks(page, "python"))


@pytest.mark.parametrize(
    "command", sorted({command for page in PAGES for command in commands(page)})
)
def test_command_works(
    command: str, tmp_path: Path, make_inputs: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words = list(lexer)
    program, *arguments = words
    if program in SETTING_UP:
        return
    if program == "make":
        assert set(arguments) <= make_targets()
        return
    assert Path(program).name == "stillseek", f"no rule to test {program!r}; add one here"
    assert not any(set(word) <= set("|&;<>") for word in arguments), "a pipe: add a way to test it"
    # A head that was trained is not at hand.
    if arguments[0] not in QUICK_VERBS or "--checkpoint" in arguments:
        app.parse_args(arguments, exit_on_error=False, print_error=False)
        return
    outputs = [value for option, value in itertools.pairwise(arguments) if option in OUTPUT_OPTIONS]
    make_inputs(command, outputs=outputs)
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 0
    for name in outputs:
        assert (tmp_path / name).exists(), f"{name} was not written"


@pytest.mark.parametrize(
    "command",
    sorted({line for page in OTHER_PAGES for line in commands(page) if "stillseek " in line}),
)
def test_command_is_understood(command: str) -> None:
    words = shlex.split(command)
    arguments = words[words.index("stillseek") + 1 :]
    app.parse_args(arguments, exit_on_error=False, print_error=False)


@pytest.mark.parametrize(
    "source", sorted({block for page in PAGES for block in blocks(page, "python")})
)
def test_python_example_works(
    source: str, tmp_path: Path, make_inputs: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_inputs(source)
    monkeypatch.chdir(tmp_path)
    exec(source, {"__name__": "__main__"})
