"""stillseek: show it a picture, and it finds the moment in the video."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stillseek.localize.localizer import Localizer

__version__ = "0.1.0"
__all__ = ["Localizer", "__version__"]


def __getattr__(name: str) -> object:
    """Imports `Localizer`, and torch with it, on first use only."""
    if name == "Localizer":
        from stillseek.localize.localizer import Localizer

        return Localizer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
