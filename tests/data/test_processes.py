import operator
import os

import pytest

from stillseek.data.processes import map_in_processes
from stillseek.errors import UsageError


def test_results_come_in_the_order_of_the_items():
    assert list(map_in_processes(abs, range(-13, 0), workers=2, chunk=3)) == list(range(13, 0, -1))


def test_one_worker_is_this_process_and_several_are_not():
    (own,) = map_in_processes(operator.call, [os.getpid], workers=1)
    others = set(map_in_processes(operator.call, [os.getpid] * 3, workers=2))

    assert own == os.getpid()
    assert own not in others


def test_nothing_to_do():
    assert list(map_in_processes(abs, [])) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_failures_come_through(workers):
    with pytest.raises(ValueError, match="invalid literal for int"):
        list(map_in_processes(int, ["1", "x", "3"], workers=workers))


@pytest.mark.parametrize("workers", [0, -1])
@pytest.mark.parametrize("items", [(), (3, 5)])
def test_fewer_than_one_worker_is_refused(workers, items):
    with pytest.raises(UsageError, match=f"^workers must be at least 1, got {workers}$"):
        list(map_in_processes(abs, items, workers=workers))
