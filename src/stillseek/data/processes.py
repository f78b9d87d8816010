"""Work on several processes."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

import cv2

from stillseek.errors import UsageError

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def check_workers(workers: int | None) -> None:
    """Refuses numbers of processes that nothing can be done with.

    Raises:
        UsageError: The number is below 1.
    """
    if workers is not None and workers < 1:
        raise UsageError(f"workers must be at least 1, got {workers}")


def map_in_processes(
    function: Callable[[_Item], _Result],
    items: Sequence[_Item],
    *,
    workers: int | None = None,
    chunk: int = 1,
) -> Iterator[_Result]:
    """The results of a function, in the order of the items, as they are ready.

    After an interrupt or a failure what has begun is finished, and the rest is dropped.

    Args:
        function: What to do; it, the items and the results must pickle.
        items: What to do it with.
        workers: Processes; None takes one a core, and 1 stays in this process.
        chunk: Items that a process takes at a time.

    Raises:
        UsageError: ``workers`` is below 1.
    """
    check_workers(workers)
    if workers == 1 or not items:
        yield from map(function, items)
        return
    # Forked processes would wait for ever for the threads that OpenCV has in this one.
    with ProcessPoolExecutor(
        min(workers or os.cpu_count() or 1, len(items)),
        mp_context=get_context("spawn"),
        initializer=_start,
    ) as pool:
        try:
            yield from pool.map(function, items, chunksize=chunk)
        finally:
            pool.shutdown(cancel_futures=True)


def _start() -> None:
    # Ctrl-C reaches all processes; the one that started them ends them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Threads inside the processes would only wait for each other.
    cv2.setNumThreads(1)
