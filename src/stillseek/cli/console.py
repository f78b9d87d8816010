"""Progress on stderr: a bar for people, nothing in a pipe or a log."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn


@contextmanager
def progress_bar(description: str) -> Iterator[Callable[[float | int, float | int], None]]:
    """A bar that disappears when the work is done.

    Yields:
        What the work calls with the amount done and the total, in any unit.
    """
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(description, total=None)

        def advance(done: float | int, total: float | int) -> None:
            bar.update(task, completed=done, total=total)

        yield advance
