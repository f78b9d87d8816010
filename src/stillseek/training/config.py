"""Settings and results of a training run; without torch, so that the command line starts fast."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from stillseek.data.augmentation import Augmentation
from stillseek.errors import UsageError
from stillseek.timeline import MAX_STEPS


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """How a model is trained; saved as JSON in the run folder.

    Attributes:
        learning_rate: Adam's learning rate at its highest; "initial" 0.0005 in section 6.1.
        schedule: ``cosine`` lets it fall to zero over ``max_epochs``; ``constant`` keeps it.
        warmup_steps: Steps in which it rises to its highest.
        weight_average: Decay a step of the moving average of the weights, which is what validation
            judges and what is kept; 0 for the weights themselves.
        joint_loss: Trains the pair of boundaries by one softmax over all pairs, as joint decoding
            chooses it, and not by the two of the paper; SAIL only.
        boundary_softness: Standard deviation, in steps, of the target around each boundary; 0 for
            the one step of the paper; SAIL and the similarity head only.
        batch_size: Examples a step, over all processes (not printed).
        max_epochs: Most passes over the training examples.
        patience: Epochs without a better validation mIoU before training stops.
        seed: Seed of the order of examples and of dropout; the model's weights are its maker's.
        precision: ``bf16`` runs matrix products in bfloat16; weights and Adam stay float32.
        gradient_clip: Largest norm of a step's gradient; None for no limit.
        query_blind: Hides the query from the model: the control of every table.
        bucket_by_length: Puts training examples of like length into one batch, so that little of
            it is padding.
        max_steps: Most steps of a video; the clips of longer ones are averaged to so many (section
            6.1: 200). Memory and time of training grow with it. Drawn streams have lengths of
            their own; then it is for validation alone.
        num_workers: Processes that load batches ahead; 0 loads them in the training process. It
            changes no number.
        augmentation: What happens to training examples.

    Raises:
        UsageError: A value is out of range.
    """

    learning_rate: float = 5e-4
    schedule: Literal["constant", "cosine"] = "cosine"
    warmup_steps: int = 0
    weight_average: float = 0.999
    joint_loss: bool = False
    boundary_softness: float = 0.0
    batch_size: int = 16
    max_epochs: int = 50
    patience: int = 10
    seed: int = 0
    precision: Literal["fp32", "bf16"] = "fp32"
    gradient_clip: float | None = None
    query_blind: bool = False
    bucket_by_length: bool = True
    max_steps: int = MAX_STEPS
    num_workers: int = 0
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        """Refuses values that train nothing."""
        if self.max_steps < 2:
            raise UsageError(f"max_steps must be at least 2, got {self.max_steps}")
        for name in ("learning_rate", "batch_size", "max_epochs", "patience", "gradient_clip"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise UsageError(f"{name} must be positive and finite, got {value}")
        for name in ("seed", "num_workers", "warmup_steps", "boundary_softness"):
            if not 0 <= getattr(self, name) < math.inf:
                raise UsageError(f"{name} must be at least 0, got {getattr(self, name)}")
        if not 0 <= self.weight_average < 1:
            raise UsageError(f"weight_average must be in [0, 1), got {self.weight_average}")
        if self.schedule not in ("constant", "cosine"):
            raise UsageError(f"schedule must be 'constant' or 'cosine', got {self.schedule!r}")
        if self.precision not in ("fp32", "bf16"):
            raise UsageError(f"precision must be 'fp32' or 'bf16', got {self.precision!r}")

    def rate(self, step: int, num_steps: int) -> float:
        """Learning rate of a step, counted from 0, of a training of so many steps in all."""
        rate = self.learning_rate * min(1.0, (step + 1) / (self.warmup_steps + 1))
        if self.schedule == "cosine":
            rate *= (1 + math.cos(math.pi * step / num_steps)) / 2
        return rate


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochRecord:
    """One line of the epoch log.

    Attributes:
        epoch: Counts from 0.
        train_loss: Mean loss over the epoch's examples.
        validation_miou: mIoU on the validation examples with joint decoding.
        validation_miou_independent: The same with the paper's two argmaxes; None for models that
            do not score starts and ends apart.
        seconds: Wall time of training and validation.
        prior: The best answer that looks at no picture and no frame: ``whole-video`` or ``centre``.
        prior_miou: Its mIoU on the validation examples, which a head has to beat.
        ignores_query: Whether the head gave the same answers to other pictures.
    """

    epoch: int
    train_loss: float
    validation_miou: float
    validation_miou_independent: float | None
    seconds: float
    prior: str
    prior_miou: float
    ignores_query: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainResult:
    """A finished run; the model holds the weights of the best epoch.

    Attributes:
        best_epoch: Epoch with the highest validation mIoU.
        best_miou: That mIoU.
        prior: The best answer that looks at no picture and no frame.
        prior_miou: Its validation mIoU.
        epochs: All epochs.
        weights: File with the best epoch's weights.
    """

    best_epoch: int
    best_miou: float
    prior: str
    prior_miou: float
    epochs: tuple[EpochRecord, ...]
    weights: Path
