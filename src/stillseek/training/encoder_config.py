"""Settings of an encoder training; without torch, so that the command line starts fast."""

import math
from dataclasses import dataclass

from stillseek.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderTrainConfig:
    """Settings of an encoder training.

    Attributes:
        seed: Pictures, weights and order follow from it.
        class_seed: Seed of the class split; the one of the rendered benchmark.
        pictures: Training pictures of seen classes.
        validation_pictures: Pictures of validation classes; they choose the epoch.
        epochs: Rounds over the pictures.
        batch_size: Pictures a step.
        learning_rate: Peak of the one-cycle schedule.
        weight_decay: Of AdamW.
        scale: Sharpness of the cosine classifier.
        side_pixels: Width and height of the pictures.

    Raises:
        UsageError: A number is out of range.
    """

    seed: int = 0
    class_seed: int = 0
    pictures: int = 36_000
    validation_pictures: int = 1_600
    epochs: int = 6
    batch_size: int = 128
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    scale: float = 16.0
    side_pixels: int = 128

    def __post_init__(self) -> None:
        """Refuses sizes that train nothing."""
        for name in ("pictures", "validation_pictures", "epochs", "batch_size", "side_pixels"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("learning_rate", "scale"):
            if not 0 < getattr(self, name) < math.inf:
                raise UsageError(f"{name} must be positive, got {getattr(self, name)}")
        for name in ("seed", "class_seed", "weight_decay"):
            if not 0 <= getattr(self, name) < math.inf:
                raise UsageError(f"{name} must be at least 0, got {getattr(self, name)}")
        if self.batch_size > self.pictures:
            raise UsageError(
                f"batch_size must be at most pictures ({self.pictures}), got {self.batch_size}"
            )
