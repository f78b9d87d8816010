"""What a head is worth after an epoch: its mIoU, the best prior, whether it looks at pictures."""

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
import torch

from stillseek.data.batching import BatchLoader
from stillseek.data.example import Example, samples_of
from stillseek.evaluation.collapse import PictureSwap
from stillseek.evaluation.inference import predict
from stillseek.evaluation.priors import best_prior
from stillseek.models.catalog import LocalizerModel
from stillseek.training.config import TrainConfig


class Validation:
    """Scores a model on this process's part of the validation examples.

    Args:
        model: The model that is trained.
        train_data: Examples that the centre prior is fitted on.
        val_data: All validation examples.
        share: The part of this process.
        config: How the model is trained.

    Attributes:
        prior: The best answer that looks at no picture and no frame.
        prior_miou: Its mIoU on all validation examples.
    """

    def __init__(
        self,
        model: LocalizerModel,
        train_data: Sequence[Example],
        val_data: Sequence[Example],
        share: Sequence[Example],
        config: TrainConfig,
    ) -> None:
        self._model, self._config = model, config
        self._loader = BatchLoader(share, num_workers=config.num_workers)
        self.prior, self.prior_miou = best_prior(samples_of(train_data), samples_of(val_data))

    def close(self) -> None:
        """Ends the processes that load examples."""
        self._loader.close()

    def score(
        self, device: torch.device, on_progress: Callable[[int, int], None]
    ) -> tuple[float, float | None]:
        """MIoU over the examples of all processes, with joint and with independent decoding."""
        # torchmetrics takes seconds to import.
        from stillseek.evaluation.metrics import MeanTemporalIoU
        from stillseek.evaluation.overlap import segment_bounds

        answers = predict(
            self._model,
            self._loader,
            methods=self._model.decode_methods,
            batch_size=self._config.batch_size,
            precision=self._config.precision,
            query_blind=self._config.query_blind,
            on_progress=on_progress,
        )
        target = segment_bounds(samples_of(self._loader.data))
        scores: dict[str, float] = {}
        for method, rows in answers.items():
            metric = MeanTemporalIoU().to(device)
            bounds = [(row.start_seconds, row.end_seconds) for row in rows]
            metric.update(np.array(bounds, dtype=np.float64).reshape(-1, 2), target)
            scores[method] = metric.compute().item()
        return scores["joint"], scores.get("independent")

    def ignores_query(self) -> bool:
        """Whether the head has collapsed to a prior; of one that sees no query nobody asks."""
        if self._config.query_blind:
            return False
        return self._swap.is_ignored(self._model, precision=self._config.precision)

    @cached_property
    def _swap(self) -> PictureSwap:
        return PictureSwap(self._loader.data)
