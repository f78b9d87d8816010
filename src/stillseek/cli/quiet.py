"""Keeps what libraries say to themselves off the terminal; ``--verbose`` lets it through."""

import io
import logging
import os
import sys
from pathlib import Path

VERBOSE = "--verbose"

_PACKAGE = str(Path(__file__).parents[1])


def silence_libraries() -> None:
    """Leaves the error stream of this process to Python, and to this program in it.

    Notices of libraries that are not Python (XNNPACK, CUDA) go straight to the descriptor of the
    error stream: it leads nowhere from here on, also for processes that are started later, and
    ``sys.stderr`` has one of its own.
    """
    if not isinstance(sys.stderr, io.TextIOWrapper):
        return
    sys.stderr.flush()
    try:
        descriptor = sys.stderr.fileno()
        own = os.fdopen(os.dup(descriptor), "wb", buffering=0)
        nowhere = os.open(os.devnull, os.O_WRONLY)
    except OSError:
        # It is closed: nobody would read a notice.
        return
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
    sys.stderr = io.TextIOWrapper(
        own, encoding=sys.stderr.encoding, errors="backslashreplace", write_through=True
    )
    logging.disable()


def is_own(category: type[Warning], filename: str) -> bool:
    """Whether a warning is of this program, by its class or the file that raised it."""
    return category.__module__.startswith("stillseek") or filename.startswith(_PACKAGE)
