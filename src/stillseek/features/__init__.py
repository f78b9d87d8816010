"""Recipes, features and their store. What a name needs is imported when the name is used."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stillseek.features.extraction import extract, shard_of
    from stillseek.features.keys import QueryKey, VideoKey, content_hash
    from stillseek.features.options import DEFAULT_RECIPE, Precision, RecipeOptions
    from stillseek.features.outcomes import ExtractionProgress, ExtractionReport, VideoOutcome
    from stillseek.features.ray_engine import extract_with_ray
    from stillseek.features.recipe import (
        RECIPE_NAMES,
        QueryFeatures,
        Recipe,
        UnitStream,
        VideoFeatures,
        load_recipe,
        precision_of,
    )
    from stillseek.features.store import CorruptFeaturesWarning, FeatureStore

__all__ = [
    "DEFAULT_RECIPE",
    "RECIPE_NAMES",
    "CorruptFeaturesWarning",
    "ExtractionProgress",
    "ExtractionReport",
    "FeatureStore",
    "Precision",
    "QueryFeatures",
    "QueryKey",
    "Recipe",
    "RecipeOptions",
    "UnitStream",
    "VideoFeatures",
    "VideoKey",
    "VideoOutcome",
    "content_hash",
    "extract",
    "extract_with_ray",
    "load_recipe",
    "precision_of",
    "shard_of",
]

_HOMES = {
    "extraction": ("extract", "shard_of"),
    "keys": ("QueryKey", "VideoKey", "content_hash"),
    "options": ("DEFAULT_RECIPE", "Precision", "RecipeOptions"),
    "outcomes": ("ExtractionProgress", "ExtractionReport", "VideoOutcome"),
    "ray_engine": ("extract_with_ray",),
    "store": ("CorruptFeaturesWarning", "FeatureStore"),
}


def __getattr__(name: str) -> object:
    """A public name, from its module: options of a command line need neither NumPy nor FFmpeg."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = next((home for home, names in _HOMES.items() if name in names), "recipe")
    return getattr(import_module(f"{__name__}.{home}"), name)
