"""From a video and query images to moments, and what people get of them: plot and page.

What a name needs is imported when the name is used: results can be shown without PyTorch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stillseek.localize.localization import Localization
    from stillseek.localize.localizer import Localizer
    from stillseek.localize.query import EncodedQuery
    from stillseek.localize.query_image import VideoFrame
    from stillseek.localize.ranking import Ranking

__all__ = ["EncodedQuery", "Localization", "Localizer", "Ranking", "VideoFrame"]

_HOMES = {"EncodedQuery": "query", "VideoFrame": "query_image"}


def __getattr__(name: str) -> object:
    """A public name, from its module."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, name.lower())}"), name)
