"""Recipes, features and their store. What a name needs is imported when the name is used."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stillseek.features.extraction.extraction_report import (
        ExtractionProgress,
        ExtractionReport,
        VideoOutcome,
    )
    from stillseek.features.extraction.local_extraction import extract, shard_of
    from stillseek.features.extraction.ray_engine import extract_with_ray
    from stillseek.features.recipes.options import DEFAULT_RECIPE, Precision, RecipeOptions
    from stillseek.features.recipes.recipe import QueryFeatures, Recipe, UnitStream, VideoFeatures
    from stillseek.features.recipes.registry import RECIPE_NAMES, load_recipe, precision_of
    from stillseek.features.store.content_address import QueryKey, VideoKey, content_hash
    from stillseek.features.store.feature_store import CorruptFeaturesWarning, FeatureStore

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
    "extraction.extraction_report": ("ExtractionProgress", "ExtractionReport", "VideoOutcome"),
    "extraction.local_extraction": ("extract", "shard_of"),
    "extraction.ray_engine": ("extract_with_ray",),
    "recipes.registry": ("RECIPE_NAMES", "load_recipe", "precision_of"),
    "recipes.options": ("DEFAULT_RECIPE", "Precision", "RecipeOptions"),
    "recipes.recipe": ("QueryFeatures", "Recipe", "UnitStream", "VideoFeatures"),
    "store.content_address": ("QueryKey", "VideoKey", "content_hash"),
    "store.feature_store": ("CorruptFeaturesWarning", "FeatureStore"),
}


def __getattr__(name: str) -> object:
    """A public name, from its module: options of a command line need neither NumPy nor FFmpeg."""
    home = next((home for home, names in _HOMES.items() if name in names), None)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)
