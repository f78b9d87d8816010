"""Files that appear whole or not at all; every room writes through here."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


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
    # Short, whatever the name's length: names have a limit of 255 bytes.
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp{path.suffix[:32]}")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


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
