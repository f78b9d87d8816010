"""From evidence to probabilities: presence of an activity, and how sure a moment is."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from stillseek.errors import CheckpointError
from stillseek.scores import PresenceEvidence

# A minute of clips of half a second: from there on length counts.
_SHORT_CLIPS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Two logistic regressions on `PresenceEvidence`.

    | log odds of clip ``i``: ``z_i = similarity e_i + background t + length log2(n / 120) + bias``
    | presence: ``sigmoid`` of the mean of the ``best_clips`` largest ``z_i``
    | score of a moment: ``sigmoid(moment_peak max z_i + moment_mean mean z_i + moment_bias)`` over
      the clips of the moment
    | ``n`` pictures as one (`for_pictures`): ``(1 + sharpening log2 n) z_i + pictures log2 n``

    Attributes:
        similarity: Weight of the similarity of a clip.
        background: Weight of how like the picture pictures are in general.
        length: Weight of every doubling of the clips beyond 120.
        bias: Log odds of presence at 0.
        moment_peak: Weight of a moment's highest ``z_i``.
        moment_mean: Weight of the mean of its ``z_i``.
        moment_bias: Log odds at 0.
        threshold: Presence from which an activity is said to be in the video.
        best_clips: How many clips, the surest, speak for presence.
        sharpening: What every doubling of the pictures makes log odds larger by.
        pictures: Weight of every doubling of the pictures.
    """

    similarity: float
    background: float
    length: float
    bias: float
    moment_peak: float
    moment_mean: float
    moment_bias: float
    threshold: float = 0.5
    best_clips: int = 1
    sharpening: float = 0.0
    pictures: float = 0.0

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Calibration":
        """Reads what `to_dict` made.

        Raises:
            CheckpointError: A number is missing, unknown or not finite.
        """
        # Heads of before had one best clip, and one picture.
        values = {"best_clips": 1, "sharpening": 0, "pictures": 0, **values}
        known = {field.name for field in fields(cls)}
        if set(values) != known or not all(
            isinstance(value, float | int) and math.isfinite(value) for value in values.values()
        ):
            raise CheckpointError(
                f"a calibration has the numbers {', '.join(sorted(known))}, got "
                f"{dict(values)}; calibrate the head again"
            )
        numbers = {name: float(value) for name, value in values.items()}
        best_clips = round(numbers.pop("best_clips"))
        if best_clips < 1:
            raise CheckpointError(
                f"the best_clips of a calibration must be at least 1, got {best_clips}; calibrate "
                "the head again"
            )
        return cls(**numbers, best_clips=best_clips)

    def to_dict(self) -> dict[str, float]:
        """The numbers by name, for a checkpoint."""
        return asdict(self)

    def for_pictures(self, number: int) -> "Calibration":
        """The calibration of so many pictures that are compared as one.

        What they have in common says more of the activity than one of them does.
        """
        doubled = math.log2(number)
        more = 1 + self.sharpening * doubled
        return replace(
            self,
            similarity=more * self.similarity,
            background=more * self.background,
            length=more * self.length,
            bias=more * self.bias + self.pictures * doubled,
        )

    def clip_logits(self, evidence: PresenceEvidence) -> Float[np.ndarray, "batch clip"]:
        """``z_i``: log odds that the activity is in the video, were this clip all that speaks.

        ``-inf`` where a clip shows nothing, and on padding.
        """
        return self.log_odds(
            evidence.similarity.astype(np.float64), evidence.background.astype(np.float64)
        )

    def log_odds(
        self,
        similarity: Float[np.ndarray, "batch clip"],
        background: Float[np.ndarray, " batch"],
    ) -> Float[np.ndarray, "batch clip"]:
        """``z_i`` of evidence that is in NumPy: ``-inf`` where the similarity is."""
        return (
            self.similarity * similarity
            + (self.background * background + self.length * doublings(similarity) + self.bias)[
                :, None
            ]
        )

    def presence(
        self, clip_logits: Float[np.ndarray, "*batch clip"]
    ) -> Float[np.ndarray, "*batch"]:
        """Probability that the activity is in the video at all."""
        return np.asarray(sigmoid(mean_of_best(clip_logits, self.best_clips)))

    def score(self, clip_logits: Float[np.ndarray, " clip"]) -> float:
        """Probability that a moment, of whose clips these are the log odds, is the activity."""
        shown = clip_logits[np.isfinite(clip_logits)]
        if not len(shown):
            return 0.0
        logit = self.moment_peak * shown.max() + self.moment_mean * shown.mean() + self.moment_bias
        return float(sigmoid(logit))


def calibration_of(values: Mapping[str, Any] | None) -> Calibration | None:
    """The calibration that a checkpoint holds; None where it holds none.

    Raises:
        CheckpointError: It is broken.
    """
    return None if values is None else Calibration.from_dict(values)


def mean_of_best(
    values: Float[np.ndarray, "*batch clip"], number: int
) -> Float[np.ndarray, "*batch"]:
    """Mean of the largest; ``-inf`` counts only where all are."""
    number = min(number, values.shape[-1])
    best = np.partition(values, -number, axis=-1)[..., -number:]
    shown = np.isfinite(best)
    total = np.where(shown, best, 0.0).sum(axis=-1)
    return np.where(shown.any(axis=-1), total / np.maximum(shown.sum(axis=-1), 1), -np.inf)


def penalties(
    like: Float[np.ndarray, " clip"], unlike: Sequence[Float[np.ndarray, " clip"]]
) -> Float[np.ndarray, " clip"]:
    """``p_i = min(0, x_i - max_m y_mi)``: what the log odds of every clip lose.

    A clip that is more like the query than like any of the others loses nothing.

    Args:
        like: ``x_i``: log odds that clip ``i`` is like the query; ``-inf`` where it shows nothing.
        unlike: ``y_mi``: log odds that it is like the ``m``-th picture of what the query is not.
    """
    if not unlike:
        return np.zeros_like(like)
    most = np.max(unlike, axis=0)
    # Of a clip that shows nothing, the difference is that of two infinities.
    return np.where(most > like, like - np.where(most > like, most, 0.0), 0.0)


def doublings(similarity: Float[np.ndarray, "batch clip"]) -> Float[np.ndarray, " batch"]:
    """How often the number of clips that show something doubles beyond 120."""
    shown = np.isfinite(similarity).sum(axis=1)
    return np.log2(np.maximum(shown / _SHORT_CLIPS, 1.0))


def sigmoid(logits: Float[np.ndarray, "*shape"] | float) -> Any:
    """``1 / (1 + exp(-x))`` without overflow."""
    return 0.5 * (1 + np.tanh(np.asarray(logits) / 2))
