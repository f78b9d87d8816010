"""Recipes, features and their store. Nothing here imports torch until a recipe is loaded."""

from stillseek.features.extraction import extract, shard_of
from stillseek.features.keys import QueryKey, VideoKey, content_hash
from stillseek.features.outcomes import ExtractionProgress, ExtractionReport, VideoOutcome
from stillseek.features.ray_engine import extract_with_ray
from stillseek.features.recipe import (
    RECIPE_NAMES,
    Precision,
    QueryFeatures,
    Recipe,
    RecipeOptions,
    UnitStream,
    VideoFeatures,
    load_recipe,
    precision_of,
)
from stillseek.features.store import CorruptFeaturesWarning, FeatureStore

__all__ = [
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
