"""From a video and query images to moments, and what people get of them: plot, page, clips, EDL."""

from stillseek.localize.localization import Localization
from stillseek.localize.localizer import Localizer

__all__ = ["Localization", "Localizer"]
