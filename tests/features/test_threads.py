import sys

import pytest
import torch

from stillseek.features.threads import get_threads, set_threads


def test_threads_are_set_for_pytorch_and_for_what_comes_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    before = torch.get_num_threads()
    try:
        set_threads(3)
        assert torch.get_num_threads() == get_threads() == 3
    finally:
        torch.set_num_threads(before)
    assert get_threads() == before

    monkeypatch.delitem(sys.modules, "torch")
    assert get_threads() == 3
    set_threads(2)
    assert get_threads() == 2
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert get_threads() == 0
