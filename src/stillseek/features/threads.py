"""How many threads encoders and heads compute with, whatever computes them."""

import os
import sys

_VARIABLE = "OMP_NUM_THREADS"


def set_threads(number: int) -> None:
    """Sets how many threads encoders and heads get that are opened from now on.

    It holds for this process and for those that it starts.
    """
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(number)
    # PyTorch reads it when it is imported.
    os.environ[_VARIABLE] = str(number)


def get_threads() -> int:
    """How many; 0 where nobody said, and whoever computes chooses."""
    if torch := sys.modules.get("torch"):
        return torch.get_num_threads()
    given = os.environ.get(_VARIABLE, "")
    return int(given) if given.isdecimal() else 0
