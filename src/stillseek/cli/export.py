"""``stillseek export``: write a head as one ONNX file."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from stillseek.cli.console import print_wrote
from stillseek.cli.recipe_options import HeadName, files_of
from stillseek.errors import UsageError
from stillseek.features import DEFAULT_RECIPE, RecipeOptions
from stillseek.outputs import Output, check_outputs

_DEFAULTS = RecipeOptions()


def export(
    checkpoint: Path | None = None,
    /,
    *,
    out: Path,
    recipe: str | None = None,
    options: Annotated[RecipeOptions, Parameter(name="*")] = _DEFAULTS,
    model: HeadName | None = None,
    overwrite: bool = False,
) -> None:
    """Write a head as one ONNX file.

    Args:
        checkpoint: Folder of a trained head (SAIL, FLP, similarity or matching), or of the training
            run that made it; the shipped head where not given.
        out: The file to write (.onnx), for stillseek locate --checkpoint and other programs. Takes
            some ten seconds, and the packages of stillseek[onnx].
        recipe: Recipe whose shipped head is written; lite where not given.
        options: How that recipe is loaded.
        model: The shipped SAIL head, similarity or matching, as in stillseek locate.
        overwrite: Replace a file that stillseek did not write.
    """
    output = Output(name="--out", path=out, suffixes=(".onnx",))
    check_outputs([output], inputs=[checkpoint, *files_of(options)], overwrite=overwrite)
    from stillseek.models.checkpoint_header import find_checkpoint

    if checkpoint is not None:
        if recipe is not None or model is not None or options != _DEFAULTS:
            raise UsageError(
                f"{checkpoint} knows its recipe and its model; give a folder, or --recipe and "
                "--model"
            )
        find_checkpoint(checkpoint)
    from stillseek.features import load_recipe
    from stillseek.localize.head import installed_head
    from stillseek.models.checkpoint import load_checkpoint
    from stillseek.models.onnx_export import write_onnx

    if checkpoint is None:
        head = installed_head(load_recipe(recipe or DEFAULT_RECIPE, options), model)
    else:
        head = load_checkpoint(checkpoint, recipe_fingerprint=None)
    write_onnx(out, head, overwrite=overwrite)
    print_wrote(f"{out}, for features of recipe {head.recipe_name}")
