"""Which examples form a batch, and loading batches in this process or in the background."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from stillseek.data.augmentation import Augmentation, augment
from stillseek.data.drawn_streams import DrawnStreams
from stillseek.data.example import Batch, Example, ExampleSet, collate
from stillseek.errors import StillseekError

# Batches that are sorted by length together: enough to make neighbours alike, few enough that an
# example meets others in every epoch.
_POOL_BATCHES = 32


def batch_indices(
    num_examples: int,
    batch_size: int,
    *,
    shuffle: tuple[int, int] | None = None,
    num_steps: Sequence[int] | None = None,
) -> list[list[int]]:
    """Splits examples into batches; one of them may be smaller.

    Args:
        num_examples: Examples in the set.
        batch_size: Examples in a batch.
        shuffle: Seed and epoch; the order depends on these two numbers only, so a resumed run
            goes on as if it had never stopped. None keeps the order.
        num_steps: Length of every example, to put examples of like length into one batch, in a
            shuffled order only; None leaves that to chance.
    """
    order = np.arange(num_examples)
    rng = None if shuffle is None else np.random.default_rng(shuffle)
    if rng is not None:
        order = rng.permutation(num_examples)
        if num_steps is not None:
            order = _sorted_in_pools(order, np.asarray(num_steps), _POOL_BATCHES * batch_size)
    batches = [
        order[first : first + batch_size].tolist() for first in range(0, num_examples, batch_size)
    ]
    if rng is not None and num_steps is not None:
        batches = [batches[place] for place in rng.permutation(len(batches))]
    return batches


def _sorted_in_pools(order: np.ndarray, num_steps: np.ndarray, pool_size: int) -> np.ndarray:
    pools = [order[first : first + pool_size] for first in range(0, len(order), pool_size)]
    return np.concatenate(
        [pool[np.argsort(num_steps[pool], kind="stable")] for pool in pools] or [order]
    )


def num_steps_of(examples: Sequence[Example]) -> tuple[int, ...]:
    """Length of every example; of an `ExampleSet` or of streams no feature is loaded for it."""
    if isinstance(examples, DrawnStreams):
        return examples.num_steps
    if isinstance(examples, ExampleSet):
        return tuple(examples.grid(index).num_steps for index in range(len(examples)))
    return tuple(example.grid.num_steps for example in examples)


class BatchLoader:
    """Loads and collates batches, in this process or in workers that stay until it is closed.

    Batches come in the order asked for and have the same bits however many workers there are.

    Args:
        data: The examples; workers get a copy, so it must be picklable where there are any.
        num_workers: Processes that load ahead; 0 loads here, when a batch is asked for.
        augmentation: What changes examples that are loaded for an epoch; None changes none.
    """

    def __init__(
        self,
        data: Sequence[Example],
        *,
        num_workers: int = 0,
        augmentation: Augmentation | None = None,
    ) -> None:
        self.data = data
        self._batches = _Batches(data, augmentation)
        self._requests: list[_Request] = []
        self._workers: DataLoader[Batch | StillseekError] | None = None
        self._was_left_early = False
        if num_workers > 0:
            self._workers = DataLoader(
                self._batches,
                batch_size=None,
                sampler=self._requests,
                num_workers=num_workers,
                persistent_workers=True,
                # A fork of a process whose thread pools have run may hang.
                multiprocessing_context="spawn",
                # The loader draws a seed, which must not change the draws of the training.
                generator=torch.Generator(),
            )

    def load(
        self, batches: Sequence[Sequence[int]], *, draw: tuple[int, int] | None = None
    ) -> Iterator[Batch]:
        """The batches of examples, in order.

        Args:
            batches: Indices of the examples of each batch.
            draw: Seed and epoch of the augmentation; None for examples as they are.

        Raises:
            StillseekError: An example cannot be loaded, or a worker died.
        """
        requests = [_Request(tuple(indices), draw) for indices in batches]
        for batch in self._loaded(requests):
            if isinstance(batch, StillseekError):
                raise batch
            yield batch

    def close(self) -> None:
        """Ends the workers."""
        if self._workers is not None and self._was_left_early:
            # A worker that is told to end while it sends a batch may abort instead. It is asked
            # for an epoch of nothing, which it answers when all is sent.
            self._requests.clear()
            with suppress(RuntimeError):
                list(self._workers)
        self._workers = None

    def _loaded(self, requests: "list[_Request]") -> "Iterator[Batch | StillseekError]":
        if self._workers is None:
            yield from map(self._batches.__getitem__, requests)
            return
        self._requests[:] = requests
        self._was_left_early = False
        try:
            with worker_failures():
                yield from self._workers
        except GeneratorExit:
            self._was_left_early = True
            raise


@contextmanager
def worker_failures() -> Iterator[None]:
    """Says what to do where a worker of a `BatchLoader` died.

    Torch raises such failures from a signal handler, that is wherever the program happens to be.

    Raises:
        StillseekError: A worker died.
    """
    try:
        yield
    except RuntimeError as error:
        if not str(error).startswith("DataLoader worker"):
            raise
        raise StillseekError(
            f"a process that loads batches ended ({error}); where memory ran out, use fewer "
            "num_workers or 0; a script that uses any must start its work under "
            "if __name__ == '__main__'"
        ) from error


@dataclass(frozen=True, slots=True)
class _Request:
    indices: tuple[int, ...]
    draw: tuple[int, int] | None


class _Batches(Dataset[Batch | StillseekError]):
    """Batches by request, in whichever process; failures are values, which cross processes."""

    def __init__(self, data: Sequence[Example], augmentation: Augmentation | None) -> None:
        self._data, self._augmentation = data, augmentation

    def __getitem__(self, index: _Request) -> Batch | StillseekError:
        try:
            return collate([self._example(example, index.draw) for example in index.indices])
        except StillseekError as error:
            return error

    def _example(self, index: int, draw: tuple[int, int] | None) -> Example:
        if self._augmentation is None or draw is None:
            return self._data[index]
        seed, epoch = draw
        change = partial(
            augment, augmentation=self._augmentation, seed=seed, epoch=epoch, index=index
        )
        if isinstance(self._data, ExampleSet):
            return self._data.load(index, change)
        if isinstance(self._data, DrawnStreams):
            return change(self._data.draw(index, seed=seed, epoch=epoch))
        return change(self._data[index])
