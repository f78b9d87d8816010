"""Heads for a recipe: shipped, trained by the user, or matching, on one of two engines."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import fields, replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import safetensors.numpy
from jaxtyping import Float32

from stillseek.errors import CheckpointError, UsageError
from stillseek.features import DEFAULT_RECIPE, Recipe, RecipeOptions, load_recipe, precision_of
from stillseek.features.recipes.options import recipe_device
from stillseek.features.recipes.recipe import CLIPS_OF_FILE
from stillseek.models.calibration import Calibration, calibration_of
from stillseek.models.checkpoint_header import (
    COMPARING,
    HEAD_FOLDER,
    Header,
    find_checkpoint,
    read_header,
    read_weights,
)
from stillseek.models.onnx_session import OnnxCheckpoint, load_onnx, open_onnx

if TYPE_CHECKING:
    from stillseek.models.checkpoint import Checkpoint

HeadName = Literal["sail", "similarity", "matching"]
EngineName = Literal["torch", "onnx"]

_HEADS = files("stillseek.localize") / "heads"


def read_head(path: Path) -> "tuple[Checkpoint | OnnxCheckpoint, str]":
    """A head on disk, for features of any recipe, and what it is called there.

    Args:
        path: A checkpoint, the folder of a training run, or a file of ``stillseek export``.

    Raises:
        CheckpointError: It is missing or corrupt.
        InstallationError: It is an exported head, and ONNX Runtime is not installed.
    """
    if path.suffix == ".onnx" and not path.is_dir():
        return load_onnx(path), path.stem
    from stillseek.models.checkpoint import load_checkpoint

    folder = find_checkpoint(path).resolve()
    # A run's name says more than that its head is one.
    name = folder.parent.name if folder.name == HEAD_FOLDER else folder.name
    return load_checkpoint(folder, recipe_fingerprint=None), name


def recipe_of(
    head: "Checkpoint | OnnxCheckpoint",
    path: Path | str,
    recipe: str | None,
    options: RecipeOptions | None,
) -> tuple[str, RecipeOptions]:
    """The recipe of a head's features and how it was loaded; what is given wins.

    Args:
        head: The head.
        path: Where it is.
        recipe: Name of the recipe; None takes the head's.
        options: How it is loaded; what is left at its default is taken from the head, where the
            recipe is the head's.

    Raises:
        UsageError: A file that the recipe was loaded with is not there any more.
    """
    own = head.recipe_name.removeprefix(CLIPS_OF_FILE)
    given = options or RecipeOptions()
    known = None if isinstance(head, OnnxCheckpoint) else head.recipe_options
    if known is None or recipe not in (None, own):
        return recipe or own, given
    unset = RecipeOptions()
    taken = {
        field.name: getattr(known, field.name)
        for field in fields(known)
        if field.name != "device" and getattr(given, field.name) == getattr(unset, field.name)
    }
    for name, value in taken.items():
        # A path that was written down whole: other values are names, such as torchvision:NAME.
        if isinstance(value, Path) and value.is_absolute() and not value.exists():
            raise UsageError(
                f"head {str(path)!r} was trained on features of recipe {own!r} with --{name} "
                f"{value}, and that is not there; give --{name} with where it is now"
            )
    return own, replace(given, **taken)


def check_recipe(
    head: "Checkpoint | OnnxCheckpoint | Header",
    name: Path | str,
    recipe: str,
    fingerprint: str,
    options: RecipeOptions | None = None,
) -> None:
    """Refuses features that a head was not trained on.

    Args:
        head: The head, or its header.
        name: What it is called in the message.
        recipe: Name of the recipe of the features.
        fingerprint: Its fingerprint.
        options: How the recipe was loaded by its name; None if it was not.

    Raises:
        CheckpointError: They are of another recipe; the message says what to do.
    """
    if head.recipe_fingerprint == fingerprint:
        return
    raise CheckpointError(
        f"head {str(name)!r} was trained on features of recipe {head.recipe_name!r} with "
        f"fingerprint {head.recipe_fingerprint[:16]}, not of {recipe!r} with "
        f"{fingerprint[:16]}; {_advice(head, recipe, options)}"
    )


def _advice(
    head: "Checkpoint | OnnxCheckpoint | Header", recipe: str, options: RecipeOptions | None
) -> str:
    """What to do with a head that was trained on other features than those of a recipe."""
    needs_file = head.recipe_name.startswith(CLIPS_OF_FILE)
    if needs_file and not recipe.startswith(CLIPS_OF_FILE):
        return "its clips are those of a file: use stillseek evaluate with --clip-features FILE"
    if not needs_file and recipe.startswith(CLIPS_OF_FILE):
        return "its clips are those of videos: leave --clip-features out"
    if head.recipe_name != recipe:
        own = head.recipe_name.removeprefix(CLIPS_OF_FILE)
        return f"use --recipe {own}, or train a head on these features"
    precision = options and precision_of(head.recipe_fingerprint, recipe, options)
    if precision:
        return f"that is the same recipe in {precision}: use --recipe-precision {precision}"
    return "use the files and options that it was trained with, or train a head on these features"


def with_engine(
    head: "Checkpoint | OnnxCheckpoint", engine: EngineName | None
) -> "tuple[Checkpoint | OnnxCheckpoint, str]":
    """The head for an engine, and the name of its model.

    Raises:
        UsageError: The engine cannot run the head.
        InstallationError: It is not installed.
    """
    if isinstance(head, OnnxCheckpoint):
        if engine == "torch":
            raise UsageError(
                "the torch engine cannot run an exported head; use the onnx engine, or give the "
                "folder that the head was exported from"
            )
        return head, head.model_name
    from stillseek.models.catalog import model_name

    if engine == "onnx":
        from stillseek.models.onnx_export import onnx_bytes

        return open_onnx(onnx_bytes(head), name="the exported head"), model_name(head.model)
    return head, model_name(head.model)


def installed_head(recipe: Recipe, model: HeadName | None) -> "Checkpoint":
    """The head shipped for a recipe, or one that needs no training on its features.

    Args:
        recipe: The recipe.
        model: Which; None for the one shipped for the recipe, or matching.

    Raises:
        CheckpointError: None of that name is shipped for the recipe.
        UsageError: Clips and pictures have to be compared, and the recipe cannot do that.
    """
    if (shipped := _shipped_head(recipe, (model,) if model else get_args(HeadName))) is not None:
        return shipped
    if model == "similarity":
        return similarity_head(recipe)
    if model == "matching" or (model is None and recipe.one_space):
        return matching_head(recipe)
    if recipe.one_space:
        raise CheckpointError(
            f"no SAIL head is shipped for recipe {recipe.name!r}; use --model similarity "
            "or matching, or train one with stillseek train and give its folder as checkpoint "
            "(--checkpoint)"
        )
    raise CheckpointError(
        f"no head is shipped for recipe {recipe.name!r}; train one with stillseek train and give "
        "its folder as checkpoint (--checkpoint)"
    )


def exported_head(recipe: Recipe, model: HeadName | None) -> OnnxCheckpoint | None:
    """The shipped head as a file for ONNX Runtime, which needs no PyTorch; None where none is.

    Args:
        recipe: The recipe.
        model: Which; None for the one shipped for the recipe.

    Raises:
        CheckpointError: It is of another version of the recipe.
    """
    for name in (model,) if model else get_args(HeadName):
        with as_file(_HEADS / f"{recipe.name}.{name}.onnx") as file:
            if file.is_file():
                # So little work that a second thread only waits.
                head = load_onnx(file, threads=1)
                check_recipe(head, "shipped", recipe.name, recipe.fingerprint)
                return head
    return None


def likeness_head(recipe: Recipe) -> "Checkpoint | OnnxCheckpoint":
    """`matching_head`, as a file for ONNX Runtime where one is shipped.

    Raises:
        UsageError: As `matching_head`.
    """
    return exported_head(recipe, "matching") or matching_head(recipe)


def similarity_head(recipe: Recipe) -> "Checkpoint":
    """The similarity head, which was trained on the features of the default recipe, for any recipe.

    It sees similarities only, so that it may be asked about features that it never saw; there they
    are not whitened, and presence and scores are not calibrated.

    Raises:
        UsageError: The recipe has no one space for clips, regions and pictures.
    """
    from stillseek.models.checkpoint import load_checkpoint
    from stillseek.models.similarity import Similarity

    with _folder_of(DEFAULT_RECIPE) as folder:
        trained = load_checkpoint(folder, recipe_fingerprint=None)
    assert isinstance(trained.model, Similarity)
    matched = matching_head(recipe)
    config = replace(trained.model.config, **_widths(recipe), background=0, whitening=0.0)
    model = Similarity(config)
    weights = trained.model.state_dict().items()
    model.load_state_dict({name: v for name, v in weights if not name.startswith("matching.")})
    return replace(matched, model=model.eval(), calibration=None, training=trained.training)


def matching_head(recipe: Recipe) -> "Checkpoint":
    """The head that compares clips and picture, for any recipe that puts both in one space.

    Raises:
        UsageError: The recipe encodes clips and pictures with different networks.
    """
    _refuse_two_spaces(recipe)
    from stillseek.models.checkpoint import Checkpoint
    from stillseek.models.matching import Matching, MatchingConfig
    from stillseek.models.similarity import Similarity

    shipped = _shipped_head(recipe, COMPARING)
    if shipped is not None and isinstance(shipped.model, Similarity):
        training = {**shipped.training, "name": "matching"}
        return replace(shipped, model=shipped.model.matching, training=training)
    if shipped is not None:
        return shipped
    return Checkpoint(
        model=Matching(MatchingConfig(**_widths(recipe))),
        recipe_name=recipe.name,
        recipe_fingerprint=recipe.fingerprint,
        training={},
    )


def evidence_of(
    recipe: Recipe,
) -> tuple[dict[str, Float32[np.ndarray, "..."]], Calibration | None] | None:
    """The buffers of `stillseek.models.evidence` in `matching_head`, and its calibration.

    They are read without PyTorch; None where that head has no evidence.

    Raises:
        UsageError: As `matching_head`.
        CheckpointError: The shipped head is of another version of the recipe.
    """
    _refuse_two_spaces(recipe)
    with _folder_of(recipe.name) as folder:
        if not folder.is_dir() or (header := read_header(folder)).model not in COMPARING:
            return None
        check_recipe(header, "shipped", recipe.name, recipe.fingerprint)
        weights = safetensors.numpy.load(read_weights(folder, header.weights_sha256))
    buffers = {
        name.rpartition(".")[2]: array.astype(np.float32)
        for name, array in weights.items()
        if "evidence." in name
    }
    return (buffers, calibration_of(header.calibration)) if buffers else None


def _refuse_two_spaces(recipe: Recipe) -> None:
    if not recipe.one_space:
        raise UsageError(
            f"recipe {recipe.name!r} encodes clips and pictures with different networks, and "
            "matching cannot compare the two; train a head with stillseek train and give its "
            "folder as checkpoint (--checkpoint)"
        )


def _widths(recipe: Recipe) -> dict[str, Any]:
    return {name: getattr(recipe, name) for name in ("clip_dim", "region_dim", "global_dim")}


def _shipped_head(recipe: Recipe, kinds: Sequence[str]) -> "Checkpoint | None":
    """The head shipped for a recipe; None where there is none, or none of these models."""
    from stillseek.models.checkpoint import load_checkpoint

    with _folder_of(recipe.name) as folder:
        if not folder.is_dir() or read_header(folder).model not in kinds:
            return None
        head = load_checkpoint(folder, recipe_fingerprint=None)
    check_recipe(head, "shipped", recipe.name, recipe.fingerprint)
    return head


def _folder_of(recipe_name: str) -> AbstractContextManager[Path]:
    return as_file(_HEADS / recipe_name)


def load_for_head(
    recipe: str | Recipe, options: RecipeOptions | None, device: str
) -> tuple[Recipe, RecipeOptions | None]:
    """The recipe, and how it was loaded by its name, where it was.

    Raises:
        UsageError: There are two devices, or options of a recipe that is loaded already.
    """
    if isinstance(recipe, Recipe):
        if options is not None:
            raise UsageError(
                f"recipe {recipe.name!r} is loaded already; leave its options out, or give its name"
            )
        return recipe, None
    options = options or RecipeOptions()
    if options.device not in ("cpu", device):
        raise UsageError(
            f"the options place the recipe on {options.device!r}, the device is {device!r}; give "
            "one device for recipe and head, or a recipe that is loaded already"
        )
    options = replace(options, device=recipe_device(recipe, device))
    return load_recipe(recipe, options), options
