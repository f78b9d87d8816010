"""What may be written where: never over what was given, nor over what somebody else made."""

import os
import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from stillseek.errors import UsageError
from stillseek.files import MADE_BY, refuse_url, temporary_name

# Where formats keep their metadata: at the beginning or at the end.
_ENDS_BYTES = 1 << 16
# Tables of some programs are UTF-16.
_ENCODINGS = ("utf-8", "utf-16-le")
_LONGEST_NAME_BYTES = 255


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
        is_cache: Whether what a folder holds may be all that is needed: then it is tried only by
            who has to write (`check_writable`).
        mark: Text in a file that says that this tool wrote it; a table has no room for `MADE_BY`,
            and is known by its header.
    """

    name: str
    path: Path
    suffixes: Sequence[str] | None = None
    holds: Sequence[str] = ()
    signs: Sequence[tuple[str, str]] = ()
    is_cache: bool = False
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
        if not (output.is_cache and output.path.is_dir()):
            check_writable(output)


def check_folder(path: Path, name: str) -> None:
    """Refuses what is no folder and cannot become one, such as a file; touches nothing.

    Args:
        path: The folder, there or not.
        name: What people call it.

    Raises:
        UsageError: A file is there, or on the way.
    """
    _check_place(Output(name=name, path=path))


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


def check_writable(output: Output) -> None:
    """Tries it: not every folder that permits writing can be written, such as /proc.

    Raises:
        UsageError: It cannot be written.
    """
    place = _nearest_folder(output)
    temporary = temporary_name(place / output.path.name)
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
