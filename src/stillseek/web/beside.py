"""Short work beside the jobs, such as a frame: in few threads, and with few that wait."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from stillseek.web.refusals import RefusedError

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Beside:
    """A pool of some threads, for which at most some calls wait."""

    def __init__(self, workers: int, *, waiting: int) -> None:
        self._pool = ThreadPoolExecutor(workers)
        self._most = workers + waiting
        self._count = 0

    async def run(self, work: Callable[_P, _T], *values: _P.args, **named: _P.kwargs) -> _T:
        """Does some work in a thread.

        Raises:
            RefusedError: Too many wait already.
        """
        if self._count >= self._most:
            raise RefusedError(
                "queue_full", "too many frames and files are asked for; try again soon"
            )
        self._count += 1
        try:
            future = self._pool.submit(work, *values, **named)
            return await asyncio.wrap_future(future)
        finally:
            self._count -= 1

    def close(self) -> None:
        """Drops what waits."""
        self._pool.shutdown(wait=False, cancel_futures=True)
