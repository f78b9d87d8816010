"""From a video and query images to moments, and what people get of them: plot, page, clips, EDL."""

from stillseek.localize.localization import Localization
from stillseek.localize.localizer import Localizer
from stillseek.localize.query import EncodedQuery
from stillseek.localize.query_image import VideoFrame
from stillseek.localize.ranking import Ranking

__all__ = ["EncodedQuery", "Localization", "Localizer", "Ranking", "VideoFrame"]
