"""A model's answers to examples."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from stillseek.data.batching import BatchLoader, batch_indices
from stillseek.data.example import Example
from stillseek.evaluation.predictions import Prediction, prediction_of_positions
from stillseek.models.calibration import Calibration
from stillseek.models.decoding import DecodeMethod, decode
from stillseek.models.head_outputs import scores_of
from stillseek.models.inputs import blind_query
from stillseek.scores import HeadPrecision


def predict(
    model: nn.Module,
    data: Sequence[Example] | BatchLoader,
    *,
    methods: Sequence[DecodeMethod] = ("joint",),
    batch_size: int = 16,
    precision: HeadPrecision = "fp32",
    query_blind: bool = False,
    calibration: Calibration | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> dict[DecodeMethod, tuple[Prediction, ...]]:
    """Answers every example, in order, with one pass for all decodings.

    Args:
        model: From `LocalizerInput` to `LocalizerOutput`; its training mode is put back.
        data: The questions, or a loader of them.
        methods: How boundaries are chosen, of the model's ``decode_methods``; one set of answers
            each.
        batch_size: Examples at a time; no effect on the answers beyond rounding.
        precision: ``bf16`` runs matrix products in bfloat16.
        query_blind: Hides the query from the model.
        calibration: Makes probabilities of the model's evidence: scores, and presence. None leaves
            the model's own confidence as the score.
        on_progress: Called with the examples done and the examples in total.

    Raises:
        UsageError: The model cannot be decoded by one of the methods.
    """
    # A model without weights works on the CPU.
    device = next(model.parameters(), torch.zeros(())).device
    loader = data if isinstance(data, BatchLoader) else BatchLoader(data)
    answers: dict[DecodeMethod, list[Prediction]] = {method: [] for method in methods}
    was_training, done = model.training, 0
    model.eval()
    try:
        for batch in loader.load(batch_indices(len(loader.data), batch_size)):
            inputs = batch.inputs.to(device)
            with (
                torch.inference_mode(),
                torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"),
            ):
                output = model(blind_query(inputs) if query_blind else inputs)
            said = scores_of(output)
            for method in methods:
                found = decode(said, method=method)
                segments, scores = found.segments[:, 0].tolist(), found.scores[:, 0].tolist()
                best = zip(batch.sample_ids, batch.grids, segments, scores, strict=True)
                rows = [
                    prediction_of_positions(sample_id, grid, start, end, score)
                    for sample_id, grid, (start, end), score in best
                ]
                if calibration is not None and said.evidence is not None:
                    logits = calibration.clip_logits(said.evidence)
                    rows = [
                        _judged(row, segment, of_row, calibration)
                        for row, segment, of_row in zip(rows, segments, logits, strict=True)
                    ]
                answers[method] += rows
            done += len(batch)
            if on_progress is not None:
                on_progress(done, len(loader.data))
    finally:
        model.train(was_training)
    return {method: tuple(rows) for method, rows in answers.items()}


def _judged(
    row: Prediction,
    segment: Sequence[float],
    clip_logits: Float[np.ndarray, " clip"],
    calibration: Calibration,
) -> Prediction:
    """The answer with its probabilities; the segment is in steps."""
    first, last = math.floor(segment[0]), math.ceil(segment[1])
    return replace(
        row,
        score=calibration.score(clip_logits[first:last]),
        presence=float(calibration.presence(clip_logits)),
    )
