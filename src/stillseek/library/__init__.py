"""A saved index over many videos, searched by picture; imported when it is used."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stillseek.library.saved_library import Library

__all__ = ["Library"]


def __getattr__(name: str) -> object:
    """The public name, from its module."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.saved_library"), name)
