"""How verbs load recipes, where their own options have taken the names of the recipe's."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from stillseek.features import Precision, RecipeOptions

if TYPE_CHECKING:
    from stillseek.features import FeatureStore
    from stillseek.localize.localizer import Localizer

HeadName = Literal["sail", "similarity", "matching"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeBesideHead:
    """How a recipe is loaded by a verb whose --device and --precision are a head's.

    Attributes:
        weights: File with the encoder's weights, or folder that holds the files under their
            published names; the recipe's own where not given.
        detector: File with the weights of the detector that finds regions, or for mobilenet
            torchvision:NAME, one that torchvision publishes.
        reduction: File that stillseek fit-pca wrote, which narrows clip features.
        recipe_precision: Number format of the encoder; auto is what the recipe finds best here.
    """

    weights: Path | None = None
    detector: Path | None = None
    reduction: Path | None = None
    recipe_precision: Precision = "auto"

    def options(self) -> RecipeOptions:
        """The recipe's options."""
        return RecipeOptions(
            weights=self.weights,
            detector=self.detector,
            precision=self.recipe_precision,
            reduction=self.reduction,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadOptions(RecipeBesideHead):
    """Which head a search uses, and how it and the recipe compute.

    Attributes:
        checkpoint: Use this trained head instead of the shipped one: the folder of stillseek train
            --out, that of a head, or a file of stillseek export (.onnx).
        model: Matching, which compares clips and picture and learned nothing; the similarity head,
            which corrects it and serves every recipe that can compare; or SAIL, shipped for pocket.
            The one shipped for the recipe, or matching, where not given.
        engine: What computes the head: torch, or onnx (ONNX Runtime), which is the default for
            lite's heads and for an .onnx file; another head is exported first, every time
            (seconds; needs stillseek[onnx]).
        device: Where head and recipe compute: cpu, cuda, cuda:1. The lite and mobilenet recipes
            stay on the CPU.
        precision: Of the head: bf16 is faster for large heads on processors that have it.
        threads: Processor threads; all where not given.
    """

    checkpoint: Path | None = None
    model: HeadName | None = None
    engine: Literal["torch", "onnx"] | None = None
    device: str = "cpu"
    precision: Literal["fp32", "bf16"] = "fp32"
    threads: int | None = None

    def load(self, recipe: str | None, *, cache: Path | None) -> "Localizer":
        """What searches with a recipe and this head."""
        from stillseek.localize import Localizer

        return Localizer.load(
            recipe,
            recipe_options=self.options(),
            checkpoint=self.checkpoint,
            model=self.model,
            engine=self.engine,
            device=self.device,
            precision=self.precision,
            threads=self.threads,
            cache=cache,
        )


def files_of(options: RecipeOptions | RecipeBesideHead) -> list[Path]:
    """The files that a recipe, and a head, are loaded from."""
    values = (getattr(options, field.name) for field in fields(options))
    return [value for value in values if isinstance(value, Path)]


def extract_command(dataset: Path, store: Path | str, recipe: str, options: RecipeOptions) -> str:
    """The command that makes the features of a data set with a recipe."""
    words = ["stillseek extract --dataset", dataset, "--out", store, "--recipe", recipe]
    return " ".join(map(str, (*words, *_flags(options))))


def without_files(dataset: Path) -> str:
    """How to do without files of a data set that are not here."""
    return (
        "note their hashes where they are, with: stillseek dataset upgrade "
        f"{shlex.quote(str(dataset))}; then features in a store are enough (--store DIR)"
    )


def train_arguments(
    dataset: Path, store: Path, recipe: str, options: RecipeBesideHead, clip_features: Path | None
) -> tuple[str, ...]:
    """What ``stillseek train`` takes to train on features that were opened like this."""
    words = ["--dataset", dataset, "--store", store, "--recipe", recipe, *_flags(options)]
    if clip_features is not None:
        words += ["--clip-features", clip_features]
    return tuple(map(str, words))


def _flags(options: RecipeOptions | RecipeBesideHead) -> Iterator[object]:
    for field in fields(options):
        value = getattr(options, field.name)
        if value != field.default:
            yield f"--{field.name.replace('_', '-')}"
            yield value


def describe_others(
    store: "FeatureStore",
    fingerprints: Sequence[str],
    recipe: str,
    options: RecipeOptions,
    *,
    flag: Literal["--precision", "--recipe-precision"],
) -> str:
    """What features of other recipes a store has than was asked for, and how to use them."""
    from stillseek.features import precision_of
    from stillseek.features.store.verify_and_prune import list_recipes

    names = {usage.fingerprint[:16]: usage.recipe for usage in list_recipes(store)}
    parts = []
    for fingerprint in fingerprints:
        name = names.get(fingerprint)
        if name not in (None, recipe):
            parts.append(f"fingerprint {fingerprint} (recipe {name}: use --recipe {name})")
        elif precision := precision_of(fingerprint, recipe, options):
            parts.append(
                f"fingerprint {fingerprint} (the same recipe in {precision}: use {flag} "
                f"{precision})"
            )
        elif name is not None:
            parts.append(f"fingerprint {fingerprint} ({name} with other weights or options)")
        else:
            parts.append(f"fingerprint {fingerprint}")
    return ", ".join(parts)
