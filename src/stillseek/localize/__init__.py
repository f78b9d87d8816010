"""From a video and query images to moments, and what people get of them: plot, page, clips, EDL."""

from stillseek.localize.localization import Localization
from stillseek.localize.localizer import Localizer
from stillseek.localize.query import EncodedQuery

__all__ = ["EncodedQuery", "Localization", "Localizer"]
