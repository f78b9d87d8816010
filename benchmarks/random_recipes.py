"""Recipes with random weights: how fast they are does not depend on what they have learned."""

import torch
from torch import nn
from torchvision.models import get_model

from stillseek.errors import StillseekError
from stillseek.features import Recipe, RecipeOptions, load_recipe
from stillseek.features.recipes.c3d import C3D
from stillseek.features.recipes.c3d_vgg16 import C3dVgg16Recipe
from stillseek.features.recipes.clip_encoder import ARCHITECTURES, build_clip_encoder, clip_pixels
from stillseek.features.recipes.frame_recipe import FrameRecipe
from stillseek.features.recipes.hub import HubEncoder
from stillseek.features.recipes.hub_files import Preprocessing
from stillseek.features.recipes.precision import choose_dtype, find_device
from stillseek.features.recipes.region_detector import RegionDetector
from stillseek.features.recipes.torchvision_recipe import DETECTORS, TorchvisionRecipe

# Decoding and clips, which are timed, know nothing of regions: any detector will do.
_DETECTOR = DETECTORS[0]


def recipe_for_timing(name: str, options: RecipeOptions) -> Recipe | None:
    """A recipe as fast as the real one; None where it cannot be had without its weights."""
    torch.manual_seed(0)
    device = find_device(options.device)
    dtype = choose_dtype(options.precision, device)
    match name.partition(":")[::2]:
        case "torchvision", clips:
            return TorchvisionRecipe(
                name,
                build_clip_encoder(clips),
                _random_regions(device),
                sampling=ARCHITECTURES[clips].sampling,
                pixels=clip_pixels(clips),
                device=device,
                dtype=dtype,
            )
        case "hub", ("dinov2-small" | "siglip2-base") as model:
            pixels = Preprocessing(side_pixels=224, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
            encoder = HubEncoder(random_hub(model), pixels, device=device, dtype=dtype)
            return FrameRecipe(name, encoder)
        case "c3d-vgg16", _:
            return C3dVgg16Recipe(C3D(), _random_regions(device), device=device, dtype=dtype)
        case _:
            try:
                return load_recipe(name, options)
            except StillseekError:
                return None


def _random_regions(device: torch.device) -> RegionDetector:
    network = get_model(_DETECTOR, weights=None, weights_backbone=None)
    return RegionDetector(network.eval().to(device))


def random_hub(model: str) -> nn.Module:
    """A network of the shape of one of the models that the `hub` recipes have names for."""
    import transformers

    if model == "dinov2-small":
        config = transformers.Dinov2Config(
            hidden_size=384,
            num_hidden_layers=12,
            num_attention_heads=6,
            patch_size=14,
            image_size=518,
        )
        return transformers.Dinov2Model(config).eval()
    config = transformers.SiglipVisionConfig(
        hidden_size=768,
        intermediate_size=3072,
        num_hidden_layers=12,
        num_attention_heads=12,
        patch_size=16,
        image_size=224,
    )
    return transformers.SiglipVisionModel(config).eval()
