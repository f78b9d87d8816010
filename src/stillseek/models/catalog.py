"""Every model by the name that checkpoints, commands and results give it."""

from typing import Any

from stillseek.models.base_head import BaseHead
from stillseek.models.flp import Flp, FlpConfig
from stillseek.models.matching import Matching, MatchingConfig
from stillseek.models.sail import Sail, SailConfig
from stillseek.models.similarity import Similarity, SimilarityConfig
from stillseek.models.sst import Sst, SstConfig
from stillseek.models.tal import Tal, TalConfig

LocalizerModel = BaseHead[Any]
"""From `LocalizerInput` to `LocalizerOutput`, with its ``config`` and its ``decode_methods``."""

MODELS: dict[str, tuple[type[Any], type[LocalizerModel]]] = {
    "sail": (SailConfig, Sail),
    "flp": (FlpConfig, Flp),
    "sst": (SstConfig, Sst),
    "tal": (TalConfig, Tal),
    "similarity": (SimilarityConfig, Similarity),
    "matching": (MatchingConfig, Matching),
}
"""The class of a model's configuration, and its own."""


def model_name(model: LocalizerModel) -> str:
    """The name of a model's class in `MODELS`."""
    return next(name for name, (_, kind) in MODELS.items() if type(model) is kind)
