"""Recipes that encode in no time."""

import torch

from stillseek.features.recipes.pocket import PocketRecipe, PocketSampling
from stillseek.features.recipes.pocket_encoder import PocketConfig, PocketEncoder


def make_small_recipe() -> PocketRecipe:
    """A pocket recipe with a small, random encoder, always the same."""
    torch.manual_seed(5)
    encoder = PocketEncoder(PocketConfig(widths=(3, 5, 7, 11, 13), embedding_dim=17))
    return PocketRecipe(encoder=encoder, sampling=PocketSampling(side_pixels=32))
