"""What is compared, and how it is trained: the one table of methods, and the profiles.

A method that is added to `METHODS` is trained, scored and shown in every table of methods.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from stillseek.errors import UsageError

RunName = Literal["methods", "ablations", "layers", "examples"]
"""A named run.

- "methods": Tables 2 and 3: every method, on all and on Difficult queries.
- "ablations": Table 4: SAIL without one of its parts.
- "layers": Figure 4: SAIL with 1 to 7 layers.
- "examples": Figure 5: answers of SAIL, and where it looks.
"""
ProfileName = Literal["quick", "full"]
Kind = Literal["paper", "ours", "control"]
"""Whose a row is; a control has no right picture to go by, or none at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A row that is trained.

    Attributes:
        name: What it is called in tables.
        model: What ``stillseek train --model`` takes.
        arguments: What else ``stillseek train`` takes for it.
        kind: Whose it is.
    """

    name: str
    model: str = "sail"
    arguments: tuple[str, ...] = ()
    kind: Kind = "paper"


SAIL = Method(name="sail")
BLIND = Method(name="sail query-blind", arguments=("--query-blind",), kind="control")
# Trained as docs/models/similarity.md says; the baselines of the paper are as they are printed.
SIMILARITY = Method(
    name="similarity",
    model="similarity",
    arguments=(
        *("--learning-rate", "0.002", "--warmup-steps", "50", "--gradient-clip", "1"),
        *("--weight-average", "0.99", "--batch-size", "24"),
        *("--dropout", "0.25", "--boundary-softness", "1"),
    ),
    kind="ours",
)
METHODS = (
    Method(name="flp", model="flp"),
    Method(name="sst+", model="sst"),
    Method(name="tal+", model="tal"),
    SAIL,
    SIMILARITY,
    BLIND,
)
ABLATIONS = (
    SAIL,
    Method(name="sail w/o RS", arguments=("--no-region-self-attention",)),
    Method(name="sail w/o ML", arguments=("--no-multi-level-interaction",)),
    Method(name="sail w/o LS", arguments=("--no-local-self-attention",)),
    Method(name="sail w/o BA", arguments=("--no-bidirectional-aggregation",)),
    BLIND,
)
PAPER_LAYERS = 5
LAYERS: Mapping[int, Method] = {
    layers: SAIL
    if layers == PAPER_LAYERS
    else Method(
        name=f"sail, {layers} layer{'s' if layers > 1 else ''}",
        arguments=("--num-layers", str(layers)),
    )
    for layers in range(1, 8)
}
"""SAIL by its number of layers; with 5 it is that of the other tables."""

OURS_WITHOUT_TRAINING = ("matching",)
"""What is ours and has no weights to train."""

_METHODS_OF_RUNS: Mapping[RunName, tuple[Method, ...]] = {
    "methods": METHODS,
    "ablations": ABLATIONS,
    "layers": (*LAYERS.values(), BLIND),
    "examples": (SAIL,),
}
RUNS: tuple[RunName, ...] = tuple(_METHODS_OF_RUNS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How large and how long methods are trained.

    Attributes:
        schedule: Arguments of ``stillseek train`` for every method, the same for all.
        sizes: Arguments for a model, by its name.
        sweep_seeds: How many of the seeds ablations and numbers of layers get; None for all.
    """

    schedule: tuple[str, ...] = ()
    sizes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sweep_seeds: int | None = None


PROFILES: Mapping[ProfileName, Profile] = {
    # The sizes of the head that ships for pocket. Of 16, 32 and 64 proposals of SST+, 64 were the
    # best on validation.
    "quick": Profile(
        schedule=("--max-epochs", "4", "--patience", "2"),
        sizes={
            "sail": ("--projection-dim", "32", "--ffn-dim", "256", "--hidden-dim", "64"),
            "sst": ("--num-proposals", "64"),
        },
        sweep_seeds=1,
    ),
    # The paper's sizes are those that train has.
    "full": Profile(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a folder's heads and answers belong to, and all that it was asked for.

    Attributes:
        samples_sha256: Hash of the data set's samples.
        recipe: Recipe of the features.
        fingerprint: Its fingerprint.
        profile: How heads are trained.
        runs: What is shown.
        seeds: Seeds that are shown.
    """

    samples_sha256: str
    recipe: str
    fingerprint: str
    profile: ProfileName
    runs: tuple[RunName, ...]
    seeds: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Training:
    """A method with a seed.

    Attributes:
        method: What is trained.
        seed: Seed of weights and order.
    """

    method: Method
    seed: int

    @property
    def place(self) -> str:
        """Its name for files: letters, digits and dashes."""
        name = "".join(c if c.isalnum() or c in "+" else "-" for c in self.method.name)
        return f"{name}_{self.seed}"

    def arguments(self, profile: Profile) -> tuple[str, ...]:
        """What ``stillseek train`` takes for it, data set and folder apart."""
        method = self.method
        own = (*profile.sizes.get(method.model, ()), *method.arguments)
        named = ("--model", method.model, "--name", method.name, "--seed", str(self.seed))
        return (*named, *profile.schedule, *own)


def seeds_of(run: RunName, seeds: Sequence[int], profile: Profile) -> tuple[int, ...]:
    """The seeds that a run compares its methods with."""
    match run:
        case "methods":
            return tuple(seeds)
        case "ablations" | "layers":
            return tuple(seeds[: profile.sweep_seeds])
        case "examples":
            return tuple(seeds[:1])


def trainings_of(
    runs: Iterable[RunName], seeds: Sequence[int], profile: Profile
) -> tuple[Training, ...]:
    """All that runs need, each once: what is seen in the first tables first.

    Raises:
        UsageError: There is no seed, one is negative, or one is given twice.
    """
    if not seeds or min(seeds) < 0 or len(set(seeds)) != len(seeds):
        raise UsageError(f"seeds must be different whole numbers from 0 on, got {list(seeds)}")
    wanted = (
        Training(method, seed)
        for run in runs
        for seed in seeds_of(run, seeds, profile)
        for method in _METHODS_OF_RUNS[run]
    )
    return tuple(dict.fromkeys(wanted))
