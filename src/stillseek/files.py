"""Files that appear whole or not at all, and names; every room writes through here."""

import json
import os
import re
import secrets
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from stillseek.errors import UsageError

MADE_BY = "made by stillseek"
"""Stands in the metadata of what this tool writes: only that is replaced without being asked."""

AnnotationFormat = Literal["elan", "boris", "label-studio", "cvat", "via", "activitynet", "csv"]
"""The tools whose files can be written; ``csv`` is the table of `stillseek dataset import`."""

# What the names of files end in, by what is in them.
FIGURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".svg", ".pdf")
# Pillow knows more, but some hold no colours, or no tall pictures.
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
REPORT_SUFFIXES = (".html", ".htm")
TABLE_SUFFIXES = (".csv",)

# pathlib makes one slash of two. A single letter is a drive of Windows; `::` chains file systems.
URL = re.compile(r"((?:[A-Za-z][A-Za-z0-9+.-]+::)*[A-Za-z][A-Za-z0-9+.-]+):/+(.*)", re.DOTALL)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+")
_OF_THIS_MACHINE = ("file", "local")

# What spreadsheets compute where a cell begins with it.
_FORMULAS = ("=", "+", "-", "@")
_NO_TEXT = re.compile("[\ud800-\udfff]")
# Control characters and line breaks of Unicode.
_UNPRINTED = ("Cc", "Zl", "Zp")


def json_text(value: object, *, indent: int | None = None) -> str:
    """JSON that people can read and every reader takes, also with names that are no text.

    Bytes of a name that are not UTF-8 stay as escapes, which Python reads as the same name.
    """
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return _NO_TEXT.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def shown_name(name: str) -> str:
    """A name of a file as it can stand in a line of text: without line breaks, and in UTF-8."""
    return _NO_TEXT.sub("\ufffd", safe_name(name))


def counted(number: int, one: str, several: str | None = None) -> str:
    """A number of things, such as "1 video", "2 videos", "3 entries"."""
    return f"{number} {one if number == 1 else several or f'{one}s'}"


def spreadsheet_cell(text: str) -> str:
    """A text that no reader of tables takes for lines, commands or a formula."""
    cell = shown_name(text)
    return f"'{cell}" if cell.startswith(_FORMULAS) else cell


def safe_name(name: str) -> str:
    """A name for a file or a table, without line breaks and what steers terminals.

    Bytes of it that are not UTF-8 stay.
    """
    return "".join("\ufffd" if unicodedata.category(c) in _UNPRINTED else c for c in name)


def as_path(path: Path | str, name: str) -> Path:
    """A path from what was given for it: pathlib makes the current folder of an empty text.

    Raises:
        UsageError: The text is empty, or holds a null byte.
    """
    if path == "":
        raise UsageError(f"{name} is empty; give a path")
    if "\0" in str(path):
        raise UsageError(f"{name} holds a null byte; give a path")
    return Path(path)


def shown_url(text: str) -> str | None:
    """A URL with the slashes that pathlib took from it; None where a text is no URL."""
    if URL.fullmatch(text) is None:
        return None
    return _SCHEME.sub(
        lambda match: f"{match[1]}:{'///' if match[1] in _OF_THIS_MACHINE else '//'}", text
    )


def refuse_url(path: Path, name: str, *, advice: str = "download what is to be read") -> None:
    """Refuses a URL where a path is needed.

    Args:
        path: The path, in which pathlib has made one slash of two.
        name: What people call it.
        advice: What to do where the file is elsewhere.

    Raises:
        UsageError: It is a URL, and no file has that name.
    """
    if (url := shown_url(str(path))) and not path.exists():
        raise UsageError(f"{name} {url} is a URL; give a path on this machine ({advice})")


def names_below(paths: Sequence[Path]) -> dict[Path, str]:
    """What files are called where nobody is told where they lie: their way from a common folder.

    Args:
        paths: Files, at least one.
    """
    try:
        common = os.path.commonpath([path.absolute().parent for path in paths])
    except ValueError:  # they are on several drives
        return {path: path.name for path in paths}
    return {path: path.absolute().relative_to(common).as_posix() for path in paths}


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A place to write a file at, which takes its name in one step when the block ends.

    Whoever opens ``path`` sees the whole new file, or what was there before: also after an error in
    the block, a kill at any moment or a loss of power, of which a hidden neighbour may be left.

    Args:
        path: The file to make or replace; its folder is made where it is missing.

    Yields:
        A hidden neighbour with the same suffix; the block writes and closes it.

    Raises:
        OSError: The file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_name(path)
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        if isinstance(error.filename, str) and Path(error.filename).name == temporary.name:
            # Nobody knows the neighbour. A second name is that of `path`, or none.
            error.filename = os.fspath(path)
            del error.filename2
        elif error.filename is None and error.errno is not None:
            error.filename = os.fspath(path)  # as of a full disk
        raise
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def temporary_name(path: Path) -> Path:
    """A hidden neighbour; short, whatever the name's length: names have a limit of 255 bytes."""
    return path.with_name(f".{secrets.token_hex(8)}.tmp{path.suffix[:32]}")


def _sync_folder(folder: Path) -> None:
    """Makes a new name last; folders of some systems cannot be synced, and need not be."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


LEFT_OVER = f".{'[0-9a-f]' * 16}.tmp*"
"""Pattern of the names that `replacing` gives its hidden neighbours: nobody else's files."""


def remove_left_over(folder: Path) -> None:
    """Removes what writers that were killed left in a folder; nobody may be writing there now."""
    for path in folder.glob(LEFT_OVER):
        path.unlink(missing_ok=True)
