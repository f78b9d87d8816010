"""Recipes by their names: the one place that knows them all."""

from dataclasses import replace

from stillseek.errors import UsageError
from stillseek.features.recipes.options import Precision, RecipeOptions
from stillseek.features.recipes.recipe import Recipe

RECIPE_NAMES = (
    "lite",
    "pocket",
    "mobilenet",
    "torchvision:r3d_18",
    "torchvision:mc3_18",
    "torchvision:r2plus1d_18",
    "torchvision:s3d",
    "torchvision:mvit_v2_s",
    "torchvision:swin3d_t",
    "hub:dinov2-small",
    "hub:siglip2-base",
    "c3d-vgg16",
)


def load_recipe(name: str, options: RecipeOptions | None = None) -> Recipe:
    """The recipe of a name, with its weights.

    Args:
        name: One of ``RECIPE_NAMES``.
        options: How to load it.

    Raises:
        UsageError: No recipe has this name, or it cannot use one of the options.
        FeatureError: Its weights are missing or broken.
    """
    options = options or RecipeOptions()
    if options.reduction is not None and name != "c3d-vgg16":
        raise UsageError(f"recipe {name!r} takes no reduction; leave it out, or use 'c3d-vgg16'")
    # Encoders take seconds to import: only who uses one pays for it.
    match name:
        case "lite":
            from stillseek.features.recipes.lite import load_lite

            return load_lite(options)
        case "pocket":
            from stillseek.features.recipes.pocket import load_pocket

            return load_pocket(options)
        case "mobilenet":
            from stillseek.features.recipes.mobilenet import load_mobilenet

            return load_mobilenet(options)
        case "c3d-vgg16":
            from stillseek.features.recipes.c3d_vgg16 import load_c3d_vgg16

            return load_c3d_vgg16(options)
        case _ if name.startswith("torchvision:"):
            from stillseek.features.recipes.torchvision_recipe import load_torchvision

            return load_torchvision(name, options)
        case _ if name.startswith("hub:"):
            from stillseek.features.recipes.hub import load_hub

            return load_hub(name, options)
        case _:
            raise UsageError(
                f"there is no recipe {name!r}; the recipes are: {', '.join(RECIPE_NAMES)}"
            )


def precision_of(fingerprint: str, name: str, options: RecipeOptions) -> Precision | None:
    """The precision at which a recipe has a fingerprint, for messages; None if at none.

    Args:
        fingerprint: Whole, or its beginning as the names of store entries have it.
        name: The recipe's name.
        options: How it was loaded otherwise.
    """
    for precision in ("fp32", "bf16"):
        try:
            recipe = load_recipe(name, replace(options, precision=precision))
        except UsageError:
            # The recipe has no choice of precision.
            continue
        if recipe.fingerprint.startswith(fingerprint):
            return precision
    return None
