"""How many threads encoders and heads compute with, whatever computes them."""

import os
import sys

_VARIABLE = "OMP_NUM_THREADS"


def set_threads(number: int) -> None:
    """Sets how many threads encoders and heads get that are opened from now on.

    It holds for this process and for those that it starts.
    """
    # PyTorch reads it when it is imported, which another thread may be doing now.
    os.environ[_VARIABLE] = str(number)
    if set_them := getattr(sys.modules.get("torch"), "set_num_threads", None):
        set_them(number)


def get_threads() -> int:
    """How many, no more than processors; 0 where nobody said, and whoever computes chooses."""
    if get_them := getattr(sys.modules.get("torch"), "get_num_threads", None):
        return get_them()
    given = os.environ.get(_VARIABLE, "").partition(",")[0].strip()
    return min(int(given), os.cpu_count() or 1) if given.isdecimal() else 0
