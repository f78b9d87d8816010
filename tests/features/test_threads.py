import os
import sys
from types import ModuleType

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

    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    # As while another thread imports it, and as where it is not here.
    for torch_here in (ModuleType("torch"), None):
        monkeypatch.setitem(sys.modules, "torch", torch_here)
        for given, number in ((2, 2), (9, 4)):
            set_threads(given)
            assert get_threads() == number
    monkeypatch.setenv("OMP_NUM_THREADS", " 3,2")
    assert get_threads() == 3
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert get_threads() == 0
