"""stillseek: show it a picture, and it finds the moment in the video.

    from stillseek import Localizer

    found = Localizer.load().locate("match.mp4", "handball.jpg")
    print(found.moments[0].start_seconds)

Names are imported, and what they need with them, when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stillseek.errors import (
        CheckpointError,
        CorruptFeaturesError,
        DatasetError,
        FeatureError,
        InstallationError,
        LibraryError,
        MediaError,
        NotDrawnWarning,
        StillseekError,
        TruncatedMediaWarning,
        UnusableFeaturesError,
        UsageError,
    )
    from stillseek.features import RecipeOptions
    from stillseek.handoff.clips import cut_moments, cut_selections
    from stillseek.handoff.formats import write_handoff, write_selections
    from stillseek.handoff.selection import Selection
    from stillseek.library import Library
    from stillseek.localize.explanation import Explanation
    from stillseek.localize.localization import Localization
    from stillseek.localize.localizer import Localizer
    from stillseek.localize.plot import plot_localization
    from stillseek.localize.plot_explanation import plot_explanation
    from stillseek.localize.query import EncodedQuery
    from stillseek.localize.query_image import VideoFrame
    from stillseek.localize.ranking import Ranking, write_ranking
    from stillseek.localize.report import write_report
    from stillseek.timeline import Moment, Segment

__version__ = "0.1.0"
__all__ = [
    "CheckpointError",
    "CorruptFeaturesError",
    "DatasetError",
    "EncodedQuery",
    "Explanation",
    "FeatureError",
    "InstallationError",
    "Library",
    "LibraryError",
    "Localization",
    "Localizer",
    "MediaError",
    "Moment",
    "NotDrawnWarning",
    "Ranking",
    "RecipeOptions",
    "Segment",
    "Selection",
    "StillseekError",
    "TruncatedMediaWarning",
    "UnusableFeaturesError",
    "UsageError",
    "VideoFrame",
    "__version__",
    "cut_moments",
    "cut_selections",
    "plot_explanation",
    "plot_localization",
    "write_handoff",
    "write_ranking",
    "write_report",
    "write_selections",
]

# Where names are that are no errors.
_PLACES = {
    "EncodedQuery": "localize.query",
    "Explanation": "localize.explanation",
    "Library": "library",
    "Localization": "localize.localization",
    "Localizer": "localize.localizer",
    "Moment": "timeline",
    "Ranking": "localize.ranking",
    "RecipeOptions": "features",
    "Segment": "timeline",
    "Selection": "handoff.selection",
    "VideoFrame": "localize.query_image",
    "cut_moments": "handoff.clips",
    "cut_selections": "handoff.clips",
    "plot_explanation": "localize.plot_explanation",
    "plot_localization": "localize.plot",
    "write_handoff": "handoff.formats",
    "write_ranking": "localize.ranking",
    "write_report": "localize.report",
    "write_selections": "handoff.formats",
}


def __getattr__(name: str) -> object:
    """Imports a public name on first use."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES.get(name, 'errors')}"), name)


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
