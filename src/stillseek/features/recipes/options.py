"""How recipes are loaded: standard library only, so that ``--help`` is fast."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from stillseek.errors import UsageError

Precision = Literal["auto", "fp32", "bf16"]

DEFAULT_RECIPE = "lite"
"""The recipe of everything that names none."""


# Their engines have no GPU.
_CPU_RECIPES = ("lite", "mobilenet")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeOptions:
    """How a recipe is loaded; each recipe says which of these it can use.

    Attributes:
        weights: File with the encoder's weights, or folder that holds the files under their
            published names; None takes the recipe's own.
        detector: File with the weights of the detector that finds regions, or for mobilenet
            torchvision:NAME, one that torchvision publishes; None has none.
        device: Where the encoder computes: ``cpu``, ``cuda`` or ``cuda:N``.
        precision: Number format of the encoder; ``auto`` is what the recipe finds best here.
        reduction: File that ``stillseek fit-pca`` wrote, which narrows clip features; None leaves
            them as they are.

    Raises:
        UsageError: A value is of the wrong type, or the precision none of the three.
    """

    weights: Path | None = None
    detector: Path | None = None
    device: str = "cpu"
    precision: Precision = "auto"
    reduction: Path | None = None

    def __post_init__(self) -> None:
        """Makes paths of names, and refuses what is of another type or does not exist."""
        for name in ("weights", "detector", "reduction"):
            value = getattr(self, name)
            if not isinstance(value, Path | str | None):
                raise UsageError(f"{name} must be a path, or None, got {type(value).__name__}")
            if isinstance(value, str):
                object.__setattr__(self, name, Path(value))
        if not isinstance(self.device, str):
            raise UsageError(
                f"device must be a name, such as cpu or cuda, got {type(self.device).__name__}"
            )
        if self.precision not in get_args(Precision):
            raise UsageError(
                f"there is no precision {self.precision!r}; use {', '.join(get_args(Precision))}"
            )


def recipe_device(recipe: str, device: str) -> str:
    """Where a recipe computes if everything is to run on a device.

    There, or on the CPU where it knows no other place.
    """
    return "cpu" if recipe in _CPU_RECIPES else device
