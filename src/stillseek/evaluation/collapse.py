"""Whether a head answers what it is asked, or gives one answer to every picture."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from torch import nn

from stillseek.data.example import Example, samples_of
from stillseek.evaluation.inference import predict
from stillseek.evaluation.predictions import Prediction
from stillseek.scores import HeadPrecision

# Enough to tell, and few enough to ask after every epoch.
_MOST_QUESTIONS = 32
# Share of equal answers from which on the picture has no say.
_IGNORED_SHARE = 0.95


class PictureSwap:
    """The same videos asked about with pictures of other classes, once chosen and then kept.

    Args:
        data: Questions, of which up to 32 are taken, evenly.
    """

    def __init__(self, data: Sequence[Example]) -> None:
        labels = [sample.query_label for sample in samples_of(data)]
        places = np.linspace(0, len(labels) - 1, min(len(labels), _MOST_QUESTIONS)).astype(int)
        self._pairs: list[tuple[Example, Example]] = []
        for place in places.tolist():
            # The next question about something else, around the end if need be.
            others = (*range(place + 1, len(labels)), *range(place))
            other = next((i for i in others if labels[i] != labels[place]), None)
            if other is not None:
                asked, picture = data[place], data[other]
                swapped = replace(
                    asked,
                    regions=picture.regions,
                    boxes=picture.boxes,
                    global_feature=picture.global_feature,
                )
                self._pairs.append((asked, swapped))

    def is_ignored(self, model: nn.Module, *, precision: HeadPrecision = "fp32") -> bool:
        """Whether a model gives (almost) all questions the same segment with either picture."""
        if not self._pairs:
            return False
        own, other = (
            predict(model, [pair[side] for pair in self._pairs], precision=precision)["joint"]
            for side in (0, 1)
        )
        num_equal = sum(_bounds(a) == _bounds(b) for a, b in zip(own, other, strict=True))
        return num_equal >= _IGNORED_SHARE * len(self._pairs)


def _bounds(answer: Prediction) -> tuple[float, float]:
    return answer.start_seconds, answer.end_seconds
