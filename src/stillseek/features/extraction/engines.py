"""Who extracts: this process, or Ray."""

from collections.abc import Callable
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Literal

from stillseek.errors import UsageError
from stillseek.features.extraction.extraction_report import ExtractionReport
from stillseek.features.recipes.options import RecipeOptions
from stillseek.features.recipes.recipe import Recipe

ExtractionEngine = Literal["local", "ray"]


def extractor(
    engine: ExtractionEngine, recipe: Recipe, name: str, options: RecipeOptions
) -> Callable[..., ExtractionReport]:
    """What extracts, all but the videos, the store and the like.

    Args:
        engine: Who does the work: this process, or Ray, on the cluster that ``RAY_ADDRESS`` names
            or else on this machine.
        recipe: How pixels become features.
        name: What it was loaded by, for workers that load it again.
        options: How it was loaded.

    Raises:
        UsageError: Ray was asked for with one GPU by its number.
    """
    if engine == "local":
        from stillseek.features.extraction.local_extraction import extract

        return partial(extract, recipe=recipe)
    from stillseek.features import load_recipe
    from stillseek.features.extraction.ray_engine import extract_with_ray

    if ":" in options.device:
        raise UsageError(
            f"Ray gives every worker a GPU of its own; use --device cuda, not {options.device}"
        )
    # Workers have a working directory of their own.
    files = {
        field.name: value.absolute()
        for field in fields(options)
        if isinstance(value := getattr(options, field.name), Path) and value.exists()
    }
    return partial(
        extract_with_ray,
        load=partial(load_recipe, name, replace(options, **files)),
        fingerprint=recipe.fingerprint,
        gpus_per_worker=float(options.device != "cpu"),
    )
