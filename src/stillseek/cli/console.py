"""What commands say on stderr: progress for people, and lists that stay short."""

import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from stillseek.files import counted, shown_name

if TYPE_CHECKING:
    from stillseek.data.manifest import Manifest

# Of a list; the rest is counted.
MOST_LISTED = 20
# Between two lines about long work, where no terminal shows a bar.
LINE_SECONDS = 30.0
_FROM_PYTHON = re.compile(r" \((overwrite|resume)=True\)")


def one_line(text: str) -> str:
    """A message as one line that no terminal takes for more than text.

    What an option is called from Python is left out.
    """
    return shown_name(re.sub(r"\s*[\t\r\n]\s*", " ", _FROM_PYTHON.sub("", text.strip())))


def print_wrote(what: str) -> None:
    """Says which files were written."""
    print(f"wrote {shown_name(what)}")


def print_some(kind: str, lines: Sequence[str]) -> None:
    """Prints the first lines of a list to stderr, each with what it is before it."""
    for line in lines[:MOST_LISTED]:
        print(f"{kind}: {one_line(line)}", file=sys.stderr)
    if len(lines) > MOST_LISTED:
        print(f"{kind}: ... and {len(lines) - MOST_LISTED} more", file=sys.stderr)


def samples_of(manifest: "Manifest") -> str:
    """How many samples a data set has, and how many each split."""
    counts = ", ".join(f"{number} {split}" for split, number in manifest.header.counts.items())
    return f"{counted(len(manifest.samples), 'sample')} ({counts})"


@contextmanager
def progress_bar(description: str) -> Iterator[Callable[[float | int, float | int], None]]:
    """A bar on stderr that disappears when the work is done; in a log, a line now and then.

    Yields:
        What the work calls with the amount done and the total, in any unit.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _print_lines(shown_name(description))
        return
    text = TextColumn("{task.description}", markup=False)  # names may have brackets
    columns = (text, BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(shown_name(description), total=None)

        def advance(done: float | int, total: float | int) -> None:
            bar.update(task, completed=done, total=total)

        yield advance


def _print_lines(description: str) -> Callable[[float | int, float | int], None]:
    print_line = line_printer()

    def advance(done: float | int, total: float | int) -> None:
        if total:
            print_line(lambda: f"{description}: {done / total:.0%} done")

    return advance


def line_printer() -> Callable[[Callable[[], str]], None]:
    """What prints a line about long work on stderr, when the last one is half a minute old."""
    last = time.perf_counter()

    def print_line(line: Callable[[], str]) -> None:
        nonlocal last
        if time.perf_counter() - last >= LINE_SECONDS:
            last = time.perf_counter()
            print(line(), file=sys.stderr, flush=True)

    return print_line
