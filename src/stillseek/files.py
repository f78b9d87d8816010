"""Files that appear whole or not at all, and never over what was given.

Every room writes through here.
"""

import json
import os
import re
import secrets
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from stillseek.errors import UsageError

MADE_BY = "made by stillseek"
"""Stands in the metadata of what this tool writes: only that is replaced without being asked."""

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
# Where formats keep their metadata: at the beginning or at the end.
_ENDS_BYTES = 1 << 16
# Tables of some programs are UTF-16.
_ENCODINGS = ("utf-8", "utf-16-le")
_LONGEST_NAME_BYTES = 255
_NO_TEXT = re.compile("[\ud800-\udfff]")
# Control characters and line breaks of Unicode.
_UNPRINTED = ("Cc", "Zl", "Zp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A file or folder that is about to be written.

    Attributes:
        name: What people call it: an option such as ``--plot``, or an argument.
        path: Where it goes.
        suffixes: What the name of a file may end in, in lower case; None for a folder.
        holds: Names, or patterns of names, of what is written right in a folder and replaces what
            has them.
        signs: Patterns of files in the folder, each with text in them, of which any says that this
            tool wrote the folder: then all that it ``holds`` may be replaced.
        mark: Text in a file that says that this tool wrote it; a table has no room for `MADE_BY`,
            and is known by its header.
    """

    name: str
    path: Path
    suffixes: Sequence[str] | None = None
    holds: Sequence[str] = ()
    signs: Sequence[tuple[str, str]] = ()
    mark: str = MADE_BY


def check_outputs(
    outputs: Sequence[Output], *, inputs: Iterable[Path | None], overwrite: bool | None = None
) -> None:
    """Refuses outputs that would cost something; to be called before any work.

    No output may be an input, by any name: links, hard links and names that differ in case or in
    the form of an accent count as the same. A folder that is written may not lie in a folder that
    is read, nor replace a file that is read. What exists is replaced only where this tool wrote it
    (`MADE_BY`) or ``overwrite`` says so.

    Args:
        outputs: All that will be written.
        inputs: All that is read, files and folders; None is passed over.
        overwrite: Whether files that this tool did not write may be replaced; None where there is
            no such option.

    Raises:
        UsageError: An output is refused; the message names it, the reason, and what to do.
    """
    given = [path for path in inputs if path is not None]
    for path in given:
        # Stores may lie at other URLs.
        if str(path).startswith(("http:/", "https:/", "ftp:/")):
            refuse_url(path, "the input")
    for number, output in enumerate(outputs):
        try:
            _check_place(output)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UsageError(
                f"{output.name} {output.path} cannot be written ({reason}); give another path"
            ) from error
        for path in given:
            _check_input(output, path)
        for other in outputs[:number]:
            if is_same_place(output.path, other.path):
                raise UsageError(
                    f"{output.name} {output.path} is also the path of {other.name}; give each its "
                    "own"
                )
        if not overwrite:
            _check_existing(output, can_overwrite=overwrite is not None)
    # The last: it touches the folder.
    for output in outputs:
        _check_writable(output)


def json_text(value: object, *, indent: int | None = None) -> str:
    """JSON that people can read and every reader takes, also with names that are no text.

    Bytes of a name that are not UTF-8 stay as escapes, which Python reads as the same name.
    """
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return _NO_TEXT.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def shown_name(name: str) -> str:
    """A name of a file as it can stand in a line of text: without line breaks, and in UTF-8."""
    return _NO_TEXT.sub("\ufffd", safe_name(name))


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


def is_same_place(one: Path, other: Path) -> bool:
    """Whether two paths lead to one file, or would where systems do not tell cases apart."""
    with suppress(OSError):
        if one.samefile(other):
            return True
    return _key(one) == _key(other)


def _key(path: Path) -> str:
    return unicodedata.normalize("NFC", os.path.realpath(path)).casefold()


def _is_inside(path: Path, folder: Path) -> bool:
    return _key(path).startswith(_key(folder).rstrip(os.sep) + os.sep)


def _check_place(output: Output) -> None:
    """Refuses what cannot be written."""
    name, path = output.name, output.path
    refuse_url(path, name, advice="upload what was written afterwards")
    if output.suffixes is not None and path.suffix.lower() not in output.suffixes:
        raise UsageError(
            f"{name} {path} has a name of another format; it must end in "
            f"{', '.join(output.suffixes)}"
        )
    if len(os.fsencode(path.name)) > _LONGEST_NAME_BYTES or "\0" in str(path):
        raise UsageError(
            f"{name} {path.name[:40]!r}... is no name of a file: names have at most "
            f"{_LONGEST_NAME_BYTES} bytes, and no null byte; give another"
        )
    if path.is_symlink() and not path.exists():
        raise UsageError(
            f"{name} {path} is a link to {path.readlink()}, which does not exist; give another "
            "path, or remove the link"
        )
    if output.suffixes is not None and path.is_dir():
        raise UsageError(f"{name} {path} is a folder; give the name of a file")
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise UsageError(f"{name} {path} is a device or pipe; give the name of a file")
    place = _nearest_folder(output)
    if not place.is_dir():
        raise UsageError(f"{name} {path} needs a folder where the file {place} is; give another")


def _nearest_folder(output: Output) -> Path:
    """What exists of the way to where an output goes."""
    place = output.path if output.suffixes is None else output.path.parent
    while not place.exists() and place != place.parent:
        place = place.parent
    return place


def _check_writable(output: Output) -> None:
    """Tries it: not every folder that permits writing can be written, such as /proc."""
    place = _nearest_folder(output)
    temporary = _temporary_name(place / output.path.name)
    try:
        temporary.touch(exist_ok=False)
        temporary.unlink()
    except OSError as error:
        raise UsageError(
            f"{output.name} {output.path}: the folder {place} is not writable ({error.strerror}); "
            "give another"
        ) from error


def _check_input(output: Output, path: Path) -> None:
    """Refuses an output that touches an input."""
    name = f"{output.name} {output.path}"
    if is_same_place(output.path, path):
        raise UsageError(f"{name} would overwrite the input {path}; give another path")
    if _is_inside(output.path, path):
        if output.suffixes is None:
            raise UsageError(f"{name} lies in the input folder {path}; give a folder outside")
        if output.path.exists() and not _has_text(output.path, output.mark):
            raise UsageError(f"{name} is a file of the input {path}; give another path")
    for pattern in output.holds:
        for place in (output.path / pattern, *output.path.glob(pattern)):
            if is_same_place(place, path) or _is_inside(path, place):
                raise UsageError(
                    f"{name}: the input {path} has the place of what would be written there; "
                    "give another folder"
                )


def _check_existing(output: Output, *, can_overwrite: bool) -> None:
    """Refuses to replace what this tool did not write."""
    for pattern, text in output.signs:
        if any(_has_text(place, text) for place in output.path.glob(pattern)):
            return
    places = [output.path] if output.suffixes is not None else []
    places += [found for pattern in output.holds for found in sorted(output.path.glob(pattern))]
    for place in places:
        if place.exists() and not _has_text(place, output.mark):
            ways = ", or --overwrite (overwrite=True) to replace it" if can_overwrite else ""
            raise UsageError(
                f"{output.name}: {place} exists, and stillseek did not write it; give another "
                f"path{ways}"
            )


def _has_text(path: Path, text: str) -> bool:
    with suppress(OSError), path.open("rb") as file:
        head = file.read(_ENDS_BYTES)
        file.seek(max(0, file.seek(0, os.SEEK_END) - _ENDS_BYTES))
        ends = head + b"\0" + file.read()
        return any(text.encode(code) in ends for code in _ENCODINGS)
    return False


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
    temporary = _temporary_name(path)
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


def _temporary_name(path: Path) -> Path:
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
